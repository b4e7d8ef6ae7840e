// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.internal.Sha256;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.deeplearning4j.util.ModelSerializer;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A driver in a process of its own, which dies in the middle of a lot, as by kill -9.
 *
 * <p>Arguments: master, directory, where to die, lot. In the directory are the shards; it leaves the ledger, a checkpoint after each lot, and a file of what it has done.
 */
final class Drivers {
    static final int STEPS = 5;
    static final String LEDGER = "ledger";
    static final String CHECKPOINT = "model.zip";
    static final String DONE = "done";
    private static final int KILLED = 137;

    /** A moment of a lot. */
    enum Moment {
        /** Its sum is on the driver. */
        SUMMED,
        /** It is charged and noised; the parameters are not changed yet. */
        CHARGED,
        /** The parameters are changed, and not saved yet. */
        RELEASED,
        NEVER
    }

    private Drivers() {}

    /** Secret noise, so that every process has a key of its own. */
    static DpSgdPlan plan(Path directory) {
        return DpSgdPlan.poisson(TestRun.EXAMPLES, 12)
                .withSteps(STEPS)
                .withClippingNorm(0.5)
                .withNoiseMultiplier(0.8)
                .withDelta(1e-5)
                .withLedger(directory.resolve(LEDGER));
    }

    private static final class Death extends BaseTrainingListener {
        private final Path directory;
        private final Moment moment;
        private final int lot;
        private final SparkPrivacyEngine engine;

        Death(Path directory, Moment moment, int lot, SparkPrivacyEngine engine) {
            this.directory = directory;
            this.moment = moment;
            this.lot = lot;
            this.engine = engine;
        }

        private void at(Moment now, long number) {
            note(directory, now + " " + number);
            if (now == moment && number == lot) {
                Runtime.getRuntime().halt(KILLED);
            }
        }

        @Override
        public void onForwardPass(Model model, Map<String, INDArray> activations) {
            at(Moment.SUMMED, engine.steps() + 1);
        }

        @Override
        public void onForwardPass(Model model, List<INDArray> activations) {
            at(Moment.SUMMED, engine.steps() + 1);
        }

        @Override
        public void onGradientCalculation(Model model) {
            at(Moment.CHARGED, engine.steps());
        }

        @Override
        public void iterationDone(Model model, int iteration, int epoch) {
            at(Moment.RELEASED, engine.steps());
            try {
                Path part = directory.resolve(CHECKPOINT + ".part");
                ModelSerializer.writeModel(model, part.toFile(), true);
                Files.move(part, directory.resolve(CHECKPOINT), StandardCopyOption.ATOMIC_MOVE);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private static void note(Path directory, String line) {
        try {
            Files.writeString(
                    directory.resolve(DONE), line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Trains the lots that are left. */
    static void train(JavaSparkContext spark, Path directory, Moment moment, int lot) throws IOException {
        Path checkpoint = directory.resolve(CHECKPOINT);
        Model network =
                Files.exists(checkpoint) ? MultiLayerNetwork.load(checkpoint.toFile(), true) : TestRun.network();
        try (var engine = SparkPrivacyEngine.attach(network, plan(directory), spark, TestRun.OPTIONS)) {
            ((MultiLayerNetwork) network).addListeners(new Death(directory, moment, lot, engine));
            var shards = ShardedExamples.open(
                    spark, directory.resolve("shards").toUri().toString());
            if (engine.remainingSteps() > 0) {
                engine.fit(shards, ClusterSums.LARGEST_COLLECTED, task -> {
                    LotStep step = task.step();
                    note(
                            directory,
                            "KEY " + step.lot() + " "
                                    + HexFormat.of()
                                            .formatHex(Sha256.digest()
                                                    .digest(step.task().key().toBytes())));
                    return task;
                });
            }
            note(directory, "EPSILON " + engine.epsilon());
        }
    }

    /** See the class. */
    public static void main(String[] arguments) throws IOException {
        var conf = new SparkConf().setMaster(arguments[0]).setAppName("dl4j-dp");
        try (var spark = new JavaSparkContext(conf)) {
            train(spark, Path.of(arguments[1]), Moment.valueOf(arguments[2]), Integer.parseInt(arguments[3]));
        }
        System.exit(0);
    }
}
