// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.examples.data.CifarData;
import io.github.dl4jdp.examples.data.ImageSet;
import io.github.dl4jdp.examples.data.TrainTest;
import io.github.dl4jdp.features.ChannelNormalization;
import io.github.dl4jdp.features.DrawnPictures;
import io.github.dl4jdp.features.FeatureExtractor;
import io.github.dl4jdp.features.PrivateNormalization;
import io.github.dl4jdp.features.ReleasedNormalization;
import io.github.dl4jdp.features.ScatteringTransform;
import io.github.dl4jdp.features.WhitenedFeatures;
import java.io.IOException;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/**
 * Photographs of ten kinds of things, and a linear model or a small convolutional network of scattering features, that is of wavelets:
 * normalized by means and variances that were released with noise and charged, or decorrelated as drawn pictures show it, at no charge.
 */
@Command(name = "Cifar10ScatterNet", description = "Trains a private model of CIFAR-10 on scattering features.")
public final class Cifar10ScatterNet extends ExampleMain {
    // Features on the scale of drawn pictures have means of norm about the square root of the number of channels.
    private static final double MEAN_BOUND = 16;
    private static final double SQUARE_BOUND = 32;
    private static final double NORMALIZATION_NOISE = 30;

    private static final int STEPS = 40;
    private static final int STEPS_FROM_EPSILON_2 = 60;
    private static final int QUICK_STEPS = 3;
    private static final int LINEAR_EPOCHS = 40;
    private static final int CNN_EPOCHS = 60;
    private static final int CNN_EPOCHS_BELOW_EPSILON_2 = 20;
    private static final int LOT_SIZE = 8192;
    /** Of the linear model: at a small epsilon fewer steps, each with less noise in its mean. */
    private static final int LOT_SIZE_BELOW_EPSILON_2 = 16_384;

    private static final double CLIPPING_NORM = 0.1;
    private static final double LEARNING_RATE = 4;
    private static final double LEARNING_RATE_BELOW_EPSILON_2 = 2;
    private static final double WHITENED_CLIPPING_NORM = 0.25;
    private static final double WHITENED_LEARNING_RATE = 220;

    private static final int GROUPS = 27;
    private static final int DRAWINGS = 3000;
    private static final int COMPONENTS = 1500;
    private static final double DAMPING = 0.003;
    private static final int DRAWING_SEED = 1;

    private static final int QUICK_EXAMPLES = 500;
    private static final int QUICK_DRAWINGS = 60;
    private static final int QUICK_COMPONENTS = 50;

    /** How channels come to a common scale. */
    enum Normalization {
        PRIVATE,
        WHITENED
    }

    @Mixin
    private final DataOption data = new DataOption();

