// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.examples.data.ImageSet;
import io.github.dl4jdp.examples.data.MnistData;
import io.github.dl4jdp.examples.data.TrainTest;
import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;
import org.deeplearning4j.datasets.iterator.ExistingDataSetIterator;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.FineTuneConfiguration;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Nesterovs;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * A body that was trained on public data, and a head that learns from private ones: DL4J's transfer learning, with privacy. Here the
 * digits 0 to 4 play the public data, the digits 5 to 9 the private ones.
 */
@Command(
        name = "TransferLearningHead",
        description = "Trains a private head on a body that was trained on public data, both of MNIST.")
public final class TransferLearningHead extends ExampleMain {
    private static final int PUBLIC_CLASSES = 5;
    private static final int PUBLIC_EPOCHS = 2;
    private static final int PUBLIC_BATCH = 64;

    private static final int LOT_SIZE = 2048;
    private static final double CLIPPING_NORM = 1;
    private static final double LEARNING_RATE_OF_HEAD = 0.5;
    private static final double MOMENTUM = 0.9;

    private static final int QUICK_EXAMPLES = 1000;

    /** What of a transferred network trains privately. */
    enum Part {
        HEAD,
        ALL
    }

    @Mixin
    private final DataOption data = new DataOption();

    @Option(
            names = "--body",
            paramLabel = "NETWORK",
            description = "small, or lenet: the one of DL4J's model zoo (default: ${DEFAULT-VALUE}).",
            defaultValue = "small")
    private TransferBody body = TransferBody.SMALL;

    @Option(
            names = "--train",
            paramLabel = "PART",
            description = "What trains privately: head, with the body frozen, or all (default: ${DEFAULT-VALUE}).",
            defaultValue = "head")
    private Part part = Part.HEAD;

    @Option(
            names = "--learning-rate",
            paramLabel = "R",
            description = "Learning rate of the private training (default: by body and part).")
    private @Nullable Double learningRate;

    @Option(
            names = "--epochs",
            paramLabel = "N",
            description = "Passes over the private digits (default: ${DEFAULT-VALUE}).",
            defaultValue = "10")
    private int epochs;

    private TransferLearningHead() {
        super(1.0);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        System.exit(execute(new TransferLearningHead(), args));
    }

    @Override
    void run() throws IOException {
        boolean quick = privacy().quick;
        cell("The data: digits 0 to 4 are public, digits 5 to 9 are private");
        TrainTest<ImageSet> mnist = shortened(MnistData.load(data.folder), QUICK_EXAMPLES);
        DataSet publicTrain = mnist.train().ofClasses(0, PUBLIC_CLASSES).toDataSet();
        TrainTest<DataSet> privateDigits =
                mnist.map(all -> all.ofClasses(PUBLIC_CLASSES, all.classes()).toDataSet());
        DataSet privateTrain = privateDigits.train();
        List<DataSet> privateTest = privateDigits.test().batchBy(500);
        print(publicTrain.numExamples() + " public training images, " + privateTrain.numExamples() + " private");

        cell("The body: plain training on the public digits");
        MultiLayerNetwork source = body.create(PUBLIC_CLASSES, privacy().seed);
        MultiLayerNetwork untrained = source.clone();
        source.fit(new ExistingDataSetIterator(publicTrain.batchBy(PUBLIC_BATCH)), quick ? 1 : PUBLIC_EPOCHS);

        cell("The plan: what will run on the private digits, and its cost");
        // How many digits are private was counted: that number is public then, which is the relation ZERO_OUT.
        DpSgdPlan plan = DpSgdPlan.poisson(privateTrain.numExamples(), Math.min(LOT_SIZE, privateTrain.numExamples()))
                .withRelation(NeighboringRelation.ZERO_OUT)
                .withEpochs(quick ? 1 : epochs)
                .withClippingNorm(CLIPPING_NORM)
                .calibratedTo(
                        new PrivacyGuarantee(privacy().epsilon(), privacy().delta(), NeighboringRelation.ZERO_OUT));
        print(plan);

        cell("Private training with a new head: "
                + (part == Part.HEAD ? "the body is frozen" : "the body continues to train"));
        Table table = new Table("body", "epsilon", "test accuracy on private digits");
        for (boolean trained : new boolean[] {true, false}) {
            MultiLayerNetwork network = withNewHead(trained ? source : untrained);
            PrivacyEngine engine = PrivacyEngine.attach(network, plan);
            fitWithProgress(network, engine, privateTrain);
            if (trained) {
                print("weights that train: " + trainedParameters(network));
                print(engine.report());
            }
            table.row(
                    trained ? "trained on public digits" : "random",
                    RoundedBounds.upper(engine.epsilon(), 4),
                    percent(Networks.accuracy(network, privateTest)));
            engine.close();
        }

        cell("Test accuracy");
        print(table);
    }

    /** DL4J's transfer learning: layers 0 to 4 as they are, frozen or not, and a new output layer. */
    private MultiLayerNetwork withNewHead(MultiLayerNetwork network) {
        var builder = new TransferLearning.Builder(network)
                .fineTuneConfiguration(new FineTuneConfiguration.Builder()
                        .updater(new Nesterovs(learningRate(), MOMENTUM))
                        .build());
        if (part == Part.HEAD) {
            builder.setFeatureExtractor(TransferBody.LAST_LAYER);
        }
        return builder.removeOutputLayer().addLayer(body.head(PUBLIC_CLASSES)).build();
    }

    private double learningRate() {
        if (learningRate != null) {
            return learningRate;
        }
        return part == Part.HEAD ? LEARNING_RATE_OF_HEAD : body.learningRate();
    }

    private static long trainedParameters(MultiLayerNetwork network) {
        return Stream.of(network.getLayers())
                .filter(layer -> !(layer instanceof FrozenLayer))
                .mapToLong(Layer::numParams)
                .sum();
    }
}
