// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.RepeatAndSelect;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.PrivacyLedger;
import io.github.dl4jdp.accountant.PrivacyLedger.Charge;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import io.github.dl4jdp.accountant.RdpAccountant;
import io.github.dl4jdp.accountant.RunCount;
import io.github.dl4jdp.core.data.GroupedExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.weights.WeightInit;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

class PrivateSearchTest {
    private static final DataSet TRAIN = Networks.data(DataType.FLOAT, 60);
    private static final RunCount COUNT = RunCount.geometric(3);
    private static final double DELTA = 1e-5;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static DpSgdPlan draft() {
        return DpSgdPlan.poisson(60, 20).withSteps(3).withClippingNorm(1.0);
    }

    private static PrivateSearch<Double> search(DpSgdPlan draft) {
        return PrivateSearch.of(draft, List.of(0.03, 0.3), COUNT)
                .withPrivateAccuracy(Networks.data(DataType.FLOAT, 30), 4)
                .calibratedTo(new PrivacyGuarantee(3.0, DELTA));
    }

    private static MultiLayerNetwork network(double rate) {
        return Networks.classifier(DataType.FLOAT, new Sgd(rate));
    }

    private static PrivateSearch.Best<Double, MultiLayerNetwork> run(PrivateSearch<Double> search) {
        return search.run(PrivateSearchTest::network, RandomAccessExamples.of(TRAIN));
    }

    /** The sample of docs/accounting.md. */
    @Test
    void run_sample_costsWhatItWasCalibratedTo() {
        DataSet trainingData = TRAIN;
        DataSet validation = Networks.data(DataType.FLOAT, 30);
        DpSgdPlan draft = draft();

        PrivateSearch<Double> search = PrivateSearch.of(
                        draft,
                        List.of(0.03, 0.1, 0.3, 1.0),
                        RunCount.logarithmic(10)) // learning rates; 10 runs are expected
                .withPrivateAccuracy(validation, 5) // the score: correct examples, with noise of 5
                .calibratedTo(new PrivacyGuarantee(3.0, 1e-5)); // for everything together
        PrivateSearch.Best<Double, MultiLayerNetwork> best =
                search.run(rate -> network(rate), RandomAccessExamples.of(trainingData));
        System.out.println(best.report()); // of the whole search
        double rate = best.candidate(); // may be published, as best.network() and best.score() may

        assertThat(List.of(0.03, 0.1, 0.3, 1.0)).contains(rate);
        assertThat(best.guarantee().epsilon()).isBetween(2.99, 3.0);
        assertThat(new RdpAccountant().compose(search.event()).epsilon(1e-5))
                .isEqualTo(best.guarantee().epsilon());
        assertThat(search.event())
                .isEqualTo(new RepeatAndSelect(
                        new Composed(List.of(search.plan().event(), new Gaussian(5))), RunCount.logarithmic(10)));
        assertThat(best.report().toString().replaceAll("\\s+", " "))
                .contains("the best of a number of runs that was drawn from")
                .contains("epsilon is that of the whole search")
                .contains("nothing about the other runs of the search is disclosed");
        assertThat(best.report().toJson()).contains("RepeatAndSelect");
    }

    @Test
    void run_bestNetwork_carriesTheSearchIntoLaterTrainingCopiesAndFiles() throws Exception {
        PrivateSearch.Best<Double, MultiLayerNetwork> best = run(search(draft()));
        double total = best.guarantee().epsilon();
        DpSgdPlan later = draft().withNoiseMultiplier(5).withDelta(DELTA).withAccountant(AccountantKind.RDP);
        File file = folder.resolve("best.zip").toFile();
        best.network().save(file, true);
        MultiLayerNetwork copy = network(0.1);
        copy.setParams(best.network().params());

        for (MultiLayerNetwork one : List.of(
                best.network(),
                MultiLayerNetwork.load(file, true),
                copy,
                best.network().clone())) {
            try (PrivacyEngine engine = PrivacyEngine.attach(one, later)) {
                assertThat(engine.epsilon()).isCloseTo(total, within(1e-9));
                one.fit(engine.lots(TRAIN), later.epochs());
                assertThat(engine.epsilon()).isGreaterThan(total);
            }
        }
        assertThatThrownBy(() -> PrivacyEngine.attach(
                        MultiLayerNetwork.load(file, true), later.withAccountant(AccountantKind.PLD)))
                .hasMessageContaining("RepeatAndSelect");
    }

