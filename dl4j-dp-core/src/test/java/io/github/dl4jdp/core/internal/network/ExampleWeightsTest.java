// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.ExecutionOptions;
import io.github.dl4jdp.core.NetworkKind;
import io.github.dl4jdp.core.Networks;
import io.github.dl4jdp.core.PerExampleGradients;
import io.github.dl4jdp.core.PrivacyEngine;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.CnnLossLayer;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.LossLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.RnnLossLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.ILossFunction;
import org.nd4j.linalg.lossfunctions.impl.LossBinaryXENT;
import org.nd4j.linalg.lossfunctions.impl.LossCosineProximity;
import org.nd4j.linalg.lossfunctions.impl.LossHinge;
import org.nd4j.linalg.lossfunctions.impl.LossKLD;
import org.nd4j.linalg.lossfunctions.impl.LossL1;
import org.nd4j.linalg.lossfunctions.impl.LossL2;
import org.nd4j.linalg.lossfunctions.impl.LossMAE;
import org.nd4j.linalg.lossfunctions.impl.LossMAPE;
import org.nd4j.linalg.lossfunctions.impl.LossMCXENT;
import org.nd4j.linalg.lossfunctions.impl.LossMSE;
import org.nd4j.linalg.lossfunctions.impl.LossMSLE;
import org.nd4j.linalg.lossfunctions.impl.LossNegativeLogLikelihood;
import org.nd4j.linalg.lossfunctions.impl.LossPoisson;
import org.nd4j.linalg.lossfunctions.impl.LossSquaredHinge;
import org.nd4j.linalg.lossfunctions.impl.LossWasserstein;

/** Label masks of shape [batch, 1]: DL4J itself refuses them for batches of one, which lots and their parts can be. */
class ExampleWeightsTest {
    private static final int EXAMPLES = 60;

    private final DataSet data = Networks.data(DataType.DOUBLE, EXAMPLES);

    ExampleWeightsTest() {
        data.setLabelsMaskArray(
                Nd4j.linspace(DataType.DOUBLE, 0.1, 0.05, EXAMPLES).reshape(EXAMPLES, 1));
    }

    private static DpSgdPlan plan(int lotSize) {
        return DpSgdPlan.poisson(EXAMPLES, lotSize)
                .withSteps(20)
                .withClippingNorm(0.3)
                .withoutNoise()
                .withDelta(1e-5)
                .withSeed(6);
    }

    private INDArray train(NetworkKind kind, DpSgdPlan plan, int physicalBatch) {
        Model network = kind.classifier(DataType.DOUBLE, new Sgd(0.1));
        var options = ExecutionOptions.defaults().withPhysicalBatchSize(physicalBatch);
        try (var engine = PrivacyEngine.attach(network, plan, options)) {
            kind.fit(network, engine.lots(data), plan.epochs());
            assertThat(engine.remainingSteps()).isZero();
        }
        return network.params();
    }

    @ParameterizedTest
    @CsvSource({"MULTI_LAYER, 1", "MULTI_LAYER, 4", "GRAPH, 1", "GRAPH, 4"})
    void fit_weightedExamplesInParts_trainsAsInOne(NetworkKind kind, int physicalBatch) {
        assertThat(train(kind, plan(30), physicalBatch).distance2(train(kind, plan(30), EXAMPLES)))
                .isLessThan(1e-9);
    }

    /** Of 20 such lots, about seven are empty and as many have one example. */
    @ParameterizedTest
    @EnumSource
    void fit_weightedLotsOfOneAndNone_trains(NetworkKind kind) {
        assertThat(train(kind, plan(1), 1).distance2(train(kind, plan(1), EXAMPLES)))
                .isLessThan(1e-9);
    }

