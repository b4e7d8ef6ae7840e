// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.monitor;

import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.Charset;
import me.tongfei.progressbar.ProgressBarConsumer;

/**
 * The last line of a terminal, in which a progress bar is drawn while other lines, those of a log for instance, appear above it. Until it is closed,
 * {@code System.out} and {@code System.err} go through it: the bar is erased before a line is written and drawn again below it.
 */
final class BarLine implements ProgressBarConsumer {
    /** To the first column, and erase the line (ECMA-48, EL). */
    private static final String ERASE = "\r\u001b[2K";

    private final int width;
    private final PrintStream out;
    private final PrintStream err;
    private final PrintStream outAbove;
    private final PrintStream errAbove;
    private String bar = "";
    private boolean inLine;

    /** @param width columns of the terminal */
    BarLine(int width) {
        this.width = width;
        this.out = System.out;
        this.err = System.err;
        this.outAbove = new PrintStream(new Above(out), true, charset("stdout"));
        this.errAbove = new PrintStream(new Above(err), true, charset("stderr"));
        System.setOut(outAbove);
        System.setErr(errAbove);
    }

    /** Java 17 does not tell a stream's; from Java 19 on the property does. */
    private static Charset charset(String stream) {
        String name = System.getProperty(stream + ".encoding", System.getProperty("sun." + stream + ".encoding"));
        return name == null ? Charset.defaultCharset() : Charset.forName(name);
    }

    @Override
    public int getMaxRenderedLength() {
        // A line that reaches the last column wraps on some terminals.
        return Math.max(1, width - 1);
    }

    @Override
    public synchronized void accept(String line) {
        bar = line;
        if (!inLine) {
            draw();
        }
    }

    private void draw() {
        err.print(ERASE + bar);
        err.flush();
    }

    @Override
    public synchronized void clear() {
        err.print(ERASE);
        err.flush();
    }

    /** Leaves the finished bar as a line of its own. Streams that were replaced in the meantime stay as they are. */
    @Override
    public synchronized void close() {
        if (!bar.isEmpty()) {
            err.println();
            bar = "";
        }
        if (System.out == outAbove) {
            System.setOut(out);
        }
        if (System.err == errAbove) {
            System.setErr(err);
        }
    }

    /** A stream whose lines appear above the bar. */
    private final class Above extends OutputStream {
        private final PrintStream target;

        private Above(PrintStream target) {
            this.target = target;
        }

        @Override
        public void write(int b) {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int from, int length) {
            if (length == 0) {
                return;
            }
            synchronized (BarLine.this) {
                if (!inLine && !bar.isEmpty()) {
                    err.print(ERASE);
                    err.flush();
                }
                target.write(bytes, from, length);
                target.flush();
                inLine = bytes[from + length - 1] != '\n';
                if (!inLine && !bar.isEmpty()) {
                    draw();
                }
            }
        }

        @Override
        public void flush() {
            target.flush();
        }
    }
}
