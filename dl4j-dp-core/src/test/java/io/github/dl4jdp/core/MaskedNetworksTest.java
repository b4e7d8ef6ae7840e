// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ActivationLayer;
import org.deeplearning4j.nn.conf.layers.Convolution1DLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.GravesBidirectionalLSTM;
import org.deeplearning4j.nn.conf.layers.GravesLSTM;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.conf.layers.recurrent.TimeDistributed;
import org.deeplearning4j.nn.conf.layers.util.MaskLayer;
import org.deeplearning4j.nn.conf.layers.util.MaskZeroLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Random networks over sequences with masks, some of their layers frozen: where nothing is refused, an example in a batch is what it is alone. */
class MaskedNetworksTest {
    private static final int SIZE = 3;
    private static final int STEPS = 6;
    private static final int EXAMPLES = 4;
    private static final int NETWORKS = 60;

    /** Under a mask DL4J makes the last steps an array of the default type. */
    @BeforeAll
    static void useDoubleByDefault() {
        Nd4j.setDefaultDataTypes(DataType.DOUBLE, DataType.DOUBLE);
    }

    @AfterAll
    static void useFloatByDefault() {
        Nd4j.setDefaultDataTypes(DataType.FLOAT, DataType.FLOAT);
    }

    @SuppressWarnings("deprecation") // networks with the Graves layers exist
    private static Layer recurrent(SplittableRandom random) {
        return switch (random.nextInt(4)) {
            case 0 -> new LSTM.Builder().nOut(4).build();
            case 1 -> new GravesLSTM.Builder().nOut(4).build();
            case 2 -> new GravesBidirectionalLSTM.Builder().nOut(4).build();
            default ->
                new SimpleRnn.Builder().nOut(4).activation(Activation.TANH).build();
        };
    }

    private static Layer plainRecurrent(SplittableRandom random) {
        return random.nextBoolean()
                ? new LSTM.Builder().nOut(4).build()
                : new SimpleRnn.Builder().nOut(4).activation(Activation.TANH).build();
    }

    private static Layer series(SplittableRandom random) {
        var dense = new DenseLayer.Builder().nOut(4).activation(Activation.TANH).build();
        return switch (random.nextInt(8)) {
            case 0 -> new Bidirectional(Bidirectional.Mode.ADD, plainRecurrent(random));
            case 1 -> new TimeDistributed(dense);
            case 2 -> new MaskZeroLayer(plainRecurrent(random), 0);
            case 3 ->
                new Convolution1DLayer.Builder(3)
                        .nOut(4)
                        .convolutionMode(ConvolutionMode.Same)
                        .activation(Activation.TANH)
                        .build();
            case 4 -> new MaskLayer();
            case 5 -> new ActivationLayer(Activation.SIGMOID);
            default -> recurrent(random);
        };
    }

    private static Layer frozenOrNot(Layer layer, SplittableRandom random, boolean mayFreeze) {
        // A frozen ActivationLayer writes into its input, the features, in DL4J 1.0.0-M2.1 itself.
        if (layer instanceof ActivationLayer) {
            return layer;
        }
        if (!mayFreeze) {
            return random.nextInt(6) == 0 && !(layer instanceof MaskLayer) ? new FrozenLayerWithBackprop(layer) : layer;
        }
        return random.nextBoolean() ? new FrozenLayer(layer) : layer;
    }

    private static List<Layer> layers(SplittableRandom random) {
        var layers = new ArrayList<Layer>();
        boolean mayFreeze = random.nextBoolean();
        int count = 1 + random.nextInt(3);
        for (int i = 0; i < count; i++) {
            layers.add(frozenOrNot(series(random), random, mayFreeze));
        }
        switch (random.nextInt(4)) {
            case 0 ->
                layers.add(new RnnOutputLayer.Builder(LossFunction.MCXENT)
                        .nOut(2)
                        .activation(Activation.SOFTMAX)
                        .build());
            case 1 -> layers.add(frozenOrNot(new LastTimeStep(plainRecurrent(random)), random, mayFreeze));
            default ->
                layers.add(frozenOrNot(
                        new GlobalPoolingLayer(PoolingType.values()[random.nextInt(4)]), random, mayFreeze));
        }
        if (!(layers.get(layers.size() - 1) instanceof RnnOutputLayer)) {
            layers.add(new OutputLayer.Builder(LossFunction.MCXENT)
                    .nOut(2)
                    .activation(Activation.SOFTMAX)
                    .build());
        }
        return layers;
    }

