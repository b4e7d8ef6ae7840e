// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.activations;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.core.PerExampleGradients;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.activations.IActivation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

class TemperedSigmoidTest {
    private static final TemperedSigmoid TEMPERED = new TemperedSigmoid(1.58, 3, 0.71);

    private static OutputLayer output() {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(2)
                .activation(Activation.SOFTMAX)
                .build();
    }

    private static NeuralNetConfiguration.ListBuilder list(IActivation activation) {
        return new NeuralNetConfiguration.Builder()
                .seed(1)
                .dataType(DataType.DOUBLE)
                .updater(new NoOp())
                .activation(activation)
                .list();
    }

    private static MultiLayerNetwork images(IActivation activation) {
        var network = new MultiLayerNetwork(list(activation)
                .layer(new ConvolutionLayer.Builder(3, 3).nOut(3).build())
                .layer(new DenseLayer.Builder().nOut(4).build())
                .layer(output())
                .setInputType(InputType.convolutional(6, 6, 1))
                .build());
        network.init();
        return network;
    }

    private static MultiLayerNetwork sequences(IActivation activation) {
        var network = new MultiLayerNetwork(list(activation)
                .layer(new LastTimeStep(
                        new LSTM.Builder().nOut(3).activation(activation).build()))
                .layer(output())
                .setInputType(InputType.recurrent(4, 5))
                .build());
        network.init();
        return network;
    }

    private static DataSet data(long... shape) {
        Nd4j.getRandom().setSeed(4);
        INDArray labels = Nd4j.zeros(DataType.DOUBLE, shape[0], 2);
        for (int i = 0; i < shape[0]; i++) {
            labels.putScalar(i, i % 2, 1);
        }
        return new DataSet(Nd4j.randn(DataType.DOUBLE, shape), labels);
    }

    @Test
    void getActivation_values_areThoseOfTheFormula() {
        INDArray x = Nd4j.createFromArray(-3.0, -0.5, 0.0, 0.25, 40.0);

        INDArray y = TEMPERED.getActivation(x.dup(), true);

        for (int i = 0; i < x.length(); i++) {
            assertThat(y.getDouble(i)).isCloseTo(1.58 / (1 + Math.exp(-3 * x.getDouble(i))) - 0.71, within(1e-12));
        }
    }

    @Test
    void getActivation_defaults_areTanh() {
        INDArray x = Nd4j.createFromArray(-3.0, -0.5, 0.0, 0.25, 2.0);

        INDArray y = new TemperedSigmoid().getActivation(x.dup(), true);

        for (int i = 0; i < x.length(); i++) {
            assertThat(y.getDouble(i)).isCloseTo(Math.tanh(x.getDouble(i)), within(1e-12));
        }
    }

    @Test
    void backprop_values_agreeWithFiniteDifferences() {
        INDArray x = Nd4j.createFromArray(-30.0, -3.0, -0.5, 0.0, 0.25, 2.0, 30.0);
        INDArray epsilon = Nd4j.createFromArray(1.0, -2.0, 3.0, 0.5, 1.0, -1.0, 4.0);
        double step = 1e-5;
        INDArray above = TEMPERED.getActivation(x.add(step), true);
        INDArray below = TEMPERED.getActivation(x.sub(step), true);
        INDArray expected = above.sub(below).div(2 * step).mul(epsilon);

        INDArray gradient = TEMPERED.backprop(x.dup(), epsilon).getFirst();

        assertThat(gradient.distance2(expected)).isLessThan(1e-8);
        assertThat(epsilon.getDouble(1)).isEqualTo(-2);
    }

    @Test
    void perExampleGradients_convolutionDenseAndRecurrent_areThoseOfSingleExamples() {
        for (MultiLayerNetwork network : new MultiLayerNetwork[] {images(TEMPERED), sequences(TEMPERED)}) {
            DataSet data = network.getLayer(0).type() == org.deeplearning4j.nn.api.Layer.Type.CONVOLUTIONAL
                    ? data(3, 1, 6, 6)
                    : data(3, 4, 5);
            INDArray rows = PerExampleGradients.materialize(network, data);
            for (int i = 0; i < 3; i++) {
                DataSet one = new DataSet(
                        data.getFeatures()
                                .tensorAlongDimension(i, allButFirst(data))
                                .dup()
                                .reshape(first(data)),
                        data.getLabels().getRow(i, true));
                network.setInput(one.getFeatures());
                network.setLabels(one.getLabels());
                network.computeGradientAndScore();
                assertThat(rows.getRow(i)
                                .distance2(network.gradient().gradient().reshape(rows.size(1))))
                        .isLessThan(1e-10);
            }
        }
    }

    private static int[] allButFirst(DataSet data) {
        int rank = data.getFeatures().rank();
        return rank == 4 ? new int[] {1, 2, 3} : new int[] {1, 2};
    }

    private static long[] first(DataSet data) {
        long[] shape = data.getFeatures().shape().clone();
        shape[0] = 1;
        return shape;
    }

    @Test
    void configuration_toJsonAndBack_isEqual() {
        MultiLayerConfiguration configuration = images(TEMPERED).getLayerWiseConfigurations();

        MultiLayerConfiguration read = MultiLayerConfiguration.fromJson(configuration.toJson());

        assertThat(read).isEqualTo(configuration);
        assertThat(read.toJson()).contains("1.58");
        assertThat(new TemperedSigmoid(1.58, 3, 0.7)).isNotEqualTo(TEMPERED);
    }

    @Test
    void constructor_valuesOutOfRange_throws() {
        assertThatThrownBy(() -> new TemperedSigmoid(0, 1, 1))
                .hasMessageContaining("scale must be finite and > 0, was 0");
        assertThatThrownBy(() -> new TemperedSigmoid(1, Double.NaN, 1))
                .hasMessageContaining("temperature must be finite and > 0, was NaN");
        assertThatThrownBy(() -> new TemperedSigmoid(1, 1, Double.POSITIVE_INFINITY))
                .hasMessageContaining("offset must be finite, was Infinity");
    }
}
