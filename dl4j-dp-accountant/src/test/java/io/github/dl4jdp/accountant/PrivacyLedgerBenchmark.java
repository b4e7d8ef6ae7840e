// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import io.github.dl4jdp.accountant.PrivacyLedger.Terms;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;

/**
 * Times a charge on a given folder's disk, and the flush alone: {@code java -cp ...
 * io.github.dl4jdp.accountant.PrivacyLedgerBenchmark FOLDER [charges]}.
 */
public final class PrivacyLedgerBenchmark {

    private PrivacyLedgerBenchmark() {}

    /** Prints the distribution of the time of one charge, of appending and flushing as many bytes, and of reading back. */
    public static void main(String[] args) throws IOException {
        Path folder = Files.createTempDirectory(Path.of(args[0]), "ledger");
        int charges = args.length > 1 ? Integer.parseInt(args[1]) : 2000;
        Path path = folder.resolve("ledger.jsonl");
        Terms terms = new Terms(
                "plan",
                "configuration",
                "0.1.0",
                NeighboringRelation.ADD_OR_REMOVE_ONE,
                new DpEvent.PoissonSampled(0.01, new DpEvent.Gaussian(1.1)));
        double[] charge = new double[charges];
        try (PrivacyLedger ledger = PrivacyLedger.open(path, terms)) {
            for (int i = 0; i < charges; i++) {
                long start = System.nanoTime();
                ledger.charge(1);
                charge[i] = micros(start);
            }
        }
        double[] bare = new double[charges];
        byte[] line = "x".repeat(95).getBytes(StandardCharsets.UTF_8);
        try (PrivacyLedgerFile file = PrivacyLedgerDiskFile.open(folder.resolve("bare"), true)) {
            for (int i = 0; i < charges; i++) {
                long start = System.nanoTime();
                file.append(line);
                file.force();
                bare[i] = micros(start);
            }
        }
        print("charge, flushed", charge);
        print("append and flush of 95 bytes alone", bare);
        for (int round = 0; round < 5; round++) {
            long start = System.nanoTime();
            PrivacyLedgerHistory history = PrivacyLedgerHistory.read(path);
            System.out.printf(
                    Locale.ROOT,
                    "read and verified %d steps, %d bytes: %.1f ms%n",
                    history.steps(),
                    Files.size(path),
                    micros(start) / 1000);
        }
    }

    private static double micros(long start) {
        return (System.nanoTime() - start) / 1e3;
    }

    private static void print(String what, double[] micros) {
        double[] sorted = micros.clone();
        Arrays.sort(sorted);
        System.out.printf(
                Locale.ROOT,
                "%s: min %.0f us, median %.0f us, 99 %% %.0f us, max %.0f us%n",
                what,
                sorted[0],
                sorted[sorted.length / 2],
                sorted[sorted.length * 99 / 100],
                sorted[sorted.length - 1]);
    }
}
