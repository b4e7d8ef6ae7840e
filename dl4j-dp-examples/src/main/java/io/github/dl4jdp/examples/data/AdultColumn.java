// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.data;

import java.util.ArrayList;
import java.util.List;

/** How one column of the census data becomes features, by public constants only. */
sealed interface AdultColumn {
    /** Name of the column, as in the description of the data set. */
    String name();

    /** Names of the features, one each. */
    List<String> features();

    /**
     * Writes the features of one value.
     *
     * @throws IllegalArgumentException if the column cannot hold the value
     */
    void encode(String value, float[] row, int offset);

    /** A column that no feature is made of. */
    record Ignored(String name) implements AdultColumn {
        @Override
        public List<String> features() {
            return List.of();
        }

        @Override
        public void encode(String value, float[] row, int offset) {
            // Nothing is made of it.
        }
    }

    /** A number as it is. */
    record Raw(String name) implements AdultColumn {
        @Override
        public List<String> features() {
            return List.of(name);
        }

        @Override
        public void encode(String value, float[] row, int offset) {
            row[offset] = (float) parse(name, value);
        }
    }

    /**
     * A number between the first and the last of some knots (values outside are moved to the nearer end): scaled to [0, 1],
     * and as the weights of the two knots beside it, so that a linear model of them is a curve, straight between knots.
     */
    record Measure(String name, List<Double> knots) implements AdultColumn {
        static Measure of(String name, Double... knots) {
            return new Measure(name, List.of(knots));
        }

        @Override
        public List<String> features() {
            return withKnots(name, knots, name);
        }

        @Override
        public void encode(String value, float[] row, int offset) {
            double first = knots.get(0);
            double last = knots.get(knots.size() - 1);
            double number = Math.max(first, Math.min(last, parse(name, value)));
            row[offset] = (float) ((number - first) / (last - first));
            weigh(number, knots, row, offset + 1);
        }
    }

    /**
     * An amount of money, mostly zero, between 0 and the last of some knots: whether there is any, log(1 + amount) scaled to
     * [0, 1], and the weights of the two knots beside it, on the logarithmic scale.
     */
    record Amount(String name, List<Double> knots) implements AdultColumn {
        static Amount of(String name, Double... knots) {
            return new Amount(name, List.of(knots));
        }

        @Override
        public List<String> features() {
            return withKnots(name, knots, name + ">0", "log " + name);
        }

        @Override
        public void encode(String value, float[] row, int offset) {
            double last = knots.get(knots.size() - 1);
            double amount = Math.max(0, Math.min(last, parse(name, value)));
            row[offset] = amount > 0 ? 1 : 0;
            row[offset + 1] = (float) (Math.log1p(amount) / Math.log1p(last));
            weigh(Math.log1p(amount), knots.stream().map(Math::log1p).toList(), row, offset + 2);
        }
    }

    /** One of the listed values or {@code ?} (unknown), one-hot. */
    record Category(String name, List<String> values) implements AdultColumn {
        static final String UNKNOWN = "?";

        public Category {
            List<String> all = new ArrayList<>(values);
            all.add(UNKNOWN);
            values = List.copyOf(all);
        }

        static Category of(String name, String... values) {
            return new Category(name, List.of(values));
        }

        @Override
        public List<String> features() {
            return values.stream().map(v -> name + "=" + v).toList();
        }

        @Override
        public void encode(String value, float[] row, int offset) {
            int index = values.indexOf(value);
            if (index < 0) {
                throw new IllegalArgumentException(name + " must be one of " + values + ", was \"" + value + "\"");
            }
            row[offset + index] = 1;
        }
    }

    private static List<String> withKnots(String name, List<Double> knots, String... others) {
        List<String> features = new ArrayList<>(List.of(others));
        knots.forEach(knot -> features.add(name + "~" + knot));
        return List.copyOf(features);
    }

    /** Sets the weights of the knots around a number: they sum to one, and are zero but for the two beside it. */
    private static void weigh(double number, List<Double> knots, float[] row, int offset) {
        int upper = 1;
        while (upper < knots.size() - 1 && knots.get(upper) < number) {
            upper++;
        }
        double share = (number - knots.get(upper - 1)) / (knots.get(upper) - knots.get(upper - 1));
        row[offset + upper - 1] = (float) (1 - share);
        row[offset + upper] = (float) share;
    }

    private static double parse(String name, String value) {
        double number;
        try {
            number = Double.parseDouble(value);
        } catch (NumberFormatException e) {
            number = Double.NaN;
        }
        if (Double.isFinite(number)) {
            return number;
        }
        throw new IllegalArgumentException(name + " must be a finite number, was \"" + value + "\"");
    }
}
