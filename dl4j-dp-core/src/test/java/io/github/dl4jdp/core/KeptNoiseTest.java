// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.CorrelatedNoise;
import io.github.dl4jdp.accountant.CorrelationMatrix;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.assertj.core.data.Percentage;
import org.deeplearning4j.datasets.iterator.utilty.ListDataSetIterator;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.learning.config.Sgd;

/** Correlated noise through a clean stop: going on, and all that must not go on. */
@DisabledOnOs(OS.WINDOWS) // no owners and permissions of POSIX
class KeptNoiseTest {
    private static final int EXAMPLES = 20;
    private static final int EPOCHS = 4;
    private static final CorrelatedNoise BISR = CorrelatedNoise.bisr(3);

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private Path ledger() {
        return folder.resolve("ledger");
    }

    private Path noise() {
        return folder.resolve("noise");
    }

    private static DpSgdPlan unkept(CorrelatedNoise noise) {
        return DpSgdPlan.givenBatches(EXAMPLES, 5)
                .withEpochs(EPOCHS)
                .withClippingNorm(1)
                .withNoiseMultiplier(3)
                .withDelta(1e-5)
                .withCorrelatedNoise(noise);
    }

    private DpSgdPlan kept(DpSgdPlan plan) {
        return plan.withLedger(ledger()).withNoiseKeptIn(noise());
    }

    private static MultiLayerNetwork network() {
        return Networks.classifier(DataType.DOUBLE, new Sgd(0.1));
    }

    private static DataSetIterator batches(int examples) {
        return new ListDataSetIterator<>(
                Networks.data(DataType.DOUBLE, examples).asList(), 5);
    }

    private static void fit(MultiLayerNetwork net, DpSgdPlan plan, int passes) {
        try (PrivacyEngine engine = PrivacyEngine.attach(net, plan)) {
            net.fit(engine.lots(batches(EXAMPLES)), passes);
        }
    }

    /** A process that ends: what it knows is in its files. */
    private MultiLayerNetwork restarted(MultiLayerNetwork net) throws IOException {
        Path model = folder.resolve("model.zip");
        ModelSerializer.writeModel(net, model.toFile(), true);
        return ModelSerializer.restoreMultiLayerNetwork(model.toFile(), true);
    }

    /** Of all that a ledger charged, which are Gaussians: the sum of 1 / sigma^2. */
    private static double precision(Path ledger) {
        double precision = 0;
        for (var charge : PrivacyLedgerHistory.read(ledger).charges()) {
            if (charge.event() instanceof DpEvent.Gaussian gaussian) {
                precision += charge.count() / Math.pow(gaussian.noiseMultiplier(), 2);
            }
        }
        return precision;
    }

    private void assertRefused(MultiLayerNetwork net, DpSgdPlan plan, String... reasons) {
        for (int i = 0; i < 2; i++) {
            // The second time shows that a refusal leaves no lock and no trace.
            assertThatIllegalStateException()
                    .isThrownBy(() -> PrivacyEngine.attach(net, plan))
                    .withMessageContainingAll(reasons)
                    .withMessageContaining("Remove it to begin the noise anew");
        }
        assertThat(noise()).exists();
    }

    @ParameterizedTest
    @ValueSource(strings = {"lambda-cgd:0.9", "bisr:3", "banded-square-root:3", "band-mf:3"})
    void attach_keptNoise_goesOnAndIsChargedAsOneRun(String code) throws IOException {
        CorrelatedNoise noise = CorrelatedNoise.parse(code);
        DpSgdPlan plan = kept(unkept(noise));
        MultiLayerNetwork net = network();
        fit(net, plan, 1);
        assertThat(Files.getPosixFilePermissions(noise())).isEqualTo(PosixFilePermissions.fromString("rw-------"));
        MultiLayerNetwork second = restarted(net);
        try (PrivacyEngine engine = PrivacyEngine.attach(second, plan)) {
            assertThat(noise()).doesNotExist();
            second.fit(engine.lots(batches(EXAMPLES)), 2);
            assertThat(engine.epsilon()).isCloseTo(plan.epsilonAfter(12), within(1e-6));
        }
        // The plan is in the model, with the place of the file.
        MultiLayerNetwork third = restarted(second);
        try (PrivacyEngine engine = PrivacyEngine.attach(third)) {
            assertThat(engine.remainingEpochs()).isEqualTo(1);
            third.fit(engine.lots(batches(EXAMPLES)), 1);
            assertThat(engine.remainingSteps()).isZero();
            assertThat(engine.epsilon()).isCloseTo(plan.guarantee().epsilon(), within(1e-6));
            assertThat(engine.report().toString()).doesNotContain("began anew");
        }
        assertThat(noise()).as("of a run that is done").doesNotExist();
        assertThat(precision(ledger()))
                .isCloseTo(
                        CorrelationMatrix.of(noise, 16, EPOCHS, 4).squaredSensitivity(16) / 9,
                        Percentage.withPercentage(1e-9));
    }

