// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.examples.data.AdultData;
import io.github.dl4jdp.examples.data.TrainTest;
import java.io.IOException;
import java.util.List;
import org.deeplearning4j.datasets.iterator.ExistingDataSetIterator;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Adam;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Census records: who earns more than 50,000 dollars a year? A small network learns it without learning any single person, in
 * under a minute, from data that come with the example.
 */
@Command(name = "AdultQuickstart", description = "Trains a private network on the Adult census data (bundled).")
public final class AdultQuickstart extends ExampleMain {
    static final int EPOCHS = 20;
    /** A public constant, not a count: how many people are in the data is hidden too. */
    static final int PEOPLE = 32_561;

    static final int LOT_SIZE = 2048;
    static final double CLIPPING_NORM = 1.0;
    static final double LEARNING_RATE = 0.01;
    private static final double PLAIN_LEARNING_RATE = 0.001;
    private static final int PLAIN_EPOCHS = 5;
    private static final double[] CURVE = {0.25, 0.5, 1, 2, 3, 8};
    private static final double[] QUICK_CURVE = {0.25, 8};

    @Option(names = "--curve", description = "Train at other epsilons as well, and draw accuracy against epsilon.")
    private boolean withCurve;

    @Mixin
    private final PlotOption plot = new PlotOption("adult-privacy-utility.png");

    private AdultQuickstart() {
        super(1.0);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        System.exit(execute(new AdultQuickstart(), args));
    }

    @Override
    void run() throws IOException {
        cell("The data: one row is one person; numbers are scaled by public ranges, categories are one-hot");
        TrainTest<DataSet> adult = AdultData.load();
        DataSet train = adult.train();
        DataSet test = adult.test();
        print("training rows " + train.numExamples() + ", test rows " + test.numExamples() + ", features "
                + train.numInputs());

        cell("The plan: what will run, and its cost");
        int epochs = privacy().quick ? 1 : EPOCHS;
        DpSgdPlan plan = plan(epochs, privacy().epsilon());
        print(plan);

        MultiLayerNetwork network = network(train.numInputs(), LEARNING_RATE, privacy().seed);
        PrivacyEngine engine = PrivacyEngine.attach(network, plan);
        trainPrivately(network, engine, RandomAccessExamples.of(train));

        cell("The same network without privacy");
        MultiLayerNetwork plain = network(train.numInputs(), PLAIN_LEARNING_RATE, privacy().seed);
        plain.fit(new ExistingDataSetIterator(train.batchBy(256)), Math.min(epochs, PLAIN_EPOCHS));

        cell("Test accuracy");
        double majority = 1 - test.getLabels().getColumn(1).meanNumber().doubleValue();
        print(new Table("model", "epsilon", "test accuracy")
                .row("always \"<=50K\"", "0", percent(majority))
                .row(
                        "private",
                        RoundedBounds.upper(engine.epsilon(), 4),
                        percent(Networks.accuracy(network, List.of(test))))
                .row("without privacy", "infinity", percent(Networks.accuracy(plain, List.of(test)))));
        engine.close();

        if (withCurve) {
            cell("The same at other epsilons");
            UtilityCurve curve = new UtilityCurve();
            curve.add(Double.POSITIVE_INFINITY, Networks.accuracy(plain, List.of(test)));
            for (double epsilon : privacy().quick ? QUICK_CURVE : CURVE) {
                for (int run = 0; run < plot.runs; run++) {
                    curve.add(epsilon, privateAccuracy(plan(epochs, epsilon), train, test, run));
                }
            }
            print(curve.table());
            curve.save(plot.file, "Adult census income, delta = " + privacy().delta());
            print(plot.file);
        }
    }

    private DpSgdPlan plan(int epochs, double epsilon) {
        return plan(epochs, new PrivacyGuarantee(epsilon, privacy().delta()));
    }

    /** The plan of a run. */
    static DpSgdPlan plan(int epochs, PrivacyGuarantee target) {
        return DpSgdPlan.poisson(PEOPLE, LOT_SIZE)
                .withEpochs(epochs)
                .withClippingNorm(CLIPPING_NORM)
                .calibratedTo(target);
    }

    private double privateAccuracy(DpSgdPlan plan, DataSet train, DataSet test, int run) {
        MultiLayerNetwork network = network(train.numInputs(), LEARNING_RATE, privacy().seed + run);
        try (PrivacyEngine engine = PrivacyEngine.attach(network, plan)) {
            fitWithProgress(network, engine, train);
        }
        return Networks.accuracy(network, List.of(test));
    }

    /** A hidden layer of 32, and two classes. */
    static MultiLayerNetwork network(int inputs, double learningRate, int seed) {
        return Networks.create(new NeuralNetConfiguration.Builder()
                .seed(seed)
                .updater(new Adam(learningRate))
                .list()
                .layer(new DenseLayer.Builder()
                        .nIn(inputs)
                        .nOut(32)
                        .activation(Activation.TANH)
                        .build())
                .layer(Networks.softmax(AdultData.CLASSES.size()))
                .build());
    }
}
