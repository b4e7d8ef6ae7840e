// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.AccountantKind;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options that describe a training run, shared by all commands. */
final class SettingOptions {
    @Option(
            names = "--sampling-probability",
            paramLabel = "Q",
            description = "Probability that an example is in a lot.")
    @Nullable
    Double samplingProbability;

    @Option(names = "--steps", paramLabel = "T", description = "Number of steps.")
    @Nullable
    Double steps;

    @Option(names = "--examples", paramLabel = "N", description = "Examples in the data set (with --lot-size).")
    @Nullable
    Double examples;

    @Option(names = "--lot-size", paramLabel = "L", description = "Expected lot size; Q is L / N.")
    @Nullable
    Double lotSize;

    @Option(names = "--epochs", paramLabel = "E", description = "Epochs instead of steps; T is E N / L, rounded up.")
    @Nullable
    Double epochs;

    @Option(
            names = "--accountant",
            paramLabel = "rdp|pld",
            defaultValue = "pld",
            description = "pld is tight, rdp the moments accountant (default: ${DEFAULT-VALUE}).")
    AccountantKind accountant = AccountantKind.PLD;

    /** What was given, by the names of {@link Setting}. */
    Map<String, Double> given() {
        Map<String, Double> values = new TreeMap<>();
        put(values, Setting.SAMPLING_PROBABILITY, samplingProbability);
        put(values, Setting.STEPS, steps);
        put(values, Setting.EXAMPLES, examples);
        put(values, Setting.LOT_SIZE, lotSize);
        put(values, Setting.EPOCHS, epochs);
        return values;
    }

    static void put(Map<String, Double> values, String name, @Nullable Double value) {
        if (value != null) {
            values.put(name, value);
        }
    }
}
