// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

/** The checks that the audits share. */
final class AuditArguments {
    private AuditArguments() {}

    /** A confidence: a probability that is neither 0 nor 1. */
    static double confidence(double confidence) {
        return openUnit("confidence", confidence);
    }

    static double openUnit(String name, double value) {
        if (value > 0 && value < 1) {
            return value;
        }
        // Out-of-range or NaN
        throw new IllegalArgumentException(name + " must be in (0, 1), was " + value);
    }

    static double delta(double delta) {
        if (delta >= 0 && delta < 1) {
            return delta;
        }
        // Out-of-range or NaN
        throw new IllegalArgumentException("delta must be in [0, 1), was " + delta);
    }

    static double epsilon(double epsilon) {
        if (epsilon >= 0 && epsilon < Double.POSITIVE_INFINITY) {
            return epsilon;
        }
        // Out-of-range or NaN
        throw new IllegalArgumentException("epsilon must be finite and >= 0, was " + epsilon);
    }

    /** A copy of scores that can be put in an order. */
    static double[] scores(String name, double[] scores) {
        for (int i = 0; i < scores.length; i++) {
            if (Double.isNaN(scores[i])) {
                throw new IllegalArgumentException(name + " must be numbers, was NaN at index " + i);
            }
        }
        return scores.clone();
    }

    static void sameLength(String name, int length, int expected) {
        if (length != expected) {
            throw new IllegalArgumentException(name + " must have length " + expected + ", was " + length);
        }
    }
}
