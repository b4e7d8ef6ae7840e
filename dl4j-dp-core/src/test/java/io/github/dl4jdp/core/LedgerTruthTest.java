// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.CorrelatedNoise;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PldAccountant;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import io.github.dl4jdp.accountant.RoundedBounds;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.assertj.core.data.Percentage;
import org.deeplearning4j.datasets.iterator.utilty.ListDataSetIterator;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.learning.config.Sgd;

/**
 * Random runs of several plans, of independent and correlated noise, some calibrated, interrupted and continued on one network: at every point an engine with a ledger, and one without, say what the
 * charges in the ledger come to.
 */
class LedgerTruthTest {
    private static final int EXAMPLES = 40;
    private static final int LOT = 10;
    private static final double DELTA = 1e-5;
    private static final DataSet DATA = Networks.data(DataType.DOUBLE, EXAMPLES);
    /** How far two bounds by the same accountant may be apart: it plans for steps to come. */
    private static final double PERCENT = 0.2;

    private static final List<Optional<CorrelatedNoise>> POISSON_NOISE = List.of(
            Optional.empty(),
            Optional.of(CorrelatedNoise.bandedSquareRoot(2)),
            Optional.of(CorrelatedNoise.bandMf(2)),
            Optional.of(CorrelatedNoise.bandMf(4)));
    private static final List<Optional<CorrelatedNoise>> GIVEN_NOISE = List.of(
            Optional.empty(),
            Optional.of(CorrelatedNoise.lambdaCgd(0.9)),
            Optional.of(CorrelatedNoise.bisr(2)),
            Optional.of(CorrelatedNoise.bandedSquareRoot(2)));

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    /** A network and its runs. */
    private final class Subject {
        private final Optional<Path> ledger;
        private MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Sgd(0.01));

        Subject(Optional<Path> ledger) {
            this.ledger = ledger;
        }

        PrivacyEngine attach(DpSgdPlan plan) {
            return PrivacyEngine.attach(
                    network, ledger.map(plan::withLedger).orElse(plan).continuing());
        }

        void saveAndRestore() throws IOException {
            File file = folder.resolve("model-" + ledger.isPresent() + ".zip").toFile();
            ModelSerializer.writeModel(network, file, true);
            network = ModelSerializer.restoreMultiLayerNetwork(file, true);
        }
    }

    private static DpSgdPlan randomPlan(Random random, boolean isPoisson) {
        DpSgdPlan plan = isPoisson
                ? DpSgdPlan.poisson(EXAMPLES, LOT)
                        .withRelation(NeighboringRelation.ZERO_OUT)
                        .withSteps(4 + 4 * random.nextInt(2))
                : DpSgdPlan.givenBatches(EXAMPLES, LOT)
                        .withRelation(NeighboringRelation.ZERO_OUT)
                        .withEpochs(1 + random.nextInt(2));
        plan = plan.withClippingNorm(random.nextBoolean() ? 1 : 0.5);
        Optional<CorrelatedNoise> noise =
                (isPoisson ? POISSON_NOISE : GIVEN_NOISE).get(random.nextInt(POISSON_NOISE.size()));
        if (noise.isPresent()) {
            plan = plan.withCorrelatedNoise(noise.get());
        }
        return random.nextInt(3) == 0
                ? plan.calibratedTo(new PrivacyGuarantee(4, DELTA, NeighboringRelation.ZERO_OUT))
                : plan.withNoiseMultiplier(2).withDelta(DELTA);
    }

    private static double truth(Path ledger) {
        var accountant = new PldAccountant(NeighboringRelation.ZERO_OUT);
        PrivacyLedgerHistory.read(ledger)
                .charges()
                .forEach(charge -> accountant.compose(charge.event(), charge.count()));
        return accountant.event().equals(new PldAccountant(NeighboringRelation.ZERO_OUT).event())
                ? 0
                : accountant.epsilon(DELTA);
    }

    private static void requireTrue(List<PrivacyEngine> engines, Path ledger, String what) {
        double truth = truth(ledger);
        for (PrivacyEngine engine : engines) {
            assertThat(engine.epsilon()).as(what).isCloseTo(truth, Percentage.withPercentage(PERCENT));
            assertThat(engine.epsilonAtEnd()).as(what).isGreaterThanOrEqualTo(engine.epsilon());
            assertThat(engine.report().facts().get("whole plan"))
                    .as(what)
                    .startsWith("epsilon = " + RoundedBounds.upper(engine.epsilonAtEnd(), 4) + " after");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    void epsilon_randomPlansOneAfterAnother_isWhatTheLedgerComesTo(int seed) throws IOException {
        var random = new Random(seed);
        boolean isPoisson = random.nextBoolean();
        Path ledger = folder.resolve("run.ledger");
        var subjects = List.of(new Subject(Optional.of(ledger)), new Subject(Optional.empty()));
        DpSgdPlan plan = randomPlan(random, isPoisson);
        for (int session = 0; session < 4; session++) {
            if (session > 0 && random.nextInt(3) > 0) {
                plan = randomPlan(random, isPoisson);
            }
            String what = "seed " + seed + ", session " + session + ", " + plan;
            boolean restores = random.nextBoolean();
            for (Subject subject : subjects) {
                if (restores) {
                    subject.saveAndRestore();
                }
            }
            int passes = random.nextInt(3);
            try (PrivacyEngine one = subjects.get(0).attach(plan);
                    PrivacyEngine other = subjects.get(1).attach(plan)) {
                List<PrivacyEngine> engines = List.of(one, other);
                requireTrue(engines, ledger, what);
                for (int pass = 0; pass < passes && one.remainingSteps() >= EXAMPLES / LOT; pass++) {
                    double atEnd = one.epsilonAtEnd();
                    for (int k = 0; k < engines.size(); k++) {
                        DataSetIterator batches = new ListDataSetIterator<>(DATA.asList(), LOT);
                        PrivacyEngine engine = engines.get(k);
                        subjects.get(k).network.fit(isPoisson ? engine.lots(DATA) : engine.lots(batches));
                    }
                    requireTrue(engines, ledger, what);
                    assertThat(one.epsilon()).as(what).isLessThanOrEqualTo(atEnd * (1 + PERCENT / 100));
                }
                assertThat(other.remainingSteps()).as(what).isEqualTo(one.remainingSteps());
            }
        }
    }

    /** The lots of both plans have the same events. */
    @Test
    void fit_anotherClippingNormWithCorrelatedNoise_endsAtTheTargetOfBoth() {
        var subject = new Subject(Optional.of(folder.resolve("run.ledger")));
        DpSgdPlan plan = DpSgdPlan.poisson(EXAMPLES, LOT)
                .withRelation(NeighboringRelation.ZERO_OUT)
                .withSteps(8)
                .withCorrelatedNoise(CorrelatedNoise.bandMf(4));
        var target = new PrivacyGuarantee(4, DELTA, NeighboringRelation.ZERO_OUT);
        try (PrivacyEngine engine = subject.attach(plan.withClippingNorm(1).calibratedTo(target))) {
            for (int pass = 0; pass < 2; pass++) {
                subject.network.fit(engine.lots(DATA));
            }
            assertThat(engine.remainingSteps()).isZero();
        }
        try (PrivacyEngine engine = subject.attach(plan.withClippingNorm(0.5).calibratedTo(target))) {
            assertThat(engine.epsilon()).isBetween(3.9, 4.0);
            assertThat(engine.remainingSteps()).isZero();
            assertThat(engine.report().history()).isNotEmpty();
        }
    }
}
