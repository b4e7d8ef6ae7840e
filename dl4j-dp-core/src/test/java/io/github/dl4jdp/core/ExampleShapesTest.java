// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.internal.network.ExampleWeights;
import io.github.dl4jdp.core.internal.training.SequencePadding;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.Stream;
import org.deeplearning4j.datasets.iterator.ExistingDataSetIterator;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.Convolution1DLayer;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.GravesBidirectionalLSTM;
import org.deeplearning4j.nn.conf.layers.GravesLSTM;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.conf.layers.RnnLossLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.SelfAttentionLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.conf.layers.util.MaskZeroLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** The length of a sequence, or the size of an image, never depends on the other examples of a batch. */
@SuppressWarnings("deprecation") // DL4J calls GravesLSTM deprecated, and networks with it exist
class ExampleShapesTest {
    private static final int SIZE = 3;
    private static final int EXAMPLES = 12;
    private static final int LONG = 14;
    private static final double CLIPPING_NORM = 1e-3;

    /** Some layers between sequences and a loss. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Case(String name, boolean toOneLabel, Layer... layers) {
        Model network(NetworkKind kind) {
            return kind.chain(
                    new NeuralNetConfiguration.Builder()
                            .seed(5)
                            .dataType(DataType.DOUBLE)
                            .updater(new Sgd(0.1)),
                    InputType.recurrent(SIZE),
                    Stream.of(layers).map(Layer::clone).toArray(Layer[]::new));
        }

        @Override
        public String toString() {
            return name;
        }
    }

    private static LSTM lstm() {
        return new LSTM.Builder().nOut(4).build();
    }

    private static SimpleRnn simple() {
        return new SimpleRnn.Builder().nOut(4).activation(Activation.TANH).build();
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

    /** No declaration is asked of these. */
    static Stream<Case> indifferent() {
        return Stream.of(
                new Case("lstm", false, lstm(), everyStep()),
                new Case("lstm, lstm", false, lstm(), lstm(), everyStep()),
                new Case("graves lstm", false, new GravesLSTM.Builder().nOut(4).build(), everyStep()),
                new Case("simple rnn", false, simple(), everyStep()),
                new Case(
                        "dense between",
                        false,
                        lstm(),
                        new DenseLayer.Builder()
                                .nOut(4)
                                .activation(Activation.TANH)
                                .build(),
                        lstm(),
                        everyStep()),
                new Case(
                        "loss layer",
                        false,
                        lstm(),
                        new LSTM.Builder().nOut(2).build(),
                        new RnnLossLayer.Builder(LossFunction.MSE)
                                .activation(Activation.IDENTITY)
                                .build()),
                new Case("frozen", false, new FrozenLayer(lstm()), simple(), everyStep()),
                new Case("last step", true, new LastTimeStep(lstm()), once()),
                new Case("average", true, lstm(), new GlobalPoolingLayer(PoolingType.AVG), once()),
                new Case("maximum", true, simple(), new GlobalPoolingLayer(PoolingType.MAX), once()),
                new Case("sum", true, lstm(), new GlobalPoolingLayer(PoolingType.SUM), once()),
                new Case("norm", true, lstm(), new GlobalPoolingLayer(PoolingType.PNORM), once()));
    }

    /** Padding changes gradients in these, or may. */
    @SuppressWarnings("deprecation") // networks with GravesBidirectionalLSTM exist
    static Stream<Case> sensitive() {
        return Stream.of(
                new Case("bidirectional", false, new Bidirectional(lstm()), everyStep()),
                new Case("bidirectional, last", true, new LastTimeStep(new Bidirectional(simple())), once()),
                new Case(
                        "graves bidirectional",
                        false,
                        new GravesBidirectionalLSTM.Builder().nOut(4).build(),
                        everyStep()),
                new Case("mask zero", false, new MaskZeroLayer(lstm(), 0), everyStep()),
                new Case("convolution", false, convolution(), convolution(), everyStep()),
                new Case("frozen convolution", false, new FrozenLayer(convolution()), lstm(), everyStep()),
                new Case(
                        "attention",
                        true,
                        new SelfAttentionLayer.Builder()
                                .nOut(4)
                                .nHeads(1)
                                .projectInput(true)
                                .build(),
                        new GlobalPoolingLayer(PoolingType.MAX),
                        once()),
                new Case(
                        "dropout",
                        false,
                        new LSTM.Builder().nOut(4).dropOut(0.5).build(),
                        everyStep()));
    }

