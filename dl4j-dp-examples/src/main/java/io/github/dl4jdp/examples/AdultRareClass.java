// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.core.ClassWeights;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.examples.data.AdultData;
import io.github.dl4jdp.examples.data.TrainTest;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.evaluation.classification.ROC;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.impl.LossMCXENT;
import picocli.CommandLine.Command;

/**
 * A rare class: of the people who earn more than 50,000 dollars, all but one in sixteen are left out, so that they are about 2 % of the rows. A network without weights answers "no" to every row; so does one with weights above
 * one, because clipping undoes them; the same weights divided by the largest work.
 */
@Command(
        name = "AdultRareClass",
        description =
                "Trains private networks on an unbalanced part of the Adult census data (bundled), with several weights of the classes.")
public final class AdultRareClass extends ExampleMain {
    private static final int KEPT = 16;
    /** What is known of the problem beforehand: about 2 % are rich. */
    private static final double SHARE = 0.02;

    /** A public constant, not a count: how many people are in the data is hidden too. */
    private static final int PEOPLE = 25_211;

    private static final int LOT_SIZE = 2048;
    private static final int EPOCHS = 20;
    private static final double LEARNING_RATE = 0.01;
    private static final double CLIPPING_NORM = 1;
    /** The weights whose run is reported. */
    private static final String CHOSEN =
            "and a quarter for the frequent class, since clipping shortens the rare one's gradients";

    private AdultRareClass() {
        super(1.0);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        System.exit(execute(new AdultRareClass(), args));
    }

    @Override
    void run() throws IOException {
        cell("The data: Adult with one in " + KEPT + " of the rich");
        TrainTest<DataSet> adult = AdultData.load();
        DataSet train = unbalanced(adult.train());
        DataSet test = unbalanced(adult.test());
        print("training rows " + train.numExamples() + ", test rows " + test.numExamples());

        cell("The plan: the same for all weights");
        DpSgdPlan plan = DpSgdPlan.poisson(PEOPLE, LOT_SIZE)
                .withEpochs(privacy().quick ? 1 : EPOCHS)
                .withClippingNorm(CLIPPING_NORM)
                .calibratedTo(privacy().target());
        print(plan);

        cell("Private training with each; a search over these three would cost more (AdultSearch)");
        INDArray balanced = ClassWeights.balanced(1 - SHARE, SHARE);
        Map<String, INDArray> weights = new LinkedHashMap<>();
        weights.put("none", Nd4j.ones(1, 2));
        weights.put("rare class above 1", balanced.div(balanced.minNumber()));
        weights.put("largest weight 1", balanced);
        weights.put(CHOSEN, ClassWeights.balanced((1 - SHARE) * 4, SHARE));
        Table table = new Table("weights", "frequent, rare", "epsilon", "balanced accuracy", "AUC");
        weights.forEach((name, values) -> {
            MultiLayerNetwork network = network(train.numInputs(), values);
            try (PrivacyEngine engine = PrivacyEngine.attach(network, plan)) {
                fitWithProgress(network, engine, train);
                if (name.equals(CHOSEN)) {
                    print(engine.report());
                }
                table.row(
                        name,
                        number("%.3g", values.getDouble(0)) + ", " + number("%.3g", values.getDouble(1)),
                        RoundedBounds.upper(engine.epsilon(), 4),
                        percent(balancedAccuracy(network, test)),
                        number("%.3f", rankingQuality(network, test)));
            }
        });

        cell("Balanced accuracy on the test rows: the mean of the two classes' accuracies, 50 % for a constant answer");
        print(table);
    }

    /** All of the first class, and of the second one in {@value #KEPT}, by its position: it says nothing about the people. */
    private static DataSet unbalanced(DataSet all) {
        int[] rich = IntStream.range(0, all.numExamples())
                .filter(i -> all.getLabels().getFloat(i, 1) > 0.5)
                .toArray();
        int[] others = IntStream.range(0, all.numExamples())
                .filter(i -> all.getLabels().getFloat(i, 1) <= 0.5)
                .toArray();
        int[] rows = IntStream.concat(
                        IntStream.of(others),
                        IntStream.range(0, rich.length)
                                .filter(i -> i % KEPT == 0)
                                .map(i -> rich[i]))
                .toArray();
        return new DataSet(all.getFeatures().getRows(rows), all.getLabels().getRows(rows));
    }

    private MultiLayerNetwork network(int inputs, INDArray weights) {
        return Networks.create(new NeuralNetConfiguration.Builder()
                .seed(privacy().seed)
                .updater(new Adam(LEARNING_RATE))
                .list()
                .layer(new DenseLayer.Builder()
                        .nIn(inputs)
                        .nOut(32)
                        .activation(Activation.TANH)
                        .build())
                .layer(new OutputLayer.Builder(new LossMCXENT(weights))
                        .nOut(2)
                        .activation(Activation.SOFTMAX)
                        .build())
                .build());
    }

    /** The probability that of two rows of different classes the right one has the higher score: no threshold is in it. */
    private static double rankingQuality(MultiLayerNetwork network, DataSet test) {
        ROC roc = new ROC(0);
        roc.eval(test.getLabels(), network.output(test.getFeatures()));
        return roc.calculateAUC();
    }

    private static double balancedAccuracy(MultiLayerNetwork network, DataSet test) {
        INDArray output = network.output(test.getFeatures());
        double[] right = new double[2];
        double[] all = new double[2];
        for (int i = 0; i < test.numExamples(); i++) {
            int label = test.getLabels().getFloat(i, 1) > 0.5 ? 1 : 0;
            int answer = output.getFloat(i, 1) > 0.5 ? 1 : 0;
            all[label]++;
            right[label] += answer == label ? 1 : 0;
        }
        return (right[0] / all[0] + right[1] / all[1]) / 2;
    }
}
