// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.accountant.RunCount;
import io.github.dl4jdp.core.data.InMemoryExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.data.RecordExamples;
import io.github.dl4jdp.core.gradient.GradientRules;
import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.function.DoubleSupplier;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.deeplearning4j.datasets.iterator.utilty.ListDataSetIterator;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.memory.conf.WorkspaceConfiguration;
import org.nd4j.linalg.api.memory.enums.AllocationPolicy;
import org.nd4j.linalg.api.memory.enums.LearningPolicy;
import org.nd4j.linalg.api.memory.enums.ResetPolicy;
import org.nd4j.linalg.api.memory.enums.SpillPolicy;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** In a caller's workspace, which is opened again and again, everything is as without one: what the library keeps is not in it. */
class WorkspacesTest {
    private static final int EXAMPLES = 40;
    private static final int STEPS = 4;
    private static final int CLASSES = 2;

    /** Of which configuration the caller's workspace is. */
    enum Configuration {
        NONE(WorkspaceConfiguration.builder().build()),
        DEFAULT(WorkspaceConfiguration.builder().build()),
        STRICT(WorkspaceConfiguration.builder()
                .initialSize(4_000_000)
                .policyAllocation(AllocationPolicy.STRICT)
                .policyLearning(LearningPolicy.NONE)
                .policySpill(SpillPolicy.EXTERNAL)
                .build()),
        CIRCULAR(WorkspaceConfiguration.builder()
                .initialSize(200_000)
                .policyAllocation(AllocationPolicy.STRICT)
                .policyLearning(LearningPolicy.NONE)
                .policyReset(ResetPolicy.ENDOFBUFFER_REACHED)
                .policySpill(SpillPolicy.EXTERNAL)
                .build()),
        FIRST_LOOP(WorkspaceConfiguration.builder()
                .initialSize(0)
                .overallocationLimit(0.5)
                .policyAllocation(AllocationPolicy.OVERALLOCATE)
                .policyLearning(LearningPolicy.FIRST_LOOP)
                .policySpill(SpillPolicy.REALLOCATE)
                .build());

        @SuppressWarnings("ImmutableEnumChecker") // nothing changes it
        private final WorkspaceConfiguration configuration;

        Configuration(WorkspaceConfiguration configuration) {
            this.configuration = configuration;
        }

        MemoryWorkspace open() {
            return this == NONE
                    ? Nd4j.getMemoryManager().scopeOutOfWorkspaces()
                    : Nd4j.getWorkspaceManager().getAndActivateWorkspace(configuration, "CALLER " + this);
        }

        /** What a caller's next loop does: it opens the workspace and fills it with other numbers. */
        void overwrite() {
            try (MemoryWorkspace again = open()) {
                for (int i = 0; i < 40; i++) {
                    Nd4j.rand(DataType.DOUBLE, 2_000).subi(0.5);
                }
            }
        }
    }

    /** How the arrays of the data lie. */
    enum Arrangement {
        ROWS_OF_A_TABLE {
            @Override
            INDArray of(INDArray array) {
                return Nd4j.concat(0, array, array).get(NDArrayIndex.interval(0, array.size(0)));
            }
        },
        COLUMN_ORDER {
            @Override
            INDArray of(INDArray array) {
                return array.dup('f');
            }
        },
        AS_THEY_ARE {
            @Override
            INDArray of(INDArray array) {
                return array;
            }
        },
        IN_THE_WORKSPACE {
            @Override
            INDArray of(INDArray array) {
                return array.dup('c');
            }
        };

        abstract INDArray of(INDArray array);
    }