    /** What lots have to be is known from before the stop. */
    @Test
    void attach_keptNoiseAndOtherBatchesAfterTheStop_areRefused() throws IOException {
        DpSgdPlan plan = kept(unkept(BISR));
        MultiLayerNetwork net = network();
        fit(net, plan, 1);
        MultiLayerNetwork second = restarted(net);
        try (PrivacyEngine engine = PrivacyEngine.attach(second, plan)) {
            DataSetIterator others = new ListDataSetIterator<>(
                    Networks.data(DataType.DOUBLE, EXAMPLES).asList(), 4);
            assertThatIllegalStateException()
                    .isThrownBy(() -> second.fit(engine.lots(others), 1))
                    .withMessageContaining("lot 1 of pass 2 must have 5 examples");
            assertThat(engine.steps()).isEqualTo(4);
            second.fit(engine.lots(batches(EXAMPLES)), 1);
            assertThat(engine.steps()).isEqualTo(8);
        }
    }

    @Test
    void attach_keptNoiseWithATarget_endsWithThePlan() throws IOException {
        DpSgdPlan plan = kept(unkept(CorrelatedNoise.bandMf(2))
                .calibratedTo(new PrivacyGuarantee(2, 1e-5, NeighboringRelation.ZERO_OUT)));
        MultiLayerNetwork net = network();
        fit(net, plan, 3);
        MultiLayerNetwork second = restarted(net);
        try (PrivacyEngine engine = PrivacyEngine.attach(second, plan)) {
            assertThat(engine.remainingSteps()).isEqualTo(4);
            second.fit(engine.lots(batches(EXAMPLES)), 1);
            assertThat(engine.epsilon()).isBetween(1.99, 2.0);
        }
    }

    @Test
    void attach_afterACrash_beginsAnewAndPaysForBothParts() throws IOException {
        DpSgdPlan plan = kept(unkept(BISR));
        MultiLayerNetwork net = network();
        fit(net, plan, 1);
        Path copy = Files.copy(noise(), folder.resolve("copy"));
        MultiLayerNetwork checkpoint = restarted(net);
        MultiLayerNetwork second = restarted(net);
        PrivacyEngine crashed = PrivacyEngine.attach(second, plan);
        second.fit(crashed.lots(batches(EXAMPLES)), 1);
        // What the crash leaves: a ledger with the releases, the model from before, and no file of noise.
        Path left = Files.copy(ledger(), folder.resolve("left"));
        assertThat(noise()).doesNotExist();

        // With a copy of the file, lots 5 to 8 would be charged once and released twice.
        Files.copy(copy, noise(), java.nio.file.StandardCopyOption.COPY_ATTRIBUTES);
        DpSgdPlan resumed = plan.withLedger(left);
        assertRefused(checkpoint, resumed, "is not of the last stop of this run", "left after 4", "now has 8");

        Files.delete(noise());
        try (PrivacyEngine engine = PrivacyEngine.attach(checkpoint, resumed)) {
            assertThat(engine.steps()).isEqualTo(8);
            checkpoint.fit(engine.lots(batches(EXAMPLES)), 1);
            assertThat(engine.report().toString()).contains("it began anew after 8 lots");
        }
        CorrelationMatrix matrix = CorrelationMatrix.of(BISR, 16, EPOCHS, 4);
        assertThat(precision(left))
                .isCloseTo(
                        (matrix.squaredSensitivity(8) + matrix.squaredSensitivity(4)) / 9,
                        Percentage.withPercentage(1e-9));
        // The new part is kept, and goes on as what it is.
        MultiLayerNetwork third = restarted(checkpoint);
        try (PrivacyEngine engine = PrivacyEngine.attach(third, resumed)) {
            third.fit(engine.lots(batches(EXAMPLES)), 1);
            assertThat(engine.report().toString()).contains("it began anew after 8 lots");
        }
        assertThat(precision(left)).isCloseTo(2 * matrix.squaredSensitivity(8) / 9, Percentage.withPercentage(1e-9));
        crashed.close();
    }

