// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.accountant.CorrelatedNoise;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.examples.data.CifarData;
import io.github.dl4jdp.examples.data.ImageSet;
import io.github.dl4jdp.examples.data.MnistData;
import io.github.dl4jdp.examples.data.TrainTest;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.LongStream;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.weights.WeightInit;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Data in their own order, small batches and few passes: what correlated noise is worth. A linear model of pixels, or of features that cost no privacy, is trained on given batches with independent and with correlated noise, and on Poisson lots, at the same
 * epsilon under the same relation, zero-out.
 */
@Command(
        name = "CorrelatedNoiseUtility",
        description =
                "Compares independent and correlated noise, on given batches and Poisson lots (--epsilon is not used: there are several).")
public final class CorrelatedNoiseUtility extends ExampleMain {
    private static final double[] EPSILONS = {2, 4, 8};
    private static final double TUNING_EPSILON = 4;
    private static final int BATCH = 500;
    private static final int QUICK_BATCH = 5;
    private static final int EPOCHS = 4;
    private static final int CLASSES = 10;
    private static final int TUNING_SEED = 1000;

    /** What is trained on. */
    @SuppressWarnings("ImmutableEnumChecker") // constants of this program
    enum Task {
        /** The pixels of MNIST. */
        MNIST(1, new double[] {0.4, 1.6, 6.4}),
        /** Patch features of CIFAR-10, as in {@link Cifar10PatchFeatures}. */
        CIFAR10(0.25, new double[] {20, 80, 320});

        private final double clippingNorm;
        private final double[] rates;

        Task(double clippingNorm, double[] rates) {
            this.clippingNorm = clippingNorm;
            this.rates = rates;
        }
    }

    private record Method(
            String name, boolean poisson, @Nullable CorrelatedNoise noise) {
        DpSgdPlan plan(long examples, long batch) {
            DpSgdPlan plan = poisson
                    ? DpSgdPlan.poisson(examples, batch).withRelation(NeighboringRelation.ZERO_OUT)
                    : DpSgdPlan.givenBatches(examples, batch);
            return noise == null ? plan : plan.withCorrelatedNoise(noise);
        }
    }

    private static final List<Method> METHODS = List.of(
            new Method("given batches, independent", false, null),
            new Method("given batches, lambda-CGD 0.95", false, CorrelatedNoise.lambdaCgd(0.95)),
            new Method("given batches, BISR of 64 bands", false, CorrelatedNoise.bisr(64)),
            new Method("given batches, BandMF of 64 bands", false, CorrelatedNoise.bandMf(64)),
            new Method("Poisson lots, independent", true, null),
            new Method("Poisson lots, BandMF of 16 bands", true, CorrelatedNoise.bandMf(16)));

    @Mixin
    private final DataOption data = new DataOption();

    @Mixin
    private final FeatureOption features = new FeatureOption();

    @Option(names = "--task", description = "mnist or cifar10 (default: ${DEFAULT-VALUE}).", defaultValue = "mnist")
    private Task task = Task.MNIST;

    @Option(names = "--runs", description = "Runs at each epsilon (default: ${DEFAULT-VALUE}).", defaultValue = "3")
    private int runs;

    @Option(
            names = "--methods",
            description = "Only methods whose name has this in it (default: all).",
            defaultValue = "")
    private String methods = "";

    @Option(names = "--learning-rate", description = "The learning rate of all runs (default: the best of three).")
    private double givenRate;

    private CorrelatedNoiseUtility() {
        super(TUNING_EPSILON);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        System.exit(execute(new CorrelatedNoiseUtility(), args));
    }

