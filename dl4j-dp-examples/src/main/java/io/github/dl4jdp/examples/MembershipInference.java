// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.accountant.TradeOffCurve;
import io.github.dl4jdp.audit.Lira;
import io.github.dl4jdp.audit.MembershipScores;
import io.github.dl4jdp.audit.RocCurve;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.examples.data.AdultData;
import io.github.dl4jdp.examples.data.ImageSet;
import io.github.dl4jdp.examples.data.MnistData;
import io.github.dl4jdp.examples.data.TrainTest;
import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.deeplearning4j.datasets.iterator.ExistingDataSetIterator;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Was this person in the training set? The same network is trained on few examples with and without privacy, many times on different halves of the
 * data, and two attacks answer from the trained network alone. Each network is attacked with all others as its shadow models.
 */
@Command(name = "MembershipInference", description = "Membership attacks on networks with and without privacy.")
public final class MembershipInference extends ExampleMain {
    private static final Logger log = LoggerFactory.getLogger(MembershipInference.class);
    private static final double CLIPPING_NORM = 1.0;
    private static final double PRIVATE_LEARNING_RATE = 0.01;
    private static final int PRIVATE_EPOCHS = 30;
    private static final double PLAIN_LEARNING_RATE = 0.002;
    /** Until the networks without privacy know their examples by heart; digits are learned sooner. */
    private static final int PLAIN_EPOCHS_RECORDS = 200;

    private static final int PLAIN_EPOCHS_DIGITS = 60;
    private static final int PLAIN_BATCH = 50;
    private static final int TEST = 4000;
    /** Below this false positive rate there are too few examples to know anything. */
    private static final double LEAST_RATE = 1e-3;

    @Mixin
    private final DataOption data = new DataOption();

    @Option(
            names = PlotOption.NAME,
            paramLabel = "FILE",
            description = "File for the picture of the curves (default: ${DEFAULT-VALUE}).",
            defaultValue = "membership-inference.png")
    private Path plot = Path.of("membership-inference.png");

    private MembershipInference() {
        super(1.0);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        System.exit(execute(new MembershipInference(), args));
    }

    /** What one trained network says of every example under attack. */
    private static final class Attacked {
        private final double[] losses;
        private final double[] confidences;
        private final boolean[] members;
        private final double trainAccuracy;
        private final double testAccuracy;

        Attacked(MultiLayerNetwork network, DataSet pool, boolean[] members, DataSet train, DataSet test) {
            this.losses = MembershipScores.negativeLosses(network, pool);
            this.confidences = MembershipScores.logitConfidences(network, pool);
            this.members = members;
            this.trainAccuracy = Networks.accuracy(network, List.of(train));
            this.testAccuracy = Networks.accuracy(network, List.of(test));
        }
    }

    @Override
    void run() throws IOException {
        int size = privacy().quick ? 250 : 500;
        int models = privacy().quick ? 6 : 16;

        cell("The data: half of the examples under attack are trained on, the other half are not");
        TrainTest<DataSet> all = load();
        DataSet pool = rows(all.train(), IntStream.range(0, 2 * size).toArray());
        DataSet test = rows(
                all.test(),
                IntStream.range(0, Math.min(TEST, all.test().numExamples())).toArray());
        List<boolean[]> halves = Lira.halves(models, 2 * size, new Random(privacy().seed));
        print("members " + size + ", others " + size + ", networks of each kind " + models);

        cell("The plan of the private networks");
        DpSgdPlan plan = DpSgdPlan.poisson(size, size / 4)
                .withEpochs(privacy().quick ? 4 : PRIVATE_EPOCHS)
                .withClippingNorm(CLIPPING_NORM)
                .calibratedTo(privacy().target());
        print(plan);

        cell("Training without privacy");
        List<Attacked> plain = train("without privacy", halves, pool, test, this::trainPlain);

        cell("Training with privacy");
        List<Attacked> dp = train("private", halves, pool, test, members -> trainPrivately(members, plan));

        cell("The attacks: loss threshold (Yeom et al. 2018) and offline LiRA (Carlini et al. 2022)");
        TradeOffCurve bound = TradeOffCurve.of(plan.newAccountant().compose(plan.event()));
        // The halves are of one size: an example that is left out is replaced by another, which is two steps of the
        // relation.
        DoubleUnaryOperator most = rate -> bound.truePositiveRate(bound.truePositiveRate(rate));
        RocCurve plainLoss = lossThreshold(plain);
        RocCurve plainLira = lira(plain);
        RocCurve dpLoss = lossThreshold(dp);
        RocCurve dpLira = lira(dp);
        print(new Table(
                        "network",
                        "attack",
                        "AUC",
                        "true positives at 0.1 %",
                        "at 1 % false positives",
                        "train accuracy",
                        "test accuracy")
                .row(row("without privacy", "loss threshold", plainLoss, plain))
                .row(row("without privacy", "LiRA", plainLira, plain))
                .row(row("private", "loss threshold", dpLoss, dp))
                .row(row("private", "LiRA", dpLira, dp))
                .row(
                        "private",
                        "any (theorem)",
                        "",
                        percent(most.applyAsDouble(0.001)),
                        percent(most.applyAsDouble(0.01)),
                        "",
                        ""));

        new RocPlot("Membership inference on " + size + " examples", LEAST_RATE)
                .curve("without privacy, LiRA", plainLira, new Color(0xB2182B))
                .curve("without privacy, loss", plainLoss, new Color(0xF4A582))
                .curve("private, LiRA", dpLira, new Color(0x2166AC))
                .curve("private, loss", dpLoss, new Color(0x92C5DE))
                .limit("most at epsilon " + RoundedBounds.upper(privacy().epsilon(), 3), most, Color.GRAY)
                .limit("guessing", rate -> rate, Color.LIGHT_GRAY)
                .save(plot);
        print("The curves are in " + plot);
    }

