// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.GroupPrivacy;
import io.github.dl4jdp.accountant.NoiseCalibration;
import io.github.dl4jdp.accountant.PldAccountant;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.data.GroupedExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.examples.data.VisitData;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.deeplearning4j.datasets.iterator.ExistingDataSetIterator;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import picocli.CommandLine.Command;

/**
 * Patients with several visits: whose privacy is it? Three private networks of the same size: with the patient as the unit; with the visit as the unit and noise for a group of visits; and with the visit as the
 * unit and nothing else, whose epsilon is not that of a patient.
 *
 * <p>The visits are made up by {@link VisitData}.
 */
@Command(name = "PatientVisits", description = "Trains with the patient as the unit of privacy (made-up visits).")
public final class PatientVisits extends ExampleMain {
    /** Public constants, not counts. */
    private static final int PATIENTS = 10_000;

    private static final int VISITS_IN_ALL = 29_800;
    private static final int LOT_OF_PATIENTS = 250;
    private static final int MAXIMUM_VISITS = 8;
    private static final int EPOCHS = 20;
    private static final double CLIPPING_NORM = 0.5;
    private static final double LEARNING_RATE = 0.02;
    private static final int TEST_SEED = 77;

    private PatientVisits() {
        super(3.0);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        System.exit(execute(new PatientVisits(), args));
    }

    @Override
    void run() {
        boolean quick = privacy().quick;
        int patients = quick ? PATIENTS / 20 : PATIENTS;
        int epochs = quick ? 2 : EPOCHS;
        var guarantee = new PrivacyGuarantee(privacy().epsilon(), privacy().delta());

        cell("The data: made-up visits of patients, each with the patient's number; a few come very often");
        VisitData train = VisitData.draw(patients, 1);
        DataSet test = VisitData.draw(2_000, TEST_SEED).visits();
        GroupedExamples visits = GroupedExamples.of(train.visits(), train.patients());
        print(visits.size() + " visits of " + visits.units() + " patients, the most of one "
                + IntStream.range(0, (int) visits.units())
                        .mapToLong(visits::rowCount)
                        .max()
                        .orElseThrow());

        cell("The patient is the unit: patients are drawn, at most " + MAXIMUM_VISITS
                + " visits of each, and their mean is clipped");
        DpSgdPlan ofPatients = DpSgdPlan.poisson(patients, LOT_OF_PATIENTS)
                .withUnit("patient", MAXIMUM_VISITS)
                .withEpochs(epochs)
                .withClippingNorm(CLIPPING_NORM)
                .calibratedTo(guarantee);
        print(ofPatients);
        MultiLayerNetwork private1 = network();
        PrivacyEngine engine = PrivacyEngine.attach(private1, ofPatients);
        fitWithProgress(private1, engine, visits);
        print(engine.report());
        engine.close();

        cell("The visit is the unit, with noise for all visits of a patient: only the first " + MAXIMUM_VISITS
                + " visits of each patient may be used");
        DataSet bounded = firstVisits(train, MAXIMUM_VISITS);
        int visitsInAll = size(VISITS_IN_ALL, bounded.numExamples());
        DpSgdPlan ofVisits = DpSgdPlan.poisson(visitsInAll, (long) LOT_OF_PATIENTS * visitsInAll / patients)
                .withEpochs(epochs)
                .withClippingNorm(CLIPPING_NORM)
                .withDelta(privacy().delta());
        double sigma = NoiseCalibration.to(guarantee)
                .noiseMultiplier(noise ->
                        GroupPrivacy.event(ofVisits.withNoiseMultiplier(noise).event(), MAXIMUM_VISITS));
        MultiLayerNetwork private2 = train(ofVisits.withNoiseMultiplier(sigma), bounded);

        cell("The visit is the unit, and nothing else: the guarantee of a patient is not the one that is stated");
        DpSgdPlan naive = ofVisits.calibratedTo(guarantee);
        MultiLayerNetwork private3 = train(naive, bounded);

        cell("The same network without privacy");
        MultiLayerNetwork plain = network();
        train.visits().shuffle(privacy().seed);
        plain.fit(new ExistingDataSetIterator(train.visits().batchBy(256)), quick ? 1 : 5);

        cell("What it costs a patient with " + MAXIMUM_VISITS + " visits, and accuracy on other patients");
        double stated = privacy().epsilon();
        print(new Table("unit", "noise in the mean, in clipping norms", "epsilon of a patient", "test accuracy")
                .row("patient", noise(ofPatients), number("%.3f", stated), accuracy(private1, test))
                .row(
                        "visit, noise for " + MAXIMUM_VISITS,
                        noise(ofVisits.withNoiseMultiplier(sigma)),
                        number("%.3f", stated),
                        accuracy(private2, test))
                .row("visit", noise(naive), number("%.1f", ofGroup(naive.event())), accuracy(private3, test))
                .row("without privacy", "0", "infinity", accuracy(plain, test)));
    }

    private MultiLayerNetwork train(DpSgdPlan plan, DataSet data) {
        print(plan);
        MultiLayerNetwork network = network();
        try (PrivacyEngine engine = PrivacyEngine.attach(network, plan)) {
            fitWithProgress(network, engine, RandomAccessExamples.of(data));
            print("epsilon = " + RoundedBounds.upper(engine.epsilon(), 4) + " for one visit");
        }
        return network;
    }

    private double ofGroup(DpEvent event) {
        return new PldAccountant()
                .compose(GroupPrivacy.event(event, MAXIMUM_VISITS))
                .epsilon(privacy().delta());
    }

    private static String noise(DpSgdPlan plan) {
        return number("%.5f", plan.noiseMultiplier() / plan.expectedLotSize());
    }

    private static DataSet firstVisits(VisitData data, int most) {
        Map<Long, Integer> seen = new HashMap<>();
        int[] kept = IntStream.range(0, data.patients().length)
                .filter(visit -> seen.merge(data.patients()[visit], 1, Integer::sum) <= most)
                .toArray();
        return new DataSet(
                Nd4j.pullRows(data.visits().getFeatures(), 1, kept),
                Nd4j.pullRows(data.visits().getLabels(), 1, kept));
    }

    private MultiLayerNetwork network() {
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .seed(privacy().seed)
                .updater(new Adam(LEARNING_RATE))
                .list()
                .layer(new DenseLayer.Builder()
                        .nIn(VisitData.FEATURES)
                        .nOut(24)
                        .activation(Activation.TANH)
                        .build())
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nOut(2)
                        .activation(Activation.SOFTMAX)
                        .build())
                .build());
        network.init();
        return network;
    }

    private static String accuracy(MultiLayerNetwork network, DataSet test) {
        return percent(
                network.evaluate(new ExistingDataSetIterator(List.of(test))).accuracy());
    }
}