    /** Ledger, model and file together from one copy: nothing can tell, and yet no lot gets a draw of another. */
    @Test
    void attach_everythingRestoredFromOneCopy_drawsOtherNoise() throws IOException {
        DpSgdPlan plan = kept(unkept(CorrelatedNoise.lambdaCgd(0.9)));
        MultiLayerNetwork net = network();
        fit(net, plan, 1);
        Path other = Files.createDirectory(folder.resolve("other"));
        Files.copy(ledger(), other.resolve("ledger"));
        Files.copy(noise(), other.resolve("noise"), java.nio.file.StandardCopyOption.COPY_ATTRIBUTES);
        MultiLayerNetwork one = restarted(net);
        MultiLayerNetwork two = restarted(net);
        fit(one, plan, 1);
        fit(two, plan.withLedger(other.resolve("ledger")).withNoiseKeptIn(other.resolve("noise")), 1);
        double[] first = one.params().toDoubleVector();
        double[] second = two.params().toDoubleVector();
        for (int i = 0; i < first.length; i++) {
            assertThat(first[i]).isNotEqualTo(second[i]);
        }
    }

    @Test
    void attach_fileThatOthersCanReadOrThatIsDamaged_isRefused() throws IOException {
        DpSgdPlan plan = kept(unkept(BISR));
        MultiLayerNetwork net = network();
        fit(net, plan, 1);
        MultiLayerNetwork second = restarted(net);
        for (String permissions : new String[] {"rw-r-----", "rw----r--", "rw--w----", "rwx------"}) {
            Files.setPosixFilePermissions(noise(), PosixFilePermissions.fromString(permissions));
            assertRefused(second, plan, "its owner alone", permissions);
        }
        Files.setPosixFilePermissions(noise(), PosixFilePermissions.fromString("rw-------"));
        byte[] whole = Files.readAllBytes(noise());
        for (int i = 0; i < whole.length; i += 7) {
            byte[] damaged = whole.clone();
            damaged[i] ^= 1;
            Files.write(noise(), damaged);
            assertThatIllegalStateException()
                    .isThrownBy(() -> PrivacyEngine.attach(second, plan))
                    .withMessageContaining("cannot be used");
        }
        Files.write(noise(), java.util.Arrays.copyOf(whole, whole.length - 1));
        assertRefused(second, plan, "cannot be used");
        Files.write(noise(), new byte[5]);
        assertRefused(second, plan, "cannot be used");
        Files.delete(noise());
        Path elsewhere = Files.write(folder.resolve("elsewhere"), whole);
        Files.createSymbolicLink(noise(), elsewhere);
        assertRefused(second, plan, "must be a file");
    }

    @Test
    void attach_fileOfAnotherPlanOrNetwork_isRefused() throws IOException {
        DpSgdPlan plan = kept(unkept(BISR));
        MultiLayerNetwork net = network();
        fit(net, plan, 1);
        MultiLayerNetwork second = restarted(net);
        assertRefused(
                second,
                plan.withNoiseMultiplier(3.5).continuing(),
                "is of another plan, network or version of the library");
        MultiLayerNetwork frozen = new org.deeplearning4j.nn.transferlearning.TransferLearning.Builder(second)
                .setFeatureExtractor(0)
                .build();
        assertRefused(frozen, plan.continuing(), "is of another plan, network or version of the library");
        // Charges by another engine, whose plan keeps no noise.
        fit(second, unkept(BISR).withLedger(ledger()), 1);
        assertRefused(restarted(second), plan, "is not of the last stop of this run");
    }

    @Test
    void close_inThePassOrWithoutARelease_keepsNothingThatCannotGoOn() throws IOException {
        DpSgdPlan plan = kept(unkept(BISR));
        MultiLayerNetwork net = network();
        PrivacyEngine.attach(net, plan).close();
        assertThat(noise()).doesNotExist();
        try (PrivacyEngine engine = PrivacyEngine.attach(net, plan)) {
            DataSetIterator lots = engine.lots(batches(EXAMPLES));
            for (int lot = 0; lot < 3; lot++) {
                net.fit(lots.next());
            }
        }
        assertThat(noise()).doesNotExist();
        // An engine that only looks hands on what it took.
        MultiLayerNetwork second = restarted(net);
        fit(second, plan, 1);
        MultiLayerNetwork third = restarted(second);
        PrivacyEngine.attach(third, plan).close();
        assertThat(noise()).exists();
        try (PrivacyEngine engine = PrivacyEngine.attach(third, plan)) {
            assertThat(engine.report().toString()).contains("it began anew after 3 lots");
            assertThat(engine.steps()).isEqualTo(7);
        }
    }