    private static Layer convolution() {
        return new Convolution1DLayer.Builder(3)
                .nOut(4)
                .convolutionMode(ConvolutionMode.Same)
                .activation(Activation.SIGMOID)
                .build();
    }

    /** Sequences of these lengths, padded to {@code steps}, with masks. */
    private static DataSet data(Case one, int[] lengths, int steps, long seed) {
        var random = new SplittableRandom(seed);
        int n = lengths.length;
        INDArray x = Nd4j.zeros(DataType.DOUBLE, n, SIZE, steps);
        INDArray mask = Nd4j.zeros(DataType.DOUBLE, n, steps);
        INDArray y = one.toOneLabel() ? Nd4j.zeros(DataType.DOUBLE, n, 2) : Nd4j.zeros(DataType.DOUBLE, n, 2, steps);
        for (int i = 0; i < n; i++) {
            int label = random.nextInt(2);
            if (one.toOneLabel()) {
                y.putScalar(i, label, 1);
            }
            for (int t = 0; t < lengths[i]; t++) {
                mask.putScalar(i, t, 1);
                if (!one.toOneLabel()) {
                    y.putScalar(new int[] {i, label, t}, 1);
                }
                for (int j = 0; j < SIZE; j++) {
                    x.putScalar(new int[] {i, j, t}, random.nextDouble(-1, 1));
                }
            }
        }
        return new DataSet(x, y, mask, one.toOneLabel() ? null : mask.dup());
    }

    /** What makes the list of indifferent layers true: an example alone at its own length has the gradient that it has padded. */
    @ParameterizedTest
    @MethodSource("indifferent")
    void materialize_indifferentLayers_givesTheSameForEveryLength(Case one) {
        for (var kind : NetworkKind.all()) {
            Model network = one.network(kind);
            for (int length = 2; length < 6; length++) {
                INDArray own = PerExampleGradients.materialize(network, data(one, new int[] {length}, length, length));
                for (int steps = length + 1; steps < length + 8; steps += 3) {
                    INDArray padded =
                            PerExampleGradients.materialize(network, data(one, new int[] {length}, steps, length));
                    assertThat(padded.distance2(own))
                            .as("%s of %d steps padded to %d", one, length, steps)
                            .isLessThan(1e-9 * Math.max(1, own.norm2Number().doubleValue()));
                }
            }
        }
    }

    private static DpSgdPlan plan() {
        return DpSgdPlan.givenBatches(EXAMPLES, EXAMPLES)
                .withRelation(NeighboringRelation.REPLACE_ONE)
                .withEpochs(1)
                .withClippingNorm(CLIPPING_NORM)
                .withoutNoise()
                .withDelta(1e-5);
    }

    /** The clipped sum over a batch that an iterator has padded to its longest sequence. */
    private static INDArray sum(Case one, NetworkKind kind, DpSgdPlan plan, boolean longOne) {
        int[] lengths = new int[EXAMPLES];
        int longest = 0;
        var random = new SplittableRandom(3);
        for (int i = 0; i < EXAMPLES; i++) {
            int length = 2 + random.nextInt(4);
            lengths[i] = longOne && i == 4 ? LONG : length;
            longest = Math.max(longest, lengths[i]);
        }
        // Row by row, so that only the fourth example differs.
        var rows = new ArrayList<DataSet>();
        for (int i = 0; i < EXAMPLES; i++) {
            rows.add(data(one, new int[] {lengths[i]}, longest, i));
        }
        Model network = one.network(kind);
        INDArray before = network.params().dup();
        try (var engine =
                PrivacyEngine.attach(network, plan, ExecutionOptions.defaults().withPhysicalBatchSize(5))) {
            kind.fit(network, engine.lots(new ExistingDataSetIterator(List.of(DataSet.merge(rows)))), 1);
            assertThat(engine.steps()).isEqualTo(1);
        }
        return before.subi(network.params()).muli(EXAMPLES / 0.1);
    }

