// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.benchmark;

import java.util.Optional;

/**
 * The median time of a step.
 *
 * @param cpu milliseconds of process CPU time
 * @param wall milliseconds
 */
record Measurement(Variant variant, double cpu, double wall) {
    private static final String MARK = "measured";

    /** As one process tells another. */
    String line() {
        return String.join(" ", MARK, variant.name(), Double.toString(cpu), Double.toString(wall));
    }

    /** Reads {@link #line}; empty for any other line, such as what a library logs. */
    static Optional<Measurement> parse(String line) {
        String[] fields = line.split(" ", -1);
        return fields.length == 4 && fields[0].equals(MARK)
                ? Optional.of(new Measurement(
                        Variant.valueOf(fields[1]), Double.parseDouble(fields[2]), Double.parseDouble(fields[3])))
                : Optional.empty();
    }
}
