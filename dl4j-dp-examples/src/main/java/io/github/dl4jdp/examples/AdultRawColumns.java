// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.examples.data.AdultData;
import io.github.dl4jdp.examples.data.TrainTest;
import io.github.dl4jdp.features.PrivateScaling;
import io.github.dl4jdp.features.ReleasedScaling;
import io.github.dl4jdp.features.TableNormalizer;
import java.io.IOException;
import java.util.List;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.dataset.DataSet;
import picocli.CommandLine.Command;

/**
 * The quick start's question, asked of a table whose columns nobody knows: no public ranges, no knots chosen by hand. Quantiles of the six columns of numbers are released with noise and charged to the plan, so
 * that release and training together keep the guarantee.
 */
@Command(
        name = "AdultRawColumns",
        description = "Trains a private network on the Adult census data (bundled), with privately scaled columns.")
public final class AdultRawColumns extends ExampleMain {
    private static final double NOISE_MULTIPLIER = 20;

    private AdultRawColumns() {
        super(1.0);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        System.exit(execute(new AdultRawColumns(), args));
    }

    @Override
    void run() throws IOException {
        cell("The data: numbers as they are in the file, categories one-hot");
        TrainTest<DataSet> adult = AdultData.loadRaw();
        DataSet train = adult.train();
        DataSet test = adult.test();
        print("training rows " + train.numExamples() + ", test rows " + test.numExamples() + ", columns "
                + train.numInputs());

        cell("Private scaling: quantiles of the columns of numbers, with noise, charged to the plan");
        DpSgdPlan plan = DpSgdPlan.poisson(AdultQuickstart.PEOPLE, AdultQuickstart.LOT_SIZE)
                .withEpochs(privacy().quick ? 1 : AdultQuickstart.EPOCHS)
                .withClippingNorm(AdultQuickstart.CLIPPING_NORM)
                .calibratedTo(privacy().target());
        ReleasedScaling released = PrivateScaling.of(plan.examples(), NOISE_MULTIPLIER)
                .withColumns(AdultData.rawNumbers())
                .release(RandomAccessExamples.of(train));
        DpSgdPlan charged = released.chargedTo(plan);
        print(charged);
        print("noise multiplier of the training: " + number("%.3f", charged.noiseMultiplier())
                + ", without the release " + number("%.3f", plan.noiseMultiplier()));
        TableNormalizer normalizer = released.normalizer();
        normalizer.preProcess(train);
        normalizer.preProcess(test);

        cell("Private training: DL4J's own fit, on the engine's lots");
        MultiLayerNetwork network =
                AdultQuickstart.network(train.numInputs(), AdultQuickstart.LEARNING_RATE, privacy().seed);
        try (PrivacyEngine engine = PrivacyEngine.attach(network, charged)) {
            fitWithProgress(network, engine, train);
            print(engine.report());

            cell("Test accuracy");
            print(new Table("model", "epsilon, all costs", "test accuracy")
                    .row(
                            "private, columns scaled privately",
                            RoundedBounds.upper(engine.epsilon(), 4),
                            percent(Networks.accuracy(network, List.of(test)))));
        }
    }
}