    private TrainTest<DataSet> load() throws IOException {
        if (data.folder == null) {
            print("census records, bundled; --data DIR takes MNIST");
            return AdultData.load();
        }
        TrainTest<ImageSet> mnist = MnistData.load(data.folder);
        return new TrainTest<>(
                flat(mnist.train().first(2000)), flat(mnist.test().first(TEST)));
    }

    private static DataSet flat(ImageSet images) {
        DataSet set = images.toDataSet();
        return new DataSet(set.getFeatures().reshape(images.size(), -1), set.getLabels());
    }

    private static DataSet rows(DataSet from, int[] rows) {
        return new DataSet(
                Nd4j.pullRows(from.getFeatures(), 1, rows, 'c'), Nd4j.pullRows(from.getLabels(), 1, rows, 'c'));
    }

    private List<Attacked> train(
            String task,
            List<boolean[]> halves,
            DataSet pool,
            DataSet test,
            Function<DataSet, MultiLayerNetwork> training) {
        var attacked = new ArrayList<Attacked>();
        for (boolean[] half : halves) {
            DataSet members = rows(
                    pool, IntStream.range(0, half.length).filter(i -> half[i]).toArray());
            attacked.add(new Attacked(training.apply(members), pool, half, members, test));
            log.info("{}: {} of {} networks", task, attacked.size(), halves.size());
        }
        return attacked;
    }

    private MultiLayerNetwork trainPlain(DataSet members) {
        MultiLayerNetwork network = network(members, PLAIN_LEARNING_RATE);
        int full = data.folder == null ? PLAIN_EPOCHS_RECORDS : PLAIN_EPOCHS_DIGITS;
        int epochs = privacy().quick ? 10 : full;
        network.fit(new ExistingDataSetIterator(members.batchBy(PLAIN_BATCH)), epochs);
        return network;
    }

    private MultiLayerNetwork trainPrivately(DataSet members, DpSgdPlan plan) {
        MultiLayerNetwork network = network(members, PRIVATE_LEARNING_RATE);
        try (PrivacyEngine engine = PrivacyEngine.attach(network, plan)) {
            network.fit(engine.lots(members), plan.epochs());
        }
        return network;
    }

    private MultiLayerNetwork network(DataSet members, double learningRate) {
        return Networks.create(new NeuralNetConfiguration.Builder()
                .seed(privacy().seed)
                .updater(new Adam(learningRate))
                .list()
                .layer(new DenseLayer.Builder()
                        .nIn(members.numInputs())
                        .nOut(256)
                        .activation(Activation.TANH)
                        .build())
                .layer(Networks.softmax(members.numOutcomes()))
                .build());
    }

    private static RocCurve lossThreshold(List<Attacked> targets) {
        return curve(targets, target -> target.losses);
    }

    /** Each network in turn is the target, and all others its shadow models. */
    private static RocCurve lira(List<Attacked> targets) {
        return curve(targets, target -> Lira.offline(targets.stream()
                        .filter(other -> !other.equals(target))
                        .map(other -> new Lira.Shadow(other.confidences, other.members))
                        .toList())
                .scores(target.confidences));
    }

    private static RocCurve curve(List<Attacked> targets, Function<Attacked, double[]> attack) {
        var members = DoubleStream.builder();
        var others = DoubleStream.builder();
        for (Attacked target : targets) {
            double[] scores = attack.apply(target);
            for (int i = 0; i < scores.length; i++) {
                (target.members[i] ? members : others).add(scores[i]);
            }
        }
        return RocCurve.of(members.build().toArray(), others.build().toArray());
    }

    private static String[] row(String network, String attack, RocCurve curve, List<Attacked> targets) {
        return new String[] {
            network,
            attack,
            number("%.3f", curve.auc()),
            percent(curve.truePositiveRate(0.001)),
            percent(curve.truePositiveRate(0.01)),
            percent(average(targets, target -> target.trainAccuracy)),
            percent(average(targets, target -> target.testAccuracy))
        };
    }

    private static double average(List<Attacked> targets, ToDoubleFunction<Attacked> value) {
        return targets.stream().mapToDouble(value).average().orElseThrow();
    }
}