    @ParameterizedTest
    @MethodSource("indifferent")
    void fit_undeclaredLength_staysWithinTheBoundWherePaddingChangesNothing(Case one) {
        for (var kind : NetworkKind.all()) {
            assertThat(sum(one, kind, plan(), false).distance2(sum(one, kind, plan(), true)))
                    .isLessThanOrEqualTo(2 * CLIPPING_NORM * (1 + 1e-5));
        }
    }

    @ParameterizedTest
    @MethodSource("sensitive")
    void fit_sensitiveLayers_needADeclaredLengthAndThenStayWithinTheBound(Case one) {
        for (var kind : NetworkKind.all()) {
            assertThatThrownBy(() -> sum(one, kind, plan(), false))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("must not depend on the other examples")
                    .hasMessageContaining("withSequenceLength");
            if (!one.name().equals("dropout")) {
                DpSgdPlan declared = plan().withSequenceLength(LONG + 2);
                assertThat(sum(one, kind, declared, false).distance2(sum(one, kind, declared, true)))
                        .isLessThanOrEqualTo(2 * CLIPPING_NORM * (1 + 1e-5));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void fit_longerThanDeclared_isRefusedWithoutARelease(NetworkKind kind) {
        var one = new Case("lstm", false, lstm(), everyStep());
        assertThatThrownBy(() -> sum(one, kind, plan().withSequenceLength(LONG - 1), true))
                .hasMessageContaining("sequenceLength = " + (LONG - 1))
                .hasMessageContaining("has " + LONG);
    }

    /** What has one shape by construction needs no declaration. */
    @Test
    void lots_arraysInMemory_needNoDeclaration() {
        var one = new Case("convolution", false, convolution(), everyStep());
        int[] lengths = new int[EXAMPLES];
        Arrays.setAll(lengths, i -> 1 + i % 5);
        Model network = one.network(NetworkKind.MULTI_LAYER);
        var plan = DpSgdPlan.poisson(EXAMPLES, 6)
                .withSteps(2)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5);
        try (var engine = PrivacyEngine.attach(network, plan)) {
            NetworkKind.MULTI_LAYER.fit(network, engine.lots(data(one, lengths, 6, 1)), 1);
            assertThat(engine.report().assumptions())
                    .anySatisfy(line -> assertThat(line).contains("was not derived from the training data"));
        }
    }

    /** A length that never varies is a public constant; one that does shows before its charge. */
    @ParameterizedTest
    @EnumSource
    void fit_undeclaredWithoutMasks_isHeldToTheFirstLength(NetworkKind kind) {
        for (var one : List.of(
                new Case("lstm", false, lstm(), everyStep()),
                new Case("bidirectional", false, new Bidirectional(lstm()), everyStep()),
                new Case("convolution", false, convolution(), everyStep()))) {
            Model network = one.network(kind);
            DpSgdPlan plan = DpSgdPlan.givenBatches(9, 3)
                    .withEpochs(1)
                    .withClippingNorm(1)
                    .withNoiseMultiplier(1)
                    .withDelta(1e-5);
            try (var engine = PrivacyEngine.attach(network, plan)) {
                var lots = engine.lots(
                        new ExistingDataSetIterator(List.of(unmasked(one, 4), unmasked(one, 4), unmasked(one, 5))));
                kind.fit(network, lots.next());
                kind.fit(network, lots.next());
                assertThatThrownBy(lots::next)
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("features 0 had [3, 4] in the first one, and have [3, 5]")
                        .hasMessageContaining("withSequenceLength");
                assertThat(engine.steps()).isEqualTo(2);
                assertThat(engine.report().assumptions())
                        .anySatisfy(line -> assertThat(line).contains("was not derived from the training data"));
            }
        }
    }

    private static DataSet unmasked(Case one, int steps) {
        DataSet data = data(one, new int[] {steps, steps, steps}, steps, 1);
        data.setFeaturesMaskArray(null);
        data.setLabelsMaskArray(null);
        return data;
    }

    /** What outside code hands over: a source of its own that declares nothing. */
    private record Own(long size, Function<long[], MultiDataSet> reads) implements RandomAccessExamples {
        @Override
        public MultiDataSet get(long[] indices) {
            return reads.apply(indices);
        }
    }

    private static RandomAccessExamples images(long size, long height, long width) {
        INDArray all = Nd4j.rand(DataType.FLOAT, size, 1, height, width);
        return new Own(
                size,
                indices -> new org.nd4j.linalg.dataset.MultiDataSet(
                        Nd4j.pullRows(
                                        all.reshape(size, height * width),
                                        1,
                                        Arrays.stream(indices)
                                                .mapToInt(i -> (int) i)
                                                .toArray())
                                .reshape(indices.length, 1, height, width),
                        Nd4j.ones(DataType.FLOAT, indices.length, 2)));
    }

    private static Layer pixels() {
        return new ConvolutionLayer.Builder(3, 3)
                .nOut(2)
                .convolutionMode(ConvolutionMode.Same)
                .build();
    }

    @ParameterizedTest
    @EnumSource
    void fit_ownImagesOfOneSize_needNoDeclaration(NetworkKind kind) {
        DpSgdPlan plan = DpSgdPlan.poisson(EXAMPLES, 6)
                .withSteps(3)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5);
        for (Layer[] layers : new Layer[][] {
            {pixels(), new DenseLayer.Builder().nOut(4).build(), once()},
            {pixels(), new GlobalPoolingLayer(PoolingType.AVG), once()},
            {new DenseLayer.Builder().nOut(4).build(), once()}
        }) {
            Model network = kind.chain(
                    new NeuralNetConfiguration.Builder().seed(5).updater(new Sgd(0.1)),
                    InputType.convolutional(6, 6, 1),
                    layers);
            try (var engine = PrivacyEngine.attach(network, plan)) {
                kind.fit(network, engine.lots(images(EXAMPLES, 6, 6)), 2);
                assertThat(engine.steps()).isEqualTo(3);
            }
        }
    }

    /** Also after the model was stored: the shape is one of the run, not of the process. */
    @Test
    void fit_ownImagesOfAnotherSize_areRefusedBeforeTheCharge() throws IOException {
        var network = (MultiLayerNetwork) NetworkKind.MULTI_LAYER.chain(
                new NeuralNetConfiguration.Builder().seed(5).updater(new Sgd(0.1)),
                InputType.convolutional(6, 6, 1),
                pixels(),
                new GlobalPoolingLayer(PoolingType.AVG),
                once());
        DpSgdPlan plan = DpSgdPlan.poisson(EXAMPLES, 6)
                .withSteps(9)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5);
        var engine = PrivacyEngine.attach(network, plan);
        network.fit(engine.lots(images(EXAMPLES, 6, 6)).next());
        assertThatThrownBy(() -> network.fit(engine.lots(images(EXAMPLES, 8, 6)), 1))
                .hasMessageContaining("features 0 had [1, 6, 6] in the first one, and have [1, 8, 6]");
        assertThat(engine.steps()).isEqualTo(1);
        engine.close();
        var stored = new ByteArrayOutputStream();
        ModelSerializer.writeModel(network, stored, true);
        var restored = ModelSerializer.restoreMultiLayerNetwork(new ByteArrayInputStream(stored.toByteArray()), true);
        try (var next = PrivacyEngine.attach(restored, plan)) {
            assertThatThrownBy(() -> restored.fit(next.lots(images(EXAMPLES, 8, 6)), 1))
                    .hasMessageContaining("features 0 had [1, 6, 6]");
            restored.fit(next.lots(images(EXAMPLES, 6, 6)).next());
            assertThat(next.steps()).isEqualTo(2);
        }
    }

