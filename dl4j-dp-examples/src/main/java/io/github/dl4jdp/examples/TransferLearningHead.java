// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.examples.data.ImageSet;
import io.github.dl4jdp.examples.data.MnistData;
import io.github.dl4jdp.examples.data.TrainTest;
import java.io.IOException;
import org.deeplearning4j.datasets.iterator.ExistingDataSetIterator;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.conf.layers.SubsamplingLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.FineTuneConfiguration;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Nesterovs;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/**
 * A body that learnt from public data, and a head that learns from private ones: DL4J's transfer learning, with privacy. Here the
 * digits 0 to 4 play the public data, the digits 5 to 9 the private ones.
 */
@Command(
        name = "TransferLearningHead",
        description = "Trains a private head on a body that was trained on public data, both of MNIST.")
public final class TransferLearningHead extends ExampleMain {
    private static final int PUBLIC_CLASSES = 5;
    private static final int PUBLIC_EPOCHS = 2;
    private static final int PUBLIC_BATCH = 64;
    private static final double PUBLIC_LEARNING_RATE = 1e-3;

    private static final int LOT_SIZE = 2048;
    private static final int EPOCHS = 10;
    private static final double CLIPPING_NORM = 1;
    private static final double LEARNING_RATE = 0.5;
    private static final double MOMENTUM = 0.9;

    private static final int LAST_FROZEN_LAYER = 4;
    private static final int BODY_OUTPUTS = 32;
    private static final int QUICK_EXAMPLES = 1000;

    @Mixin
    private final DataOption data = new DataOption();

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
        TrainTest<ImageSet> mnist = MnistData.load(data.folder);
        ImageSet train = shortened(mnist.train(), QUICK_EXAMPLES);
        ImageSet test = shortened(mnist.test(), QUICK_EXAMPLES);
        DataSet publicTrain = train.ofClasses(0, PUBLIC_CLASSES).toDataSet();
        DataSet privateTrain = train.ofClasses(PUBLIC_CLASSES, train.classes()).toDataSet();
        DataSet privateTest = test.ofClasses(PUBLIC_CLASSES, test.classes()).toDataSet();
        print(publicTrain.numExamples() + " public training images, " + privateTrain.numExamples() + " private, "
                + privateTest.numExamples() + " to test");

        cell("The body: plain training on the public digits");
        MultiLayerNetwork source = network();
        MultiLayerNetwork untrained = source.clone();
        source.fit(new ExistingDataSetIterator(publicTrain.batchBy(PUBLIC_BATCH)), quick ? 1 : PUBLIC_EPOCHS);

        cell("The plan: what will be run on the private digits and what it may cost");
        DpSgdPlan plan = DpSgdPlan.poisson(privateTrain.numExamples(), Math.min(LOT_SIZE, privateTrain.numExamples()))
                .withEpochs(quick ? 1 : EPOCHS)
                .withClippingNorm(CLIPPING_NORM)
                .calibratedTo(
                        new PrivacyGuarantee(privacy().epsilon(), privacy().delta()));
        print(plan);

        cell("Private training of new heads: the body is frozen, so that the budget is spent on "
                + (BODY_OUTPUTS + 1) * PUBLIC_CLASSES + " weights");
        Table table = new Table("body", "epsilon", "test accuracy on private digits");
        for (boolean trained : new boolean[] {true, false}) {
            MultiLayerNetwork network = withNewHead(trained ? source : untrained);
            PrivacyEngine engine = PrivacyEngine.attach(network, plan);
            fitWithProgress(network, engine, privateTrain);
            if (trained) {
                print(engine.report());
            }
            table.row(
                    trained ? "trained on public digits" : "random",
                    number("%.3f", engine.epsilon()),
                    percent(network.evaluate(new ExistingDataSetIterator(privateTest.batchBy(500)))
                            .accuracy()));
            engine.close();
        }

        cell("Test accuracy");
        print(table);
    }

    private MultiLayerNetwork network() {
        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .seed(privacy().seed)
                .activation(Activation.TANH)
                .updater(new Adam(PUBLIC_LEARNING_RATE))
                .list()
                .layer(new ConvolutionLayer.Builder(8, 8)
                        .nOut(16)
                        .stride(2, 2)
                        .padding(2, 2)
                        .build())
                .layer(halve())
                .layer(new ConvolutionLayer.Builder(4, 4).nOut(32).build())
                .layer(halve())
                .layer(new DenseLayer.Builder().nOut(BODY_OUTPUTS).build())
                .layer(head(PUBLIC_CLASSES))
                .setInputType(InputType.convolutional(28, 28, 1))
                .build());
        network.init();
        return network;
    }

    private static SubsamplingLayer halve() {
        return new SubsamplingLayer.Builder(PoolingType.MAX)
                .kernelSize(2, 2)
                .stride(2, 2)
                .build();
    }

    private static OutputLayer head(int classes) {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nIn(BODY_OUTPUTS)
                .nOut(classes)
                .activation(Activation.SOFTMAX)
                .build();
    }

    /** DL4J's transfer learning: layers 0 to 4 as they are and frozen, a new output layer. */
    private static MultiLayerNetwork withNewHead(MultiLayerNetwork body) {
        return new TransferLearning.Builder(body)
                .fineTuneConfiguration(new FineTuneConfiguration.Builder()
                        .updater(new Nesterovs(LEARNING_RATE, MOMENTUM))
                        .build())
                .setFeatureExtractor(LAST_FROZEN_LAYER)
                .removeOutputLayer()
                .addLayer(head(PUBLIC_CLASSES))
                .build();
    }
}
