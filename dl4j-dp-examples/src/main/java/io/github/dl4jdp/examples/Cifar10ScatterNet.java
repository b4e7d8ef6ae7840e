// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.features.DrawnPictures;
import io.github.dl4jdp.core.features.FeatureExtractor;
import io.github.dl4jdp.core.features.FeatureFile;
import io.github.dl4jdp.core.features.ScatteringTransform;
import io.github.dl4jdp.core.features.WhitenedFeatures;
import io.github.dl4jdp.examples.data.CifarData;
import io.github.dl4jdp.examples.data.ImageSet;
import io.github.dl4jdp.examples.data.TrainTest;
import java.io.IOException;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/**
 * Photographs of ten kinds of things, and a linear model of scattering features: wavelets, decorrelated as drawn pictures show it.
 * {@link Cifar10PatchFeatures} is the better model of the two; this is the one of the literature.
 */
@Command(
        name = "Cifar10ScatterNet",
        description = "Trains a private linear model of CIFAR-10 on scattering features that cost no privacy.")
public final class Cifar10ScatterNet extends ExampleMain {
    private static final int STEPS = 40;
    private static final int STEPS_FROM_EPSILON_2 = 60;
    private static final int QUICK_STEPS = 3;
    private static final double CLIPPING_NORM = 0.25;
    private static final double LEARNING_RATE = 220;

    private static final int GROUPS = 27;
    private static final int DRAWINGS = 3000;
    private static final int COMPONENTS = 1500;
    private static final double DAMPING = 0.003;
    private static final int DRAWING_SEED = 1;

    private static final int QUICK_EXAMPLES = 500;
    private static final int QUICK_DRAWINGS = 60;
    private static final int QUICK_COMPONENTS = 50;

    @Mixin
    private final DataOption data = new DataOption();

    @Mixin
    private final FeatureOption features = new FeatureOption();

    private Cifar10ScatterNet() {
        super(3.0);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        System.exit(execute(new Cifar10ScatterNet(), args));
    }

    @Override
    void run() throws IOException {
        boolean quick = privacy().quick;
        cell("The data: 50,000 small photographs to learn from, 10,000 to test");
        TrainTest<ImageSet> cifar = CifarData.load(data.folder);
        ImageSet train = shortened(cifar.train(), QUICK_EXAMPLES);
        ImageSet test = shortened(cifar.test(), QUICK_EXAMPLES);
        print(train.size() + " training images, " + test.size() + " test images");

        cell("Features: scattering, decorrelated as drawn pictures show it; no photograph has part in it");
        FeatureExtractor extractor = WhitenedFeatures.learn(
                ScatteringTransform.of(train.channels(), train.height(), train.width()),
                GROUPS,
                DrawnPictures.leaves(
                        train.channels(),
                        train.height(),
                        train.width(),
                        quick ? QUICK_DRAWINGS : DRAWINGS,
                        DRAWING_SEED),
                quick ? QUICK_COMPONENTS : COMPONENTS,
                DAMPING);
        String suffix = quick ? "-quick" : "";
        FeatureFile trainFeatures = features.open("cifar10-scattering-train" + suffix, extractor, train);
        FeatureFile testFeatures = features.open("cifar10-scattering-test" + suffix, extractor, test);
        int inputs = Math.toIntExact(trainFeatures.shape()[0]);
        print(inputs + " features an image");

        cell("The plan: the whole data set in every lot, so that the noise is least for the same epsilon");
        DpSgdPlan plan = DpSgdPlan.poisson(train.size(), train.size())
                .withSteps(quick ? QUICK_STEPS : privacy().epsilon() < 2 ? STEPS : STEPS_FROM_EPSILON_2)
                .withClippingNorm(CLIPPING_NORM)
                .calibratedTo(
                        new PrivacyGuarantee(privacy().epsilon(), privacy().delta()));
        print(plan);

        MultiLayerNetwork network = LinearModel.create(inputs, train.classes(), LEARNING_RATE, privacy().seed);
        trainLinearModel(network, plan, trainFeatures, train, testFeatures, test);
    }
}
