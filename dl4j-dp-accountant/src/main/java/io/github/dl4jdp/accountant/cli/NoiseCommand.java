// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.NoiseCalibration;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(name = "noise", description = "The noise multiplier that a guarantee needs.")
final class NoiseCommand extends QuestionCommand {
    @Option(names = "--epsilon", paramLabel = "E", description = "Epsilon of the guarantee.")
    @Nullable
    Double epsilon;

    @Option(names = "--delta", paramLabel = "D", description = "Delta of the guarantee.")
    @Nullable
    Double delta;

    @Override
    Map<String, Double> given() {
        Map<String, Double> values = new TreeMap<>();
        SettingOptions.put(values, Setting.EPSILON, epsilon);
        SettingOptions.put(values, Setting.DELTA, delta);
        return values;
    }

    @Override
    String answerName() {
        return Setting.NOISE_MULTIPLIER;
    }

    @Override
    String explanation(Setting setting) {
        return "is the noise multiplier for epsilon " + setting.number(Setting.EPSILON) + " at delta "
                + setting.number(Setting.DELTA) + " (add-or-remove-one, Poisson lots, " + options.accountant + ")";
    }

    @Override
    double answer(Setting setting) {
        PrivacyGuarantee target = new PrivacyGuarantee(setting.number(Setting.EPSILON), setting.number(Setting.DELTA));
        return NoiseCalibration.to(target).withAccountant(options.accountant).noiseMultiplier(setting::event);
    }
}