    /** Outputs with every loss that DL4J computes in double precision, and the shapes of labels that they have for B examples. */
    static Stream<Arguments> outputs() {
        var cases = new ArrayList<Arguments>();
        for (ILossFunction loss : List.of(
                new LossMCXENT(),
                new LossNegativeLogLikelihood(),
                new LossKLD(),
                new LossBinaryXENT(),
                new LossMSE(),
                new LossL1(),
                new LossL2(),
                new LossMAE(),
                new LossMAPE(),
                new LossMSLE(),
                new LossPoisson(),
                new LossHinge(),
                new LossSquaredHinge(),
                new LossCosineProximity(),
                new LossWasserstein())) {
            for (String output : List.of("output", "loss", "rnn output", "rnn loss", "cnn loss")) {
                for (int steps = 1; steps <= 3; steps += 2) {
                    if (steps == 1 || !(output.equals("output") || output.equals("loss"))) {
                        cases.add(Arguments.of(loss, output, steps));
                    }
                }
            }
        }
        return cases.stream();
    }

    private static Activation activation(ILossFunction loss) {
        if (loss instanceof LossMCXENT || loss instanceof LossKLD) {
            return Activation.SOFTMAX;
        }
        return loss instanceof LossMSLE || loss instanceof LossPoisson || loss instanceof LossBinaryXENT
                ? Activation.SIGMOID
                : Activation.IDENTITY;
    }

    private static MultiLayerNetwork network(ILossFunction loss, String output, int steps) {
        Activation activation = activation(loss);
        var builder = new NeuralNetConfiguration.Builder()
                .seed(3)
                .dataType(DataType.DOUBLE)
                .updater(new Sgd(0.1));
        var dense = new DenseLayer.Builder().nOut(2).activation(Activation.TANH).build();
        var lstm = new LSTM.Builder().nOut(2).build();
        var flat = InputType.feedForward(3);
        var series = InputType.recurrent(3, steps);
        return (MultiLayerNetwork)
                switch (output) {
                    case "output" ->
                        NetworkKind.MULTI_LAYER.chain(
                                builder,
                                flat,
                                dense,
                                new OutputLayer.Builder(loss)
                                        .nOut(2)
                                        .activation(activation)
                                        .build());
                    case "loss" ->
                        NetworkKind.MULTI_LAYER.chain(
                                builder,
                                flat,
                                dense,
                                new LossLayer.Builder(loss)
                                        .activation(activation)
                                        .build());
                    case "rnn output" ->
                        NetworkKind.MULTI_LAYER.chain(
                                builder,
                                series,
                                lstm,
                                new RnnOutputLayer.Builder(loss)
                                        .nOut(2)
                                        .activation(activation)
                                        .build());
                    case "rnn loss" ->
                        NetworkKind.MULTI_LAYER.chain(
                                builder,
                                series,
                                lstm,
                                new RnnLossLayer.Builder(loss)
                                        .activation(activation)
                                        .build());
                    default ->
                        NetworkKind.MULTI_LAYER.chain(
                                builder,
                                InputType.convolutional(1, steps, 3),
                                new ConvolutionLayer.Builder(1, 1)
                                        .nOut(2)
                                        .activation(Activation.TANH)
                                        .build(),
                                new CnnLossLayer.Builder(loss)
                                        .activation(activation)
                                        .build());
                };
    }

    private static long[] shape(String output, int examples, int width, int steps) {
        return switch (output) {
            case "output", "loss" -> new long[] {examples, width};
            case "cnn loss" -> new long[] {examples, width, 1, steps};
            default -> new long[] {examples, width, steps};
        };
    }

