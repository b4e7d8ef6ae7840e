// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.monitor;

import io.github.dl4jdp.core.PrivacyStatus;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A progress bar of a private run: lots, epsilon spent of the budget, time left. Where there is no terminal, a log line now and then.
 *
 * <pre>{@code
 * try (var progress = new PrivacyProgress()) {
 *     net.addListeners(new PrivacyListener(engine, 10).reportTo(progress));
 *     net.fit(engine.lots(data), plan.epochs());
 * }
 * }</pre>
 *
 * <p>Needs {@code me.tongfei:progressbar} on the class path.
 */
public final class PrivacyProgress implements Consumer<PrivacyStatus>, AutoCloseable {
    /** What shows the progress. */
    @FunctionalInterface
    interface Display extends AutoCloseable {
        /** So many more steps are done; {@code note} is shown beside. */
        void advance(long steps, String note);

        @Override
        default void close() {}
    }

    private final BiFunction<String, Long, Display> start;
    private @Nullable Display display;
    private long shown;

    /**
     * A bar that appears with the first status.
     *
     * @throws IllegalStateException if {@code me.tongfei:progressbar} is not on the class path
     */
    public PrivacyProgress() {
        this(bar());
    }

    PrivacyProgress(BiFunction<String, Long, Display> start) {
        this.start = start;
    }

    /** Before anything is linked that needs the jar. */
    private static BiFunction<String, Long, Display> bar() {
        OptionalJar.require("me.tongfei.progressbar.ProgressBar", "me.tongfei:progressbar:0.10.1", "PrivacyProgress");
        return Progress::of;
    }

    @Override
    public void accept(PrivacyStatus status) {
        Display current = display;
        if (current == null) {
            current = start.apply("private training", status.steps() + status.remainingSteps());
            display = current;
        }
        current.advance(status.steps() - shown, note(status));
        shown = status.steps();
    }

    private static String note(PrivacyStatus status) {
        String spent = "epsilon " + number(status.epsilon());
        return status.budget().isPresent()
                ? spent + " of " + number(status.budget().getAsDouble())
                : spent;
    }

    private static String number(double value) {
        return Double.isInfinite(value)
                ? "infinite"
                : BigDecimal.valueOf(value)
                        .round(new MathContext(3, RoundingMode.CEILING)) // upper bounds, both
                        .stripTrailingZeros()
                        .toPlainString();
    }

    @Override
    public void close() {
        if (display != null) {
            display.close();
        }
    }
}
