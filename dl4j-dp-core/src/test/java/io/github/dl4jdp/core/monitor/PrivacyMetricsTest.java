// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.core.Statuses;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MockClock;
import io.micrometer.core.instrument.simple.SimpleConfig;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.OptionalDouble;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class PrivacyMetricsTest {
    private final MockClock clock = new MockClock();
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry(SimpleConfig.DEFAULT, clock);

    @Test
    void accept_statuses_becomeMetersOfWhatTheGuaranteeCovers() {
        var metrics = new PrivacyMetrics(registry, "credit model");
        assertThat(value("dl4jdp.epsilon")).isNaN();

        metrics.accept(Statuses.of(10, 30, OptionalDouble.of(2), 1, 1));
        clock.add(Duration.ofSeconds(5));
        metrics.accept(Statuses.of(20, 20, OptionalDouble.of(2), 1, 1));

        assertThat(value("dl4jdp.epsilon")).isEqualTo(0.5);
        assertThat(value("dl4jdp.epsilon.left")).isEqualTo(1.5);
        assertThat(value("dl4jdp.steps")).isEqualTo(20);
        assertThat(value("dl4jdp.steps.left")).isEqualTo(20);
        assertThat(registry.get("dl4jdp.step").timer().count()).isEqualTo(10);
        assertThat(registry.get("dl4jdp.step").timer().mean(TimeUnit.MILLISECONDS))
                .isEqualTo(500);
        assertThat(registry.getMeters())
                .extracting(Meter::getId)
                .extracting(Meter.Id::getName)
                .containsExactlyInAnyOrder(
                        "dl4jdp.epsilon", "dl4jdp.epsilon.left", "dl4jdp.steps", "dl4jdp.steps.left", "dl4jdp.step");
    }

    @Test
    void accept_planWithoutABudget_hasNoneLeft() {
        new PrivacyMetrics(registry, "run").accept(Statuses.of(1, 1, OptionalDouble.empty(), 1, 1));

        assertThat(value("dl4jdp.epsilon.left")).isNaN();
    }

    private double value(String name) {
        return registry.get(name).gauge().value();
    }
}
