// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Noise that changes over a run: factors of the noise multiplier.
 *
 * @param stages in ascending order, the first from 1
 */
record NoiseStages(List<Stage> stages) {
    private static final Pattern COMMA = Pattern.compile(",");
    private static final String FORM =
            "must be FROM:FACTOR, separated by commas, as in 1:1.2,2001:1.0, with FROM from 1 on and ascending, and FACTOR finite and > 0, was ";

    /** The same noise from a step on, or from a pass on where a pass is one release. */
    record Stage(long from, double factor) {}

    /** Reads {@code 1:1.2,2001:1.0}; the exception's message lacks the name of the parameter. */
    static NoiseStages parse(String text) {
        List<Stage> stages = new ArrayList<>();
        long last = 0;
        for (String part : COMMA.split(text, -1)) {
            int colon = part.indexOf(':');
            if (colon < 0) {
                throw new IllegalArgumentException(FORM + text);
            }
            double from = Parameter.number(part.substring(0, colon).trim());
            double factor = Parameter.number(part.substring(colon + 1).trim());
            boolean next = stages.isEmpty() ? from == 1 : from > last;
            if (!(next && from == Math.rint(from) && from <= Setting.LARGEST_COUNT)
                    || !(factor > 0 && factor < Double.POSITIVE_INFINITY)) {
                throw new IllegalArgumentException(FORM + text);
            }
            last = (long) from;
            stages.add(new Stage(last, factor));
        }
        return new NoiseStages(List.copyOf(stages));
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (Stage stage : stages) {
            text.append(text.isEmpty() ? "" : ",")
                    .append(stage.from())
                    .append(':')
                    .append(Setting.text(stage.factor()));
        }
        return text.toString();
    }
}
