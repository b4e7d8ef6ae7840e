// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.layers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import org.deeplearning4j.gradientcheck.GradientCheckUtil;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.weightnoise.DropConnect;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

class WeightStandardizedConvolutionTest extends GradientCheckedLayers {
    private static final int EXAMPLES = 3;

    private static MultiLayerNetwork network(ConvolutionLayer.Builder convolution, CNN2DFormat format) {
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .seed(3)
                .dataType(DataType.DOUBLE)
                .updater(new NoOp())
                .list()
                .layer(convolution
                        .nOut(4)
                        .dataFormat(format)
                        .activation(Activation.TANH)
                        .build())
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nOut(3)
                        .activation(Activation.SOFTMAX)
                        .build())
                .setInputType(InputType.convolutional(4, 3, 2, format))
                .build());
        network.init();
        return network;
    }

    private static MultiLayerNetwork standardized(CNN2DFormat format, boolean bias) {
        return network(new WeightStandardizedConvolution.Builder(2, 2).hasBias(bias), format);
    }

    private static INDArray input(CNN2DFormat format) {
        long[] shape = InputType.convolutional(4, 3, 2, format).getShape(true).clone();
        shape[0] = EXAMPLES;
        return Nd4j.randn(DataType.DOUBLE, shape);
    }

    private static boolean gradientsAreRight(MultiLayerNetwork network, CNN2DFormat format) {
        return GradientCheckUtil.checkGradients(new GradientCheckUtil.MLNConfig()
                .net(network)
                .input(input(format))
                .labels(Nd4j.eye(3).castTo(DataType.DOUBLE))
                .maxRelError(1e-5));
    }

    @ParameterizedTest
    @CsvSource({"NCHW, true", "NCHW, false", "NHWC, true", "NHWC, false"})
    void backpropGradient_images_equalsFiniteDifferences(CNN2DFormat format, boolean bias) {
        MultiLayerNetwork network = standardized(format, bias);
        network.params()
                .addi(Nd4j.rand(DataType.DOUBLE, network.params().shape()).muli(0.3));

        assertThat(gradientsAreRight(network, format)).isTrue();
    }

    /** A filter of nearly equal weights: the other branch of the maximum. */
    @Test
    void backpropGradient_flatFilter_equalsFiniteDifferences() {
        MultiLayerNetwork network = standardized(CNN2DFormat.NCHW, true);
        INDArray weights = network.getLayer(0).getParam("W");
        weights.slice(1).assign(Nd4j.rand(DataType.DOUBLE, 2, 2, 2).muli(1e-3).addi(0.4));

        assertThat(gradientsAreRight(network, CNN2DFormat.NCHW)).isTrue();
    }

    @Test
    void activate_weights_isTheConvolutionOfTheStandardizedOnes() {
        MultiLayerNetwork network = standardized(CNN2DFormat.NCHW, true);
        INDArray gains = network.getLayer(0).getParam("gain");
        assertThat(gains.toDoubleVector()).containsOnly(1);
        gains.assign(Nd4j.createFromArray(0.5, 1, 1.5, 2));
        MultiLayerNetwork plain = network(new ConvolutionLayer.Builder(2, 2), CNN2DFormat.NCHW);
        INDArray raw = network.getLayer(0).getParam("W");
        INDArray weights = plain.getLayer(0).getParam("W");
        for (int o = 0; o < 4; o++) {
            INDArray filter = raw.get(NDArrayIndex.point(o)).dup();
            double mean = filter.meanNumber().doubleValue();
            // The sum of squared deviations is n times the variance.
            double norm = filter.sub(mean).norm2Number().doubleValue();
            weights.slice(o).assign(filter.sub(mean).div(norm).mul(gains.getDouble(o)));
            assertThat(weights.slice(o).norm2Number().doubleValue()).isCloseTo(gains.getDouble(o), within(1e-12));
        }
        plain.getLayer(1).setParams(network.getLayer(1).params());
        INDArray x = input(CNN2DFormat.NCHW);

        assertThat(network.output(x).distance2(plain.output(x))).isLessThan(1e-12);
    }

    @Test
    void activate_weightsScaledAndShifted_isTheSame() {
        MultiLayerNetwork network = standardized(CNN2DFormat.NCHW, true);
        INDArray x = input(CNN2DFormat.NCHW);
        INDArray before = network.output(x).dup();

        network.getLayer(0).getParam("W").muli(3).addi(0.2);

        assertThat(network.output(x).distance2(before)).isLessThan(1e-12);
    }

    @Test
    void json_configuration_roundTrips() {
        MultiLayerConfiguration conf = standardized(CNN2DFormat.NHWC, false).getLayerWiseConfigurations();
        MultiLayerConfiguration again = MultiLayerConfiguration.fromJson(conf.toJson());

        assertThat(again).isEqualTo(conf);
        var layer = (WeightStandardizedConvolution) again.getConf(0).getLayer();
        assertThat(layer.getKernelSize()).containsExactly(2, 2);
        assertThat(layer.getCnn2dDataFormat()).isEqualTo(CNN2DFormat.NHWC);
        assertThat(layer.hasBias()).isFalse();
        ConvolutionLayer plain =
                (ConvolutionLayer) network(new ConvolutionLayer.Builder(2, 2).hasBias(false), CNN2DFormat.NHWC)
                        .getLayerWiseConfigurations()
                        .getConf(0)
                        .getLayer();
        assertThat(layer).isNotEqualTo(plain);
        assertThat(plain).isNotEqualTo(layer);
    }

    @Test
    void serializer_network_givesTheSameOutput() throws IOException {
        MultiLayerNetwork network = standardized(CNN2DFormat.NCHW, true);
        network.getLayer(0).getParam("gain").assign(1.7);
        INDArray x = input(CNN2DFormat.NCHW);
        var bytes = new ByteArrayOutputStream();
        ModelSerializer.writeModel(network, bytes, true);
        var restored = ModelSerializer.restoreMultiLayerNetwork(new ByteArrayInputStream(bytes.toByteArray()));

        assertThat(restored.output(x)).isEqualTo(network.output(x));
        assertThat(network.clone().output(x)).isEqualTo(network.output(x));
    }

    @Test
    void init_weightNoise_throws() {
        var builder = new WeightStandardizedConvolution.Builder(2, 2).weightNoise(new DropConnect(0.5));

        assertThatThrownBy(() -> network(builder, CNN2DFormat.NCHW))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("WeightStandardizedConvolution \"layer0\" (layer 0): weightNoise must be null");
    }
}
