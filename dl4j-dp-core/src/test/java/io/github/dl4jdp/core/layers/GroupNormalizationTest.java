// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.layers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import org.deeplearning4j.gradientcheck.GradientCheckUtil;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

class GroupNormalizationTest extends GradientCheckedLayers {
    private static final int EXAMPLES = 3;

    private static MultiLayerNetwork network(InputType input, Layer first, int groups) {
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .seed(3)
                .dataType(DataType.DOUBLE)
                .updater(new NoOp())
                .list()
                .layer(first)
                .layer(new GroupNormalization.Builder(groups).build())
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nOut(3)
                        .activation(Activation.SOFTMAX)
                        .build())
                .setInputType(input)
                .build());
        network.init();
        network.params()
                .addi(Nd4j.rand(DataType.DOUBLE, network.params().shape()).muli(0.3));
        return network;
    }

    private static MultiLayerNetwork images(CNN2DFormat format, int groups) {
        return network(
                InputType.convolutional(4, 3, 2, format),
                new ConvolutionLayer.Builder(2, 2)
                        .nOut(4)
                        .dataFormat(format)
                        .activation(Activation.TANH)
                        .build(),
                groups);
    }

    private static INDArray labels() {
        return Nd4j.eye(3).castTo(DataType.DOUBLE);
    }

    private static boolean gradientsAreRight(MultiLayerNetwork network, INDArray input) {
        return GradientCheckUtil.checkGradients(new GradientCheckUtil.MLNConfig()
                .net(network)
                .input(input)
                .labels(labels())
                .maxRelError(1e-5));
    }

    @ParameterizedTest
    @CsvSource({"NCHW, 1", "NCHW, 2", "NCHW, 4", "NHWC, 1", "NHWC, 2"})
    void backpropGradient_images_equalsFiniteDifferences(CNN2DFormat format, int groups) {
        MultiLayerNetwork network = images(format, groups);
        long[] shape = InputType.convolutional(4, 3, 2, format).getShape(true).clone();
        shape[0] = EXAMPLES;
        assertThat(gradientsAreRight(network, Nd4j.randn(DataType.DOUBLE, shape)))
                .isTrue();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void backpropGradient_vectors_equalsFiniteDifferences(int groups) {
        MultiLayerNetwork network = network(
                InputType.feedForward(5),
                new DenseLayer.Builder().nOut(6).activation(Activation.TANH).build(),
                groups);
        assertThat(gradientsAreRight(network, Nd4j.randn(DataType.DOUBLE, EXAMPLES, 5)))
                .isTrue();
    }

    @Test
    void activate_unitGammaZeroBeta_hasZeroMeanAndUnitVarianceInEveryGroup() {
        MultiLayerNetwork network = images(CNN2DFormat.NCHW, 2);
        network.getLayer(1).getParam("gamma").assign(1);
        network.getLayer(1).getParam("beta").assign(0);
        INDArray out = network.feedForward(Nd4j.randn(DataType.DOUBLE, EXAMPLES, 2, 4, 3))
                .get(2);
        for (int i = 0; i < EXAMPLES; i++) {
            for (int group = 0; group < 2; group++) {
                INDArray values = out.get(NDArrayIndex.point(i), NDArrayIndex.interval(2 * group, 2 * group + 2))
                        .dup();
                assertThat(values.meanNumber().doubleValue()).isBetween(-1e-12, 1e-12);
                // The variance is 1 but for epsilon, here 1e-5 of a variance of about 0.1.
                assertThat(values.norm2Number().doubleValue()
                                * values.norm2Number().doubleValue()
                                / values.length())
                        .isBetween(0.99, 1.0);
            }
        }
    }

    @Test
    void activate_bothFormats_areTheSame() {
        MultiLayerNetwork first = images(CNN2DFormat.NCHW, 2);
        MultiLayerNetwork last = images(CNN2DFormat.NHWC, 2);
        last.setParams(first.params());
        INDArray x = Nd4j.randn(DataType.DOUBLE, EXAMPLES, 2, 4, 3);
        INDArray a = first.feedForward(x).get(2);
        INDArray b = last.feedForward(x.permute(0, 2, 3, 1).dup()).get(2).permute(0, 3, 1, 2);
        assertThat(a.distance2(b)).isLessThan(1e-12);
    }

    @Test
    void json_configuration_roundTrips() {
        MultiLayerConfiguration conf = images(CNN2DFormat.NHWC, 2).getLayerWiseConfigurations();
        assertThat(MultiLayerConfiguration.fromJson(conf.toJson())).isEqualTo(conf);
        var layer = (GroupNormalization)
                MultiLayerConfiguration.fromJson(conf.toJson()).getConf(1).getLayer();
        assertThat(layer.getGroups()).isEqualTo(2);
        assertThat(layer.getEpsilon()).isEqualTo(1e-5);
        assertThat(layer.getFormat()).isEqualTo(CNN2DFormat.NHWC);
    }

    @Test
    void serializer_network_givesTheSameOutput() throws IOException {
        MultiLayerNetwork network = images(CNN2DFormat.NCHW, 4);
        INDArray x = Nd4j.randn(DataType.DOUBLE, EXAMPLES, 2, 4, 3);
        var bytes = new ByteArrayOutputStream();
        ModelSerializer.writeModel(network, bytes, true);
        var restored = ModelSerializer.restoreMultiLayerNetwork(new ByteArrayInputStream(bytes.toByteArray()));
        assertThat(restored.output(x)).isEqualTo(network.output(x));
        assertThat(network.clone().output(x)).isEqualTo(network.output(x));
    }

    @Test
    void init_groupsDoNotDivideChannels_throws() {
        assertThatThrownBy(() -> images(CNN2DFormat.NCHW, 3))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("multiple of its 3 groups, was 4");
    }

    @Test
    void builder_badValues_throw() {
        assertThatThrownBy(() -> new GroupNormalization.Builder(0)).hasMessageContaining("groups must be >= 1, was 0");
        assertThatThrownBy(() -> new GroupNormalization.Builder(1).epsilon(Double.NaN))
                .hasMessageContaining("epsilon must be finite and > 0, was NaN");
    }
}
