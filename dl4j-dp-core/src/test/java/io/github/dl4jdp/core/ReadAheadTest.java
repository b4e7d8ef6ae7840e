// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.data.RandomAccessExamples;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.deeplearning4j.nn.api.Model;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;

class ReadAheadTest {
    private static final DataSet DATA = Networks.data(DataType.DOUBLE, 60);

    /** Notes what is read and by whom, never lets two read at a time, and fails when it is told to. */
    private static final class Watched implements RandomAccessExamples {
        final List<String> reads = Collections.synchronizedList(new ArrayList<>());
        final List<String> threads = Collections.synchronizedList(new ArrayList<>());
        final AtomicInteger reading = new AtomicInteger();
        volatile int failAt = -1;
        private final RandomAccessExamples examples = RandomAccessExamples.of(DATA);

        @Override
        public long size() {
            return examples.size();
        }

        @Override
        public MultiDataSet get(long[] indices) {
            assertThat(reading.incrementAndGet()).isEqualTo(1);
            try {
                if (reads.size() == failAt) {
                    failAt = -1;
                    throw new UncheckedIOException(new java.io.IOException("the disk is gone"));
                }
                reads.add(java.util.Arrays.toString(indices));
                threads.add(Thread.currentThread().getName());
                return examples.get(indices);
            } finally {
                reading.decrementAndGet();
            }
        }
    }

    private static DpSgdPlan plan(DpSgdPlan draft) {
        return draft.withSteps(14)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5)
                .withSeed(6);
    }

    private static INDArray train(NetworkKind kind, DpSgdPlan plan, boolean ahead, Watched data) {
        Model network = kind.classifier(DataType.DOUBLE, new Adam(0.1));
        var options = ExecutionOptions.defaults().withPhysicalBatchSize(4).withPrefetch(ahead);
        try (var engine = PrivacyEngine.attach(network, plan, options)) {
            kind.fit(network, engine.lots(data), plan.epochs());
            assertThat(engine.remainingSteps()).isZero();
        }
        return network.params();
    }

    @ParameterizedTest
    @EnumSource
    void fit_readAhead_readsAndTrainsTheSame(NetworkKind kind) {
        for (var plan : List.of(
                plan(DpSgdPlan.poisson(60, 10)), plan(DpSgdPlan.poisson(60, 1)), plan(DpSgdPlan.fixedSize(60, 10)))) {
            var now = new Watched();
            var ahead = new Watched();
            assertThat(train(kind, plan, true, ahead)).isEqualTo(train(kind, plan, false, now));
            assertThat(ahead.reads).isEqualTo(now.reads);
            assertThat(now.threads).containsOnly(Thread.currentThread().getName());
            assertThat(ahead.threads.subList(1, ahead.threads.size())).containsOnly("dl4j-dp read-ahead");
        }
    }

    /** Whether it is read on this thread or ahead, a failure stops the lot, and the same lot comes next: also where its draw cannot be repeated. */
    @Test
    void next_readFails_throwsAndHandsTheSameLotOutAgain() {
        Model network = NetworkKind.MULTI_LAYER.classifier(DataType.DOUBLE, new Sgd(0.1));
        var secret = DpSgdPlan.poisson(60, 20)
                .withSteps(3)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5);
        var data = new Watched();
        var options = ExecutionOptions.defaults().withPhysicalBatchSize(5).withPrefetch(true);
        try (var engine = PrivacyEngine.attach(network, secret, options)) {
            var lots = engine.lots(data);
            NetworkKind.MULTI_LAYER.fit(network, lots.next());
            INDArray params = network.params().dup();
            // Waits for what is being read ahead, and drops it.
            assertThat(lots.inputColumns()).isEqualTo(Networks.INPUTS);
            int at = data.reads.size();
            data.failAt = at + 1;
            assertThatThrownBy(lots::next)
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageContaining("the disk is gone");
            assertThat(engine.steps()).isEqualTo(1);
            assertThat(network.params()).isEqualTo(params);
            int before = data.reads.size();
            NetworkKind.MULTI_LAYER.fit(network, lots.next());
            assertThat(data.reads.get(before)).isEqualTo(data.reads.get(at));
            assertThat(engine.steps()).isEqualTo(2);
        }
    }

    /** By then the lot after it is drawn and being read: the one that was not released still comes first, from its only draw. */
    @ParameterizedTest
    @ValueSource(ints = {5, 100})
    void next_lotNotReleased_handsItOutAgain(int physicalBatch) {
        Model network = NetworkKind.MULTI_LAYER.classifier(DataType.DOUBLE, new Sgd(0.1));
        var secret = DpSgdPlan.poisson(60, 20)
                .withSteps(3)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5);
        var options =
                ExecutionOptions.defaults().withPhysicalBatchSize(physicalBatch).withPrefetch(true);
        try (var engine = PrivacyEngine.attach(network, secret, options)) {
            var lots = engine.lots(new Watched());
            for (int lot = 1; lot <= 3; lot++) {
                INDArray features = lots.next().getFeatures();
                assertThatThrownBy(lots::next).hasMessageContaining("next() was called again while lot " + lot);
                DataSet again = lots.next();
                assertThat(again.getFeatures()).isEqualTo(features);
                NetworkKind.MULTI_LAYER.fit(network, again);
                assertThat(engine.steps()).isEqualTo(lot);
            }
        }
    }

    @Test
    void fit_interrupted_goesOnAndStaysInterrupted() {
        var plan = plan(DpSgdPlan.poisson(60, 10));
        INDArray expected = train(NetworkKind.MULTI_LAYER, plan, true, new Watched());
        Thread.currentThread().interrupt();
        INDArray params = train(NetworkKind.MULTI_LAYER, plan, true, new Watched());
        assertThat(Thread.interrupted()).isTrue();
        assertThat(params).isEqualTo(expected);
    }
}
