// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.github.dl4jdp.core.PrivacyStatus;
import io.github.dl4jdp.core.Statuses;
import java.util.ArrayList;
import java.util.OptionalDouble;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class ProgressTest {
    @Test
    void advance_withoutTerminal_logsNowAndThenAndAtTheEnd() {
        Logger logger = (Logger) LoggerFactory.getLogger("ProgressTest.log");
        logger.setLevel(Level.INFO);
        ListAppender<ILoggingEvent> lines = new ListAppender<>();
        lines.start();
        logger.addAppender(lines);
        AtomicLong clock = new AtomicLong();

        try (Progress progress = Progress.logging("training", 10, logger, clock::get)) {
            for (int i = 0; i < 10; i++) {
                clock.addAndGet(Progress.LOG_INTERVAL_NANOS / 4);
                progress.advance(1, "epsilon 0." + i);
            }
        }

        assertThat(lines.list.stream().map(ILoggingEvent::getFormattedMessage))
                .containsExactly(
                        "training: 4 of 10, 10 s, about 15 s left, epsilon 0.3",
                        "training: 8 of 10, 20 s, about 5 s left, epsilon 0.7",
                        "training: 10 of 10, 25 s, epsilon 0.9");
    }

    @Test
    void privacyProgress_everyStatus_advancesByTheLotsSince() {
        var shown = new ArrayList<String>();
        try (var progress = new PrivacyProgress((task, total) -> {
            shown.add(task + " of " + total);
            return (steps, note) -> shown.add(steps + " " + note);
        })) {
            progress.accept(status(5, 15, 2));
            progress.accept(status(10, 10, 2));
            progress.accept(status(20, 0, Double.NaN));
        }

        assertThat(shown)
                .containsExactly(
                        "private training of 20", "5 epsilon 0.5 of 2", "5 epsilon 0.5 of 2", "10 epsilon 0.5");
    }

    private static PrivacyStatus status(long steps, long remaining, double budget) {
        return Statuses.of(
                steps, remaining, Double.isNaN(budget) ? OptionalDouble.empty() : OptionalDouble.of(budget), 1, 1);
    }
}
