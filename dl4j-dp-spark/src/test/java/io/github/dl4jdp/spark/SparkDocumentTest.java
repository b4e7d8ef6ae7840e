// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import scala.Tuple2;

/** The samples of docs/spark.md, and the tests that it names. */
class SparkDocumentTest {
    private static final Pattern NAMED = Pattern.compile("`([A-Z]\\w*Test)(?:\\.(\\w+))?`");

    @Test
    void document_everyTestItNames_isThere() throws IOException {
        var missing = new TreeSet<String>();
        int found = 0;
        for (var named = NAMED.matcher(Files.readString(Path.of("..", "docs", "spark.md"))); named.find(); found++) {
            boolean isThere = false;
            for (String module : List.of("dl4j-dp-spark", "dl4j-dp-spark-examples", "dl4j-dp-core")) {
                try (Stream<Path> files = Files.walk(Path.of("..", module, "src", "test"))) {
                    for (Path file : files.filter(path -> path.endsWith(named.group(1) + ".java"))
                            .toList()) {
                        isThere |= named.group(2) == null
                                || Files.readString(file).contains(" void " + named.group(2) + "(");
                    }
                }
            }
            if (!isThere) {
                missing.add(named.group());
            }
        }
        assertThat(missing).isEmpty();
        assertThat(found).isGreaterThan(30);
    }

    @Test
    void sample_onAClusterInThisProcess_runs(@TempDir Path temporary) {
        try (var sparkContext = TestRun.spark()) {
            var rdd = sparkContext.parallelize(TestRun.data(DataType.DOUBLE).asList(), 3);
            String directory = temporary.resolve("shards").toUri().toString();
            var net = (MultiLayerNetwork) TestRun.network();
            DpSgdPlan plan = DpSgdPlan.poisson(TestRun.EXAMPLES, 10)
                    .withEpochs(2)
                    .withClippingNorm(1)
                    .withNoiseMultiplier(1)
                    .withDelta(1e-5);

            ShardedExamples.write(rdd, directory);

            SparkPrivacyEngine engine = SparkPrivacyEngine.attach(net, plan, sparkContext);
            net.addListeners(new PrivacyListener(engine.local(), 10));
            engine.fit(ShardedExamples.open(sparkContext, directory));
            System.out.println(engine.report());

            assertThat(engine.remainingSteps()).isZero();
            assertThat(engine.epsilon()).isPositive().isFinite();
            engine.close();
        }
    }

    /** One of fifty. */
    private static String patientOf(DataSet row) {
        return "patient " + Math.floorMod(Double.hashCode(row.getFeatures().getDouble(0)), 50);
    }

    @Test
    void people_onAClusterInThisProcess_train(@TempDir Path temporary) {
        try (var sparkContext = TestRun.spark()) {
            JavaRDD<DataSet> rows = sparkContext.parallelize(manyRows(), 3);
            String directory = temporary.resolve("shards").toUri().toString();
            var net = (MultiLayerNetwork) TestRun.network();

            JavaPairRDD<String, DataSet> visits =
                    rows.mapToPair(row -> new Tuple2<>(patientOf(row), row)); // by the patient's id
            ShardedExamples.writeByOwner(visits, 16, directory); // 16 shards, a public constant

            DpSgdPlan byPatient = DpSgdPlan.poisson(50, 10) // patients, expected patients of a lot
                    .withUnit("patient", 8) // at most 8 rows of each in a lot
                    .withEpochs(2)
                    .withClippingNorm(1.0)
                    .calibratedTo(new PrivacyGuarantee(8.0, 1e-3));
            SparkPrivacyEngine engine = SparkPrivacyEngine.attach(net, byPatient, sparkContext);
            engine.fit(ShardedExamples.open(sparkContext, directory));

            assertThat(engine.remainingSteps()).isZero();
            assertThat(engine.epsilon()).isBetween(7.9, 8.0);
            assertThat(engine.report().toString()).contains("one patient with all rows");
            engine.close();
        }
    }

    /** So many that each of the fifty patients has one. */
    private static List<DataSet> manyRows() {
        var random = new Random(2);
        return IntStream.range(0, 600)
                .mapToObj(row -> {
                    DataSet one = TestRun.data(DataType.DOUBLE)
                            .get(row % TestRun.EXAMPLES)
                            .copy();
                    one.getFeatures().addi(random.nextGaussian());
                    return one;
                })
                .toList();
    }
}
