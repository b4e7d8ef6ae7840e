// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.NeighboringRelation;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(name = "delta", description = "The delta at which a training run meets an epsilon.")
final class DeltaCommand extends QuestionCommand {
    @Option(names = "--noise-multiplier", paramLabel = "S", description = "Noise standard deviation / clipping norm.")
    @Nullable
    Double noiseMultiplier;

    @Option(names = "--epsilon", paramLabel = "E", description = "Epsilon of the guarantee.")
    @Nullable
    Double epsilon;

    @Override
    Map<String, Double> given() {
        Map<String, Double> values = new TreeMap<>();
        SettingOptions.put(values, Setting.NOISE_MULTIPLIER, noiseMultiplier);
        SettingOptions.put(values, Setting.EPSILON, epsilon);
        return values;
    }

    @Override
    String answerName() {
        return Setting.DELTA;
    }

    @Override
    String explanation(Setting setting) {
        return "is delta at epsilon " + setting.number(Setting.EPSILON) + " (add-or-remove-one, Poisson lots, "
                + options.accountant + ")";
    }

    @Override
    double answer(Setting setting) {
        return options.accountant
                .create(NeighboringRelation.ADD_OR_REMOVE_ONE)
                .compose(setting.event(setting.number(Setting.NOISE_MULTIPLIER)))
                .delta(setting.number(Setting.EPSILON));
    }
}