    @Mixin
    private final FeatureOption features = new FeatureOption();

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            description = "linear or cnn (default: ${DEFAULT-VALUE}).",
            defaultValue = "linear")
    private ScatterNetworks model = ScatterNetworks.LINEAR;

    @Option(
            names = "--normalization",
            paramLabel = "WAY",
            description =
                    "private: by means and variances released with noise, and charged. whitened: by drawn pictures,"
                            + " for the linear model only (default: ${DEFAULT-VALUE}).",
            defaultValue = "private")
    private Normalization normalization = Normalization.PRIVATE;

    @Option(names = "--steps", paramLabel = "N", description = "Steps (default: by model and epsilon).")
    private @Nullable Integer steps;

    @Option(
            names = "--lot-size",
            paramLabel = "N",
            description = "Expected examples a step (default: by model and epsilon).")
    private @Nullable Integer lotSize;

    @Option(names = "--learning-rate", paramLabel = "R", description = "Learning rate (default: by model and epsilon).")
    private @Nullable Double learningRate;

    private Cifar10ScatterNet() {
        super(3.0);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        System.exit(execute(new Cifar10ScatterNet(), args));
    }

    @Override
    void run() throws IOException {
        if (model == ScatterNetworks.CNN && normalization == Normalization.WHITENED) {
            throw new ParameterException(
                    parsedFrom(),
                    "--normalization must be private for --model cnn: whitened features have no image positions");
        }
        cell("The data: 50,000 small photographs to learn from, 10,000 to test");
        TrainTest<ImageSet> cifar = shortened(CifarData.load(data.folder), QUICK_EXAMPLES);
        if (normalization == Normalization.WHITENED) {
            runWhitened(cifar);
        } else {
            runPrivatelyNormalized(cifar);
        }
    }

    private void runPrivatelyNormalized(TrainTest<ImageSet> cifar) throws IOException {
        cell("Features: scattering, every channel scaled by drawn pictures; no photograph is used");
        ImageSet train = cifar.train();
        var scattering = ScatteringTransform.of(train.channels(), train.height(), train.width());
        FeatureExtractor extractor =
                ChannelNormalization.learn(scattering, drawings(train)).after(scattering);
        TrainTest<FeatureSet> sets = features.open("cifar10-scattering-maps", extractor, cifar, privacy().quick);
        long[] shape = sets.train().shape();

        cell("Means and variances of the photographs' channels, released with noise");
        DpSgdPlan plan = plan(size(50_000, train.size()), CLIPPING_NORM);
        ReleasedNormalization released = PrivateNormalization.of(
                        plan.examples(), MEAN_BOUND, SQUARE_BOUND, NORMALIZATION_NOISE)
                .release(sets.train().examples());
        print(shape[0] + " channels: " + released.event());

        cell("The plan: release and training together meet the guarantee");
        DpSgdPlan charged = released.chargedTo(plan);
        print(charged);
        MultiLayerNetwork network = model.create(
                shape,
                train.classes(),
                orDefault(learningRate, largeLots() ? LEARNING_RATE_BELOW_EPSILON_2 : LEARNING_RATE),
                privacy().seed);
        trainOnFeatures(
                model == ScatterNetworks.CNN ? "private, convolutional" : "private, linear",
                network,
                charged,
                sets.map(set -> set.normalizedBy(released.normalization())));
    }

    private void runWhitened(TrainTest<ImageSet> cifar) throws IOException {
        cell("Features: scattering, decorrelated by drawn pictures; no photograph is used");
        ImageSet train = cifar.train();
        FeatureExtractor extractor = WhitenedFeatures.learn(
                ScatteringTransform.of(train.channels(), train.height(), train.width()),
                GROUPS,
                drawings(train),
                privacy().quick ? QUICK_COMPONENTS : COMPONENTS,
                DAMPING);
        TrainTest<FeatureSet> sets = features.open("cifar10-scattering", extractor, cifar, privacy().quick);
        long[] shape = sets.train().shape();
        print(shape[0] + " features an image");

        cell("The plan: the whole data set in every lot, which needs the least noise for a given epsilon");
        DpSgdPlan plan = plan(size(50_000, train.size()), WHITENED_CLIPPING_NORM);
        print(plan);
        MultiLayerNetwork network = Networks.linear(
                shape, train.classes(), orDefault(learningRate, WHITENED_LEARNING_RATE), privacy().seed);
        trainOnFeatures("private, linear", network, plan, sets);
    }

    private float[] drawings(ImageSet images) {
        return DrawnPictures.leaves(
                images.channels(),
                images.height(),
                images.width(),
                privacy().quick ? QUICK_DRAWINGS : DRAWINGS,
                DRAWING_SEED);
    }

    private boolean largeLots() {
        return model == ScatterNetworks.LINEAR && privacy().epsilon() < 2;
    }

    private DpSgdPlan plan(int size, double clippingNorm) {
        boolean whitened = normalization == Normalization.WHITENED;
        int lot = lotSize != null ? lotSize : whitened ? size : largeLots() ? LOT_SIZE_BELOW_EPSILON_2 : LOT_SIZE;
        DpSgdPlan plan = DpSgdPlan.poisson(size, Math.min(size, lot)).withClippingNorm(clippingNorm);
        if (steps != null || privacy().quick) {
            plan = plan.withSteps(steps != null ? steps : QUICK_STEPS);
        } else if (whitened) {
            plan = plan.withSteps(privacy().epsilon() < 2 ? STEPS : STEPS_FROM_EPSILON_2);
        } else if (model == ScatterNetworks.CNN) {
            plan = plan.withEpochs(privacy().epsilon() < 2 ? CNN_EPOCHS_BELOW_EPSILON_2 : CNN_EPOCHS);
        } else {
            plan = plan.withEpochs(LINEAR_EPOCHS);
        }
        return plan.calibratedTo(privacy().target());
    }

    private static double orDefault(@Nullable Double given, double value) {
        return given != null ? given : value;
    }
}
