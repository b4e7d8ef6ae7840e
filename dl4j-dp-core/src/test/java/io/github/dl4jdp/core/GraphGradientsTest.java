// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.function.UnaryOperator;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.graph.ReshapeVertex;
import org.deeplearning4j.nn.conf.graph.rnn.LastTimeStepVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Per-example gradients of whole graphs against DL4J's own gradients of batches of one. */
class GraphGradientsTest {
    private static final int EXAMPLES = 6;

    private static double distance(INDArray actual, INDArray expected) {
        INDArray a = actual.castTo(DataType.DOUBLE);
        INDArray e = expected.castTo(DataType.DOUBLE);
        return a.sub(e).norm2Number().doubleValue() / e.norm2Number().doubleValue();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("io.github.dl4jdp.core.Graphs#all")
    void materialize_double_equalsBatchesOfOne(
            String name, int[] outputs, UnaryOperator<GraphBuilder> vertices, InputType[] inputs) {
        check(
                Graphs.build(DataType.DOUBLE, outputs.length, vertices, inputs),
                Graphs.data(DataType.DOUBLE, EXAMPLES, outputs, inputs),
                1e-9);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("io.github.dl4jdp.core.Graphs#all")
    void materialize_float_equalsBatchesOfOne(
            String name, int[] outputs, UnaryOperator<GraphBuilder> vertices, InputType[] inputs) {
        check(
                Graphs.build(DataType.FLOAT, outputs.length, vertices, inputs),
                Graphs.data(DataType.FLOAT, EXAMPLES, outputs, inputs),
                1e-4);
    }

    @Test
    void materialize_masks_equalsBatchesOfOne() {
        ComputationGraph network = Graphs.build(
                DataType.DOUBLE,
                2,
                g -> g.addVertex("last", new LastTimeStepVertex("in"), "in")
                        .addLayer("pooled", new GlobalPoolingLayer(PoolingType.AVG), "in")
                        .addVertex("merged", new MergeVertex(), "last", "pooled", "in1")
                        .addLayer("a", Graphs.dense(4), "merged")
                        .addLayer("out", Graphs.regression(2), "a")
                        .addLayer("out1", Graphs.regression(2), "a"),
                Graphs.SERIES,
                Graphs.FLAT);
        MultiDataSet data = Graphs.data(DataType.DOUBLE, EXAMPLES, new int[] {2, 2}, Graphs.SERIES, Graphs.FLAT);
        INDArray featuresMask = Nd4j.ones(DataType.DOUBLE, EXAMPLES, 4);
        // Per-output masks: DL4J takes [B, 1] for another kind of mask when B is 1.
        INDArray labelsMask = Nd4j.ones(DataType.DOUBLE, EXAMPLES, 2);
        for (int i = 0; i < EXAMPLES; i++) {
            for (int t = 1 + i % 4; t < 4; t++) {
                featuresMask.putScalar(i, t, 0);
            }
            labelsMask.putScalar(i, i % 2, 0);
        }
        data.setFeaturesMaskArrays(masks(featuresMask));
        data.setLabelsMaskArray(masks(labelsMask));

        check(network, data, 1e-9);
    }

    private static @Nullable INDArray[] masks(INDArray first) {
        return new @Nullable INDArray[] {first, null};
    }

    private static void check(ComputationGraph network, MultiDataSet data, double tolerance) {
        INDArray expected = BatchesOfOne.gradients(network, data);
        INDArray before = network.params().dup();
        double score = network.score();

        INDArray rows = PerExampleGradients.materialize(network, data);
        INDArray norms = PerExampleGradients.norms(network, data);
        double clippingNorm = expected.norm2(1).medianNumber().doubleValue();
        INDArray sum = PerExampleGradients.clippedSum(network, data, clippingNorm);

        assertThat(rows.shape()).containsExactly(EXAMPLES, network.numParams());
        for (int i = 0; i < EXAMPLES; i++) {
            assertThat(distance(rows.getRow(i), expected.getRow(i))).isLessThan(tolerance);
        }
        assertThat(distance(norms, expected.norm2(1))).isLessThan(tolerance);
        INDArray clipped = Nd4j.zeros(DataType.DOUBLE, network.numParams());
        for (int i = 0; i < EXAMPLES; i++) {
            double norm = expected.getRow(i).norm2Number().doubleValue();
            clipped.addi(expected.getRow(i).mul(Math.min(1, clippingNorm / norm)));
        }
        assertThat(distance(sum, clipped)).isLessThan(tolerance);
        assertThat(network.params()).isEqualTo(before);
        assertThat(network.score()).isEqualTo(score);
        assertThat(network.getIterationCount()).isZero();
    }

    @Test
    void materialize_sequenceOutputWithMasks_equalsBatchesOfOne() {
        ComputationGraph network = Graphs.build(
                DataType.DOUBLE,
                2,
                g -> g.addLayer("a", Graphs.lstm(4), "in")
                        .addLayer("b", Graphs.lstm(4), "a")
                        .addVertex("sum", new ElementWiseVertex(ElementWiseVertex.Op.Add), "a", "b")
                        .addLayer(
                                "out",
                                new RnnOutputLayer.Builder(LossFunction.MCXENT)
                                        .nOut(3)
                                        .activation(Activation.SOFTMAX)
                                        .build(),
                                "sum")
                        .addVertex("last", new LastTimeStepVertex("in"), "a")
                        .addLayer("out1", Graphs.regression(2), "last"),
                Graphs.SERIES);
        MultiDataSet data = Graphs.data(DataType.DOUBLE, EXAMPLES, new int[] {3, 2}, Graphs.SERIES);
        INDArray labels = Nd4j.zeros(DataType.DOUBLE, EXAMPLES, 3, 4);
        INDArray mask = Nd4j.zeros(DataType.DOUBLE, EXAMPLES, 4);
        for (int i = 0; i < EXAMPLES; i++) {
            for (int t = 0; t <= i % 4; t++) {
                labels.putScalar(new int[] {i, (i + t) % 3, t}, 1);
                mask.putScalar(i, t, 1);
            }
        }
        data.setLabels(0, labels);
        data.setFeaturesMaskArrays(new INDArray[] {mask});
        data.setLabelsMaskArray(masks(mask));

        check(network, data, 1e-9);
    }

    @Test
    void norms_reshapeOverExamples_throws() {
        ComputationGraph network = Graphs.build(
                DataType.DOUBLE,
                1,
                g -> g.addLayer("a", Graphs.dense(4), "in")
                        .addVertex("mixed", new ReshapeVertex(-1, 2), "a")
                        .addLayer(
                                "out",
                                new OutputLayer.Builder(LossFunction.MSE)
                                        .nIn(2)
                                        .nOut(3)
                                        .activation(Activation.TANH)
                                        .build(),
                                "mixed"),
                Graphs.FLAT);
        MultiDataSet data = Graphs.data(DataType.DOUBLE, EXAMPLES, Graphs.THREE, Graphs.FLAT);
        data.setLabels(0, Nd4j.rand(DataType.DOUBLE, 2 * EXAMPLES, 3));

        assertThatThrownBy(() -> PerExampleGradients.norms(network, data))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("\"mixed\"")
                .hasMessageContaining("one row for each example");
    }

    @Test
    void norms_broadcastOverExamples_throws() {
        // With as many examples as features, [B, 1, n] + [B, n] adds every example's row to every other.
        var network = new ComputationGraph(new NeuralNetConfiguration.Builder()
                .dataType(DataType.DOUBLE)
                .graphBuilder()
                .addInputs("in")
                .addVertex("wide", new ReshapeVertex(-1, 1, 5), "in")
                .addVertex("mixed", new ElementWiseVertex(ElementWiseVertex.Op.Add), "wide", "in")
                .addVertex("flat", new ReshapeVertex(-1, 25), "mixed")
                .addLayer(
                        "out",
                        new OutputLayer.Builder(LossFunction.MSE)
                                .nIn(25)
                                .nOut(3)
                                .build(),
                        "flat")
                .setOutputs("out")
                .build());
        network.init();

        assertThatThrownBy(() ->
                        PerExampleGradients.norms(network, Graphs.data(DataType.DOUBLE, 5, Graphs.THREE, Graphs.FLAT)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("\"mixed\"")
                .hasMessageContaining("one row for each example");
    }
}
