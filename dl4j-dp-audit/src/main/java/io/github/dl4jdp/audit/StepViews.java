// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.deeplearning4j.nn.api.Model;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What an attacker looks at in one step: for the gradient and for the change of the parameters, in the whole and parameter by parameter, how far it
 * points along the canary's gradient and how long it is.
 *
 * <p>Directions find a canary that is clipped too little or drowned in too little noise; single parameters find noise that is missing on some;
 * lengths find noise whose scale depends on who is in the lot.
 */
final class StepViews {
    private static final List<String> SOURCES = List.of("gradient", "change of the parameters");

    /** A range of the flattened parameters. */
    private record Range(String name, int from, int to) {}

    private final List<Range> ranges;
    private final double[] canary;

    /**
     * @param canary the canary's gradient [numParams]
     */
    StepViews(Model model, double[] canary) {
        this.ranges = ranges(model);
        this.canary = canary;
    }

    private static List<Range> ranges(Model model) {
        int length = Math.toIntExact(model.numParams());
        var ranges = new ArrayList<Range>();
        INDArray all = model.params();
        model.paramTable().forEach((name, values) -> {
            // Every entry of the table is a view of the flattened parameters.
            int from = Math.toIntExact(values.offset() - all.offset());
            if (from >= 0 && from + values.length() <= length) {
                ranges.add(new Range("parameter " + name, from, Math.toIntExact(from + values.length())));
            }
        });
        ranges.sort(Comparator.comparingInt(Range::from));
        ranges.add(0, new Range("all parameters", 0, length));
        return List.copyOf(ranges);
    }

    /** What each of the values that {@link #measure} returns is. */
    List<String> names() {
        var names = new ArrayList<String>();
        for (String source : SOURCES) {
            for (Range range : ranges) {
                names.add("direction of the " + source + ", " + range.name());
                names.add("length of the " + source + ", " + range.name());
            }
        }
        return names;
    }

    /** The values by which one step is judged; what is not a number is minus infinity. */
    double[] measure(double[] gradient, double[] change) {
        var values = new double[2 * SOURCES.size() * ranges.size()];
        int next = 0;
        for (double[] source : List.of(gradient, change)) {
            for (Range range : ranges) {
                double along = 0;
                double squared = 0;
                for (int i = range.from(); i < range.to(); i++) {
                    along += canary[i] * source[i];
                    squared += source[i] * source[i];
                }
                values[next++] = number(along);
                values[next++] = number(squared);
            }
        }
        return values;
    }

    private static double number(double value) {
        return Double.isNaN(value) ? Double.NEGATIVE_INFINITY : value;
    }
}
