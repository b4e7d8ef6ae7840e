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
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.IntStream;
import org.deeplearning4j.common.resources.DL4JResources;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.weights.WeightInit;
import org.nd4j.evaluation.classification.Evaluation;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Nesterovs;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

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
    private static final double MOMENTUM = 0.9;
    private static final int QUICK_EXAMPLES = 1000;
    private static final int DRAWING_SEED = 1;

    @Mixin
    private final DataOption data = new DataOption();

    @Option(
            names = "--features",
            paramLabel = "DIR",
            description = "Folder for the computed features, 650 MB (default: beside DeepLearning4J's data).")
    private Path featureFolder = DL4JResources.getBaseDirectory().toPath().resolve("dl4j-dp");

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
        FeatureFile trainFeatures = features(extractor, train, "train");
        FeatureFile testFeatures = features(extractor, test, "test");
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
        MultiLayerNetwork network = network(inputs, train.classes());
        PrivacyEngine engine = PrivacyEngine.attach(network, plan);
        fitWithProgress(network, engine, trainFeatures.withLabels(train.oneHotLabels()));
        print(engine.report());

        cell("Test accuracy");
        double accuracy = accuracy(network, testFeatures, test);
        print(new Table("model", "epsilon", "test accuracy")
                .row("guessing", "0", "10.00 %")
                .row(
                        "private, linear",
                        String.format(Locale.ROOT, "%.3f", engine.epsilon()),
                        String.format(Locale.ROOT, "%.2f %%", 100 * accuracy)));
    }

    private FeatureFile features(PatchFeatures extractor, ImageSet images, String name) throws IOException {
        String file = "cifar10-patches-" + name + (privacy().quick ? "-quick" : "") + ".features";
        try (Progress progress = Progress.of("features, " + name, images.size())) {
            int[] shown = {0};
            return FeatureFile.open(featureFolder.resolve(file), extractor, images.asExamples(), done -> {
                progress.advance(done - shown[0], "");
                shown[0] = done;
            });
        }
    }

    private MultiLayerNetwork network(int inputs, int classes) {
        // Classes are equally frequent by construction of the data set, so there is no bias to learn; weights start at
        // zero.
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .seed(privacy().seed)
                .updater(new Nesterovs(LEARNING_RATE, MOMENTUM))
                .list()
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nIn(inputs)
                        .nOut(classes)
                        .hasBias(false)
                        .weightInit(WeightInit.ZERO)
                        .activation(Activation.SOFTMAX)
                        .build())
                .build());
        network.init();
        return network;
    }

    private static double accuracy(MultiLayerNetwork network, FeatureFile features, ImageSet images) {
        INDArray labels = images.oneHotLabels();
        Evaluation evaluation = new Evaluation(images.classes());
        int chunk = 1000;
        for (int from = 0; from < images.size(); from += chunk) {
            int to = Math.min(images.size(), from + chunk);
            INDArray output =
                    network.output(features.read(IntStream.range(from, to).toArray()));
            evaluation.eval(labels.get(NDArrayIndex.interval(from, to)), output);
        }
        return evaluation.accuracy();
    }
}
