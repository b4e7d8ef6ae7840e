// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.mechanism.Mechanisms;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.graph.AttentionVertex;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.graph.L2NormalizeVertex;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.graph.ReshapeVertex;
import org.deeplearning4j.nn.conf.graph.StackVertex;
import org.deeplearning4j.nn.conf.graph.UnstackVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.BatchNormalization;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.dataset.api.iterator.MultiDataSetIterator;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** What only graphs have: several inputs and outputs, vertices, and frozen branches beside others. */
class GraphEngineTest {
    private static final int EXAMPLES = 12;
    private static final InputType FLAT = InputType.feedForward(5);
    private static final int[] OUTPUTS = {3, 2};

    private static DpSgdPlan plan(long lotSize) {
        return DpSgdPlan.poisson(EXAMPLES, lotSize)
                .withSteps(6)
                .withClippingNorm(1.0)
                .withNoiseMultiplier(1.0)
                .withDelta(1e-5)
                .withSeed(5);
    }

    private static DenseLayer dense(int out) {
        return new DenseLayer.Builder().nOut(out).activation(Activation.TANH).build();
    }

    private static OutputLayer output(int out) {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(out)
                .activation(Activation.SOFTMAX)
                .build();
    }

    private static ComputationGraph twoByTwo() {
        return Graphs.build(
                DataType.DOUBLE,
                2,
                g -> g.addLayer("a", dense(4), "in")
                        .addLayer("b", dense(4), "in1")
                        .addVertex("sum", new ElementWiseVertex(ElementWiseVertex.Op.Add), "a", "b")
                        .addVertex("merged", new MergeVertex(), "sum", "in1")
                        .addLayer("out", output(3), "merged")
                        .addLayer("out1", output(2), "sum"),
                FLAT,
                FLAT);
    }

    private static MultiDataSet data() {
        return Graphs.data(DataType.DOUBLE, EXAMPLES, OUTPUTS, FLAT, FLAT);
    }

    private static ComputationGraph oneByOne(UnaryOperator<GraphBuilder> vertices) {
        return Graphs.build(DataType.DOUBLE, 1, vertices, FLAT);
    }

    @Test
    void fit_multiDataSetLots_equalsPlainDl4j() {
        for (int physicalBatch : new int[] {1, 5, 100}) {
            ComputationGraph plain = twoByTwo();
            for (int i = 0; i < 6; i++) {
                plain.fit(data());
            }
            ComputationGraph network = twoByTwo();
            var engine = PrivacyEngine.attach(
                    network,
                    plan(EXAMPLES).withClippingNorm(1e30).withoutNoise(),
                    ExecutionOptions.defaults().withPhysicalBatchSize(physicalBatch));
            network.fit(engine.lots(data()), engine.plan().epochs());

            assertThat(engine.steps()).isEqualTo(6);
            assertThat(network.getIterationCount()).isEqualTo(6);
            assertThat(network.params().distance2(plain.params())).isLessThan(1e-10);
        }
    }

    @Test
    void fit_labelMasks_equalsPlainDl4j() {
        INDArray mask = Nd4j.ones(DataType.DOUBLE, EXAMPLES, 2);
        for (int i = 0; i < EXAMPLES; i += 2) {
            mask.putScalar(i, 1, 0);
        }
        MultiDataSet masked = data();
        masked.setLabelsMaskArray(new INDArray[] {null, mask});
        ComputationGraph plain = masks();
        plain.fit(masked);
        ComputationGraph network = masks();
        var engine = PrivacyEngine.attach(
                network, plan(EXAMPLES).withSteps(1).withClippingNorm(1e30).withoutNoise());
        network.fit(engine.lots(masked), 1);

        assertThat(network.params().distance2(plain.params())).isLessThan(1e-12);
        ComputationGraph unmasked = masks();
        unmasked.fit(data());
        assertThat(unmasked.params().distance2(plain.params())).isGreaterThan(1e-3);
    }

    private static ComputationGraph masks() {
        return Graphs.build(
                DataType.DOUBLE,
                2,
                g -> g.addLayer("a", dense(4), "in")
                        .addVertex("merged", new MergeVertex(), "a", "in1")
                        .addLayer("out", output(3), "merged")
                        .addLayer(
                                "out1",
                                new OutputLayer.Builder(LossFunction.MSE)
                                        .nOut(2)
                                        .activation(Activation.TANH)
                                        .build(),
                                "merged"),
                FLAT,
                FLAT);
    }