    /** A weight times the gradient without, whatever the loss, the layer and the number of others. */
    @ParameterizedTest
    @MethodSource("outputs")
    void materialize_weightedExamples_areWeightTimesGradient(ILossFunction loss, String output, int steps) {
        MultiLayerNetwork network = network(loss, output, steps);
        int examples = 3;
        Nd4j.getRandom().setSeed(5);
        INDArray x = Nd4j.rand(DataType.DOUBLE, shape(output, examples, 3, steps));
        INDArray y =
                Nd4j.rand(DataType.DOUBLE, shape(output, examples, 2, steps)).addi(0.1);
        double[] weights = {0.5, 3, 0};
        INDArray plain = PerExampleGradients.materialize(network, new DataSet(x, y));
        INDArray mask = Nd4j.createFromArray(weights).reshape(examples, 1);
        for (int alone = -1; alone < examples; alone++) {
            INDArray rows = alone < 0
                    ? PerExampleGradients.materialize(network, new DataSet(x, y, null, mask))
                    : PerExampleGradients.materialize(network, row(new DataSet(x, y, null, mask), alone));
            for (int i = Math.max(alone, 0); i < (alone < 0 ? examples : alone + 1); i++) {
                assertThat(rows.getRow(alone < 0 ? i : 0)
                                .distance2(plain.getRow(i).mul(weights[i])))
                        .isLessThan(1e-10 * Math.max(1, plain.norm2Number().doubleValue()));
            }
        }
    }

    private static DataSet row(DataSet data, int i) {
        return new DataSet(
                data.getFeatures().get(NDArrayIndex.interval(i, i + 1)).dup(),
                data.getLabels().get(NDArrayIndex.interval(i, i + 1)).dup(),
                null,
                data.getLabelsMaskArray().get(NDArrayIndex.interval(i, i + 1)).dup());
    }

    /** In a mask of steps, an example's one number is its weight, and zeros stay zeros. */
    @Test
    void materialize_weightInAMaskOfSteps_isTheExamples() {
        MultiLayerNetwork network = network(new LossMCXENT(), "rnn output", 3);
        INDArray x = Nd4j.rand(DataType.DOUBLE, 2, 3, 3);
        INDArray y = Nd4j.rand(DataType.DOUBLE, 2, 2, 3);
        INDArray binary = Nd4j.createFromArray(new double[][] {{1, 1, 0}, {0, 1, 1}});
        INDArray weighted = Nd4j.createFromArray(new double[][] {{0.25, 0.25, 0}, {0, 4, 4}});
        INDArray plain = PerExampleGradients.materialize(network, new DataSet(x, y, null, binary));
        INDArray rows = PerExampleGradients.materialize(network, new DataSet(x, y, null, weighted));
        assertThat(rows.getRow(0).distance2(plain.getRow(0).mul(0.25))).isLessThan(1e-12);
        assertThat(rows.getRow(1).distance2(plain.getRow(1).mul(4))).isLessThan(1e-12);
    }

