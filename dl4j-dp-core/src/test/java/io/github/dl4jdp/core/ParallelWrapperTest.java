// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.deeplearning4j.datasets.iterator.ExistingDataSetIterator;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.parallelism.ParallelWrapper;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Sgd;

/** DL4J's data-parallel training copies the network to its workers: none of them may train without the engine. */
class ParallelWrapperTest {
    private static final int EXAMPLES = 12;

    @ParameterizedTest
    @EnumSource
    void fit_severalWorkers_throwsAndChangesNothing(NetworkKind kind) {
        for (var mode : new ParallelWrapper.TrainingMode[] {
            ParallelWrapper.TrainingMode.AVERAGING, ParallelWrapper.TrainingMode.SHARED_GRADIENTS
        }) {
            Model network = kind.classifier(DataType.FLOAT, new Sgd(0.1));
            var engine = PrivacyEngine.attach(
                    network,
                    DpSgdPlan.poisson(EXAMPLES, 6)
                            .withSteps(6)
                            .withClippingNorm(1.0)
                            .withNoiseMultiplier(1.0)
                            .withDelta(1e-5));
            INDArray before = network.params().dup();
            DataSet data = Networks.data(DataType.FLOAT, EXAMPLES);
            var wrapper = new ParallelWrapper.Builder<>(network)
                    .workers(2)
                    .averagingFrequency(1)
                    .trainingMode(mode)
                    .build();

            assertThatThrownBy(() -> wrapper.fit(engine.lots(data)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("ParallelWrapper")
                    .hasMessageContaining("engine.lots");

            assertThat(network.params()).isEqualTo(before);
            assertThat(engine.steps()).isZero();
        }
    }

    /** Batches of the user's own, for a network whose updater holds the plan, and for one that an engine is attached to. */
    @ParameterizedTest
    @EnumSource
    @Timeout(120)
    void fit_plainBatches_isRefusedByNameWithTheRemedy(NetworkKind kind) {
        var plan = DpSgdPlan.poisson(EXAMPLES, 6)
                .withSteps(6)
                .withClippingNorm(1.0)
                .withNoiseMultiplier(1.0)
                .withDelta(1e-5);
        Model attached = kind.classifier(DataType.FLOAT, new Sgd(0.1));
        PrivacyEngine.attach(attached, plan);
        for (Model network : List.of(attached, kind.classifier(DataType.FLOAT, DpUpdater.of(new Sgd(0.1), plan)))) {
            INDArray before = network.params().dup();
            var wrapper = new ParallelWrapper.Builder<>(network)
                    .workers(2)
                    .averagingFrequency(1)
                    .trainingMode(ParallelWrapper.TrainingMode.AVERAGING)
                    .build();

            assertThatThrownBy(() -> wrapper.fit(new ExistingDataSetIterator(
                            Networks.data(DataType.FLOAT, EXAMPLES).batchBy(3))))
                    .hasStackTraceContaining("ParallelWrapper, SparkDl4jMultiLayer and SparkComputationGraph")
                    .hasStackTraceContaining("use PrivacyEngine in one process, or SparkPrivacyEngine");

            assertThat(network.params()).isEqualTo(before);
        }
    }
}
