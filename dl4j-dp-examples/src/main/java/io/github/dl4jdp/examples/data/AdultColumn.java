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

    /** A number from {@code min} to {@code max} (values outside are moved to the nearer end), scaled to [0, 1]. */
    record Scaled(String name, double min, double max) implements AdultColumn {
        @Override
        public List<String> features() {
            return List.of(name);
        }

        @Override
        public void encode(String value, float[] row, int offset) {
            row[offset] = (float) ((clamp(name, value, min, max) - min) / (max - min));
        }
    }

    /**
     * An amount of money from 0 to {@code max}, mostly zero: whether there is any, and log(1 + amount), scaled to [0, 1].
     */
    record Amount(String name, double max) implements AdultColumn {
        @Override
        public List<String> features() {
            return List.of(name + ">0", "log " + name);
        }

        @Override
        public void encode(String value, float[] row, int offset) {
            double amount = clamp(name, value, 0, max);
            row[offset] = amount > 0 ? 1 : 0;
            row[offset + 1] = (float) (Math.log1p(amount) / Math.log1p(max));
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

    private static double clamp(String name, String value, double min, double max) {
        double number;
        try {
            number = Double.parseDouble(value);
        } catch (NumberFormatException e) {
            number = Double.NaN;
        }
        if (Double.isFinite(number)) {
            return Math.max(min, Math.min(max, number));
        }
        throw new IllegalArgumentException(name + " must be a finite number, was \"" + value + "\"");
    }
}
