// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.monitor;

import java.io.IOException;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Shows how far long work has come: a bar on a terminal; elsewhere (a pipe, a file, continuous integration) a log line now
 * and then.
 *
 * <p>Needs {@code me.tongfei:progressbar} on the class path.
 */
public final class Progress implements PrivacyProgress.Display {
    /** Between two log lines, unless the work is done: seldom enough for a log, often enough to see life. */
    static final long LOG_INTERVAL_NANOS = TimeUnit.SECONDS.toNanos(10);

    private static final Logger LOG = LoggerFactory.getLogger(Progress.class);
    private static final int USUAL_WIDTH = 80;

    private final String task;
    private final long total;
    private final @Nullable ProgressBar bar;
    private final Logger log;
    private final LongSupplier nanoClock;
    private final long start;
    private long lastLog;
    private long done;

    private Progress(String task, long total, @Nullable ProgressBar bar, Logger log, LongSupplier nanoClock) {
        this.task = task;
        this.total = total;
        this.bar = bar;
        this.log = log;
        this.nanoClock = nanoClock;
        this.start = nanoClock.getAsLong();
        this.lastLog = start;
    }

    /**
     * Starts showing work of {@code total} steps.
     *
     * @param task what is done, in a few words
     */
    public static Progress of(String task, long total) {
        int width = terminalWidth();
        if (width == 0) {
            return logging(task, total, LOG, System::nanoTime);
        }
        ProgressBar bar = new ProgressBarBuilder()
                .setTaskName(task)
                .setInitialMax(total)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(200)
                .setConsumer(new BarLine(width))
                .build();
        return new Progress(task, total, bar, LOG, System::nanoTime);
    }

    /** Columns of the terminal, 0 if there is none. Not {@code System.console() != null}: from Java 22 on that is true for a pipe or a file as well. */
    private static int terminalWidth() {
        try (Terminal terminal =
                TerminalBuilder.builder().system(true).dumb(true).build()) {
            if (terminal.getType().startsWith(Terminal.TYPE_DUMB)) {
                return 0;
            }
            return terminal.getWidth() > 0 ? terminal.getWidth() : USUAL_WIDTH;
        } catch (IOException e) {
            LOG.debug("No terminal: progress goes to the log", e);
            return 0;
        }
    }

    /** The form without a terminal. */
    static Progress logging(String task, long total, Logger log, LongSupplier nanoClock) {
        return new Progress(task, total, null, log, nanoClock);
    }

    @Override
    public void advance(long steps, String note) {
        done += steps;
        if (bar != null) {
            bar.setExtraMessage(note);
            bar.stepBy(steps);
            return;
        }
        long now = nanoClock.getAsLong();
        if (done >= total || now - lastLog >= LOG_INTERVAL_NANOS) {
            lastLog = now;
            log.info("{}", line(now, note));
        }
    }

    private String line(long now, String note) {
        double seconds = (now - start) / 1e9;
        String left =
                done < total ? String.format(Locale.ROOT, ", about %.0f s left", seconds / done * (total - done)) : "";
        String also = note.isEmpty() ? "" : ", " + note;
        return String.format(Locale.ROOT, "%s: %d of %d, %.0f s%s%s", task, done, total, seconds, left, also);
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
