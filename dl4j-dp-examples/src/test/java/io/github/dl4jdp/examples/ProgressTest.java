// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
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
                        "training: 4 of 10, 10 s epsilon 0.3",
                        "training: 8 of 10, 20 s epsilon 0.7",
                        "training: 10 of 10, 25 s epsilon 0.9");
    }
}
