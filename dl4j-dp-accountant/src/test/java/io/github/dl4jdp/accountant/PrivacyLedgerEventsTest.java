// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PrivacyLedgerEventsTest {

    private static final DpEvent GAUSSIAN = SampleEvents.GAUSSIAN;

    @Test
    void read_everyKindOfEvent_equalsWhatWasWritten() {
        List<DpEvent> extreme = List.of(
                new DpEvent.EpsilonDelta(Double.POSITIVE_INFINITY, 0.0),
                new DpEvent.PoissonSampled(Double.MIN_VALUE, GAUSSIAN),
                new DpEvent.SampledWithoutReplacement(Long.MAX_VALUE, 256, GAUSSIAN),
                new DpEvent.SelfComposed(new DpEvent.PoissonSampled(1.0, GAUSSIAN), 123_456_789_012L),
                new DpEvent.RepeatAndSelect(new DpEvent.NoOp(), RunCount.poisson(1)),
                new DpEvent.RepeatAndSelect(GAUSSIAN, new RunCount(1 + 1e-15, -0.9)));
        List<DpEvent> events = new ArrayList<>(SampleEvents.ONE_OF_EACH_KIND);
        events.addAll(extreme);
        for (DpEvent event : events) {
            String text = PrivacyLedgerEvents.write(event);
            assertThat(text).startsWith("{\"type\":\"").doesNotContain("\n");
            assertThat(PrivacyLedgerEvents.read(text)).isEqualTo(event);
        }
    }

    @Property(tries = 500)
    void read_anyDouble_isTheSameToTheLastBit(@ForAll long seed) {
        Random random = new Random(seed);
        double noiseMultiplier = Math.scalb(1 + random.nextDouble(), random.nextInt(100) - 50);
        DpEvent event = new DpEvent.PoissonSampled(random.nextDouble(), new DpEvent.Gaussian(noiseMultiplier));
        assertThat(PrivacyLedgerEvents.read(PrivacyLedgerEvents.write(event))).isEqualTo(event);
    }

    @Test
    void write_step_isTheDocumentedForm() {
        assertThat(PrivacyLedgerEvents.write(new DpEvent.PoissonSampled(0.01, GAUSSIAN)))
                .isEqualTo("{\"type\":\"PoissonSampled\",\"samplingProbability\":0.01,"
                        + "\"event\":{\"type\":\"Gaussian\",\"noiseMultiplier\":1.1}}");
    }

    @Test
    void write_search_isTheDocumentedForm() {
        DpEvent search = new DpEvent.RepeatAndSelect(GAUSSIAN, RunCount.poisson(20));
        assertThat(PrivacyLedgerEvents.write(search))
                .isEqualTo("{\"type\":\"RepeatAndSelect\",\"event\":{\"type\":\"Gaussian\",\"noiseMultiplier\":1.1},"
                        + "\"mean\":20.0,\"shape\":\"Infinity\"}");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "[]",
                "{}",
                "null",
                "{\"type\":\"Unknown\"}",
                "{\"type\":\"Gaussian\"}",
                "{\"type\":\"Gaussian\",\"noiseMultiplier\":-1.0}",
                "{\"type\":\"Gaussian\",\"noiseMultiplier\":\"1.0\"}",
                "{\"type\":\"Gaussian\",\"noiseMultiplier\":1.0,\"extra\":1.0}",
                "{\"type\":\"Gaussian\",\"noiseMultiplier\":1.0,\"noiseMultiplier\":2.0}",
                "{\"type\":\"Gaussian\",\"noiseMultiplier\":1.0}{}",
                "{\"type\":\"Gaussian\",\"noiseMultiplier\":1.0",
                "{\"type\":\"Gaussian\",\"noiseMultiplier\":true}",
                "{\"type\":\"Composed\",\"events\":[1]}",
                "{\"type\":\"RepeatAndSelect\",\"event\":{\"type\":\"NoOp\"},\"mean\":0.5,\"shape\":0.0}",
                "{\"type\":\"SelfComposed\",\"event\":{\"type\":\"NoOp\"},\"count\":99999999999999999999}",
                "{\"type\":\"SelfComposed\",\"event\":{\"type\":\"NoOp\"},\"count\":1.5}"
            })
    void read_anythingElse_throws(String text) {
        assertThatThrownBy(() -> PrivacyLedgerEvents.read(text)).isInstanceOf(IllegalArgumentException.class);
    }
}
