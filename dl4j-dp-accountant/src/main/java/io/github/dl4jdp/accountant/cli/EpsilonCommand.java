// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyAccountant;
import io.github.dl4jdp.accountant.RdpAccountant;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(name = "epsilon", description = "The epsilon that a training run costs.")
final class EpsilonCommand extends QuestionCommand {
    @Option(names = "--noise-multiplier", paramLabel = "S", description = "Noise standard deviation / clipping norm.")
    @Nullable
    Double noiseMultiplier;

    @Option(names = "--delta", paramLabel = "D", description = "Delta of the guarantee.")
    @Nullable
    Double delta;

    @Override
    Map<String, Double> given() {
        Map<String, Double> values = new TreeMap<>();
        SettingOptions.put(values, Setting.NOISE_MULTIPLIER, noiseMultiplier);
        SettingOptions.put(values, Setting.DELTA, delta);
        return values;
    }

    @Override
    String answerName() {
        return Setting.EPSILON;
    }

    @Override
    String explanation(Setting setting) {
        return "is epsilon at delta " + setting.number(Setting.DELTA) + " (add-or-remove-one, Poisson lots, "
                + options.accountant + ")";
    }

    @Override
    double answer(Setting setting) {
        double target = setting.number(Setting.DELTA);
        PrivacyAccountant accountant = options.accountant
                .create(NeighboringRelation.ADD_OR_REMOVE_ONE)
                .compose(setting.event(setting.number(Setting.NOISE_MULTIPLIER)));
        double epsilon = accountant.epsilon(target);
        if (accountant instanceof RdpAccountant rdp && target > 0 && target < 1 && rdp.bestOrderAtEdge(target)) {
            spec().commandLine()
                    .getErr()
                    .println("warning: the best Renyi order, " + rdp.bestOrder(target) + ", is the "
                            + (rdp.bestOrder(target) < 2 ? "smallest" : "largest")
                            + " there is; epsilon holds but may be loose, --accountant pld is tight");
        }
        return epsilon;
    }
}