    @Test
    void lots_imagesOfVaryingSize_areRefused() {
        var kind = NetworkKind.MULTI_LAYER;
        for (boolean declared : new boolean[] {false, true}) {
            Model network = kind.chain(
                    new NeuralNetConfiguration.Builder().seed(5).updater(new Sgd(0.1)),
                    InputType.convolutional(6, 6, 1),
                    pixels(),
                    new GlobalPoolingLayer(PoolingType.AVG),
                    once());
            DataSet small = new DataSet(Nd4j.rand(3, 1, 6, 6), Nd4j.ones(3, 2));
            DataSet large = new DataSet(Nd4j.rand(3, 1, 8, 8), Nd4j.ones(3, 2));
            DpSgdPlan plan = DpSgdPlan.givenBatches(6, 3)
                    .withEpochs(1)
                    .withClippingNorm(1)
                    .withNoiseMultiplier(1)
                    .withDelta(1e-5);
            try (var engine = PrivacyEngine.attach(network, declared ? plan.withImageSize(6, 6) : plan)) {
                var lots = engine.lots(new ExistingDataSetIterator(List.of(small, large)));
                kind.fit(network, lots.next());
                assertThat(engine.steps()).isEqualTo(1);
                assertThatThrownBy(lots::next).hasMessageContaining(declared ? "imageSize = [6, 6]" : "have [1, 8, 8]");
                assertThat(engine.steps()).isEqualTo(1);
            }
        }
    }

