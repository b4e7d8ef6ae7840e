// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.data.Augmentation;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.mechanism.Clipping;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;

/** How lots of augmented examples are made, handed out and reported. */
class AugmentedLotsTest extends AugmentedRuns {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    @ParameterizedTest
    @MethodSource("kinds")
    void fit_anyPhysicalBatchAndReadingAhead_trainsTheSame(Clipping clipping) {
        var parameters = new ArrayList<INDArray>();
        for (ExecutionOptions options : List.of(
                physicalBatch(1),
                physicalBatch(8),
                physicalBatch(100),
                physicalBatch(8).withPrefetch(true),
                physicalBatch(100).withPrefetch(true))) {
            MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Adam(0.05));
            var engine = PrivacyEngine.attach(network, copied(clipping), options);
            network.fit(engine.lots(data(EXAMPLES), SHIFT), engine.plan().epochs());
            assertThat(engine.remainingSteps()).isZero();
            parameters.add(network.params());
        }
        assertThat(parameters)
                .allSatisfy(one -> assertThat(one.distance2(parameters.get(0))).isLessThan(1e-9));
        MultiLayerNetwork other = Networks.classifier(DataType.DOUBLE, new Adam(0.05));
        var engine = PrivacyEngine.attach(other, copied(clipping));
        other.fit(engine.lots(data(EXAMPLES), IDENTITY), 2);
        assertThat(other.params().distance2(parameters.get(0))).isGreaterThan(1e-3);
    }

    /** Memory is bounded by the rows that pass through the network at a time; the copies of an example stay together. */
    @Test
    void lots_physicalBatch_countsCopies() {
        for (int size : new int[] {1, 7, 9}) {
            MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Sgd(0.1));
            var rows = new ArrayList<Long>();
            network.setListeners(new BaseTrainingListener() {
                @Override
                public void onForwardPass(Model model, List<INDArray> activations) {
                    rows.add(activations.get(0).size(0));
                }
            });
            var plan = DpSgdPlan.fixedSize(EXAMPLES, EXAMPLES)
                    .withSteps(2)
                    .withClippingNorm(1)
                    .withNoiseMultiplier(1)
                    .withDelta(1e-5)
                    .withAugmentationMultiplicity(COPIES);
            var engine = PrivacyEngine.attach(network, plan, physicalBatch(size));
            network.fit(engine.lots(data(EXAMPLES), SHIFT), 2);
            assertThat(rows).containsExactly((long) Math.max(COPIES, size / COPIES * COPIES), rows.get(0));
        }
    }

    @ParameterizedTest
    @MethodSource("kindsOfNetworks")
    void resume_midway_equalsNeverStopped(NetworkKind kind, Clipping clipping) throws IOException {
        DataSet data = data(EXAMPLES);
        var plan = copied(clipping).withSteps(8);
        Model straight = kind.classifier(DataType.DOUBLE, new Adam(0.05));
        var straightEngine = PrivacyEngine.attach(straight, plan);
        train(kind, straight, straightEngine.lots(data, SHIFT), 8);

        Model first = kind.classifier(DataType.DOUBLE, new Adam(0.05));
        Path ledger = folder.resolve("run.ledger");
        try (var engine = PrivacyEngine.attach(first, plan.withLedger(ledger))) {
            train(kind, first, engine.lots(data, SHIFT), 3);
        }
        File file = folder.resolve("model.zip").toFile();
        ModelSerializer.writeModel(first, file, true);
        Model second = kind.restore(file);
        try (var engine = PrivacyEngine.attach(second)) {
            assertThat(engine.plan().augmentationMultiplicity()).isEqualTo(COPIES);
            train(kind, second, engine.lots(data, SHIFT), 5);
            assertThat(engine.epsilon()).isEqualTo(plan.guarantee().epsilon());
        }
        assertThat(second.params()).isEqualTo(straight.params());
    }

    /** A lot that was drawn and not released is handed out again, of a secure run too, whose streams are given out only once. */
    @Test
    void fit_lotDroppedAndHandedOutAgain_goesOn() {
        DpSgdPlan secure = DpSgdPlan.poisson(EXAMPLES, 6)
                .withSteps(4)
                .withClippingNorm(0.5)
                .withNoiseMultiplier(1)
                .withDelta(1e-5)
                .withAugmentationMultiplicity(COPIES);
        for (boolean prefetch : new boolean[] {false, true}) {
            MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Sgd(0.1));
            var engine = PrivacyEngine.attach(network, secure, physicalBatch(4).withPrefetch(prefetch));
            var copies = new ArrayList<INDArray>();
            var lots = engine.lots(data(EXAMPLES), (features, random) -> {
                copies.add(SHIFT.augment(features.dup(), random));
                return copies.get(copies.size() - 1);
            });
            for (int lot = 1; lot <= 4; lot++) {
                if (!lots.hasNext()) {
                    lots.reset();
                }
                DataSet dropped = lots.next();
                assertThatThrownBy(lots::next).hasMessageContaining("next() was called again while lot " + lot);
                DataSet again = lots.next();
                assertThat(again.getFeatures()).isEqualTo(dropped.getFeatures());
                network.fit(again);
                assertThat(engine.steps()).isEqualTo(lot);
            }
            // The same example in another lot has other copies.
            assertThat(copies.stream()
                            .map(copy -> copy.getDouble(0, 1))
                            .distinct()
                            .count())
                    .isGreaterThan(2L * COPIES);
        }
    }

    @Test
    void multiLots_severalOutputs_repeatsLabels() {
        MultiDataSet data = Graphs.data(DataType.DOUBLE, EXAMPLES, new int[] {3, 3}, Graphs.FLAT);
        ComputationGraph network = Graphs.build(
                DataType.DOUBLE,
                2,
                g -> g.addLayer("a", Graphs.dense(4), "in")
                        .addLayer("out", Graphs.output(3), "a")
                        .addLayer("out1", Graphs.output(3), "a"),
                Graphs.FLAT);
        var engine = PrivacyEngine.attach(network, copied(Clipping.flat(0.5)));
        var lots = engine.multiLots(RandomAccessExamples.of(data), SHIFT);
        network.fit(lots, 2);
        assertThat(engine.steps()).isEqualTo(6);
    }

    @Test
    void lots_whatCannotBeCopied_isRefused() {
        MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Sgd(0.1));
        var engine = PrivacyEngine.attach(
                network, copied(Clipping.flat(0.5)), ExecutionOptions.defaults(), OwnPreProcessor.optedIn());
        DataSet data = data(EXAMPLES);
        assertThatThrownBy(() -> engine.lots(data))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("multiplicity is 3")
                .hasMessageContaining("engine.lots(data, augmentation)");
        Augmentation shorter = (features, random) -> Nd4j.zeros(DataType.DOUBLE, 1, 2);
        assertThatThrownBy(() -> engine.lots(data, shorter).next())
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("keep the shape of the features, [1, 4], returned [1, 2]");
        var twoInputs = new MultiDataSet(
                new INDArray[] {data.getFeatures(), data.getFeatures()}, new INDArray[] {data.getLabels()});
        assertThatThrownBy(() -> engine.multiLots(RandomAccessExamples.of(twoInputs), SHIFT)
                        .next())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("one array of features to be augmented, have 2");
        var lots = engine.lots(data, SHIFT);
        lots.setPreProcessor(new OwnPreProcessor(
                set -> set.setFeatures(set.getFeatures().get(NDArrayIndex.interval(1, set.numExamples())))));
        assertThatThrownBy(lots::next)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("a preprocessor must keep the number of rows of a batch");
        assertThat(engine.steps()).isZero();
    }

    @Test
    void withAugmentationMultiplicity_whatDoesNotFit_isRefused() {
        assertThatThrownBy(() -> plan(Clipping.flat(1)).withAugmentationMultiplicity(0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("augmentationMultiplicity must be at least 1, was 0");
        assertThatThrownBy(() -> DpSgdPlan.givenBatches(10, 5).withAugmentationMultiplicity(2))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("a plan of given batches")
                .hasMessageContaining("was 2");
        assertThatThrownBy(() ->
                        plan(Clipping.flat(1)).withAugmentationMultiplicity(2).withTruncatedBackprop(10, 5))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("truncated backpropagation through time, was 2");
    }

    @Test
    void plan_severalCopies_costsAsOneAndIsStoredAndCompared() {
        DpSgdPlan one = plan(Clipping.flat(0.5));
        DpSgdPlan several = copied(Clipping.flat(0.5));
        assertThat(several.augmentationMultiplicity()).isEqualTo(COPIES);
        assertThat(several.event()).isEqualTo(one.event());
        assertThat(several.toString()).contains("augmentationMultiplicity=3");
        assertThat(one.toString()).doesNotContain("augmentation");
        assertThat(PlanJson.fromMap(PlanJson.toMap(several))).isEqualTo(several);
        assertThat(PlanJson.toMap(one)).doesNotContainKey("augmentationMultiplicity");
        assertThat(several.withAugmentationMultiplicity(1)).isEqualTo(one);

        MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Sgd(0.1));
        PrivacyEngine.attach(network, several).close();
        assertThatThrownBy(() -> PrivacyEngine.attach(network, one)).isInstanceOf(IllegalArgumentException.class);
        try (var engine = PrivacyEngine.attach(network)) {
            assertThat(engine.plan().augmentationMultiplicity()).isEqualTo(COPIES);
        }
    }

    @Test
    void report_severalCopies_saysSoAndWhatIsAssumed() {
        MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Sgd(0.1));
        var engine = PrivacyEngine.attach(network, copied(Clipping.flat(0.5)));
        assertThat(engine.report().toString())
                .contains("3 copies of each example, averaged before clipping")
                .doesNotContain("augmentation makes");
        engine.lots(data(EXAMPLES), SHIFT);
        assertThat(engine.report().toString())
                .contains("augmentation makes the copies of an example from that example and randomness alone");
        assertThat(engine.report().toJson()).contains("\"augmentationMultiplicity\" : 3");
    }

    /** One copy: augmentation without multiplicity. The rules that a network is hooked by do not matter. */
    @Test
    void fit_oneAugmentedCopy_trainsOnTheCopies() {
        MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Sgd(0.1));
        var engine = PrivacyEngine.attach(
                network, plan(Clipping.flat(0.5)), ExecutionOptions.defaults(), GradientRules.builtIn());
        DataSet data = data(EXAMPLES);
        DataSet lot = engine.lots(data, SHIFT).next();
        assertThat(lot.getFeatures().size(0)).isPositive();
        assertThat(data.getFeatures().distance2(data(EXAMPLES).getFeatures())).isZero();
        for (int i = 0; i < lot.numExamples(); i++) {
            INDArray row = lot.getFeatures().getRow(i);
            assertThat(data.asList())
                    .noneMatch(one -> one.getFeatures().reshape(4).distance2(row) < 1e-9);
        }
    }
}
