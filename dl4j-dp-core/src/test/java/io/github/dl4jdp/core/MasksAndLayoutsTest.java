// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.gradient.GradientRules;
import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.BackpropType;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.CnnLossLayer;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.GravesLSTM;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.LocallyConnected1D;
import org.deeplearning4j.nn.conf.layers.LocallyConnected2D;
import org.deeplearning4j.nn.conf.layers.LossLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PReLULayer;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.conf.layers.RecurrentAttentionLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.conf.layers.util.MaskLayer;
import org.deeplearning4j.nn.conf.layers.util.MaskZeroLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Where DL4J 1.0.0-M2.1 misreads masks, or mixes examples in arrays of a certain shape: exact, or refused before the charge. */
@SuppressWarnings("deprecation") // DL4J calls GravesLSTM deprecated, and networks with it exist
class MasksAndLayoutsTest {
    private static final int EXAMPLES = 5;
    private static final int STEPS = 4;

    private static NeuralNetConfiguration.Builder builder(DataType type) {
        return new NeuralNetConfiguration.Builder().seed(5).dataType(type).updater(new Sgd(0.1));
    }

    private static Layer everyStep() {
        return new RnnOutputLayer.Builder(LossFunction.MCXENT)
                .nOut(2)
                .activation(Activation.SOFTMAX)
                .build();
    }

    private static Layer once() {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(2)
                .activation(Activation.SOFTMAX)
                .build();
    }

    private static DpSgdPlan plan(int examples) {
        return DpSgdPlan.poisson(examples, examples)
                .withSteps(1)
                .withClippingNorm(0.1)
                .withoutNoise()
                .withDelta(1e-5);
    }

    /** The sum that is released before noise, or null where the run was refused and nothing charged. */
    private static INDArray sum(ComputationGraph network, MultiDataSet data, int physicalBatch) {
        var sums = new ArrayList<INDArray>();
        try (var engine = PrivacyEngine.attach(
                network, plan(EXAMPLES), ExecutionOptions.defaults().withPhysicalBatchSize(physicalBatch))) {
            network.setListeners(new BaseTrainingListener() {
                @Override
                public void onGradientCalculation(Model model) {
                    sums.add(network.getFlattenedGradients().castTo(DataType.DOUBLE));
                }
            });
            try {
                network.fit(engine.lots(data), 1);
            } catch (RuntimeException e) {
                assertThat(engine.steps()).as(e.toString()).isZero();
                return Nd4j.empty();
            }
        }
        return sums.get(0);
    }

