// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

class DrawnPatchWeightsTest {
    private static final int FILTERS = 8;

    private static MultiLayerConfiguration configuration(int kernel) {
        return new NeuralNetConfiguration.Builder()
                .list()
                .layer(new ConvolutionLayer.Builder(kernel, kernel)
                        .nOut(FILTERS)
                        .stride(2, 2)
                        .weightInit(new DrawnPatchWeights(3))
                        .build())
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nOut(2)
                        .activation(Activation.SOFTMAX)
                        .build())
                .setInputType(InputType.convolutional(16, 16, 3))
                .build();
    }

    private static INDArray weights(MultiLayerConfiguration configuration) {
        var network = new MultiLayerNetwork(configuration);
        network.init();
        return network.getLayer(0).getParam("W");
    }

    @Test
    void init_convolution_hasFiltersOfDrawnPatches() {
        INDArray weights = weights(configuration(6));

        PatchFilters expected =
                new PatchFilters(PatchOptions.of(FILTERS, 1), 3, 1, 0.1, new java.util.SplittableRandom(3));
        for (int k = 0; k < FILTERS; k++) {
            INDArray filter = weights.get(NDArrayIndex.point(k)).dup('c').reshape(108);
            INDArray drawn = Nd4j.createFromArray(expected.inPixels(k)).castTo(DataType.FLOAT);
            assertThat(filter.sumNumber().doubleValue()).isCloseTo(0, within(1e-4));
            assertThat(filter.distance2(drawn.sub(drawn.meanNumber()))).isLessThan(1e-4);
            assertThat(filter.norm2Number().doubleValue()).isGreaterThan(0.1);
        }
    }

    @Test
    void init_sameSeed_givesTheSameWeights() {
        assertThat(weights(configuration(6))).isEqualTo(weights(configuration(6)));
        INDArray view = Nd4j.create(DataType.FLOAT, 8 * 108);
        INDArray other = new DrawnPatchWeights(4).init(1, 1, new long[] {8, 3, 6, 6}, 'c', view);
        assertThat(other).isNotEqualTo(weights(configuration(6)));
        assertThat(other.sumNumber().doubleValue()).isCloseTo(view.sumNumber().doubleValue(), within(1e-6));
    }

    @Test
    void configuration_toJsonAndBack_isEqual() {
        MultiLayerConfiguration configuration = configuration(6);

        assertThat(MultiLayerConfiguration.fromJson(configuration.toJson())).isEqualTo(configuration);
    }

    @Test
    void init_otherKernel_throws() {
        assertThatThrownBy(() -> weights(configuration(5)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("shape of the weights must be [filters, 1 or 3, 6, 6], was [8, 3, 5, 5]");
    }
}
