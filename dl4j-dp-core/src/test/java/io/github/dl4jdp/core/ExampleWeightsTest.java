// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import org.deeplearning4j.nn.api.Model;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;

/** Label masks of shape [batch, 1]: DL4J itself refuses them for batches of one, which lots and their parts can be. */
class ExampleWeightsTest {
    private static final int EXAMPLES = 60;

    private final DataSet data = Networks.data(DataType.DOUBLE, EXAMPLES);

    ExampleWeightsTest() {
        data.setLabelsMaskArray(
                Nd4j.linspace(DataType.DOUBLE, 0.1, 0.05, EXAMPLES).reshape(EXAMPLES, 1));
    }

    private static DpSgdPlan plan(int lotSize) {
        return DpSgdPlan.poisson(EXAMPLES, lotSize)
                .withSteps(20)
                .withClippingNorm(0.3)
                .withoutNoise()
                .withDelta(1e-5)
                .withSeed(6);
    }

    private INDArray train(NetworkKind kind, DpSgdPlan plan, int physicalBatch) {
        Model network = kind.classifier(DataType.DOUBLE, new Sgd(0.1));
        var options = ExecutionOptions.defaults().withPhysicalBatchSize(physicalBatch);
        try (var engine = PrivacyEngine.attach(network, plan, options)) {
            kind.fit(network, engine.lots(data), plan.epochs());
            assertThat(engine.remainingSteps()).isZero();
        }
        return network.params();
    }

    @ParameterizedTest
    @CsvSource({"MULTI_LAYER, 1", "MULTI_LAYER, 4", "GRAPH, 1", "GRAPH, 4"})
    void fit_weightedExamplesInParts_trainsAsInOne(NetworkKind kind, int physicalBatch) {
        assertThat(train(kind, plan(30), physicalBatch).distance2(train(kind, plan(30), EXAMPLES)))
                .isLessThan(1e-9);
    }

    /** Of 20 such lots, about seven are empty and as many have one example. */
    @ParameterizedTest
    @EnumSource
    void fit_weightedLotsOfOneAndNone_trains(NetworkKind kind) {
        assertThat(train(kind, plan(1), 1).distance2(train(kind, plan(1), EXAMPLES)))
                .isLessThan(1e-9);
    }
}
