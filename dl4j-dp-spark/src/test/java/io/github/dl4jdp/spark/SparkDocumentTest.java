// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyListener;
import java.nio.file.Path;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;

/** The sample of docs/spark.md. */
class SparkDocumentTest {
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
}