    /** What a run needs: examples, their shape, and the test accuracy of a network. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Material(RandomAccessExamples train, long[] shape, ToDoubleFunction<MultiLayerNetwork> accuracy) {}

    private Material load() throws IOException {
        boolean quick = privacy().quick;
        if (task == Task.CIFAR10) {
            TrainTest<ImageSet> cifar = shortened(CifarData.load(data.folder), Cifar10PatchFeatures.QUICK_EXAMPLES);
            TrainTest<FeatureSet> sets = features.open(
                    "cifar10-patches", Cifar10PatchFeatures.extractor(cifar.train(), quick), cifar, quick);
            return new Material(sets.train().examples(), sets.train().shape(), network -> sets.test()
                    .accuracy(network));
        }
        TrainTest<ImageSet> mnist = shortened(MnistData.load(data.folder), Cifar10PatchFeatures.QUICK_EXAMPLES);
        DataSet test = mnist.test().toDataSet();
        return new Material(
                RandomAccessExamples.of(mnist.train().toDataSet()),
                new long[] {1, mnist.train().height(), mnist.train().width()},
                network -> Networks.accuracy(network, List.of(test)));
    }

    @Override
    void run() throws IOException {
        boolean quick = privacy().quick;
        cell("The data, in the order in which they lie, and features that cost no privacy");
        Material images = load();
        print(images.train().size() + " images, batches of " + batch() + ", " + EPOCHS + " passes");

        cell(
                "The learning rate: the best of three for independent noise on given batches at epsilon = 4, by a seed that is not used again");
        double rate = givenRate > 0 ? givenRate : tuned(images);
        print("learning rate " + rate);

        cell("Private training");
        var accuracies = new LinkedHashMap<String, List<Double>>();
        for (int run = 0; run < (quick ? 1 : runs); run++) {
            for (double epsilon : EPSILONS) {
                for (Method method : METHODS) {
                    if (!method.name().contains(methods)) {
                        continue;
                    }
                    double accuracy = accuracy(method, epsilon, rate, privacy().seed + run, images);
                    String name = number("%.0f", epsilon) + ", " + method.name();
                    print(name + ": " + percent(accuracy));
                    accuracies.computeIfAbsent(name, n -> new ArrayList<>()).add(accuracy);
                }
            }
        }

        cell("Test accuracy");
        var table = new Table("epsilon, lots, noise", "runs", "mean accuracy", "standard deviation");
        accuracies.forEach((name, values) ->
                table.row(name, Integer.toString(values.size()), percent(mean(values)), percent(deviation(values))));
        print(table);
    }

    private double tuned(Material images) {
        double best = 0;
        double rate = task.rates[0];
        for (double one : task.rates) {
            double accuracy = accuracy(METHODS.get(0), TUNING_EPSILON, one, TUNING_SEED, images);
            print("learning rate " + one + ": " + percent(accuracy));
            if (accuracy > best) {
                best = accuracy;
                rate = one;
            }
        }
        return rate;
    }

    private static double mean(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).average().orElse(0);
    }

    private static double deviation(List<Double> values) {
        double mean = mean(values);
        double squares = values.stream()
                .mapToDouble(value -> (value - mean) * (value - mean))
                .sum();
        return values.size() < 2 ? 0 : Math.sqrt(squares / (values.size() - 1));
    }

    private int batch() {
        return privacy().quick ? QUICK_BATCH : BATCH;
    }

    private double accuracy(Method method, double epsilon, double rate, int seed, Material images) {
        DpSgdPlan plan = method.plan(images.train().size(), batch())
                .withEpochs(EPOCHS)
                .withClippingNorm(task.clippingNorm)
                .calibratedTo(new PrivacyGuarantee(epsilon, privacy().delta(), NeighboringRelation.ZERO_OUT));
        MultiLayerNetwork network = network(images.shape(), rate, seed);
        try (PrivacyEngine engine = PrivacyEngine.attach(network, plan)) {
            DataSetIterator lots =
                    method.poisson() ? engine.lots(images.train()) : engine.lots(new InOrder(images.train(), batch()));
            network.fit(lots, plan.epochs());
            return images.accuracy().applyAsDouble(network);
        }
    }

    /** Softmax regression by plain gradient steps: what is released is added up as it is. */
    private static MultiLayerNetwork network(long[] shape, double rate, int seed) {
        return Networks.create(new NeuralNetConfiguration.Builder()
                .seed(seed)
                .updater(new Sgd(rate))
                .list()
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nOut(CLASSES)
                        .hasBias(false)
                        .weightInit(WeightInit.ZERO)
                        .activation(Activation.SOFTMAX)
                        .build())
                .setInputType(
                        shape.length == 3
                                ? InputType.convolutional(shape[1], shape[2], shape[0])
                                : InputType.feedForward(shape[0]))
                .build());
    }

    /** Batches in the order of the data: an iterator as a program may have one already. */
    @SuppressWarnings("serial") // DL4J's iterators are serializable; this one is never written
    private static final class InOrder implements DataSetIterator {
        private final RandomAccessExamples examples;
        private final int batch;
        private long next;
        private @Nullable DataSetPreProcessor preProcessor;

        InOrder(RandomAccessExamples examples, int batch) {
            this.examples = examples;
            this.batch = batch;
        }

        @Override
        public DataSet next(int count) {
            long end = Math.min(examples.size(), next + count);
            MultiDataSet rows = examples.get(LongStream.range(next, end).toArray());
            next = end;
            return new DataSet(rows.getFeatures(0), rows.getLabels(0));
        }

        @Override
        public DataSet next() {
            return next(batch);
        }

        @Override
        public boolean hasNext() {
            return next < examples.size();
        }

        @Override
        public void reset() {
            next = 0;
        }

        @Override
        public boolean resetSupported() {
            return true;
        }

        @Override
        public boolean asyncSupported() {
            return false;
        }

        @Override
        public int batch() {
            return batch;
        }

        @Override
        public int inputColumns() {
            return (int) examples.get(new long[] {0}).getFeatures(0).length();
        }

        @Override
        public int totalOutcomes() {
            return (int) examples.get(new long[] {0}).getLabels(0).length();
        }

        @Override
        public void setPreProcessor(@Nullable DataSetPreProcessor preProcessor) {
            this.preProcessor = preProcessor;
        }

        @Override
        public @Nullable DataSetPreProcessor getPreProcessor() {
            return preProcessor;
        }

        @Override
        public @Nullable List<String> getLabels() {
            return null;
        }
    }
}