    @Test
    void fit_labelsOfOneOutputForeign_throwsBeforeAnyUpdate() {
        ComputationGraph network = twoByTwo();
        var engine = PrivacyEngine.attach(network, plan(6));
        INDArray before = network.params().dup();
        var lot = engine.lots(data()).next();
        lot.setLabels(new INDArray[] {lot.getLabels(0), lot.getLabels(1).dup()});

        assertThatThrownBy(() -> network.fit(lot)).hasMessageContaining("engine.lots");
        assertThat(network.params()).isEqualTo(before);
        assertThat(engine.steps()).isZero();
    }

    @Test
    void fit_emptyLots_stepWithNoiseAndCount() {
        ComputationGraph network = twoByTwo();
        INDArray before = network.params().dup();
        var plan = DpSgdPlan.poisson(1000, 1)
                .withSteps(4)
                .withClippingNorm(1.0)
                .withNoiseMultiplier(10.0)
                .withDelta(1e-5)
                .withSeed(1);
        var sampler = Mechanisms.sampler(1, plan.samplingProbability());
        assertThat(Stream.of(1, 2, 3, 4).map(lot -> sampler.draw(lot, 1000).length))
                .contains(0);
        var engine = PrivacyEngine.attach(network, plan);

        network.fit(engine.lots(Graphs.data(DataType.DOUBLE, 1000, OUTPUTS, FLAT, FLAT)), plan.epochs());

        assertThat(engine.steps()).isEqualTo(4);
        assertThat(network.getIterationCount()).isEqualTo(4);
        // Learning rate 0.1, four steps of standard deviation 10 on 88 parameters: 2 sqrt(88) = 19, within a factor of
        // two.
        assertThat(network.params().distance2(before)).isBetween(9.0, 38.0);
    }

    @Test
    void fit_singleInputLotsOfSeveralArrays_throws() {
        var engine = PrivacyEngine.attach(twoByTwo(), plan(6));

        assertThatThrownBy(() -> engine.lots(RandomAccessExamples.of(data())).next())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("multiLots");
    }

    @Test
    void fit_rowsThatWereNotDrawn_throwsBeforeAnyUpdate() {
        ComputationGraph network = twoByTwo();
        var engine = PrivacyEngine.attach(network, plan(6));
        RandomAccessExamples all = RandomAccessExamples.of(data());
        MultiDataSetIterator lots = engine.multiLots(new RandomAccessExamples() {
            @Override
            public long size() {
                return all.size();
            }

            @Override
            public org.nd4j.linalg.dataset.api.MultiDataSet get(long[] indices) {
                return data();
            }
        });

        assertThatThrownBy(() -> network.fit(lots, 1))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("one row for each");
        assertThat(engine.steps()).isZero();
    }

    @Test
    void fit_frozenLayers_stayWhereTheyAre() {
        ComputationGraph network = oneByOne(g -> g.addLayer("a", dense(4), "in")
                .addLayer("frozen", new FrozenLayer(dense(4)), "a")
                .addLayer("b", dense(4), "a")
                .addVertex("merged", new MergeVertex(), "frozen", "b")
                .addLayer("out", output(3), "merged"));
        INDArray frozen = network.getLayer("frozen").params().dup();
        INDArray below = network.getLayer("a").params().dup();
        var engine = PrivacyEngine.attach(network, plan(6));

        network.fit(engine.lots(first(data())), engine.plan().epochs());

        assertThat(network.getLayer("frozen").params()).isEqualTo(frozen);
        assertThat(network.getLayer("a").params().distance2(below)).isGreaterThan(0.01);
        assertThat(engine.report().layers()).hasSize(3).noneMatch(layer -> layer.startsWith("frozen"));
    }

    private static DataSet first(MultiDataSet data) {
        return new DataSet(data.getFeatures(0), data.getLabels(0));
    }

    @Test
    void attach_graphOfCountedSteps_keepsCountsAndOrder() {
        ComputationGraph network = twoByTwo();
        network.fit(data());
        network.incrementEpochCount();
        var shared = network.getConfiguration();

        PrivacyEngine.attach(network, plan(6));

        assertThat(network.getConfiguration()).isNotSameAs(shared);
        assertThat(network.getIterationCount()).isEqualTo(1);
        assertThat(network.getEpochCount()).isEqualTo(1);
        assertThat(network.getConfiguration().getTopologicalOrder()).isEqualTo(shared.getTopologicalOrder());
        assertThat(shared.toJson()).doesNotContain("DpUpdater");
        assertThat(network.getConfiguration().toJson()).contains("DpUpdater");
    }

