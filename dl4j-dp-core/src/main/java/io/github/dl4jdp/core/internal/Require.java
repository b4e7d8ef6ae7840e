// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal;

/** The checks that every room makes, those of numbers with the same words. */
public final class Require {
    private Require() {}

    /**
     * Checks what must hold.
     *
     * @throws IllegalArgumentException with the message if it does not
     */
    public static void that(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException(message);
        }
    }

    /**
     * Checks that a call is allowed now.
     *
     * @throws IllegalStateException with the message if it is not
     */
    public static void state(boolean isAllowed, String message) {
        if (!isAllowed) {
            throw new IllegalStateException(message);
        }
    }

    /**
     * Returns a count.
     *
     * @throws IllegalArgumentException if it is less than 1
     */
    public static long positive(String name, long value) {
        if (value < 1) {
            throw new IllegalArgumentException(name + " must be at least 1, was " + value);
        }
        return value;
    }

    /**
     * Returns a quantity.
     *
     * @throws IllegalArgumentException if it is not finite and positive
     */
    public static double positive(String name, double value) {
        if (value > 0 && value < Double.POSITIVE_INFINITY) {
            return value;
        }
        throw new IllegalArgumentException(name + " must be finite and > 0, was " + value);
    }
}
