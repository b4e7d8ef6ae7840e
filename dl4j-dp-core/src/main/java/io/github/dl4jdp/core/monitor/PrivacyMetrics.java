// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.monitor;

import io.github.dl4jdp.core.PrivacyStatus;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * Meters of a private run for Micrometer, and so for Prometheus, Datadog and the like.
 *
 * <pre>{@code
 * net.addListeners(new PrivacyListener(engine, 10).reportTo(new PrivacyMetrics(registry, "credit model")));
 * }</pre>
 *
 * <table>
 * <caption>Meters, each with the tag {@code run}</caption>
 * <tr><td>{@code dl4jdp.epsilon}</td><td>gauge: epsilon spent</td></tr>
 * <tr><td>{@code dl4jdp.epsilon.left}</td><td>gauge: what is left of the epsilon that the plan was calibrated to; NaN if it was not</td></tr>
 * <tr><td>{@code dl4jdp.steps}, {@code dl4jdp.steps.left}</td><td>gauges: steps done, and steps that the plan still allows</td></tr>
 * <tr><td>{@code dl4jdp.step}</td><td>timer: wall time of a step, the mean since the last report</td></tr>
 * </table>
 *
 * <p>The training score, the clipped fraction and counts of examples are private and never become meters. Running times are outside the guarantee, here as everywhere.
 *
 * <p>Needs {@code io.micrometer:micrometer-core} on the class path.
 */
public final class PrivacyMetrics implements Consumer<PrivacyStatus> {
    private final Timer step;
    private final MeterRegistry registry;
    private volatile @Nullable PrivacyStatus latest;
    private long steps = -1;
    private long since;

    /**
     * Registers the meters. A gauge is NaN before the first report.
     *
     * @param run value of the tag {@code run}
     */
    public PrivacyMetrics(MeterRegistry registry, String run) {
        this.registry = Objects.requireNonNull(registry, "registry");
        Objects.requireNonNull(run, "run");
        gauge("dl4jdp.epsilon", "privacy spent, epsilon at the plan's delta", run, PrivacyStatus::epsilon);
        gauge(
                "dl4jdp.epsilon.left",
                "what is left of the plan's epsilon",
                run,
                status -> status.budget().orElse(Double.NaN) - status.epsilon());
        gauge("dl4jdp.steps", "steps done", run, status -> (double) status.steps());
        gauge("dl4jdp.steps.left", "steps that the plan still allows", run, status -> (double) status.remainingSteps());
        step = Timer.builder("dl4jdp.step")
                .description("wall time of a step")
                .tag("run", run)
                .register(registry);
    }

    private void gauge(String name, String description, String run, ToDoubleFunction<PrivacyStatus> value) {
        Gauge.builder(name, this, metrics -> {
                    PrivacyStatus status = metrics.latest;
                    return status == null ? Double.NaN : value.applyAsDouble(status);
                })
                .description(description)
                .tag("run", run)
                .strongReference(true)
                .register(registry);
    }

    @Override
    public void accept(PrivacyStatus status) {
        long now = registry.config().clock().monotonicTime();
        if (steps >= 0 && status.steps() > steps) {
            long done = status.steps() - steps;
            Duration mean = Duration.of((now - since) / done, TimeUnit.NANOSECONDS.toChronoUnit());
            for (long i = 0; i < done; i++) {
                step.record(mean);
            }
        }
        steps = status.steps();
        since = now;
        latest = status;
    }
}
