// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.spark.Drivers.Moment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The driver is killed between the sum of a lot and its charge, between charge and update, and between update and checkpoint: the next driver goes on from ledger and checkpoint, with a key
 * of its own. Epsilon is never below what was released, and no lot is charged twice or for nothing but the one that the driver died in.
 */
class DriverDeathTest {
    private static final int LOT = 3;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path directory;

    @ParameterizedTest
    @EnumSource(names = {"SUMMED", "CHARGED", "RELEASED"})
    void fit_driverKilled_nextOneGoesOnFromLedgerAndCheckpoint(Moment moment) throws Exception {
        try (var spark = TestRun.spark()) {
            TestRun.shards(spark, 3, directory.resolve("shards"));
        }
        dies("local[2]", Map.of(), moment);
        try (var spark = TestRun.spark()) {
            Drivers.train(spark, directory, Moment.NEVER, 0);
        }
        requireNothingLostOrFree(moment);
    }

    @Test
    @Tag("slow")
    @Tag("cluster")
    void fit_driverOfAClusterKilled_nextOnesGoOn() throws Exception {
        try (var cluster = new StandaloneCluster(directory, 2, true)) {
            Path top = directory;
            for (Moment moment : List.of(Moment.SUMMED, Moment.CHARGED, Moment.RELEASED)) {
                Path own = Files.createDirectories(top.resolve(moment.name()));
                try (var spark = cluster.connect(cluster.conf())) {
                    TestRun.shards(spark, 3, own.resolve("shards"));
                }
                directory = own;
                dies(cluster.master(), cluster.settingsOfADriver(), moment);
                try (var spark = cluster.connect(cluster.conf())) {
                    Drivers.train(spark, directory, Moment.NEVER, 0);
                }
                requireNothingLostOrFree(moment);
            }
        }
    }

    private void dies(String master, Map<String, String> settings, Moment moment) throws Exception {
        var process = StandaloneCluster.java(
                Drivers.class,
                settings,
                directory.resolve("driver.log"),
                master,
                directory.toString(),
                moment.name(),
                String.valueOf(LOT));
        assertThat(process.waitFor())
                .as(Files.readString(directory.resolve("driver.log")))
                .isEqualTo(137);
        assertThat(done()).endsWith(moment + " " + LOT);
    }

    private List<String> done() throws Exception {
        return Files.readAllLines(directory.resolve(Drivers.DONE));
    }

    private void requireNothingLostOrFree(Moment moment) throws Exception {
        List<String> done = done();
        // A lot is charged once: of the one that the driver died in, the next driver knows from the ledger.
        boolean isCharged = moment != Moment.SUMMED;
        for (int lot = 1; lot <= Drivers.STEPS; lot++) {
            assertThat(done.stream().filter(("CHARGED " + lot)::equals)).hasSize(1);
        }
        assertThat(done.stream().filter(("SUMMED " + LOT)::equals)).hasSize(isCharged ? 1 : 2);
        // Nothing that a dead driver drew is drawn again: its key died with it.
        List<String> keys =
                done.stream().filter(line -> line.startsWith("KEY ")).toList();
        assertThat(keys).doesNotHaveDuplicates().hasSize(Drivers.STEPS + (isCharged ? 0 : 1));
        // All lots were charged, whether or not their updates were saved.
        double epsilon = Double.parseDouble(done.stream()
                .filter(line -> line.startsWith("EPSILON "))
                .map(line -> line.substring("EPSILON ".length()))
                .findFirst()
                .orElseThrow());
        assertThat(epsilon).isEqualTo(Drivers.plan(directory).epsilonAfter(Drivers.STEPS));
        var network =
                MultiLayerNetwork.load(directory.resolve(Drivers.CHECKPOINT).toFile(), true);
        try (var engine = PrivacyEngine.attach(network, Drivers.plan(directory))) {
            assertThat(engine.steps()).isEqualTo(Drivers.STEPS);
            assertThat(engine.epsilon()).isEqualTo(epsilon);
        }
        // A lot that is charged and dies before its update is lost, and paid.
        assertThat(done.stream().filter(("RELEASED " + LOT)::equals)).hasSize(moment == Moment.CHARGED ? 0 : 1);
    }
}