    private static DataSet data(boolean everyStep, SplittableRandom random) {
        INDArray x = Nd4j.zeros(DataType.DOUBLE, EXAMPLES, SIZE, STEPS);
        INDArray mask = Nd4j.zeros(DataType.DOUBLE, EXAMPLES, STEPS);
        INDArray y =
                everyStep ? Nd4j.zeros(DataType.DOUBLE, EXAMPLES, 2, STEPS) : Nd4j.zeros(DataType.DOUBLE, EXAMPLES, 2);
        for (int i = 0; i < EXAMPLES; i++) {
            int label = random.nextInt(2);
            if (!everyStep) {
                y.putScalar(i, label, 1);
            }
            int length = 1 + random.nextInt(STEPS);
            for (int t = 0; t < length; t++) {
                mask.putScalar(i, t, 1);
                if (everyStep) {
                    y.putScalar(new int[] {i, label, t}, 1);
                }
                for (int j = 0; j < SIZE; j++) {
                    x.putScalar(new int[] {i, j, t}, random.nextDouble(-1, 1));
                }
            }
        }
        return new DataSet(x, y, mask, everyStep ? mask.dup() : null);
    }

    private static DataSet row(DataSet data, int i) {
        var row = NDArrayIndex.interval(i, i + 1);
        return new DataSet(
                data.getFeatures().get(row).dup(),
                data.getLabels().get(row).dup(),
                data.getFeaturesMaskArray().get(row).dup(),
                data.getLabelsMaskArray() == null
                        ? null
                        : data.getLabelsMaskArray().get(row).dup());
    }

    private static List<String> names(Model network) {
        var layers = network instanceof MultiLayerNetwork multiLayer
                ? multiLayer.getLayers()
                : ((ComputationGraph) network).getLayers();
        return Arrays.stream(layers).map(MaskedNetworksTest::name).toList();
    }

    private static String name(org.deeplearning4j.nn.api.Layer layer) {
        String own = layer.getClass().getSimpleName();
        return layer instanceof BaseWrapperLayer wrapper ? own + " of " + name(wrapper.getUnderlying()) : own;
    }

    @ParameterizedTest
    @EnumSource
    void materialize_randomNetworksUnderMasks_examplesAreWhatTheyAreAlone(NetworkKind kind) {
        int looked = 0;
        int frozen = 0;
        for (long seed = 0; seed < NETWORKS; seed++) {
            var random = new SplittableRandom(seed);
            List<Layer> layers = layers(random);
            Model network = kind.chain(
                    new NeuralNetConfiguration.Builder()
                            .seed(7)
                            .dataType(DataType.DOUBLE)
                            .updater(new Sgd(0.1)),
                    InputType.recurrent(SIZE, STEPS),
                    layers.toArray(Layer[]::new));
            if (!PrivacyEngine.check(network).isEmpty()) {
                continue;
            }
            looked++;
            frozen += layers.stream().anyMatch(FrozenLayer.class::isInstance) ? 1 : 0;
            DataSet data = data(layers.get(layers.size() - 1) instanceof RnnOutputLayer, random);
            INDArray rows = PerExampleGradients.materialize(network, data);
            for (int i = 0; i < EXAMPLES; i++) {
                INDArray alone = PerExampleGradients.materialize(network, row(data, i));
                assertThat(alone.getRow(0).distance2(rows.getRow(i)))
                        .as("seed %d, example %d of %s", seed, i, names(network))
                        .isLessThan(1e-9 * Math.max(1, alone.norm2Number().doubleValue()));
            }
        }
        assertThat(looked).isGreaterThan(NETWORKS / 4);
        assertThat(frozen).isGreaterThan(5);
    }
}
