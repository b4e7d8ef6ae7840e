// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.conf.layers.SubsamplingLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/**
 * Networks of FLOAT layers in shapes that take every turn of the CPU path: per-example gradients that are held and that are not, several blocks of
 * examples, windows that overlap, lie partly outside the image or have holes.
 */
class FloatNetworksTest {
    private static final int CLASSES = 3;

    static Stream<Arguments> networks() {
        return Stream.of(
                network("pairs, overlapping", 11, 9, 7, conv(5, 3, 1, 1, Activation.TANH), pool(2, 1, 0, 1)),
                network("pairs, apart", 11, 9, 8, conv(5, 3, 1, 1, Activation.RELU), pool(2, 2, 0, 1)),
                network("windows outside", 6, 9, 7, conv(4, 3, 2, 1, Activation.SIGMOID), pool(3, 2, 1, 1)),
                network("windows with holes", 6, 10, 9, conv(4, 2, 1, 0, Activation.IDENTITY), pool(2, 1, 0, 2)),
                network(
                        "two convolutions",
                        9,
                        8,
                        8,
                        conv(6, 3, 1, 1, Activation.TANH),
                        conv(7, 3, 1, 1, Activation.RELU)),
                network("even kernel", 5, 8, 7, conv(3, 3, 1, 1, Activation.TANH), conv(4, 2, 1, 1, Activation.TANH)),
                network(
                        "gradients not held",
                        60,
                        3,
                        3,
                        conv(128, 3, 1, 1, Activation.TANH),
                        conv(256, 3, 1, 1, Activation.TANH)),
                network("wide dense layers", 20, 4, 4, dense(600, Activation.RELU), dense(300, Activation.TANH)),
                // With oneDNN, these products and convolutions go to it, in several blocks.
                network("long products", 300, 16, 16, dense(256, Activation.RELU), dense(256, Activation.TANH)),
                network("long and narrow product", 300, 100, 100),
                network(
                        "blocks of convolutions",
                        150,
                        16,
                        16,
                        conv(32, 3, 1, 1, Activation.TANH),
                        conv(32, 3, 1, 1, Activation.IDENTITY)));
    }

    private static Arguments network(String name, int examples, int height, int width, Layer... layers) {
        return Arguments.of(name, examples, height, width, List.of(layers));
    }

    private static ConvolutionLayer conv(int channels, int kernel, int stride, int padding, Activation activation) {
        return new ConvolutionLayer.Builder(kernel, kernel)
                .nOut(channels)
                .stride(stride, stride)
                .padding(padding, padding)
                .convolutionMode(ConvolutionMode.Truncate)
                .activation(activation)
                .build();
    }

    private static SubsamplingLayer pool(int kernel, int stride, int padding, int dilation) {
        return new SubsamplingLayer.Builder(PoolingType.MAX)
                .kernelSize(kernel, kernel)
                .stride(stride, stride)
                .padding(padding, padding)
                .dilation(dilation, dilation)
                .build();
    }

    private static DenseLayer dense(int width, Activation activation) {
        return new DenseLayer.Builder().nOut(width).activation(activation).build();
    }

    private static MultiLayerNetwork build(int height, int width, List<Layer> layers) {
        var list = new NeuralNetConfiguration.Builder()
                .seed(7)
                .updater(new Sgd(0.1))
                .list();
        layers.forEach(layer -> list.layer(layer.clone()));
        list.layer(new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(CLASSES)
                .activation(Activation.SOFTMAX)
                .build());
        var network = new MultiLayerNetwork(
                list.setInputType(InputType.convolutional(height, width, 2)).build());
        network.init();
        return network;
    }

    private static DataSet data(int examples, int height, int width) {
        Nd4j.getRandom().setSeed(11);
        INDArray labels = Nd4j.zeros(examples, CLASSES);
        for (int i = 0; i < examples; i++) {
            labels.putScalar(i, i % CLASSES, 1);
        }
        // Multiples of one half: windows of a pooling layer right above them have ties.
        INDArray features = Nd4j.rand(examples, 2, height, width).muli(6);
        return new DataSet(Nd4j.math().floor(features).muli(0.5).subi(1.5), labels);
    }

    private static double distance(INDArray actual, INDArray expected) {
        INDArray e = expected.castTo(DataType.DOUBLE);
        return actual.castTo(DataType.DOUBLE).sub(e).norm2Number().doubleValue()
                / e.norm2Number().doubleValue();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("networks")
    void clippedSum_equalsBatchesOfOne(String name, int examples, int height, int width, List<Layer> layers) {
        MultiLayerNetwork network = build(height, width, layers);
        DataSet data = data(examples, height, width);
        INDArray rows = BatchesOfOne.gradients(network, data);
        INDArray norms = rows.norm2(1);
        double bound = norms.meanNumber().doubleValue();
        INDArray expected = Nd4j.zeros(DataType.DOUBLE, rows.size(1));
        for (int i = 0; i < examples; i++) {
            expected.addi(rows.getRow(i).mul(Math.min(1, bound / norms.getDouble(i))));
        }

        assertThat(distance(PerExampleGradients.norms(network, data), norms)).isLessThan(1e-4);
        assertThat(distance(PerExampleGradients.clippedSum(network, data, bound), expected))
                .isLessThan(1e-4);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("networks")
    void fit_oneThreadAndThree_sameBits(String name, int examples, int height, int width, List<Layer> layers) {
        DataSet data = data(examples, height, width);

        assertThat(trained(build(height, width, layers), data, 3))
                .isEqualTo(trained(build(height, width, layers), data, 1));
    }

    private static float[] trained(MultiLayerNetwork network, DataSet data, int threads) {
        int examples = data.numExamples();
        DpSgdPlan plan = DpSgdPlan.poisson(examples, examples)
                .withSteps(2)
                .withClippingNorm(0.5)
                .withNoiseMultiplier(0.1)
                .withDelta(1e-5)
                .withSeed(3);
        var engine =
                PrivacyEngine.attach(network, plan, ExecutionOptions.defaults().withThreads(threads));
        network.fit(engine.lots(data), plan.epochs());
        return network.params().toFloatVector();
    }

    @Test
    void clippedSum_nanUnderPooling_leavesTheExampleOut() {
        List<Layer> layers = List.of(conv(4, 3, 1, 1, Activation.RELU), pool(2, 2, 0, 1), dense(8, Activation.TANH));
        MultiLayerNetwork network = build(8, 8, layers);
        DataSet data = data(9, 8, 8);
        data.getFeatures().putScalar(new int[] {4, 1, 3, 3}, Float.NaN);
        int[] others = {0, 1, 2, 3, 5, 6, 7, 8};
        var rest = new DataSet(
                data.getFeatures()
                        .get(NDArrayIndex.indices(
                                Arrays.stream(others).asLongStream().toArray())),
                data.getLabels()
                        .get(NDArrayIndex.indices(
                                Arrays.stream(others).asLongStream().toArray())));

        assertThat(distance(
                        PerExampleGradients.clippedSum(network, data, 0.5),
                        PerExampleGradients.clippedSum(network, rest, 0.5)))
                .isLessThan(1e-5);
    }
}