    @Test
    void plan_declaredShape_isPartOfIt() {
        DpSgdPlan plan = plan().withSequenceLength(40).withImageSize(28, 30);
        assertThat(plan)
                .isNotEqualTo(plan())
                .isEqualTo(plan().withImageSize(28, 30).withSequenceLength(40));
        assertThat(plan.toString()).contains("sequences of 40 time steps, images of 28 x 30");
        assertThat(PlanJson.fromMap(PlanJson.toMap(plan))).isEqualTo(plan);
        assertThat(plan.isSameMechanismAs(plan())).isFalse();
        assertThatThrownBy(() -> plan().withSequenceLength(0)).hasMessageContaining("at least 1, was 0");
        assertThatThrownBy(() -> plan().withImageSize(3)).hasMessageContaining("were [3]");
        assertThatThrownBy(() -> plan().withTruncatedBackprop(10, 5).withSequenceLength(10))
                .hasMessageContaining("maximumLength = 10");
    }

    /** Weights of examples go on every step, and padding has none. */
    @Test
    void padAll_tokensWeightsAndMissingMasks_getTheLength() {
        INDArray tokens = Nd4j.ones(DataType.DOUBLE, 2, 3);
        INDArray labels = Nd4j.ones(DataType.DOUBLE, 2, 1, 3);
        INDArray weights = Nd4j.createFromArray(0.5, 2.0).reshape(2, 1);
        var batch = new org.nd4j.linalg.dataset.MultiDataSet(
                new INDArray[] {tokens}, new INDArray[] {labels}, null, new INDArray[] {weights});
        var padded = SequencePadding.padAll(batch, 5, Set.of(0), true);
        assertThat(padded.getFeatures(0).shape()).containsExactly(2, 5);
        assertThat(padded.getLabels(0).shape()).containsExactly(2, 1, 5);
        assertThat(padded.getFeaturesMaskArray(0).sumNumber().doubleValue()).isEqualTo(6);
        assertThat(padded.getLabelsMaskArray(0)
                        .get(NDArrayIndex.point(1), NDArrayIndex.all())
                        .toDoubleVector())
                .containsExactly(2, 2, 2, 0, 0);
        var weighted = ExampleWeights.of(padded, DataType.DOUBLE);
        assertThat(Objects.requireNonNull(weighted.weights())[0]).containsExactly(0.5, 2);
    }
}
