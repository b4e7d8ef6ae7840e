// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(name = "statement", description = "A privacy statement in plain words, as Markdown or JSON.")
final class StatementCommand implements Callable<Integer> {
    @Mixin
    SettingOptions options = new SettingOptions();

    @Option(
            names = "--noise-multiplier",
            paramLabel = "S",
            required = true,
            description = "Noise standard deviation / clipping norm.")
    @Nullable
    Double noiseMultiplier;

    @Option(names = "--delta", paramLabel = "D", required = true, description = "Delta of the guarantee.")
    @Nullable
    Double delta;

    @Option(names = "--json", description = "JSON instead of Markdown.")
    boolean json;

    @Spec
    @Nullable
    CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        Map<String, Double> values = new TreeMap<>(options.given());
        SettingOptions.put(values, Setting.NOISE_MULTIPLIER, noiseMultiplier);
        SettingOptions.put(values, Setting.DELTA, delta);
        Statement statement = new Statement(new Setting(values));
        if (spec == null) {
            throw new IllegalStateException("commands are run by picocli");
        }
        spec.commandLine().getOut().println(json ? statement.json() : statement.markdown());
        return 0;
    }
}
