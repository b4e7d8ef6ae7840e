// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.ExecutionOptions;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.examples.data.ImageSet;
import io.github.dl4jdp.examples.data.MnistData;
import io.github.dl4jdp.examples.data.TrainTest;
import java.io.IOException;
import java.util.Locale;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.conf.layers.SubsamplingLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Nesterovs;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/**
 * Handwritten digits, the first experiment of the DP-SGD paper: a small convolutional network with tanh activations, which clipped and noised
 * gradients suit better than relu (Papernot et al. 2020).
 */
@Command(name = "MnistDpSgd", description = "Trains a private convolutional network on MNIST.")
public final class MnistDpSgd extends ExampleMain {
    private static final int LOT_SIZE = 2048;
    private static final int QUICK_EXAMPLES = 4096;
    private static final int EPOCHS = 25;
    private static final double CLIPPING_NORM = 1.0;
    private static final double LEARNING_RATE = 0.5;
    private static final double MOMENTUM = 0.9;

    @Mixin
    private final DataOption data = new DataOption();

    private MnistDpSgd() {
        super(3.0);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        System.exit(execute(new MnistDpSgd(), args));
    }

    @Override
    void run() throws IOException {
        cell("The data: 28x28 gray images, scaled to [0, 1] by a public constant");
        TrainTest<DataSet> mnist =
                shortened(MnistData.load(data.folder), QUICK_EXAMPLES).map(ImageSet::toDataSet);
        DataSet train = mnist.train();

        cell("The plan: what will run, and its cost; the number of images is a public constant, not a count");
        int images = size(60_000, train.numExamples());
        DpSgdPlan plan = DpSgdPlan.poisson(images, Math.min(LOT_SIZE, images))
                .withEpochs(privacy().quick ? 1 : EPOCHS)
                .withClippingNorm(CLIPPING_NORM)
                .calibratedTo(privacy().target());
        print(plan);

        MultiLayerNetwork network = network();
        PrivacyEngine engine =
                PrivacyEngine.attach(network, plan, ExecutionOptions.defaults().withPhysicalBatchSize(512));
        trainPrivately(network, engine, RandomAccessExamples.of(train));

        cell("Test accuracy");
        print(String.format(
                Locale.ROOT,
                "epsilon = %s, delta = %s: test accuracy %.2f %%",
                RoundedBounds.upper(engine.epsilon(), 4),
                RoundedBounds.upper(plan.delta(), 3),
                100 * Networks.accuracy(network, mnist.test().batchBy(1000))));
    }

    private MultiLayerNetwork network() {
        return Networks.create(new NeuralNetConfiguration.Builder()
                .seed(privacy().seed)
                .activation(Activation.TANH)
                .updater(new Nesterovs(LEARNING_RATE, MOMENTUM))
                .list()
                .layer(new ConvolutionLayer.Builder(8, 8)
                        .nOut(16)
                        .stride(2, 2)
                        .padding(2, 2)
                        .build())
                .layer(new SubsamplingLayer.Builder(PoolingType.MAX)
                        .kernelSize(2, 2)
                        .stride(1, 1)
                        .build())
                .layer(new ConvolutionLayer.Builder(4, 4).nOut(32).stride(2, 2).build())
                .layer(new SubsamplingLayer.Builder(PoolingType.MAX)
                        .kernelSize(2, 2)
                        .stride(1, 1)
                        .build())
                .layer(new DenseLayer.Builder().nOut(32).build())
                .layer(Networks.softmax(10))
                .setInputType(InputType.convolutional(28, 28, 1))
                .build());
    }
}