    /** What the network is made of. */
    enum Body {
        DENSE(8) {
            @Override
            MultiLayerConfiguration layers(NeuralNetConfiguration.ListBuilder list) {
                return list.layer(new DenseLayer.Builder().nOut(5).build())
                        .layer(output())
                        .setInputType(InputType.feedForward(8))
                        .build();
            }
        },
        CONVOLUTIONAL(2, 4, 4) {
            @Override
            MultiLayerConfiguration layers(NeuralNetConfiguration.ListBuilder list) {
                return list.layer(new ConvolutionLayer.Builder(3, 3).nOut(3).build())
                        .layer(output())
                        .setInputType(InputType.convolutional(4, 4, 2))
                        .build();
            }
        },
        RECURRENT(3, 5) {
            @Override
            MultiLayerConfiguration layers(NeuralNetConfiguration.ListBuilder list) {
                return list.layer(new LSTM.Builder().nOut(4).build())
                        .layer(new RnnOutputLayer.Builder(LossFunction.MCXENT)
                                .nOut(CLASSES)
                                .activation(Activation.SOFTMAX)
                                .build())
                        .setInputType(InputType.recurrent(3, 5))
                        .build();
            }
        };

        @SuppressWarnings("ImmutableEnumChecker") // nothing changes it
        private final long[] example;

        Body(long... example) {
            this.example = example;
        }

        abstract MultiLayerConfiguration layers(NeuralNetConfiguration.ListBuilder list);

        static OutputLayer output() {
            return new OutputLayer.Builder(LossFunction.MCXENT)
                    .nOut(CLASSES)
                    .activation(Activation.SOFTMAX)
                    .build();
        }

        Model network(NetworkKind kind, DataType type, IUpdater updater) {
            var network = new MultiLayerNetwork(layers(new NeuralNetConfiguration.Builder()
                    .seed(5)
                    .dataType(type)
                    .updater(updater)
                    .activation(Activation.TANH)
                    .list()));
            network.init();
            return kind == NetworkKind.GRAPH ? network.toComputationGraph() : network;
        }

        /** The same numbers every time; series with masks. */
        DataSet data(DataType type) {
            var random = new Random(3);
            long[] shape = new long[example.length + 1];
            shape[0] = EXAMPLES;
            System.arraycopy(example, 0, shape, 1, example.length);
            INDArray features = Nd4j.create(type, shape);
            fill(features, () -> random.nextGaussian());
            if (this != RECURRENT) {
                INDArray labels = Nd4j.create(type, EXAMPLES, CLASSES);
                for (int i = 0; i < EXAMPLES; i++) {
                    labels.putScalar(i, random.nextInt(CLASSES), 1);
                }
                return new DataSet(features, labels);
            }
            INDArray labels = Nd4j.create(type, EXAMPLES, CLASSES, 5);
            INDArray mask = Nd4j.ones(type, EXAMPLES, 5);
            for (int i = 0; i < EXAMPLES; i++) {
                for (int t = 0; t < 5; t++) {
                    labels.putScalar(new int[] {i, random.nextInt(CLASSES), t}, 1);
                }
                mask.putScalar(i, 4, random.nextInt(2));
            }
            return new DataSet(features, labels, mask, mask.dup());
        }

        private static void fill(INDArray array, DoubleSupplier numbers) {
            for (long i = 0; i < array.length(); i++) {
                array.putScalar(i, numbers.getAsDouble());
            }
        }
    }

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    File folder;

    @AfterEach
    void destroyWorkspaces() {
        Nd4j.getWorkspaceManager().destroyAllWorkspacesForCurrentThread();
    }

