// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyListener;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.monitor.PrivacyProgress;
import io.github.dl4jdp.spark.ShardedExamples;
import io.github.dl4jdp.spark.SparkPrivacyEngine;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.deeplearning4j.nn.api.Model;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Where the lots are summed: a mix-in of the mains of this module. */
final class SparkOptions {
    private static final String MASTER = "spark.master";
    private static final String IN_THIS_PROCESS = "local[2]";
    private static final int REPORTS = 20;

    @Option(
            names = "--master",
            paramLabel = "URL",
            description = "Spark's master (default: that of spark-submit, or " + IN_THIS_PROCESS + ").")
    @Nullable
    String master;

    @Option(
            names = "--shards",
            paramLabel = "N",
            description = "Parts of the data, each the input of one task (default: ${DEFAULT-VALUE}).",
            defaultValue = "4")
    int shards;

    @Option(
            names = "--directory",
            paramLabel = "URI",
            description =
                    "Where the shards are written, on storage that driver and executors reach (default: a temporary folder,"
                            + " for executors on this machine).")
    @Nullable
    String directory;

    @Option(
            names = "--trust-network",
            description =
                    "State that the network between driver and executors needs no protection; the report names it.")
    boolean trustsTheNetwork;

    /**
     * Writes the examples as shards and trains on them.
     *
     * @param done is called with the engine after the last lot
     */
    void train(String name, Model network, DpSgdPlan plan, RandomAccessExamples data, Consumer<SparkPrivacyEngine> done)
            throws IOException {
        SparkConf conf = conf(name);
        Path temporary = Files.createTempDirectory("dl4j-dp-shards");
        try (var spark = new JavaSparkContext(conf)) {
            String where = directory == null ? temporary.resolve("set").toUri().toString() : directory;
            ShardedExamples examples = ShardedExamples.write(spark, data, plan.examples(), shards, where);
            try (var engine = SparkPrivacyEngine.attach(network, plan, spark);
                    var progress = new PrivacyProgress()) {
                if (trustsTheNetwork) {
                    engine.trustingTheNetwork();
                }
                int every = Math.toIntExact(Math.max(1, plan.steps() / REPORTS));
                network.addListeners(new PrivacyListener(engine.local(), every).reportTo(progress));
                engine.fit(examples);
                done.accept(engine);
            }
        } finally {
            delete(temporary);
        }
    }

    /** The settings of an application: those of spark-submit, if it started this program. */
    SparkConf conf(String name) {
        SparkConf conf = new SparkConf().setAppName(name);
        if (master != null) {
            conf.setMaster(master);
        } else if (!conf.contains(MASTER)) {
            conf.setMaster(IN_THIS_PROCESS);
        }
        return conf;
    }

    /** Deletes a folder with what is in it. */
    static void delete(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            all.sorted(Comparator.reverseOrder()).forEach(path -> {
                try {
                    Files.delete(path);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        }
    }
}
