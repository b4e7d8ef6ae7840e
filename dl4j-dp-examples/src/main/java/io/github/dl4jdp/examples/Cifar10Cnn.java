// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.ParameterAverage;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.data.RandomCropAndFlip;
import io.github.dl4jdp.core.layers.GroupNormalization;
import io.github.dl4jdp.core.layers.WeightStandardizedConvolution;
import io.github.dl4jdp.examples.data.CifarData;
import io.github.dl4jdp.examples.data.ImageSet;
import io.github.dl4jdp.examples.data.TrainTest;
import io.github.dl4jdp.features.DrawnPatchWeights;
import java.io.IOException;
import java.util.List;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration.ListBuilder;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ActivationLayer;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Nesterovs;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Photographs of ten kinds of things, and a convolutional network of which every weight is trained with privacy. Its first filters
 * start as patches of drawn pictures instead of random numbers: no photograph has part in them.
 */
@Command(name = "Cifar10Cnn", description = "Trains all weights of a private convolutional network on CIFAR-10.")
public final class Cifar10Cnn extends ExampleMain {
    private static final int LOT_SIZE = 2048;
    private static final double CLIPPING_NORM = 0.1;
    private static final double MOMENTUM = 0.9;
    private static final double AVERAGE_DECAY = 0.9;
    private static final int FILTERS = 64;
    private static final int GROUPS = 16;
    private static final int DRAWING_SEED = 1;
    private static final int QUICK_EXAMPLES = 500;
    /** Pixels by which a copy is shifted at most: an eighth of the width, as De et al. (2022) do. */
    private static final int SHIFT = 4;

    /** What keeps activations on one scale. */
    enum Normalization {
        NONE,
        GROUP,
        WEIGHTS
    }

    @Mixin
    private final DataOption data = new DataOption();

    @Option(
            names = "--epochs",
            paramLabel = "N",
            description = "Passes over the data (default: ${DEFAULT-VALUE}).",
            defaultValue = "15")
    private int epochs;

    @Option(
            names = "--augmentations",
            paramLabel = "K",
            description =
                    "Copies of each photograph of a lot, shifted and mirrored at random; their gradients are averaged"
                            + " before clipping, and a step takes about K times as long (default: no augmentation).",
            defaultValue = "0")
    private int augmentations;

    @Option(
            names = "--normalization",
            paramLabel = "WAY",
            description =
                    "none; group: group normalization after each convolution; weights: that, and standardized weights"
                            + " (default: ${DEFAULT-VALUE}).",
            defaultValue = "none")
    private Normalization normalization = Normalization.NONE;

    @Option(
            names = "--learning-rate",
            paramLabel = "R",
            description = "Learning rate (default: ${DEFAULT-VALUE}).",
            defaultValue = "6")
    private double learningRate;

    @Option(names = "--random-start", description = "Start the first filters at random, like the others.")
    private boolean randomStart;

    private Cifar10Cnn() {
        super(3.0);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        System.exit(execute(new Cifar10Cnn(), args));
    }

    @Override
    void run() throws IOException {
        boolean quick = privacy().quick;
        cell(
                "The data: 50,000 small photographs to learn from, 10,000 to test; pixels from -2 to 2 by a public constant");
        TrainTest<ImageSet> cifar = shortened(CifarData.load(data.folder), QUICK_EXAMPLES);
        DataSet train = scaled(cifar.train());
        List<DataSet> test = scaled(cifar.test()).batchBy(500);

        cell("The plan: what will run, and its cost; the number of photographs is a public constant, not a count");
        int photographs = size(50_000, train.numExamples());
        DpSgdPlan plan = DpSgdPlan.poisson(photographs, Math.min(LOT_SIZE, photographs))
                .withEpochs(quick ? 2 : epochs)
                .withClippingNorm(CLIPPING_NORM)
                .withAugmentationMultiplicity(augmentations == 0 ? 1 : augmentations)
                .calibratedTo(privacy().target());
        print(plan);

        cell("Private training: DL4J's own fit, on the engine's lots; averaging the parameters costs nothing");
        MultiLayerNetwork network = network();
        PrivacyEngine engine = PrivacyEngine.attach(network, plan);
        ParameterAverage average = new ParameterAverage(AVERAGE_DECAY);
        network.addListeners(average);
        fitWithProgress(
                network,
                engine,
                augmentations == 0 ? engine.lots(train) : engine.lots(train, new RandomCropAndFlip(SHIFT)));
        print(engine.report());

        cell("Test accuracy");
        MultiLayerNetwork averaged = network.clone();
        average.applyTo(averaged);
        String epsilon = RoundedBounds.upper(engine.epsilon(), 4);
        print(new Table("model", "epsilon", "test accuracy")
                .row("guessing", "0", "10.00 %")
                .row("private", epsilon, percent(Networks.accuracy(network, test)))
                .row("private, parameters averaged", epsilon, percent(Networks.accuracy(averaged, test))));
        engine.close();
    }

    private static DataSet scaled(ImageSet images) {
        DataSet data = images.toDataSet();
        data.getFeatures().subi(0.5).muli(4);
        return data;
    }

    private MultiLayerNetwork network() {
        var first = convolution(6).stride(2, 2).padding(2, 2);
        if (!randomStart) {
            first.weightInit(new DrawnPatchWeights(DRAWING_SEED));
        }
        var layers = new NeuralNetConfiguration.Builder()
                .seed(privacy().seed)
                .activation(Activation.TANH)
                .updater(new Nesterovs(learningRate, MOMENTUM))
                .list();
        block(layers, first);
        block(layers, convolution(3).padding(1, 1));
        return Networks.create(layers.layer(Networks.softmax(10))
                .setInputType(InputType.convolutional(32, 32, 3))
                .build());
    }

    /** A convolution, its normalization if there is one, tanh, and the maximum over 2x2. */
    private void block(ListBuilder layers, ConvolutionLayer.Builder convolution) {
        if (normalization == Normalization.NONE) {
            layers.layer(convolution.build());
        } else {
            layers.layer(convolution.activation(Activation.IDENTITY).build())
                    .layer(new GroupNormalization.Builder(GROUPS).build())
                    .layer(new ActivationLayer(Activation.TANH));
        }
        layers.layer(Networks.halve());
    }

    private ConvolutionLayer.Builder convolution(int kernel) {
        var builder = normalization == Normalization.WEIGHTS
                ? new WeightStandardizedConvolution.Builder(kernel, kernel)
                : new ConvolutionLayer.Builder(kernel, kernel);
        return builder.nOut(FILTERS);
    }
}
