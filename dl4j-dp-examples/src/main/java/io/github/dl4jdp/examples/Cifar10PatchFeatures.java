// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.examples.data.CifarData;
import io.github.dl4jdp.examples.data.ImageSet;
import io.github.dl4jdp.examples.data.TrainTest;
import io.github.dl4jdp.features.PatchFeatures;
import java.io.IOException;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Photographs of ten kinds of things, and a linear model: what makes it good are features that were learned from drawn pictures,
 * so that the privacy budget is spent on 92,000 weights only.
 */
@Command(
        name = "Cifar10PatchFeatures",
        description = "Trains a private linear model of CIFAR-10 on features that cost no privacy.")
public final class Cifar10PatchFeatures extends ExampleMain {
    static final int QUICK_EXAMPLES = 500;

    // Every step sees the whole data set: of all lot sizes the one that needs least noise for the same epsilon.
    private static final int STEPS = 60;
    private static final int QUICK_STEPS = 3;
    private static final int QUICK_FILTERS = 16;
    private static final long DRAWING_SEED = 1;

    // The more noise, the less training it leaves before it drowns the signal.
    private static final double EPSILON_OF_LITTLE_NOISE = 2;
    private static final double CLIPPING_NORM = 0.25;
    private static final double LEARNING_RATE = 220;
    private static final double CLIPPING_NORM_IN_NOISE = 0.15;
    private static final double LEARNING_RATE_IN_NOISE = 160;

    @Mixin
    private final DataOption data = new DataOption();

    @Mixin
    private final FeatureOption features = new FeatureOption();

    @Option(
            names = "--drawing-seed",
            paramLabel = "SEED",
            description =
                    "Seed of the drawings that the features are learned from, public (default: ${DEFAULT-VALUE}).")
    private long drawingSeed = DRAWING_SEED;

    @Option(
            names = "--without-network",
            description =
                    "Leaves the features of the pre-trained network out: less accurate, and ready in half the time.")
    private boolean withoutNetwork;

    private Cifar10PatchFeatures() {
        super(1.0);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        System.exit(execute(new Cifar10PatchFeatures(), args));
    }

    @Override
    void run() throws IOException {
        boolean quick = privacy().quick;
        cell("The data: 50,000 small photographs to learn from, 10,000 to test");
        TrainTest<ImageSet> cifar = shortened(CifarData.load(data.folder), QUICK_EXAMPLES);

        cell(
                "Features learned from drawn pictures: they use no photograph and no statistic of the data, so they cost no privacy");
        TrainTest<FeatureSet> sets = features.open(
                "cifar10-patches", extractor(cifar.train(), drawingSeed, !withoutNetwork, quick), cifar, quick);
        FeatureSet train = sets.train();
        print(train.shape()[0] + " features an image");

        cell("The plan: what will run, and its cost");
        DpSgdPlan plan = plan(size(50_000, train.images().size()), privacy().epsilon(), quick)
                .calibratedTo(privacy().target());
        print(plan);

        trainOnFeatures("private, linear", network(train, privacy().epsilon(), privacy().seed), plan, sets);
    }

    /** The extractor of the photographs' features, by the drawings that the other mains use too. */
    static PatchFeatures extractor(ImageSet images, boolean quick) {
        return extractor(images, DRAWING_SEED, true, quick);
    }

    private static PatchFeatures extractor(ImageSet images, long drawingSeed, boolean network, boolean quick) {
        int channels = images.channels();
        int height = images.height();
        int width = images.width();
        if (network) {
            return quick
                    ? PatchFeatures.learnWithNetwork(channels, height, width, drawingSeed, QUICK_FILTERS, QUICK_FILTERS)
                    : PatchFeatures.learnWithNetwork(channels, height, width, drawingSeed);
        }
        return quick
                ? PatchFeatures.learn(channels, height, width, drawingSeed, QUICK_FILTERS, QUICK_FILTERS)
                : PatchFeatures.learn(channels, height, width, drawingSeed);
    }

    /** The plan without its noise. */
    static DpSgdPlan plan(int size, double epsilon, boolean quick) {
        return DpSgdPlan.poisson(size, size)
                .withSteps(quick ? QUICK_STEPS : STEPS)
                .withClippingNorm(littleNoise(epsilon) ? CLIPPING_NORM : CLIPPING_NORM_IN_NOISE);
    }

    /** A new model of the features. */
    static MultiLayerNetwork network(FeatureSet train, double epsilon, int seed) {
        double learningRate = littleNoise(epsilon) ? LEARNING_RATE : LEARNING_RATE_IN_NOISE;
        return Networks.linear(train.shape(), train.images().classes(), learningRate, seed);
    }

    private static boolean littleNoise(double epsilon) {
        return epsilon >= EPSILON_OF_LITTLE_NOISE;
    }
}