    /** Which run was best is an outcome of the search: what a listener kept of that run has the cost of all. */
    @Test
    void run_filesAndParametersKeptByAListener_haveTheCostOfTheSearch() throws Exception {
        IdentityHashMap<Model, INDArray> parameters = new IdentityHashMap<>();
        IdentityHashMap<Model, File> files = new IdentityHashMap<>();
        PrivateSearch.Best<Double, MultiLayerNetwork> best = search(draft())
                .run(
                        rate -> {
                            MultiLayerNetwork network = network(rate);
                            network.addListeners(new BaseTrainingListener() {
                                @Override
                                public void iterationDone(Model model, int iteration, int epoch) {
                                    if (iteration == 1) {
                                        File file = folder.resolve("kept" + files.size())
                                                .toFile();
                                        parameters.put(model, model.params().dup());
                                        files.put(model, file);
                                        save((MultiLayerNetwork) model, file);
                                    }
                                }
                            });
                            return network;
                        },
                        RandomAccessExamples.of(TRAIN));
        double total = best.guarantee().epsilon();
        DpSgdPlan later = draft().withNoiseMultiplier(5).withDelta(DELTA).withAccountant(AccountantKind.RDP);
        MultiLayerNetwork copy = network(0.1);
        copy.setParams(parameters.get(best.network()));
        MultiLayerNetwork file = MultiLayerNetwork.load(files.get(best.network()), true);

        for (MultiLayerNetwork one : List.of(copy, file)) {
            try (PrivacyEngine engine = PrivacyEngine.attach(one, later.continuing())) {
                assertThat(engine.epsilon()).isGreaterThanOrEqualTo(total);
            }
        }
        // The network itself has the cost of the search alone.
        try (PrivacyEngine engine = PrivacyEngine.attach(best.network(), later.continuing())) {
            assertThat(engine.epsilon()).isCloseTo(total, within(1e-9));
        }
    }

