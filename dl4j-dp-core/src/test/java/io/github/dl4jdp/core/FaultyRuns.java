// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.LedgerStorage;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import io.github.dl4jdp.core.gradient.GradientRules;
import java.nio.file.Path;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.util.CrashReportingUtil;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Adam;

/** A private run with a ledger in a folder of its own, for tests of what may go wrong around it. */
abstract class FaultyRuns {
    static final DataSet DATA = Networks.data(DataType.DOUBLE, 40);
    static final int LOTS = 6;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    Path ledger = Path.of("");

    @BeforeEach
    void place() {
        ledger = folder.resolve("run.ledger");
        CrashReportingUtil.crashDumpOutputDirectory(folder.toFile());
    }

    @AfterEach
    void restoreCrashDumps() {
        CrashReportingUtil.crashDumpOutputDirectory(null);
    }

    static DpSgdPlan draft() {
        return DpSgdPlan.poisson(40, 20)
                .withSteps(LOTS)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5)
                .withSeed(4);
    }

    DpSgdPlan plan() {
        return draft().withLedger(ledger);
    }

    static MultiLayerNetwork network() {
        return Networks.classifier(DataType.DOUBLE, new Adam(0.05));
    }

    static PrivacyEngine attach(MultiLayerNetwork network, DpSgdPlan plan) {
        return PrivacyEngine.attach(
                network, plan, ExecutionOptions.defaults().withPhysicalBatchSize(6), OwnPreProcessor.optedIn());
    }

    static PrivacyEngine attach(MultiLayerNetwork network, DpSgdPlan plan, LedgerStorage storage) {
        return PrivacyEngine.attach(
                network,
                plan,
                ExecutionOptions.defaults().withPhysicalBatchSize(6),
                GradientRules.builtIn(),
                (file, terms, head, changed) -> storage.open(terms, head, changed));
    }

    /** Where a run without any fault ends. */
    static INDArray undisturbed() {
        MultiLayerNetwork network = network();
        try (var engine = attach(network, draft())) {
            network.fit(engine.lots(DATA), engine.plan().epochs());
        }
        return network.params();
    }

    void assertChargedAndUnmoved(PrivacyEngine engine, MultiLayerNetwork network, long steps, INDArray params) {
        assertThat(engine.steps()).isEqualTo(steps);
        assertThat(PrivacyLedgerHistory.read(ledger).steps()).isEqualTo(steps);
        assertThat(network.params()).isEqualTo(params);
    }
}
