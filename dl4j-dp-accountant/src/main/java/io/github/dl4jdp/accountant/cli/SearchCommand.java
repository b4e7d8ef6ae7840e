// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent.RepeatAndSelect;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.NoiseCalibration;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.RunCount;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
        name = "search",
        description = "The epsilon of a search for hyper-parameters: the best of a random number of training runs.")
final class SearchCommand extends QuestionCommand {
    private static final String ASSUMPTIONS = """

            Assumed: the number of runs was drawn from this distribution, independently of the data, and all of them
            were made; each run drew its hyper-parameters anew, from a list fixed beforehand, and costs no more than
            the run described; the score by which the best was chosen comes from public data, or is in each run's
            guarantee; nothing of the other runs is shown, nor how many there were.""";

    /** The distributions that have names. */
    enum Distribution {
        LOGARITHMIC(0),
        GEOMETRIC(1),
        POISSON(Double.POSITIVE_INFINITY);

        private final double shape;

        Distribution(double shape) {
            this.shape = shape;
        }
    }

    @Option(
            names = "--noise-multiplier",
            paramLabel = "S",
            description = "Noise standard deviation / clipping norm, of each run.")
    @Nullable
    Double noiseMultiplier;

    @Option(
            names = "--run-epsilon",
            paramLabel = "R",
            description =
                    "Instead of the noise multiplier: the epsilon to which each run is calibrated, by --accountant"
                            + " and at the same delta.")
    @Nullable
    Double runEpsilon;

    @Option(names = "--delta", paramLabel = "D", description = "Delta of the search's guarantee.")
    @Nullable
    Double delta;

    @Option(names = "--expected-runs", paramLabel = "K", description = "Expected number of runs.")
    @Nullable
    Double expectedRuns;

    @Option(
            names = "--distribution",
            paramLabel = "logarithmic|geometric|poisson",
            description = "Distribution of the number of runs (default: logarithmic, the cheapest of them).")
    @Nullable
    Distribution distribution;

    @Option(
            names = "--shape",
            paramLabel = "H",
            description = "Instead of the distribution: shape of the truncated negative binomial distribution, > -1.")
    @Nullable
    Double shape;

    @Override
    Map<String, Double> given() {
        if (distribution != null && shape != null) {
            throw new IllegalArgumentException("--distribution and --shape exclude each other");
        }
        Map<String, Double> values = new TreeMap<>();
        SettingOptions.put(values, Setting.NOISE_MULTIPLIER, noiseMultiplier);
        SettingOptions.put(values, Setting.RUN_EPSILON, runEpsilon);
        SettingOptions.put(values, Setting.DELTA, delta);
        SettingOptions.put(values, Setting.EXPECTED_RUNS, expectedRuns);
        double named = distribution == null ? Distribution.LOGARITHMIC.shape : distribution.shape;
        values.put(Setting.SHAPE, shape == null ? named : shape);
        return values;
    }

    @Override
    String answerName() {
        return Setting.EPSILON;
    }

    /** Selections have a Renyi bound only; the option is about a single run. */
    @Override
    AccountantKind answeredBy() {
        return AccountantKind.RDP;
    }

    @Override
    String explanation(Setting setting) {
        RunCount count = setting.runs();
        String name = "shape " + Setting.text(count.shape());
        for (Distribution known : Distribution.values()) {
            if (known.shape == count.shape()) {
                name = known.name().toLowerCase(Locale.ROOT);
            }
        }
        return "is epsilon at delta " + setting.number(Setting.DELTA) + " of the best of "
                + Setting.text(count.mean()) + " runs expected (" + name + ", add-or-remove-one, Poisson lots, RDP)"
                + ASSUMPTIONS;
    }

    @Override
    double answer(Setting setting) {
        double target = setting.number(Setting.DELTA);
        return AccountantKind.RDP
                .create(NeighboringRelation.ADD_OR_REMOVE_ONE)
                .compose(new RepeatAndSelect(setting.event(noise(setting, target)), setting.runs()))
                .epsilon(target);
    }

    private double noise(Setting setting, double target) {
        if (!setting.has(Setting.RUN_EPSILON)) {
            return setting.number(Setting.NOISE_MULTIPLIER);
        }
        if (setting.has(Setting.NOISE_MULTIPLIER)) {
            throw new IllegalArgumentException(
                    Setting.NOISE_MULTIPLIER + " and " + Setting.RUN_EPSILON + " exclude each other");
        }
        return NoiseCalibration.to(new PrivacyGuarantee(setting.number(Setting.RUN_EPSILON), target))
                .withAccountant(options.accountant)
                .noiseMultiplier(setting::event);
    }
}