    /** Both masks of the two inputs of a vertex, under every layer that takes sequences. */
    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"FLOAT", "DOUBLE"})
    void fit_masksOnAllInputsOfAVertex_areReadOrRefused(DataType type) {
        int trained = 0;
        int refused = 0;
        for (GraphVertex vertex :
                new GraphVertex[] {new MergeVertex(), new ElementWiseVertex(ElementWiseVertex.Op.Add)}) {
            for (Layer above : new Layer[] {
                new MaskLayer(),
                new LSTM.Builder().nOut(3).build(),
                new GravesLSTM.Builder().nOut(3).build(),
                new SimpleRnn.Builder().nOut(3).build(),
                new Bidirectional(new LSTM.Builder().nOut(3).build()),
                new LastTimeStep(new LSTM.Builder().nOut(3).build()),
                new GlobalPoolingLayer(PoolingType.MAX),
                new GlobalPoolingLayer(PoolingType.AVG),
                new DenseLayer.Builder().nOut(3).build()
            }) {
                for (boolean labelMask : new boolean[] {false, true}) {
                    boolean isOnce = above instanceof LastTimeStep || above instanceof GlobalPoolingLayer;
                    if (isOnce && labelMask) {
                        continue;
                    }
                    INDArray[] sums = new INDArray[2];
                    for (int i = 0; i < 2; i++) {
                        var network = new ComputationGraph(builder(type)
                                .graphBuilder()
                                .addInputs("a", "b")
                                .addVertex("both", vertex, "a", "b")
                                .addLayer("above", above.clone(), "both")
                                .addLayer("out", isOnce ? once() : everyStep(), "above")
                                .setOutputs("out")
                                .setInputTypes(InputType.recurrent(3, STEPS), InputType.recurrent(3, STEPS))
                                .build());
                        network.init();
                        Nd4j.getRandom().setSeed(3);
                        INDArray first =
                                Nd4j.rand(type, EXAMPLES, STEPS).lt(0.6).castTo(type);
                        INDArray second =
                                Nd4j.rand(type, EXAMPLES, STEPS).lt(0.6).castTo(type);
                        first.getColumn(0).assign(1);
                        INDArray labels = isOnce ? Nd4j.ones(type, EXAMPLES, 2) : Nd4j.ones(type, EXAMPLES, 2, STEPS);
                        var data = new MultiDataSet(
                                new INDArray[] {Nd4j.rand(type, EXAMPLES, 3, STEPS), Nd4j.rand(type, EXAMPLES, 3, STEPS)
                                },
                                new INDArray[] {labels},
                                new INDArray[] {first, second},
                                labelMask ? new INDArray[] {first.dup()} : null);
                        sums[i] = sum(network, data, i == 0 ? 1 : EXAMPLES);
                    }
                    assertThat(sums[0].isEmpty()).isEqualTo(sums[1].isEmpty());
                    if (sums[0].isEmpty()) {
                        refused++;
                    } else {
                        trained++;
                        assertThat(sums[0].distance2(sums[1]))
                                .as(vertex + ", " + above)
                                .isLessThan(1e-5);
                    }
                }
            }
        }
        assertThat(refused).isGreaterThan(1);
        assertThat(trained).isGreaterThan(10);
    }

    /** Booleans and whole numbers are masks too: DL4J would read them as floating-point numbers. */
    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"BOOL", "INT", "FLOAT", "DOUBLE"})
    void materialize_masksOfAnyType_areTheSame(DataType type) {
        for (Layer layer : new Layer[] {
            new LSTM.Builder().nOut(3).build(),
            new SimpleRnn.Builder().nOut(3).build(),
            new MaskLayer(),
            new GravesLSTM.Builder().nOut(3).build()
        }) {
            Model network = NetworkKind.MULTI_LAYER.chain(
                    builder(DataType.DOUBLE), InputType.recurrent(3, STEPS), layer.clone(), everyStep());
            INDArray x = Nd4j.rand(DataType.DOUBLE, EXAMPLES, 3, STEPS);
            INDArray y = Nd4j.ones(DataType.DOUBLE, EXAMPLES, 2, STEPS);
            INDArray mask = Nd4j.rand(DataType.DOUBLE, EXAMPLES, STEPS).lt(0.6).castTo(DataType.DOUBLE);
            INDArray own =
                    PerExampleGradients.materialize(network, new DataSet(x, y, mask.castTo(type), mask.castTo(type)));
            assertThat(own).isEqualTo(PerExampleGradients.materialize(network, new DataSet(x, y, mask, mask.dup())));
        }
    }

    /** DL4J would take it for a mask of the labels. */
    @ParameterizedTest
    @EnumSource
    void fit_maskOfFeaturesWithoutSteps_isRefusedBeforeTheCharge(NetworkKind kind) {
        for (Layer[] layers : new Layer[][] {
            {once()}, {new DenseLayer.Builder().nOut(2).build(), new LossLayer.Builder(LossFunction.MSE).build()}
        }) {
            Model network = kind.chain(builder(DataType.DOUBLE), InputType.feedForward(3), layers);
            var data = new DataSet(
                    Nd4j.rand(DataType.DOUBLE, EXAMPLES, 3),
                    Nd4j.ones(DataType.DOUBLE, EXAMPLES, 2),
                    Nd4j.ones(DataType.DOUBLE, EXAMPLES, 1),
                    null);
            for (int physicalBatch : new int[] {1, EXAMPLES}) {
                try (var engine = PrivacyEngine.attach(
                        network, plan(EXAMPLES), ExecutionOptions.defaults().withPhysicalBatchSize(physicalBatch))) {
                    assertThatThrownBy(() -> kind.fit(network, engine.lots(data), 1))
                            .hasMessageContaining("a mask of features reaches the output layer");
                    assertThat(engine.steps()).isZero();
                }
            }
        }
    }

    /** With one input number a place, DL4J's input gradient of a batch hands the gradients of one example to another. */
    @Test
    void materialize_locallyConnectedOverOneNumber_givesTheRowsOfBatchesOfOne() {
        for (int in = 1; in < 3; in++) {
            for (int kernel = 1; kernel < 3; kernel++) {
                var sequences = (MultiLayerNetwork) NetworkKind.MULTI_LAYER.chain(
                        builder(DataType.DOUBLE),
                        InputType.recurrent(3, STEPS),
                        new SimpleRnn.Builder().nOut(in).build(),
                        new LocallyConnected1D.Builder()
                                .kernelSize(kernel)
                                .nOut(2)
                                .setInputSize(STEPS)
                                .build(),
                        everyStep());
                var data = new DataSet(
                        Nd4j.rand(DataType.DOUBLE, EXAMPLES, 3, STEPS), Nd4j.rand(DataType.DOUBLE, EXAMPLES, 2, STEPS));
                assertRows(sequences, data);
                var images = (MultiLayerNetwork) NetworkKind.MULTI_LAYER.chain(
                        builder(DataType.DOUBLE),
                        InputType.convolutional(4, 3, 2),
                        new ConvolutionLayer.Builder(1, 1).nOut(in).build(),
                        new LocallyConnected2D.Builder()
                                .kernelSize(kernel, kernel)
                                .nOut(2)
                                .setInputSize(4, 3)
                                .build(),
                        new CnnLossLayer.Builder(LossFunction.MSE)
                                .activation(Activation.IDENTITY)
                                .build());
                assertRows(
                        images,
                        new DataSet(
                                Nd4j.rand(DataType.DOUBLE, EXAMPLES, 2, 4, 3),
                                Nd4j.rand(DataType.DOUBLE, EXAMPLES, 2, 4, 3)));
            }
        }
    }

    private static void assertRows(MultiLayerNetwork network, DataSet data) {
        INDArray theirs = BatchesOfOne.gradients(network, data);
        assertThat(PerExampleGradients.materialize(network, data).distance2(theirs))
                .isLessThan(1e-9 * theirs.norm2Number().doubleValue());
    }

    /** LossWasserstein multiplies the labels by their mask, in place. */
    @Test
    void materialize_lossThatWritesOnLabels_leavesTheCallersAlone() {
        for (Layer last : new Layer[] {
            new OutputLayer.Builder(LossFunction.WASSERSTEIN)
                    .nOut(2)
                    .activation(Activation.IDENTITY)
                    .build(),
            new LossLayer.Builder(LossFunction.WASSERSTEIN)
                    .activation(Activation.IDENTITY)
                    .build()
        }) {
            Model network = NetworkKind.MULTI_LAYER.chain(
                    builder(DataType.DOUBLE),
                    InputType.feedForward(3),
                    new DenseLayer.Builder().nOut(2).build(),
                    last);
            INDArray labels = Nd4j.ones(DataType.DOUBLE, EXAMPLES, 2);
            INDArray mask = Nd4j.rand(DataType.DOUBLE, EXAMPLES, 2).lt(0.5).castTo(DataType.DOUBLE);
            var data = new DataSet(Nd4j.rand(DataType.DOUBLE, EXAMPLES, 3), labels, null, mask);
            INDArray rows = PerExampleGradients.materialize(network, data);
            assertThat(labels).isEqualTo(Nd4j.ones(DataType.DOUBLE, EXAMPLES, 2));
            assertThat(PerExampleGradients.materialize(network, data)).isEqualTo(rows);
            try (var engine = PrivacyEngine.attach(network, plan(EXAMPLES))) {
                NetworkKind.MULTI_LAYER.fit(network, engine.lots(data), 1);
                assertThat(engine.steps()).isEqualTo(1);
            }
            assertThat(labels).isEqualTo(Nd4j.ones(DataType.DOUBLE, EXAMPLES, 2));
        }
    }

    /** Layers of a fixed number of steps fail on a last segment that is shorter, when the lot is charged. */
    @Test
    void check_truncatedWithLayersOfOneLength_isRefusedUnlessSegmentsAreEqual() {
        for (Layer fixed : new Layer[] {
            new RecurrentAttentionLayer.Builder()
                    .nIn(2)
                    .nOut(2)
                    .nHeads(1)
                    .headSize(2)
                    .projectInput(true)
                    .build(),
            new PReLULayer.Builder().inputShape(2, 3).build()
        }) {
            var network = new MultiLayerNetwork(builder(DataType.DOUBLE)
                    .list(fixed, everyStep())
                    .setInputType(InputType.recurrent(2, 3))
                    .backpropType(BackpropType.TruncatedBPTT)
                    .tBPTTLength(3)
                    .build());
            network.init();
            DpSgdPlan plan = plan(EXAMPLES);
            assertThat(PrivacyEngine.check(network, plan.withTruncatedBackprop(5, 3), GradientRules.builtIn()))
                    .anySatisfy(problem ->
                            assertThat(problem.reason()).contains("the last segment is shorter than the 3 time steps"));
            assertThat(PrivacyEngine.check(network, plan.withTruncatedBackprop(6, 3), GradientRules.builtIn()))
                    .noneSatisfy(problem -> assertThat(problem.reason()).contains("the last segment"));
        }
    }

    /** The mask and the derivative that DL4J makes do not belong together there. */
    @Test
    void check_maskZeroOverTimeSecond_isRefused() {
        for (Layer inner : List.of(
                new LSTM.Builder().nIn(3).nOut(2).dataFormat(RNNFormat.NWC).build(),
                new GravesLSTM.Builder()
                        .nIn(3)
                        .nOut(2)
                        .dataFormat(RNNFormat.NWC)
                        .build(),
                new SimpleRnn.Builder().nIn(3).nOut(2).dataFormat(RNNFormat.NWC).build())) {
            for (Layer layer : List.of(
                    new LastTimeStep(new MaskZeroLayer(inner.clone(), 0)),
                    new LastTimeStep(new MaskZeroLayer(new Bidirectional(inner.clone()), 0)))) {
                var network = new MultiLayerNetwork(builder(DataType.DOUBLE)
                        .list(
                                layer,
                                new OutputLayer.Builder(LossFunction.MSE)
                                        .nIn(
                                                layer instanceof LastTimeStep last
                                                                && ((MaskZeroLayer) last.getUnderlying())
                                                                                .getUnderlying()
                                                                        instanceof Bidirectional
                                                        ? 4
                                                        : 2)
                                        .nOut(2)
                                        .activation(Activation.IDENTITY)
                                        .build())
                        .build());
                network.init();
                assertThat(PrivacyEngine.check(network))
                        .anySatisfy(problem -> assertThat(problem.reason()).contains("use RNNFormat.NCW"));
            }
        }
    }
}
