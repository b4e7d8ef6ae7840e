// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent.RepeatAndSelect;
import io.github.dl4jdp.accountant.NoiseCalibration;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.RunCount;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;

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

        double shape() {
            return shape;
        }
    }

    SearchCommand() {
        super(
                Parameter.EPSILON,
                and(
                        without(RUN_OF_ANY_NOISE, Parameter.EARLIER_RELEASES, Parameter.EARLIER_LEDGER),
                        Parameter.NOISE_MULTIPLIER,
                        Parameter.RUN_EPSILON,
                        Parameter.DELTA,
                        Parameter.EXPECTED_RUNS,
                        Parameter.DISTRIBUTION,
                        Parameter.SHAPE));
    }

    /** Selections have a Renyi bound only; the option is about a single run. */
    @Override
    AccountantKind answeredBy(Setting setting) {
        return AccountantKind.RDP;
    }

    @Override
    Map<Parameter, Object> shown(Setting setting) {
        Map<Parameter, Object> shown = new EnumMap<>(setting.values());
        shown.put(Parameter.SHAPE, setting.runs().shape());
        return shown;
    }

    @Override
    String subject(Setting setting) {
        RunCount count = setting.runs();
        return "epsilon at delta " + setting.number(Parameter.DELTA) + " of the best of " + Setting.text(count.mean())
                + " runs expected";
    }

    @Override
    String explanation(Setting setting) {
        return super.explanation(setting) + ASSUMPTIONS;
    }

    @Override
    String circumstances(Setting setting) {
        RunCount count = setting.runs();
        String name = "shape " + Setting.text(count.shape());
        for (Distribution known : Distribution.values()) {
            if (known.shape == count.shape()) {
                name = known.name().toLowerCase(Locale.ROOT);
            }
        }
        return name + ", " + setting.description();
    }

    @Override
    double answer(Setting setting) {
        double target = setting.number(Parameter.DELTA);
        warn(setting.deltaWarning());
        return AccountantKind.RDP
                .create(setting.relation())
                .compose(new RepeatAndSelect(setting.event(noise(setting, target)), setting.runs()))
                .epsilon(target);
    }

    private static double noise(Setting setting, double target) {
        if (!setting.has(Parameter.RUN_EPSILON)) {
            return setting.number(Parameter.NOISE_MULTIPLIER);
        }
        setting.exclude(Parameter.NOISE_MULTIPLIER, Parameter.RUN_EPSILON);
        return NoiseCalibration.to(
                        new PrivacyGuarantee(setting.number(Parameter.RUN_EPSILON), target, setting.relation()))
                .withAccountant(setting.accountantKind())
                .noiseMultiplier(setting::event);
    }
}