    @Test
    void materialize_fractionsThatDiffer_areRefused() {
        MultiLayerNetwork network = network(new LossMSE(), "rnn output", 3);
        INDArray x = Nd4j.rand(DataType.DOUBLE, 2, 3, 3);
        INDArray y = Nd4j.rand(DataType.DOUBLE, 2, 2, 3);
        INDArray mask = Nd4j.createFromArray(new double[][] {{0.25, 0.5, 0}, {0, 1, 1}});
        assertThatThrownBy(() -> PerExampleGradients.materialize(network, new DataSet(x, y, null, mask)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("one other number, its weight");
        assertThatThrownBy(() -> PerExampleGradients.materialize(network, new DataSet(x, y, mask, null)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("masks of features must be 0 and 1");
    }

    /** ND4J's amax leaves NaN out unless it comes first. */
    @ParameterizedTest
    @EnumSource(names = {"FLOAT", "DOUBLE"})
    void of_masksOfOtherNumbersAnywhere_areRefused(DataType type) {
        for (double value : new double[] {Double.NaN, Double.POSITIVE_INFINITY, -1, 0.5, 2}) {
            for (int at = 0; at < 6; at++) {
                INDArray mask = Nd4j.ones(type, 2, 3);
                mask.putScalar(at, value);
                INDArray x = Nd4j.rand(type, 2, 3, 3);
                INDArray y = Nd4j.rand(type, 2, 2, 3);
                assertThatThrownBy(() -> ExampleWeights.of(
                                new MultiDataSet(new INDArray[] {x}, new INDArray[] {y}, new INDArray[] {mask}, null),
                                type))
                        .as(value + " at " + at)
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining(
                                "masks of features must be 0 and 1, that of features 0 has other numbers");
                assertThatThrownBy(() -> ExampleWeights.of(
                                new MultiDataSet(new INDArray[] {x}, new INDArray[] {y}, null, new INDArray[] {mask}),
                                type))
                        .as(value + " at " + at)
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("one other number, its weight");
            }
        }
    }

    /** A mask of one step is also one of examples; DL4J puts it above the mask of the features, whatever that masks. */
    @Test
    void materialize_oneStepAndAMaskOfFeaturesThatMasksMore_isRefused() {
        MultiLayerNetwork network = network(new LossMSE(), "rnn output", 3);
        INDArray x = Nd4j.rand(DataType.DOUBLE, 2, 3, 1);
        INDArray y = Nd4j.rand(DataType.DOUBLE, 2, 2, 1);
        INDArray weights = Nd4j.createFromArray(new double[][] {{0}, {0.5}});
        INDArray covers = Nd4j.createFromArray(new double[][] {{0}, {1}});
        INDArray plain = PerExampleGradients.materialize(network, new DataSet(x, y, null, weights));
        INDArray rows = PerExampleGradients.materialize(network, new DataSet(x, y, covers, weights));
        assertThat(rows.distance2(plain)).isLessThan(1e-12);
        for (double[][] other : new double[][][] {{{1}, {0}}, {{1, 1, 1}, {1, 1, 1}}}) {
            INDArray mask = Nd4j.createFromArray(other);
            assertThatThrownBy(() -> PerExampleGradients.materialize(network, new DataSet(x, y, mask, weights)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("labels of one time step");
        }
    }

    /** Each output of a graph has weights of its own. */
    @Test
    void materialize_twoOutputs_areWeighedApart() {
        var conf = new NeuralNetConfiguration.Builder()
                .seed(3)
                .dataType(DataType.DOUBLE)
                .updater(new Sgd(0.1))
                .graphBuilder()
                .addInputs("in")
                .setInputTypes(InputType.feedForward(3))
                .addLayer(
                        "body",
                        new DenseLayer.Builder()
                                .nOut(4)
                                .activation(Activation.TANH)
                                .build(),
                        "in")
                .addLayer(
                        "a",
                        new OutputLayer.Builder(new LossMSE())
                                .nOut(2)
                                .activation(Activation.IDENTITY)
                                .build(),
                        "body")
                .addLayer(
                        "b",
                        new OutputLayer.Builder(new LossMCXENT())
                                .nOut(2)
                                .activation(Activation.SOFTMAX)
                                .build(),
                        "body")
                .setOutputs("a", "b")
                .build();
        var graph = new ComputationGraph(conf);
        graph.init();
        INDArray[] x = {Nd4j.rand(DataType.DOUBLE, 2, 3)};
        INDArray[] y = {Nd4j.rand(DataType.DOUBLE, 2, 2), Nd4j.rand(DataType.DOUBLE, 2, 2)};
        INDArray first = gradients(graph, x, y, new double[][] {{1, 1}, {0, 0}});
        INDArray second = gradients(graph, x, y, new double[][] {{0, 0}, {1, 1}});
        INDArray both = gradients(graph, x, y, new double[][] {{0.5, 2}, {3, 0.25}});
        assertThat(both.getRow(0)
                        .distance2(first.getRow(0).mul(0.5).add(second.getRow(0).mul(3))))
                .isLessThan(1e-12);
        assertThat(both.getRow(1)
                        .distance2(first.getRow(1).mul(2).add(second.getRow(1).mul(0.25))))
                .isLessThan(1e-12);
    }

    private static INDArray gradients(ComputationGraph graph, INDArray[] x, INDArray[] y, double[][] weights) {
        INDArray[] masks = Arrays.stream(weights)
                .map(one -> Nd4j.createFromArray(one).reshape(one.length, 1))
                .toArray(INDArray[]::new);
        return PerExampleGradients.materialize(graph, new MultiDataSet(x, y, null, masks));
    }
}