    private static void save(MultiLayerNetwork network, File file) {
        try {
            network.save(file, true);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Equal rows are right together or wrong together, whoever else is there: outputs that tie but for rounding are the same for each, though in batches they were not. */
    @Test
    void run_outputsThatTieButForRounding_scoreEveryRowByItself() {
        DpSgdPlan draft = DpSgdPlan.poisson(16, 16)
                .withSteps(1)
                .withClippingNorm(1)
                .withNoiseMultiplier(20)
                .withDelta(DELTA);
        int[] counts = {16, 15, 7, 1};
        int[] classesInBatches = Arrays.stream(counts)
                .map(rows -> tying().outputSingle(equalRows(rows, 0).getFeatures())
                        .argMax(1)
                        .getInt(0))
                .distinct()
                .toArray();
        for (int label : classesInBatches) {
            long first = 0;
            for (int rows : counts) {
                DataSet validation = equalRows(rows, label);
                var best = PrivateSearch.of(draft, List.of(0.0), RunCount.logarithmic(1.5))
                        .withPrivateAccuracy(validation, 1e-3)
                        .run(rate -> tying(), RandomAccessExamples.of(equalRows(16, label)));
                long share = Math.round(best.score());
                assertThat(best.score()).isCloseTo((double) share, within(0.02));
                first = rows == 16 ? share : first;
                assertThat(share).as("%d rows", rows).isEqualTo(first);
            }
        }
    }

    private static DataSet equalRows(int rows, int label) {
        Nd4j.getRandom().setSeed(2);
        INDArray features = Nd4j.tile(Nd4j.randn(DataType.FLOAT, 1, 100).muli(3), rows, 1);
        INDArray labels = Nd4j.zeros(DataType.FLOAT, rows, 17);
        labels.getColumn(label).assign(1);
        return new DataSet(features, labels);
    }

    /** All outputs are the sum of the features; what trains is a branch without effect. */
    private static ComputationGraph tying() {
        var graph = new ComputationGraph(new NeuralNetConfiguration.Builder()
                .updater(new Sgd(0.1))
                .graphBuilder()
                .addInputs("in")
                .addLayer(
                        "dead",
                        new DenseLayer.Builder()
                                .nIn(100)
                                .nOut(1)
                                .activation(Activation.RELU)
                                .biasInit(-1000)
                                .build(),
                        "in")
                .addVertex("both", new MergeVertex(), "in", "dead")
                .addLayer(
                        "out",
                        new OutputLayer.Builder(LossFunction.MCXENT)
                                .nIn(101)
                                .nOut(17)
                                .hasBias(false)
                                .weightInit(WeightInit.ONES)
                                .updater(new Sgd(0))
                                .activation(Activation.SOFTMAX)
                                .build(),
                        "both")
                .setOutputs("out")
                .build());
        graph.init();
        return graph;
    }

    /** Half of the validation rows are one patient's. */
    private static GroupedExamples patients(int rows) {
        return GroupedExamples.of(
                Networks.data(DataType.FLOAT, rows),
                LongStream.range(0, rows).map(row -> row % 2 == 0 ? -1 : row).toArray());
    }

    private static DpSgdPlan draftOfPatients() {
        return DpSgdPlan.poisson(31, 10).withUnit("patient", 4).withSteps(3).withClippingNorm(1.0);
    }

    /** The rows of a patient may all be right or wrong together: counted one by one, a patient would move the count by all of them. */
    @Test
    void withPrivateAccuracy_planOfPatients_countsEachOnce() {
        GroupedExamples validation = patients(40);
        PrivateSearch<Double> search = PrivateSearch.of(draftOfPatients(), List.of(0.3), COUNT)
                .withPrivateAccuracy(validation, 1e-3)
                .calibratedTo(new PrivacyGuarantee(1e15, DELTA));
        var best = search.run(PrivateSearchTest::network, patients(60));

        double expected = 0;
        for (long patient = 0; patient < validation.units(); patient++) {
            double right = 0;
            for (long place = 0; place < validation.rowCount(patient); place++) {
                var row = validation.get(new long[] {validation.row(patient, place)});
                right += best.network().output(row.getFeatures(0)).argMax(1).getInt(0)
                                == row.getLabels(0).argMax(1).getInt(0)
                        ? 1
                        : 0;
            }
            expected += right / validation.rowCount(patient) / validation.units();
        }
        assertThat(best.score()).isCloseTo(expected, within(5e-4));
        assertThat(best.report().toString().replaceAll("\\s+", " "))
                .contains("accuracy over 21 patients with all rows")
                .contains("one patient with all rows")
                .contains("the number of private validation examples, by which the score is divided, is a constant");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivateSearch.of(draftOfPatients(), List.of(0.3), COUNT)
                        .withPrivateAccuracy(Networks.data(DataType.FLOAT, 30), 4))
                .withMessageContaining("validation must have the patient of each row");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivateSearch.of(draft(), List.of(0.3), COUNT).withPrivateAccuracy(validation, 4))
                .withMessageContaining("the draft's unit of privacy is one row");
    }