    private static DataSet map(DataSet data, UnaryOperator<INDArray> function) {
        var mapped = InMemoryExamples.map(InMemoryExamples.toMultiDataSet(data), function);
        return new DataSet(
                mapped.getFeatures(0),
                mapped.getLabels(0),
                mapped.getFeaturesMaskArrays() == null ? null : mapped.getFeaturesMaskArrays()[0],
                mapped.getLabelsMaskArrays() == null ? null : mapped.getLabelsMaskArrays()[0]);
    }

    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(EXAMPLES, 20)
                .withSteps(STEPS)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5)
                .withSeed(11);
    }

    private record Trained(INDArray parameters, INDArray state) {}

    private record Run(NetworkKind kind, Body body, DataType type, boolean adam, Arrangement arrangement, int batch) {
        /** A caller's loop, whose first turn does everything that is done once. */
        Trained train(Configuration caller, File folder) throws IOException {
            Model network = body.network(kind, type, adam ? new Adam(0.1) : new Sgd(0.1));
            DataSet data = body.data(type);
            PrivacyEngine engine = null;
            DataSetIterator lots = null;
            while (engine == null || engine.remainingSteps() > 0) {
                try (MemoryWorkspace turn = caller.open()) {
                    if (engine == null || lots == null) {
                        engine = PrivacyEngine.attach(
                                network, plan(), ExecutionOptions.defaults().withPhysicalBatchSize(batch));
                        lots = engine.lots(map(data, arrangement::of));
                    }
                    if (!lots.hasNext()) {
                        lots.reset();
                    }
                    kind.fit(network, lots.next());
                    network.params().mul(2);
                }
                caller.overwrite();
            }
            try (MemoryWorkspace turn = caller.open()) {
                engine.close();
            }
            caller.overwrite();
            File file = new File(folder, kind + "-" + caller + ".zip");
            ModelSerializer.writeModel(network, file, true);
            Model restored = kind.restore(file);
            assertThat(restored.params()).isEqualTo(network.params());
            return new Trained(
                    restored.params(), Objects.requireNonNullElse(kind.updaterState(restored), Nd4j.empty()));
        }
    }

    @ParameterizedTest
    @EnumSource(value = Configuration.class, mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    void fit_inACallersWorkspace_trainsAsOutside(Configuration caller) throws IOException {
        var random = new Random(caller.name().hashCode());
        for (Body body : Body.values()) {
            for (Arrangement arrangement : Arrangement.values()) {
                var run = new Run(
                        random.nextBoolean() ? NetworkKind.MULTI_LAYER : NetworkKind.GRAPH,
                        body,
                        random.nextBoolean() ? DataType.FLOAT : DataType.DOUBLE,
                        random.nextInt(3) > 0,
                        arrangement,
                        random.nextBoolean() ? 100 : 6);

                assertThat(run.train(caller, folder))
                        .as("%s %s", caller, run)
                        .isEqualTo(run.train(Configuration.NONE, folder));
            }
        }
    }

    /** A preprocessor that makes its result wherever it is called. */
    private static final class Doubling implements DataSetPreProcessor {
        private static final long serialVersionUID = 1L;

        @Override
        public void preProcess(org.nd4j.linalg.dataset.api.DataSet data) {
            data.setFeatures(data.getFeatures().mul(2));
        }
    }

    @Test
    void next_preProcessedInAWorkspace_isNotInIt() {
        var network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        DataSet data = Networks.data(DataType.FLOAT, EXAMPLES);
        GradientRules rules = GradientRules.builtIn().withPreProcessor(new Doubling(), data.copy());
        try (var engine = PrivacyEngine.attach(network, plan(), ExecutionOptions.defaults(), rules)) {
            DataSetIterator lots = engine.lots(data);
            lots.setPreProcessor(new Doubling());
            DataSet lot;
            try (MemoryWorkspace turn = Configuration.STRICT.open()) {
                lot = lots.next();
            }
            Configuration.STRICT.overwrite();

            network.fit(lot); // checks that its values are those that were handed out

            assertThat(engine.steps()).isEqualTo(1);
        }
    }

    /** Gives batches in a ring of its own, which has room for three of them: iterators that read ahead are like that. */
    private static final class InOwnRing extends ListDataSetIterator<DataSet> {
        private static final long serialVersionUID = 1L;
        private static final WorkspaceConfiguration RING = WorkspaceConfiguration.builder()
                .initialSize(1_000)
                .policyAllocation(AllocationPolicy.STRICT)
                .policyLearning(LearningPolicy.NONE)
                .policyReset(ResetPolicy.ENDOFBUFFER_REACHED)
                .build();

        InOwnRing(List<DataSet> batches, int batch) {
            super(batches, batch);
        }

        @Override
        public synchronized DataSet next() {
            return inRing(super.next());
        }

        static DataSet inRing(DataSet batch) {
            try (MemoryWorkspace own = Nd4j.getWorkspaceManager().getAndActivateWorkspace(RING, "RING")) {
                return map(batch, INDArray::dup);
            }
        }
    }

    @Test
    void inMemory_iteratorWithARingOfItsOwn_keepsEveryBatch() {
        DataSet data = Networks.data(DataType.FLOAT, EXAMPLES);

        RandomAccessExamples examples = RecordExamples.inMemory(new InOwnRing(data.asList(), 10));

        for (int i = 0; i < EXAMPLES; i++) {
            assertThat(examples.get(new long[] {i}).getFeatures(0))
                    .isEqualTo(data.get(i).getFeatures());
        }
    }

    @Test
    void next_givenBatchHandedOutAgain_isTheSame() {
        var network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        DataSet data = Networks.data(DataType.FLOAT, EXAMPLES);
        DpSgdPlan plan = DpSgdPlan.givenBatches(EXAMPLES, 10)
                .withEpochs(1)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5);
        try (var engine = PrivacyEngine.attach(network, plan)) {
            DataSetIterator lots = engine.lots(new InOwnRing(data.asList(), 10));
            network.setListeners(new BaseTrainingListener() {
                @Override
                public void onForwardPass(Model model, List<INDArray> activations) {
                    throw new IllegalStateException("on the way");
                }
            });
            DataSet lot = lots.next();
            assertThatThrownBy(() -> network.fit(lot)).hasMessage("on the way");
            network.setListeners();
            for (int i = 0; i < 4; i++) {
                InOwnRing.inRing(Networks.data(DataType.FLOAT, 10)); // read ahead
            }

            assertThat(lots.next().getFeatures()).isEqualTo(data.getFeatures().get(NDArrayIndex.interval(0, 10)));
        }
    }

    /** Makes each batch when it is asked whether there is one. */
    private static final class Generating implements Supplier<DataSet> {
        private final List<DataSet> made = new ArrayList<>();

        @Override
        public DataSet get() {
            DataSet one = map(Networks.data(DataType.FLOAT, 10), INDArray::dup);
            made.add(one);
            return one;
        }
    }

    @Test
    void hasNext_batchMadeInAWorkspace_isNotInIt() {
        var network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        DpSgdPlan plan = DpSgdPlan.givenBatches(EXAMPLES, 10)
                .withEpochs(1)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5);
        var source = new Generating();
        var iterator = new ListDataSetIterator<>(
                Networks.data(DataType.FLOAT, EXAMPLES).asList(), 10) {
            private static final long serialVersionUID = 1L;

            @Override
            public synchronized boolean hasNext() {
                source.get();
                return super.hasNext();
            }
        };
        try (var engine = PrivacyEngine.attach(network, plan)) {
            DataSetIterator lots = engine.lots(iterator);
            try (MemoryWorkspace turn = Configuration.STRICT.open()) {
                assertThat(lots.hasNext()).isTrue();
            }

            assertThat(source.made).isNotEmpty().noneMatch(one -> one.getFeatures()
                    .isAttached());
        }
    }

    /** A network that uses the array itself. */
    private static Model ofParameters(Model like, INDArray parameters) {
        if (like instanceof ComputationGraph graph) {
            var network = new ComputationGraph(graph.getConfiguration().clone());
            network.init(parameters, false);
            return network;
        }
        var network = new MultiLayerNetwork(
                ((MultiLayerNetwork) like).getLayerWiseConfigurations().clone());
        network.init(parameters, false);
        return network;
    }

    @ParameterizedTest
    @EnumSource(NetworkKind.class)
    void attach_parametersInAWorkspace_isRefused(NetworkKind kind) {
        Model built = kind.classifier(DataType.FLOAT, new Sgd(0.1));
        try (MemoryWorkspace turn = Configuration.STRICT.open()) {
            INDArray parameters = built.params().dup();
            Model network = ofParameters(built, parameters);

            assertThatThrownBy(() -> PrivacyEngine.attach(network, plan()))
                    .isInstanceOf(UnsupportedModelException.class)
                    .hasMessageContaining("are in an ND4J workspace")
                    .hasMessageContaining("train a clone() made there");
        }
        PrivacyEngine.attach(kind.copy(built), plan()).close();
    }

    @ParameterizedTest
    @EnumSource(NetworkKind.class)
    void attach_stateOfTheUpdaterInAWorkspace_isRefused(NetworkKind kind) {
        Model network = kind.classifier(DataType.FLOAT, new Adam(0.1));
        try (MemoryWorkspace turn = Configuration.STRICT.open()) {
            kind.updaterState(network); // DL4J makes it here
        }

        assertThatThrownBy(() -> PrivacyEngine.attach(network, plan()))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("the state of its updater are in an ND4J workspace");
    }

    @ParameterizedTest
    @EnumSource(NetworkKind.class)
    void forget_inAWorkspace_makesNoStateInIt(NetworkKind kind) {
        Model network = kind.classifier(DataType.FLOAT, new Adam(0.1));
        try (MemoryWorkspace turn = Configuration.STRICT.open()) {
            PrivacyEngine.forget(network, "a test");
        }

        assertThat(Objects.requireNonNull(kind.updaterState(network)).isAttached())
                .isFalse();
        PrivacyEngine.attach(network, plan()).close();
    }

    @ParameterizedTest
    @EnumSource(NetworkKind.class)
    void norms_ofAnAttachedNetworkInAWorkspace_areThoseOutside(NetworkKind kind) {
        Model network = kind.classifier(DataType.FLOAT, new Sgd(0.1));
        DataSet data = Networks.data(DataType.FLOAT, 10);
        try (var engine = PrivacyEngine.attach(network, plan())) {
            INDArray outside = PerExampleGradients.norms(network, data);
            INDArray inside;
            try (MemoryWorkspace turn = Configuration.STRICT.open()) {
                inside = PerExampleGradients.norms(network, data);
            }
            Configuration.STRICT.overwrite();

            assertThat(inside).isEqualTo(outside);
            assertThat(engine.steps()).isZero();
        }
    }

    @Test
    void withPrivateAccuracy_validationDataInAWorkspace_areKept() {
        DataSet training = Networks.data(DataType.FLOAT, EXAMPLES);
        PrivateSearch<Integer> search = PrivateSearch.of(
                DpSgdPlan.poisson(EXAMPLES, 20)
                        .withSteps(1)
                        .withClippingNorm(1)
                        .withNoiseMultiplier(4)
                        .withDelta(1e-5),
                List.of(1),
                RunCount.geometric(1.5));
        try (MemoryWorkspace turn = Configuration.STRICT.open()) {
            INDArray labels = Nd4j.create(DataType.FLOAT, EXAMPLES, Networks.CLASSES);
            labels.getColumn(0).assign(1);
            search = search.withPrivateAccuracy(
                    new DataSet(Nd4j.zeros(DataType.FLOAT, EXAMPLES, Networks.INPUTS), labels), 0.1);
        }
        Configuration.STRICT.overwrite();

        var best = search.run(
                candidate -> {
                    var network = Networks.classifier(DataType.FLOAT, new Sgd(1e-3));
                    network.getLayer(1).getParam("b").putScalar(0, 5);
                    return network;
                },
                RandomAccessExamples.of(training));

        // The noise has a standard deviation of 1/400 of the score.
        assertThat(best.score()).isBetween(0.95, 1.05);
    }

    @Test
    void balanced_inAWorkspace_isNotInIt() {
        try (MemoryWorkspace turn = Configuration.STRICT.open()) {
            assertThat(ClassWeights.balanced(1, 2).isAttached()).isFalse();
        }
    }
}
