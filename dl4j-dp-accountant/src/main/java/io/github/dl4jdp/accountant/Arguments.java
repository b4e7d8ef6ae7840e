// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

/** Argument checks of this package, all of one shape: name, constraint, value given. NaN never passes. */
final class Arguments {
    /** A product of this size and above has its rounding error in a double. */
    private static final double LEAST_WITH_REMAINDER = 0x1p-968;

    private Arguments() {}

    static double positiveFinite(String name, double value) {
        if (value > 0 && value < Double.POSITIVE_INFINITY) {
            return value;
        }
        // Out of range or NaN
        throw new IllegalArgumentException(name + " must be finite and > 0, was " + value);
    }

    static double nonNegativeFinite(String name, double value) {
        if (value >= 0 && value < Double.POSITIVE_INFINITY) {
            return value;
        }
        // Out of range or NaN
        throw new IllegalArgumentException(name + " must be finite and >= 0, was " + value);
    }

    static double nonNegative(String name, double value) {
        if (value >= 0) {
            return value;
        }
        // Negative or NaN
        throw new IllegalArgumentException(name + " must be >= 0, was " + value);
    }

    static double probability(String name, double value) {
        if (value >= 0 && value <= 1) {
            return value;
        }
        // Out of range or NaN
        throw new IllegalArgumentException(name + " must be >= 0 and <= 1, was " + value);
    }

    static double openUnit(String name, double value) {
        if (value > 0 && value < 1) {
            return value;
        }
        // Out of range or NaN
        throw new IllegalArgumentException(name + " must be > 0 and < 1, was " + value);
    }

    static long atLeast(String name, long minimum, long value) {
        if (value >= minimum) {
            return value;
        }
        throw new IllegalArgumentException(name + " must be >= " + minimum + ", was " + value);
    }

    static long inRange(String name, long minimum, long maximum, long value) {
        if (value >= minimum && value <= maximum) {
            return value;
        }
        throw new IllegalArgumentException(name + " must be >= " + minimum + " and <= " + maximum + ", was " + value);
    }

    /** The sum, rounded upwards. */
    static double addUp(double a, double b) {
        double sum = a + b;
        double part = sum - a;
        // Knuth's error of a sum
        double lost = (a - (sum - part)) + (b - part);
        return lost > 0 ? Math.nextUp(sum) : sum;
    }

    /** The product of numbers {@code >= 0}, rounded upwards. */
    static double multiplyUp(double a, double b) {
        double product = a * b;
        // What rounding took from a number near zero is too small for a double.
        boolean isLost = product < LEAST_WITH_REMAINDER && a > 0 && b > 0;
        return isLost || Math.fma(a, b, -product) > 0 ? Math.nextUp(product) : product;
    }

    /** a / k, rounded downwards, for {@code a > 0} and a whole number {@code k >= 1}. */
    static double divideDown(double a, int k) {
        double quotient = a / k;
        return Math.fma(quotient, k, -a) > 0 ? Math.nextDown(quotient) : quotient;
    }

    /** 1 / x, rounded upwards, for x > 0. */
    static double reciprocalUp(double x) {
        double reciprocal = 1 / x;
        return Math.fma(reciprocal, x, -1) < 0 ? Math.nextUp(reciprocal) : reciprocal;
    }
}
