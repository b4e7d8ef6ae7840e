// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.EpsilonDelta;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.Laplace;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import java.util.Arrays;
import java.util.regex.Pattern;

/** The ledgers of heterogeneous.csv: {@code psg:q:sigma:count|gauss:sigma:count|...}. */
final class Ledgers {
    private static final Pattern BAR = Pattern.compile("\\|");

    private Ledgers() {}

    static DpEvent parse(String ledger) {
        return new Composed(BAR.splitAsStream(ledger).map(Ledgers::entry).toList());
    }

    private static DpEvent entry(String entry) {
        String[] fields = entry.split(":", -1);
        double[] numbers =
                Arrays.stream(fields).skip(1).mapToDouble(Double::parseDouble).toArray();
        DpEvent event =
                switch (fields[0]) {
                    case "psg" -> new PoissonSampled(numbers[0], new Gaussian(numbers[1]));
                    case "pslap" -> new PoissonSampled(numbers[0], new Laplace(numbers[1]));
                    case "gauss" -> new Gaussian(numbers[0]);
                    case "lap" -> new Laplace(numbers[0]);
                    case "epsdelta" -> new EpsilonDelta(numbers[0], numbers[1]);
                    default -> throw new IllegalArgumentException(entry);
                };
        return new SelfComposed(event, (long) numbers[numbers.length - 1]);
    }
}
