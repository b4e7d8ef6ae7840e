// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.random;

import java.util.Arrays;
import java.util.Locale;

/**
 * Times hardened noise on one thread: {@code java -cp ... io.github.dl4jdp.core.random.GaussianNoiseBenchmark [values]
 * [rounds]}.
 */
public final class GaussianNoiseBenchmark {

    private GaussianNoiseBenchmark() {}

    /** Prints minimum and median time for the given number of values (default ten million) over the given rounds. */
    public static void main(String[] args) {
        int values = args.length > 0 ? Integer.parseInt(args[0]) : 10_000_000;
        int rounds = args.length > 1 ? Integer.parseInt(args[1]) : 15;
        double[] doubleMillis = new double[rounds];
        double[] keystreamMillis = new double[rounds];
        for (int round = 0; round < rounds; round++) {
            doubleMillis[round] = addToDoubles(values, round);
            keystreamMillis[round] = keystream(values, round);
        }
        print("double[] noise, hardened", values, doubleMillis);
        print("keystream alone, 8 bytes", values, keystreamMillis);
    }

    /** Returns the milliseconds that one release takes. */
    static double addToDoubles(int values, int round) {
        double[] sum = new double[values];
        long start = System.nanoTime();
        new GaussianNoise(1.1, 1.0, values)
                .release(RandomStreams.secure(), "noise", round)
                .addTo(sum, 0, values);
        return (System.nanoTime() - start) / 1e6;
    }

    private static double keystream(int values, int round) {
        long[] words = new long[values];
        long start = System.nanoTime();
        var random = RandomStreams.secure().stream("benchmark", round);
        Arrays.setAll(words, i -> random.nextLong());
        return (System.nanoTime() - start) / 1e6;
    }

    private static void print(String what, int values, double[] millis) {
        double[] sorted = millis.clone();
        Arrays.sort(sorted);
        double min = sorted[0];
        double median = sorted[sorted.length / 2];
        System.out.printf(
                Locale.ROOT,
                "%s: %,d values, min %.1f ms (%.2f ns a value), median %.1f ms, first %.1f ms%n",
                what,
                values,
                min,
                min * 1e6 / values,
                median,
                millis[0]);
    }
}