    @Test
    void detach_dropoutNetwork_allowsInPlaceDropoutWhereDl4jDoes() {
        ComputationGraph plain = dropout();
        ComputationGraph network = dropout();
        var engine = PrivacyEngine.attach(network, plan(6));
        engine.detach();
        for (ComputationGraph each : new ComputationGraph[] {plain, network}) {
            Nd4j.getRandom().setSeed(23);
            for (int i = 0; i < 3; i++) {
                each.fit(first(data()));
            }
        }

        assertThat(network.params()).isEqualTo(plain.params());
    }

    private static ComputationGraph dropout() {
        return oneByOne(g -> g.addLayer("a", dense(6), "in")
                .addLayer(
                        "b",
                        new DenseLayer.Builder()
                                .nOut(6)
                                .dropOut(0.5)
                                .activation(Activation.TANH)
                                .build(),
                        "a")
                .addVertex("merged", new MergeVertex(), "a", "b")
                .addLayer("out", output(3), "merged"));
    }

    @Test
    void check_verticesThatMixExamples_namesEachOfThem() {
        ComputationGraph network = Graphs.build(
                DataType.FLOAT,
                1,
                g -> g.addVertex("stack", new StackVertex(), "in", "in1")
                        .addLayer("shared", dense(4), "stack")
                        .addVertex("unstack", new UnstackVertex(0, 2), "shared")
                        .addVertex("normalized", new L2NormalizeVertex(new int[] {0}, 1e-8), "unstack")
                        .addVertex("reshaped", new ReshapeVertex(EXAMPLES, 4), "normalized")
                        .addVertex("merged", merge(0), "reshaped", "normalized")
                        .addLayer("bn", new BatchNormalization.Builder().build(), "merged")
                        .addLayer("out", output(3), "bn"),
                FLAT,
                FLAT);

        assertThat(PrivacyEngine.check(network))
                .extracting(ModelProblem::layerName)
                .containsExactlyInAnyOrder("stack", "unstack", "normalized", "reshaped", "merged", "bn");
        assertThatThrownBy(() -> PrivacyEngine.attach(network, plan(6)))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("vertex \"stack\" (StackVertex)")
                .hasMessageContaining("layer 1 \"bn\" (BatchNormalization)");
        assertThat(network.getConfiguration().toJson()).doesNotContain("DpUpdater");
    }

    private static MergeVertex merge(int axis) {
        var merge = new MergeVertex();
        merge.setMergeAxis(axis);
        return merge;
    }

    @Test
    void check_vertexWithParameters_isRefused() {
        ComputationGraph network = Graphs.build(
                DataType.FLOAT,
                1,
                g -> g.addVertex(
                                "attention",
                                new AttentionVertex.Builder()
                                        .nInQueries(3)
                                        .nInKeys(3)
                                        .nInValues(3)
                                        .nHeads(1)
                                        .nOut(3)
                                        .projectInput(true)
                                        .build(),
                                "in",
                                "in",
                                "in")
                        .addVertex(
                                "last", new org.deeplearning4j.nn.conf.graph.rnn.LastTimeStepVertex("in"), "attention")
                        .addLayer("out", output(3), "last"),
                InputType.recurrent(3, 4));

        assertThat(PrivacyEngine.check(network)).singleElement().satisfies(problem -> assertThat(problem.layerName())
                .isEqualTo("attention"));
    }

    @Test
    void check_layersBelowFrozenOnly_areNamed() {
        ComputationGraph network = oneByOne(g -> g.addLayer("a", dense(4), "in")
                .addLayer("frozen", new FrozenLayer(dense(4)), "a")
                .addLayer("out", output(3), "frozen"));

        assertThat(PrivacyEngine.check(network)).singleElement().satisfies(problem -> {
            assertThat(problem.layerName()).isEqualTo("a");
            assertThat(problem.reason()).contains("no gradient reaches it");
        });
    }

    @Test
    void check_frozenBatchNormalization_isFine() {
        ComputationGraph network =
                oneByOne(g -> g.addLayer("bn", new FrozenLayer(new BatchNormalization.Builder().build()), "in")
                        .addLayer("out", output(3), "bn"));

        assertThat(PrivacyEngine.check(network)).isEmpty();
    }

    @Test
    void check_sharedParameters_isRefused() {
        ComputationGraph network = oneByOne(g ->
                g.addLayer("a", dense(5), "in").addLayer("b", dense(5), "a").addLayer("out", output(3), "b"));
        assertThat(PrivacyEngine.check(network)).isEmpty();
        network.getLayer("b")
                .setParamsViewArray(
                        network.params().reshape(network.numParams()).get(NDArrayIndex.interval(0, 30)));

        assertThat(PrivacyEngine.check(network)).singleElement().satisfies(problem -> assertThat(problem.layerName())
                .isEqualTo("b"));
    }
}
