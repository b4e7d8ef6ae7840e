// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import org.nd4j.nativeblas.NativeOps;
import org.nd4j.nativeblas.NativeOpsHolder;

class ExecutionOptionsTest {
    private static final int EXAMPLES = 12;

    private final NativeOps nd4j = nativeOps();
    private int before;

    private static NativeOps nativeOps() {
        assertThat(Nd4j.getBackend()).isNotNull(); // loads the library
        return NativeOpsHolder.getInstance().getDeviceNativeOps();
    }

    @BeforeEach
    void useThreeThreads() {
        before = nd4j.ompGetMaxThreads();
        nd4j.setOmpNumThreads(3);
    }

    @AfterEach
    void restoreThreads() {
        nd4j.setOmpNumThreads(before);
    }

    @Test
    void physicalBatchFor_defaults_fallsWithWhatALayerHolds() {
        ExecutionOptions options = ExecutionOptions.defaults();

        assertThat(options.resolved().physicalBatchFor(0)).isEqualTo(1024);
        assertThat(options.resolved().physicalBatchFor(16_384)).isEqualTo(1024);
        assertThat(options.resolved().physicalBatchFor(147_456)).isEqualTo(113);
        assertThat(options.resolved().physicalBatchFor(Long.MAX_VALUE)).isEqualTo(32);
    }

    @Test
    void physicalBatchFor_chosen_isWhatWasChosen() {
        ExecutionOptions options = ExecutionOptions.defaults().withPhysicalBatchSize(2000);

        assertThat(options.resolved().physicalBatchFor(147_456)).isEqualTo(2000);
    }

    @Test
    void withPhysicalBatchSize_zero_isRefused() {
        assertThatThrownBy(() -> ExecutionOptions.defaults().withPhysicalBatchSize(0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("physicalBatchSize must be at least 1, was 0");
    }

    @Test
    void fit_layersThatShareTheirWork_nd4jRestsDuringAPassAndNotAfterIt() {
        assertThat(threadsSeen(
                        DataType.FLOAT,
                        new ConvolutionLayer.Builder(2, 2)
                                .nOut(2)
                                .activation(Activation.TANH)
                                .build(),
                        new DenseLayer.Builder().nOut(3).build(),
                        new OutputLayer.Builder(LossFunction.MSE).nOut(2).build()))
                .containsOnly(1);
        assertThat(nd4j.ompGetMaxThreads()).isEqualTo(3);
    }

    @Test
    void fit_aLayerThatLeavesItsWorkToNd4j_nd4jKeepsItsThreads() {
        assertThat(threadsSeen(
                        DataType.FLOAT,
                        new LastTimeStep(new SimpleRnn.Builder().nOut(3).build()),
                        new OutputLayer.Builder(LossFunction.MSE).nOut(2).build()))
                .containsOnly(3);
    }

    @Test
    void fit_doubles_nd4jKeepsItsThreads() {
        assertThat(threadsSeen(
                        DataType.DOUBLE,
                        new DenseLayer.Builder().nOut(3).build(),
                        new OutputLayer.Builder(LossFunction.MSE).nOut(2).build()))
                .containsOnly(3);
    }

    @Test
    void detach_inTheMiddleOfAPass_givesNd4jItsThreadsBack() {
        MultiLayerNetwork network = network(
                DataType.FLOAT,
                new DenseLayer.Builder().nOut(3).build(),
                new OutputLayer.Builder(LossFunction.MSE).nOut(2).build());
        PrivacyEngine engine = PrivacyEngine.attach(network, plan());
        network.fit(engine.lots(data(network, DataType.FLOAT)).next());
        assertThat(nd4j.ompGetMaxThreads()).isEqualTo(1);

        engine.detach();

        assertThat(nd4j.ompGetMaxThreads()).isEqualTo(3);
    }

    private List<Integer> threadsSeen(DataType dataType, Layer... layers) {
        MultiLayerNetwork network = network(dataType, layers);
        PrivacyEngine engine = PrivacyEngine.attach(network, plan());
        var seen = new ArrayList<Integer>();
        network.addListeners(new BaseTrainingListener() {
            @Override
            public void onBackwardPass(Model model) {
                seen.add(nd4j.ompGetMaxThreads());
            }
        });
        network.fit(engine.lots(data(network, dataType)), 2);
        assertThat(seen).hasSize(4);
        return seen;
    }

    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(EXAMPLES, 6)
                .withSteps(4)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5);
    }

    private static MultiLayerNetwork network(DataType dataType, Layer... layers) {
        var list = new NeuralNetConfiguration.Builder()
                .dataType(dataType)
                .updater(new Sgd(0.1))
                .seed(1)
                .list();
        for (Layer layer : layers) {
            list.layer(layer);
        }
        var network = new MultiLayerNetwork(list.setInputType(
                        layers[0] instanceof LastTimeStep
                                ? InputType.recurrent(4, 5)
                                : layers[0] instanceof ConvolutionLayer
                                        ? InputType.convolutional(4, 4, 1)
                                        : InputType.feedForward(4))
                .build());
        network.init();
        return network;
    }

    private static DataSet data(MultiLayerNetwork network, DataType dataType) {
        long[] shape =
                switch (network.getLayer(0).conf().getLayer().getClass().getSimpleName()) {
                    case "ConvolutionLayer" -> new long[] {EXAMPLES, 1, 4, 4};
                    case "DenseLayer" -> new long[] {EXAMPLES, 4};
                    default -> new long[] {EXAMPLES, 4, 5};
                };
        INDArray labels = Nd4j.zeros(dataType, EXAMPLES, 2);
        return new DataSet(Nd4j.rand(dataType, shape), labels);
    }
}