    /** The best network of a search has no session, but what it cost was for its unit and under its relation. */
    @Test
    void attach_bestNetworkUnderOtherTerms_isRefused() throws Exception {
        Path ledger = folder.resolve("ledger");
        for (boolean hasLedger : new boolean[] {false, true}) {
            DpSgdPlan draft = hasLedger ? draftOfPatients().withLedger(ledger) : draftOfPatients();
            var best = PrivateSearch.of(draft, List.of(0.3), COUNT)
                    .withPrivateAccuracy(patients(40), 4)
                    .calibratedTo(new PrivacyGuarantee(8.0, DELTA))
                    .run(PrivateSearchTest::network, patients(60));
            if (hasLedger) {
                assertThat(PrivacyLedgerHistory.read(ledger).terms().unit()).isEqualTo("patient");
            }
            File file = folder.resolve("best.zip").toFile();
            best.network().save(file, true);
            DpSgdPlan later = DpSgdPlan.poisson(60, 20)
                    .withSteps(3)
                    .withClippingNorm(1.0)
                    .withNoiseMultiplier(5)
                    .withDelta(DELTA)
                    .withAccountant(AccountantKind.RDP);
            for (MultiLayerNetwork one : List.of(
                    best.network(),
                    MultiLayerNetwork.load(file, true),
                    best.network().clone())) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> PrivacyEngine.attach(one, later))
                        .withMessageContaining(
                                "plan.unit must be that of the releases before it, patient, was example");
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> PrivacyEngine.attach(
                                one, later.withUnit("patient", 4).withRelation(NeighboringRelation.ZERO_OUT)))
                        .withMessageContaining(
                                "plan.relation must be that of the releases before it, ADD_OR_REMOVE_ONE, was ZERO_OUT");
            }
        }
    }

    @Test
    void run_planWithALedger_chargesTheSearchOnceAndBeforeTheFirstRun() throws Exception {
        Path ledger = folder.resolve("ledger");
        PrivateSearch<Double> search = search(draft().withLedger(ledger));
        List<Long> before = new ArrayList<>();
        PrivateSearch.Best<Double, MultiLayerNetwork> best = search.run(
                rate -> {
                    MultiLayerNetwork network = network(rate);
                    network.addListeners(new BaseTrainingListener() {
                        @Override
                        public void iterationDone(Model model, int iteration, int epoch) {
                            before.add(steps(ledger));
                        }
                    });
                    return network;
                },
                RandomAccessExamples.of(TRAIN));

        assertThat(before).isNotEmpty().containsOnly(1L);
        assertThat(steps(ledger)).isEqualTo(1);
        assertThat(PrivacyLedgerHistory.read(ledger).charges())
                .extracting(Charge::event)
                .containsExactly(new Composed(List.of(search.event())));
        assertThat(best.report().ledger()).isPresent();
        assertThat(best.guarantee().epsilon()).isBetween(2.99, 3.0);

        // A second search on the same data is charged beside the first.
        double both = run(search).guarantee().epsilon();
        assertThat(both).isGreaterThan(3.5);

        // Training that goes on under the same ledger counts the search once, under another one too.
        DpSgdPlan later = draft().withNoiseMultiplier(50).withDelta(DELTA).withAccountant(AccountantKind.RDP);
        File file = folder.resolve("best.zip").toFile();
        best.network().save(file, true);
        try (PrivacyEngine engine =
                PrivacyEngine.attach(best.network(), later.continuing().withLedger(ledger))) {
            assertThat(engine.epsilon()).isCloseTo(both, within(1e-9));
        }
        Path other = folder.resolve("other");
        try (PrivacyEngine engine = PrivacyEngine.attach(MultiLayerNetwork.load(file, true), later.withLedger(other))) {
            assertThat(engine.epsilon())
                    .isCloseTo(
                            search.plan()
                                    .newAccountant()
                                    .compose(search.event())
                                    .epsilon(DELTA),
                            within(1e-9));
        }
        assertThat(PrivacyLedgerHistory.read(other).charges())
                .extracting(Charge::event)
                .contains(new Composed(List.of(search.event())));
    }

    @Test
    void run_dataOrNetworkThatDoNotFit_areRefusedBeforeTheCharge() {
        Path ledger = folder.resolve("ledger");
        var data = RandomAccessExamples.of(TRAIN);
        DpSgdPlan draft = draft().withLedger(ledger);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> search(draft)
                        .run(PrivateSearchTest::network, RandomAccessExamples.of(Networks.data(DataType.FLOAT, 30))))
                .withMessageContaining("plan.examples = 60");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivateSearch.of(draftOfPatients().withLedger(ledger), List.of(0.3), COUNT)
                        .withPrivateAccuracy(patients(40), 4)
                        .calibratedTo(new PrivacyGuarantee(8.0, DELTA))
                        .run(PrivateSearchTest::network, data))
                .withMessageContaining("the data must have the patient of each row");
        DataSet train = Networks.data(DataType.FLOAT, 30);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> scored(draft, new DataSet(Nd4j.rand(30, 17), train.getLabels()))
                        .run(PrivateSearchTest::network, data))
                .withMessageContaining("validation must have features that the network of a candidate takes")
                .withMessageContaining("[1, 17]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> scored(draft, new DataSet(train.getFeatures(), Nd4j.ones(30, 17)))
                        .run(PrivateSearchTest::network, data))
                .withMessageContaining("labels of as many classes as the network of a candidate");
        assertThatThrownBy(() -> search(draft)
                        .run(rate -> new MultiLayerNetwork(network(rate).getLayerWiseConfigurations()), data))
                .isInstanceOf(UnsupportedModelException.class);
        assertThat(ledger).doesNotExist();
    }

    private static PrivateSearch<Double> scored(DpSgdPlan draft, DataSet validation) {
        return PrivateSearch.of(draft, List.of(0.3), COUNT)
                .withPrivateAccuracy(validation, 4)
                .calibratedTo(new PrivacyGuarantee(3.0, DELTA));
    }

    @Test
    void run_ledgerThatTheMomentsAccountantCannotBound_isNotCharged() throws Exception {
        Path ledger = folder.resolve("ledger");
        var terms = new PrivacyLedger.Terms(
                "plan",
                "network",
                "1",
                NeighboringRelation.ADD_OR_REMOVE_ONE,
                "example",
                new DpEvent.RandomAllocation(4, new Gaussian(2)));
        try (PrivacyLedger earlier = PrivacyLedger.open(ledger, terms)) {
            earlier.charge(1);
        }
        byte[] before = Files.readAllBytes(ledger);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> run(search(draft().withLedger(ledger))))
                .withMessageContaining("RandomAllocation");
        assertThat(Files.readAllBytes(ledger)).isEqualTo(before);
    }

    /** One output is always the largest, and of a series argMax would look at the first step alone. */
    @Test
    void withPrivateAccuracy_oneOutputOrSeries_isRefused() {
        var search = PrivateSearch.of(draft(), List.of(0.3), COUNT);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> search.withPrivateAccuracy(new DataSet(Nd4j.rand(30, 4), Nd4j.ones(30, 1)), 4))
                .withMessageContaining("had [1, 1]; use one-hot labels of two classes");
        DataSet series = new DataSet(Nd4j.rand(30, 4, 5), Nd4j.ones(30, 2, 5));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> search.withPrivateAccuracy(series, 4))
                .withMessageContaining("had [1, 2, 5]; let the network give one answer for each series");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivateSearch.of(draftOfPatients(), List.of(0.3), COUNT)
                        .withPrivateAccuracy(
                                GroupedExamples.of(
                                        series, LongStream.range(0, 30).toArray()),
                                4))
                .withMessageContaining("two classes at least, had [1, 2, 5]");
    }

    /** The masked steps of a series say the opposite of the others, and louder: a network that averages over them too has every answer wrong. */
    @Test
    void withPrivateAccuracy_paddedSeries_areScoredWithTheirMask() {
        DataSet series = paddedSeries();
        var rows = RandomAccessExamples.of(series);
        DpSgdPlan draft = DpSgdPlan.poisson(40, 40)
                .withSteps(1)
                .withSequenceLength(4)
                .withClippingNorm(1)
                .withNoiseMultiplier(20)
                .withDelta(DELTA);
        PrivateSearch<Double> search = PrivateSearch.of(draft, List.of(0.0), COUNT);
        GroupedExamples patients = GroupedExamples.of(
                rows, LongStream.range(0, 40).map(row -> row / 4).toArray());
        PrivateSearch<Double> ofPatients = PrivateSearch.of(
                DpSgdPlan.poisson(10, 10)
                        .withUnit("patient", 4)
                        .withSteps(1)
                        .withSequenceLength(4)
                        .withClippingNorm(1)
                        .withNoiseMultiplier(20)
                        .withDelta(DELTA),
                List.of(0.0),
                COUNT);

        assertThat(search.withPrivateAccuracy(series, 1e-3)
                        .run(rate -> averaging(), rows)
                        .score())
                .isCloseTo(1, within(1e-3));
        assertThat(search.withPrivateAccuracy(series, 1e-3)
                        .run(rate -> averagingGraph(), rows)
                        .score())
                .isCloseTo(1, within(1e-3));
        assertThat(ofPatients
                        .withPrivateAccuracy(patients, 1e-3)
                        .run(rate -> averaging(), patients)
                        .score())
                .isCloseTo(1, within(3e-3));
        // Without the mask, the same series are all wrong.
        DataSet unmasked = new DataSet(series.getFeatures(), series.getLabels());
        assertThat(search.withPrivateAccuracy(unmasked, 1e-3)
                        .run(rate -> averaging(), rows)
                        .score())
                .isCloseTo(0, within(1e-3));
    }

    private static DataSet paddedSeries() {
        INDArray features = Nd4j.zeros(DataType.FLOAT, 40, 1, 4);
        INDArray labels = Nd4j.zeros(DataType.FLOAT, 40, 2);
        INDArray mask = Nd4j.zeros(DataType.FLOAT, 40, 4);
        for (int row = 0; row < 40; row++) {
            int sign = row % 2 == 0 ? 1 : -1;
            int length = 1 + row % 3;
            for (int step = 0; step < 4; step++) {
                features.putScalar(new int[] {row, 0, step}, step < length ? sign : -50 * sign);
                mask.putScalar(row, step, step < length ? 1 : 0);
            }
            labels.putScalar(row, row % 2, 1);
        }
        return new DataSet(features, labels, mask, null);
    }

    private static final INDArray SIGN = Nd4j.createFromArray(1f, -1f, 0f, 0f).reshape(1, 4);

    /** The first class where the mean over a series is above zero. */
    private static MultiLayerNetwork averaging() {
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .updater(new Sgd(1e-3))
                .list()
                .layer(new GlobalPoolingLayer(PoolingType.AVG))
                .layer(twoClasses())
                .setInputType(InputType.recurrent(1))
                .build());
        network.init();
        network.setParams(SIGN);
        return network;
    }

    private static ComputationGraph averagingGraph() {
        var graph = new ComputationGraph(new NeuralNetConfiguration.Builder()
                .updater(new Sgd(1e-3))
                .graphBuilder()
                .addInputs("in")
                .addLayer("mean", new GlobalPoolingLayer(PoolingType.AVG), "in")
                .addLayer("out", twoClasses(), "mean")
                .setOutputs("out")
                .setInputTypes(InputType.recurrent(1))
                .build());
        graph.init();
        graph.setParams(SIGN);
        return graph;
    }

    private static OutputLayer twoClasses() {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nIn(1)
                .nOut(2)
                .activation(Activation.SOFTMAX)
                .build();
    }

    /** What a score would not read is refused when the search is described, which charges nothing. */
    @Test
    void withPrivateAccuracy_labelsMaskOrSeveralArrays_areRefused() {
        PrivateSearch<Double> search = PrivateSearch.of(draft(), List.of(0.3), COUNT);
        PrivateSearch<Double> ofPatients = PrivateSearch.of(draftOfPatients(), List.of(0.3), COUNT);
        INDArray features = Nd4j.rand(30, 4);
        INDArray labels = Nd4j.ones(30, 2);
        DataSet weighted = new DataSet(features, labels, null, Nd4j.ones(30, 1));
        long[] ids = LongStream.range(0, 30).toArray();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> search.withPrivateAccuracy(weighted, 4))
                .withMessageContaining("validation must have no labels mask");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ofPatients.withPrivateAccuracy(GroupedExamples.of(weighted, ids), 4))
                .withMessageContaining("validation must have no labels mask");
        for (MultiDataSet several : List.of(
                new MultiDataSet(new INDArray[] {features, features}, new INDArray[] {labels}),
                new MultiDataSet(new INDArray[] {features}, new INDArray[] {labels, labels}))) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> ofPatients.withPrivateAccuracy(GroupedExamples.of(several, ids), 4))
                    .withMessageContaining("validation must have one array of features and one of labels");
        }
    }

    private static long steps(Path ledger) {
        return PrivacyLedgerHistory.read(ledger).charges().stream()
                .mapToLong(Charge::count)
                .sum();
    }

    @Test
    void calibratedTo_planWithOtherReleases_countsThemOnce() {
        DpEvent release = new Gaussian(7);
        PrivateSearch<Double> search = search(draft().withOtherRelease("scaling", release));

        assertThat(search.event()).isInstanceOf(Composed.class);
        assertThat(((Composed) search.event()).events().get(0)).isEqualTo(release);
        assertThat(((Composed) search.event()).events().get(1).toString()).doesNotContain("noiseMultiplier=7.0");
        assertThat(run(search).guarantee().epsilon()).isBetween(2.99, 3.0);
        assertThat(search.plan().noiseMultiplier())
                .isGreaterThan(search(draft()).plan().noiseMultiplier());
    }

    /** 100 searches: candidates and numbers of runs as they should be. Each bound is five deviations away. */
    @Test
    void run_manySearches_drawFromCandidatesAndCount() {
        DpSgdPlan plan = DpSgdPlan.poisson(60, 20)
                .withSteps(1)
                .withClippingNorm(1.0)
                .withNoiseMultiplier(1)
                .withDelta(DELTA);
        Map<Integer, Integer> runs = new TreeMap<>();
        int[] chosen = new int[2];
        for (int i = 0; i < 100; i++) {
            List<Double> built = new ArrayList<>();
            PrivateSearch.Best<Double, MultiLayerNetwork> best = PrivateSearch.of(plan, List.of(0.1, 0.2), COUNT)
                    .withScore(network -> built.size() == 1 ? Double.NaN : -built.size())
                    .run(
                            rate -> {
                                built.add(rate);
                                return network(rate);
                            },
                            RandomAccessExamples.of(TRAIN));
            runs.merge(built.size(), 1, Integer::sum);
            built.forEach(rate -> chosen[rate == 0.1 ? 0 : 1]++);
            // The first run has no score; the second has the best of the rest.
            assertThat(best.candidate()).isEqualTo(built.get(Math.min(1, built.size() - 1)));
        }
        int all = chosen[0] + chosen[1];
        assertThat(all / 100.0).isCloseTo(3, within(5 * Math.sqrt(6.0 / 100)));
        assertThat(chosen[0] / (double) all).isCloseTo(0.5, within(2.5 / Math.sqrt(all)));
        assertThat(runs.getOrDefault(1, 0) / 100.0).isCloseTo(1 / 3.0, within(5 * Math.sqrt(2.0 / 9 / 100)));
    }

    @Test
    void arguments_thatVoidTheBound_areRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivateSearch.of(draft(), List.of(1), RunCount.poisson(3)))
                .withMessageContaining("logarithmic or geometric");
        assertThatIllegalArgumentException().isThrownBy(() -> PrivateSearch.of(draft(), List.of(), COUNT));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivateSearch.of(draft().withSeed(1), List.of(1), COUNT))
                .withMessageContaining("seed");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PrivateSearch.of(DpSgdPlan.givenBatches(60, 20), List.of(1), COUNT))
                .withMessageContaining("draw its lots");
        for (DpSgdPlan unbounded : List.of(DpSgdPlan.randomAllocation(60, 20), draft().withMaximumLotSize(40))) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> PrivateSearch.of(unbounded, List.of(1), COUNT))
                    .withMessageContaining("use DpSgdPlan.poisson without withMaximumLotSize");
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        PrivateSearch.of(draft().withRelation(NeighboringRelation.REPLACE_ONE), List.of(1), COUNT))
                .withMessageContaining("REPLACE_ONE");
        assertThatThrownBy(
                        () -> PrivateSearch.of(draft(), List.of(1), COUNT).calibratedTo(new PrivacyGuarantee(1, DELTA)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("withScore");
        PrivateSearch<Double> search = search(draft());
        MultiLayerNetwork used = run(search).network();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> search.run(rate -> used, RandomAccessExamples.of(TRAIN)))
                .withMessageContaining("private past");
    }

    /** What came into a run from elsewhere, by a listener or by the score function, would be missing in the search's cost. */
    @ParameterizedTest
    @ValueSource(
            strings = {"another private run's", "plainly trained", "changed by hand", "plain fit", "the run before's"})
    void run_parametersFromElsewhere_isRefusedAndCharged(String which) {
        var other = network(0.3);
        if (which.startsWith("another")) {
            DpSgdPlan plan = draft().withNoiseMultiplier(0.6).withDelta(DELTA);
            try (var engine = PrivacyEngine.attach(other, plan)) {
                other.fit(engine.lots(TRAIN), plan.epochs());
            }
        } else {
            other.fit(TRAIN);
        }
        INDArray[] foreign = {other.params().dup()};
        boolean isBefore = which.startsWith("the run");
        Path ledger = folder.resolve("ledger.jsonl");
        for (boolean byScore : isBefore ? new boolean[] {true} : new boolean[] {true, false}) {
            Consumer<MultiLayerNetwork> change = network -> {
                switch (which) {
                    case "changed by hand" -> network.params().addi(1);
                    case "plain fit" -> network.fit(TRAIN);
                    default -> network.setParams(foreign[0]);
                }
            };
            var search = PrivateSearch.of(
                            draft().withLedger(ledger), List.of(0.1), RunCount.geometric(isBefore ? 1000 : 3))
                    .withScore(model -> {
                        if (isBefore) {
                            foreign[0] = ((MultiLayerNetwork) model).params().dup();
                            return 0;
                        }
                        if (byScore) {
                            change.accept((MultiLayerNetwork) model);
                        }
                        return 0;
                    })
                    .calibratedTo(new PrivacyGuarantee(3.0, DELTA));

            assertThatThrownBy(() -> search.run(
                            rate -> {
                                MultiLayerNetwork network = network(rate);
                                network.addListeners(new BaseTrainingListener() {
                                    private boolean isFirst = true;

                                    @Override
                                    public void iterationDone(Model model, int iteration, int epoch) {
                                        if (isFirst && (isBefore || !byScore) && !which.equals("plain fit")) {
                                            change.accept((MultiLayerNetwork) model);
                                        }
                                        isFirst = false;
                                    }

                                    @Override
                                    public void onEpochEnd(Model model) {
                                        if (!byScore && which.equals("plain fit")) {
                                            change.accept((MultiLayerNetwork) model);
                                        }
                                    }
                                });
                                return network;
                            },
                            RandomAccessExamples.of(TRAIN)))
                    .as("by the score function: %s", byScore)
                    .isInstanceOf(IllegalStateException.class);
        }
        assertThat(PrivacyLedgerHistory.read(ledger).charges()).isNotEmpty();
    }
}
