// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.examples.data.ImageSet;
import io.github.dl4jdp.examples.data.MnistData;
import io.github.dl4jdp.examples.data.TrainTest;
import io.github.dl4jdp.features.DrawnPictures;
import io.github.dl4jdp.features.FeatureExtractor;
import io.github.dl4jdp.features.ScatteringTransform;
import io.github.dl4jdp.features.WhitenedFeatures;
import java.io.IOException;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/**
 * Handwritten digits, and a linear model of scattering features: with wavelets instead of learned filters, and with what pen strokes
 * have in common taken from drawn ones, 5,000 weights are all that the privacy budget is spent on.
 */
@Command(
        name = "MnistScatterNet",
        description = "Trains a private linear model of MNIST on scattering features that cost no privacy.")
public final class MnistScatterNet extends ExampleMain {
    private static final int STEPS = 60;
    private static final int STEPS_FROM_EPSILON_2 = 200;
    private static final double CLIPPING_NORM = 0.005;
    private static final double LEARNING_RATE = 10_000;
    private static final double LEARNING_RATE_FROM_EPSILON_2 = 14_000;

    private static final int GROUPS = 27;
    private static final int DRAWINGS = 2000;
    private static final int COMPONENTS = 500;
    private static final double DAMPING = 0.03;
    private static final int DRAWING_SEED = 1;

    private static final int QUICK_EXAMPLES = 1000;
    private static final int QUICK_DRAWINGS = 60;
    private static final int QUICK_COMPONENTS = 50;

    @Mixin
    private final DataOption data = new DataOption();

    @Mixin
    private final FeatureOption features = new FeatureOption();

    private MnistScatterNet() {
        super(3.0);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        System.exit(execute(new MnistScatterNet(), args));
    }

    @Override
    void run() throws IOException {
        boolean quick = privacy().quick;
        cell("The data: 60,000 handwritten digits to learn from, 10,000 to test");
        TrainTest<ImageSet> mnist = shortened(MnistData.load(data.folder), QUICK_EXAMPLES);
        ImageSet train = mnist.train();

        cell("Features: scattering, decorrelated by drawn pen strokes; no digit is used, so they cost no privacy");
        FeatureExtractor extractor = WhitenedFeatures.learn(
                ScatteringTransform.of(train.channels(), train.height(), train.width()),
                GROUPS,
                DrawnPictures.strokes(train.height(), train.width(), quick ? QUICK_DRAWINGS : DRAWINGS, DRAWING_SEED),
                quick ? QUICK_COMPONENTS : COMPONENTS,
                DAMPING);
        TrainTest<FeatureSet> sets = features.open("mnist-scattering", extractor, mnist, quick);
        long[] shape = sets.train().shape();
        print(shape[0] + " features an image");

        cell("The plan: the whole data set in every lot, which needs the least noise for a given epsilon");
        boolean tight = privacy().epsilon() < 2;
        int steps = tight ? STEPS : STEPS_FROM_EPSILON_2;
        int images = size(60_000, train.size());
        DpSgdPlan plan = DpSgdPlan.poisson(images, images)
                .withEpochs(quick ? 5 : steps)
                .withClippingNorm(CLIPPING_NORM)
                .calibratedTo(privacy().target());
        print(plan);

        MultiLayerNetwork network = Networks.linear(
                shape, train.classes(), tight ? LEARNING_RATE : LEARNING_RATE_FROM_EPSILON_2, privacy().seed);
        trainOnFeatures("private, linear", network, plan, sets);
    }
}
