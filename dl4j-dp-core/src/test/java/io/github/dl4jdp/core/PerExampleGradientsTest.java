// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ActivationLayer;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.LocalResponseNormalization;
import org.deeplearning4j.nn.conf.layers.LossLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.conf.layers.SubsamplingLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Per-example gradients of whole networks against DL4J's own gradients of batches of one. */
class PerExampleGradientsTest {
    private static final int EXAMPLES = 7;
    private static final InputType FLAT = InputType.feedForward(5);
    private static final InputType IMAGE = InputType.convolutional(9, 8, 2);

    static Stream<Arguments> networks() {
        var output = new OutputLayer.Builder(LossFunction.MCXENT).nOut(3).activation(Activation.SOFTMAX);
        return Stream.of(
                        network("output only", FLAT, output.build()),
                        network("dense", FLAT, dense(true, Activation.TANH), output.build()),
                        network("dense without bias", FLAT, dense(false, Activation.RELU), output.build()),
                        network(
                                "dense stack",
                                FLAT,
                                dense(true, Activation.SIGMOID),
                                dense(true, Activation.ELU),
                                output.build()),
                        network(
                                "loss layer",
                                FLAT,
                                new DenseLayer.Builder()
                                        .nOut(3)
                                        .activation(Activation.IDENTITY)
                                        .build(),
                                new LossLayer.Builder(LossFunction.MSE)
                                        .activation(Activation.TANH)
                                        .build()),
                        network(
                                "output without bias",
                                FLAT,
                                dense(true, Activation.TANH),
                                new OutputLayer.Builder(LossFunction.XENT)
                                        .nOut(3)
                                        .hasBias(false)
                                        .activation(Activation.SIGMOID)
                                        .build()),
                        network("convolution", IMAGE, convolution(ConvolutionMode.Truncate, true), output.build()),
                        network("convolution same", IMAGE, convolution(ConvolutionMode.Same, true), output.build()),
                        network(
                                "convolution without bias, pooled",
                                IMAGE,
                                convolution(ConvolutionMode.Same, false),
                                new SubsamplingLayer.Builder(PoolingType.MAX)
                                        .kernelSize(2, 2)
                                        .stride(1, 1)
                                        .build(),
                                convolution(ConvolutionMode.Truncate, true),
                                dense(true, Activation.TANH),
                                output.build()),
                        network(
                                "normalized, globally pooled",
                                IMAGE,
                                convolution(ConvolutionMode.Same, true),
                                new LocalResponseNormalization.Builder().build(),
                                new ActivationLayer(Activation.RELU),
                                new GlobalPoolingLayer(PoolingType.AVG),
                                output.build()))
                .flatMap(Stream::of);
    }

    private static Arguments network(String name, InputType input, Layer... layers) {
        return Arguments.of(name, input, List.of(layers));
    }

    private static DenseLayer dense(boolean bias, Activation activation) {
        return new DenseLayer.Builder()
                .nOut(4)
                .hasBias(bias)
                .activation(activation)
                .build();
    }

    private static ConvolutionLayer convolution(ConvolutionMode mode, boolean bias) {
        return new ConvolutionLayer.Builder(3, 2)
                .nOut(3)
                .stride(2, 1)
                .hasBias(bias)
                .convolutionMode(mode)
                .activation(Activation.TANH)
                .build();
    }

    private static MultiLayerNetwork build(DataType type, InputType input, List<Layer> layers) {
        var builder = new NeuralNetConfiguration.Builder()
                .seed(7)
                .dataType(type)
                .l2(0.01)
                .updater(new Sgd(0.1))
                .list();
        layers.forEach(layer -> builder.layer(layer.clone()));
        var network = new MultiLayerNetwork(builder.setInputType(input).build());
        network.init();
        return network;
    }

    private static DataSet data(DataType type, InputType input, int outputs) {
        Nd4j.getRandom().setSeed(11);
        long[] shape = input.getShape(true).clone();
        shape[0] = EXAMPLES;
        INDArray features = Nd4j.randn(type, shape);
        INDArray labels = Nd4j.zeros(type, EXAMPLES, outputs);
        for (int i = 0; i < EXAMPLES; i++) {
            labels.putScalar(i, i % outputs, 1);
        }
        return new DataSet(features, labels);
    }

    private static double distance(INDArray actual, INDArray expected) {
        INDArray a = actual.castTo(DataType.DOUBLE);
        INDArray e = expected.castTo(DataType.DOUBLE);
        return a.sub(e).norm2Number().doubleValue() / e.norm2Number().doubleValue();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("networks")
    void materialize_double_equalsBatchesOfOne(String name, InputType input, List<Layer> layers) {
        check(DataType.DOUBLE, input, layers, 1e-9);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("networks")
    void materialize_float_equalsBatchesOfOne(String name, InputType input, List<Layer> layers) {
        check(DataType.FLOAT, input, layers, 1e-4);
    }

    private static void check(DataType type, InputType input, List<Layer> layers, double tolerance) {
        MultiLayerNetwork network = build(type, input, layers);
        DataSet data = data(type, input, 3);
        INDArray expected = BatchesOfOne.gradients(network, data);
        INDArray before = network.params().dup();

        INDArray rows = PerExampleGradients.materialize(network, data);
        INDArray norms = PerExampleGradients.norms(network, data);
        double clippingNorm = expected.norm2(1).medianNumber().doubleValue();
        INDArray sum = PerExampleGradients.clippedSum(network, data, clippingNorm);

        assertThat(rows.shape()).containsExactly(EXAMPLES, network.numParams());
        for (int i = 0; i < EXAMPLES; i++) {
            assertThat(distance(rows.getRow(i), expected.getRow(i))).isLessThan(tolerance);
        }
        assertThat(distance(norms, expected.norm2(1))).isLessThan(tolerance);
        INDArray factors = expected.norm2(1).rdiv(clippingNorm);
        factors = factors.sub(1).mul(factors.lt(1).castTo(DataType.DOUBLE)).add(1);
        assertThat(distance(
                        sum,
                        expected.mulColumnVector(factors.reshape(EXAMPLES, 1)).sum(0)))
                .isLessThan(tolerance);
        assertThat(network.params()).isEqualTo(before);
        assertThat(network.getIterationCount()).isZero();
    }
}
