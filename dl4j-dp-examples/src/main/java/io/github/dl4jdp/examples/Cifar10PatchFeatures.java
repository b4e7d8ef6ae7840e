// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.features.FeatureFile;
import io.github.dl4jdp.core.features.PatchFeatures;
import io.github.dl4jdp.examples.data.CifarData;
import io.github.dl4jdp.examples.data.ImageSet;
import io.github.dl4jdp.examples.data.TrainTest;
import java.io.IOException;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/**
 * Photographs of ten kinds of things, and a linear model: what makes it good are features that were learnt from drawn pictures,
 * so that the privacy budget is spent on 27,000 weights only.
 */
@Command(
        name = "Cifar10PatchFeatures",
        description = "Trains a private linear model of CIFAR-10 on features that cost no privacy.")
public final class Cifar10PatchFeatures extends ExampleMain {
    // Every step sees the whole data set: of all lot sizes the one that needs least noise for the same epsilon.
    private static final int STEPS = 40;
    private static final int STEPS_FROM_EPSILON_2 = 60;
    private static final double CLIPPING_NORM = 0.25;
    private static final double LEARNING_RATE = 220;
    private static final int QUICK_EXAMPLES = 1000;
    private static final int DRAWING_SEED = 1;

    @Mixin
    private final DataOption data = new DataOption();

    @Mixin
    private final FeatureOption features = new FeatureOption();

    private Cifar10PatchFeatures() {
        super(1.0);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        System.exit(execute(new Cifar10PatchFeatures(), args));
    }

    @Override
    void run() throws IOException {
        cell("The data: 50,000 small photographs to learn from, 10,000 to test");
        TrainTest<ImageSet> cifar = CifarData.load(data.folder);
        ImageSet train = privacy().quick ? cifar.train().first(QUICK_EXAMPLES) : cifar.train();
        ImageSet test = privacy().quick ? cifar.test().first(QUICK_EXAMPLES) : cifar.test();
        print(train.size() + " training images, " + test.size() + " test images");

        cell("Features learnt from drawn pictures: no photograph, no statistic of the data, no privacy spent");
        PatchFeatures extractor = PatchFeatures.learn(train.channels(), train.height(), train.width(), DRAWING_SEED);
        String suffix = privacy().quick ? "-quick" : "";
        FeatureFile trainFeatures = features.open("cifar10-patches-train" + suffix, extractor, train);
        FeatureFile testFeatures = features.open("cifar10-patches-test" + suffix, extractor, test);
        int inputs = Math.toIntExact(trainFeatures.shape()[0]);
        print(inputs + " features an image");

        cell("The plan: what will be run and what it may cost");
        DpSgdPlan plan = DpSgdPlan.poisson(train.size(), train.size())
                .withEpochs(privacy().epsilon() < 2 ? STEPS : STEPS_FROM_EPSILON_2)
                .withClippingNorm(CLIPPING_NORM)
                .calibratedTo(
                        new PrivacyGuarantee(privacy().epsilon(), privacy().delta()));
        print(plan);

        cell("Private training: DL4J's own fit, on the engine's lots");
        MultiLayerNetwork network = LinearModel.create(inputs, train.classes(), LEARNING_RATE, privacy().seed);
        PrivacyEngine engine = PrivacyEngine.attach(network, plan);
        fitWithProgress(network, engine, trainFeatures.withLabels(train.oneHotLabels()));
        print(engine.report());

        cell("Test accuracy");
        double accuracy = LinearModel.accuracy(network, testFeatures, test);
        print(new Table("model", "epsilon", "test accuracy")
                .row("guessing", "0", "10.00 %")
                .row("private, linear", number("%.3f", engine.epsilon()), percent(accuracy)));
    }
}