    @Test
    void attach_streamThatStopped_readsItsRest() throws IOException {
        DpSgdPlan plan = kept(DpSgdPlan.singlePass(EXAMPLES, 5)
                .withClippingNorm(1)
                .withNoiseMultiplier(3)
                .withDelta(1e-5)
                .withCorrelatedNoise(BISR));
        MultiLayerNetwork net = network();
        try (PrivacyEngine engine = PrivacyEngine.attach(net, plan)) {
            net.fit(engine.lots(batches(10)), 1);
            assertThat(engine.steps()).isEqualTo(2);
        }
        MultiLayerNetwork second = restarted(net);
        try (PrivacyEngine engine = PrivacyEngine.attach(second, plan)) {
            // The rest of the stream is ten examples, not more.
            assertThatIllegalStateException()
                    .isThrownBy(() -> {
                        DataSetIterator lots = engine.lots(new ListDataSetIterator<>(
                                Networks.data(DataType.DOUBLE, EXAMPLES).asList(), 15));
                        second.fit(lots.next());
                    })
                    .withMessageContaining("at most 20 examples, was over 25");
            second.fit(engine.lots(batches(10)), 1);
            assertThat(engine.steps()).isEqualTo(4);
            assertThat(engine.epsilon()).isCloseTo(plan.guarantee().epsilon(), within(1e-6));
            assertThat(engine.remainingSteps()).isZero();
        }
    }

    @Test
    void attach_poissonLotsThatStopped_goOnInTheirRound() throws IOException {
        DpSgdPlan plan = kept(DpSgdPlan.poisson(EXAMPLES, 4)
                .withCorrelatedNoise(CorrelatedNoise.bandMf(3))
                .withSteps(9)
                .withClippingNorm(1)
                .withNoiseMultiplier(3)
                .withDelta(1e-5));
        MultiLayerNetwork net = network();
        for (int lots : new int[] {4, 5}) {
            net = restarted(net);
            try (PrivacyEngine engine = PrivacyEngine.attach(net, plan)) {
                DataSetIterator drawn = engine.lots(Networks.data(DataType.DOUBLE, EXAMPLES));
                for (int lot = 0; lot < lots; lot++) {
                    if (!drawn.hasNext()) {
                        drawn.reset();
                    }
                    net.fit(drawn.next());
                }
                assertThat(engine.epsilon())
                        .isCloseTo(plan.epsilonAfter(lots == 4 ? 4 : 9), Percentage.withPercentage(0.2));
            }
        }
    }

    @Test
    void withNoiseKeptIn_whatIsNotSafe_isRefused() throws IOException {
        MultiLayerNetwork net = network();
        DpSgdPlan plan = unkept(BISR).withNoiseKeptIn(noise());
        assertThatIllegalStateException()
                .isThrownBy(() -> PrivacyEngine.attach(net, plan))
                .withMessageContaining("no ledger");
        assertThatIllegalStateException()
                .isThrownBy(() ->
                        PrivacyEngine.attach(net, plan.withLedger(ledger()).withSeed(1)))
                .withMessageContaining("from a seed");
        assertThatIllegalStateException()
                .isThrownBy(() -> PrivacyEngine.attach(
                        net,
                        kept(DpSgdPlan.givenBatches(EXAMPLES, 5)
                                .withEpochs(1)
                                .withClippingNorm(1)
                                .withNoiseMultiplier(3)
                                .withDelta(1e-5))))
                .withMessageContaining("independent");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivacyEngine.attach(
                        network(),
                        plan.withLedger(ledger())
                                .withNoiseKeptIn(folder.resolve("missing").resolve("noise"))))
                .withMessageContaining("in a folder that exists");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivateRelease.of(
                        kept(DpSgdPlan.poisson(EXAMPLES, 4)
                                .withCorrelatedNoise(CorrelatedNoise.bandMf(3))
                                .withSteps(9)
                                .withClippingNorm(1)
                                .withNoiseMultiplier(3)
                                .withDelta(1e-5)),
                        2))
                .withMessageContaining("leave withNoiseKeptIn out");
        DpSgdPlan whole = kept(unkept(BISR));
        assertThat(PlanJson.fromMap(PlanJson.toMap(whole)))
                .isEqualTo(whole)
                .isNotEqualTo(unkept(BISR).withLedger(ledger()));
        // A file of someone else's in the place is not overwritten.
        try (PrivacyEngine engine = PrivacyEngine.attach(net, whole)) {
            net.fit(engine.lots(batches(EXAMPLES)), 1);
            Files.writeString(noise(), "mine");
            org.assertj.core.api.Assertions.assertThatThrownBy(engine::close)
                    .isInstanceOf(java.io.UncheckedIOException.class)
                    .hasMessageContaining("begins anew");
        }
        assertThat(noise()).hasContent("mine");
        Files.delete(noise());
        try (PrivacyEngine engine = PrivacyEngine.attach(net, whole)) {
            assertThat(engine.steps()).isEqualTo(4);
        }
    }
}
