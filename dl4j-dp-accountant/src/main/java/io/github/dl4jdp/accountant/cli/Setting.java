// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.RunCount;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** The numbers of one question, by the names that both the options and the columns of a CSV file have. */
final class Setting {
    static final String SAMPLING_PROBABILITY = "sampling_probability";
    static final String NOISE_MULTIPLIER = "noise_multiplier";
    static final String STEPS = "steps";
    static final String DELTA = "delta";
    static final String EPSILON = "epsilon";
    static final String EXAMPLES = "examples";
    static final String LOT_SIZE = "lot_size";
    static final String EPOCHS = "epochs";
    static final String EXPECTED_RUNS = "expected_runs";
    static final String SHAPE = "shape";
    static final String RUN_EPSILON = "run_epsilon";

    /** Counts above this are not all whole numbers as doubles. */
    private static final double LARGEST_COUNT = 0x1p53;

    private final Map<String, Double> values;

    Setting(Map<String, Double> values) {
        this.values = new TreeMap<>(values);
    }

    /** This setting with other values on top. */
    Setting with(Map<String, Double> others) {
        Map<String, Double> merged = new TreeMap<>(values);
        merged.putAll(others);
        return new Setting(merged);
    }

    boolean has(String name) {
        return values.containsKey(name);
    }

    double number(String name) {
        Double value = values.get(name);
        if (value == null) {
            throw new IllegalArgumentException(name + " is missing");
        }
        return value;
    }

    private double positive(String name) {
        double value = number(name);
        if (value > 0 && value < LARGEST_COUNT) {
            return value;
        }
        // Out of range or NaN
        throw new IllegalArgumentException(name + " must be > 0 and < 2^53, was " + text(value));
    }

    private double whole(String name) {
        double value = positive(name);
        if (value == Math.rint(value)) {
            return value;
        }
        throw new IllegalArgumentException(name + " must be a whole number, was " + text(value));
    }

    double samplingProbability() {
        if (has(SAMPLING_PROBABILITY)) {
            if (has(LOT_SIZE)) {
                throw new IllegalArgumentException(SAMPLING_PROBABILITY + " and " + LOT_SIZE + " exclude each other");
            }
            return number(SAMPLING_PROBABILITY);
        }
        double examples = whole(EXAMPLES);
        double lot = positive(LOT_SIZE);
        if (!(lot <= examples)) {
            throw new IllegalArgumentException(
                    LOT_SIZE + " must be <= " + EXAMPLES + " = " + text(examples) + ", was " + text(lot));
        }
        return lot / examples;
    }

    long steps() {
        if (has(STEPS)) {
            if (has(EPOCHS)) {
                throw new IllegalArgumentException(STEPS + " and " + EPOCHS + " exclude each other");
            }
            return (long) whole(STEPS);
        }
        return (long) Math.ceil(positive(EPOCHS) * whole(EXAMPLES) / positive(LOT_SIZE));
    }

    /** How often an example takes part at most, if lots are consecutive parts of a pass over the data. */
    long passes() {
        if (has(EPOCHS)) {
            return Math.max(1, (long) Math.ceil(number(EPOCHS)));
        }
        return Math.max(1, (long) Math.ceil(steps() * samplingProbability() - 1e-9));
    }

    /** The distribution of the number of runs of a search. */
    RunCount runs() {
        return new RunCount(number(EXPECTED_RUNS), number(SHAPE));
    }

    DpEvent event(double noiseMultiplier) {
        return event(noiseMultiplier, steps());
    }

    DpEvent event(double noiseMultiplier, long steps) {
        return new SelfComposed(new PoissonSampled(samplingProbability(), new Gaussian(noiseMultiplier)), steps);
    }

    static String text(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e15
                ? String.format(Locale.ROOT, "%.0f", value)
                : Double.toString(value);
    }
}
