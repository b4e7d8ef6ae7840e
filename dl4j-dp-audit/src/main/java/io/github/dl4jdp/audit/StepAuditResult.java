// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.RoundedBounds;
import java.util.List;
import java.util.Locale;

/**
 * What an attacker of single steps achieved.
 *
 * @param attack what it looked at
 * @param trialsWithCanary trials with the canary that it was measured on
 * @param missed how many of them it took for trials without
 * @param trialsWithout trials without the canary that it was measured on
 * @param falseAlarms how many of them it took for trials with the canary
 * @param confidence with which all bounds below hold together
 * @param missRateBound upper bound of the probability of a miss
 * @param falseAlarmRateBound upper bound of the probability of a false alarm
 * @param canaryLength norm of the canary's gradient, in clipping norms
 * @param claim the claimed cost of a step
 * @param delta at which the epsilons are given
 * @param claimedEpsilon upper bound of the epsilon of one step, if the claim is true
 * @param epsilonLowerBound lower bound of the epsilon of one step, whatever the mechanism is
 * @param gaussianEpsilonLowerBound lower bound of the epsilon of one step, if it is a Gaussian mechanism of some noise: much closer to the truth
 * @param isContradicted whether no attacker can have error rates so small if the claim is true
 */
public record StepAuditResult(
        String attack,
        int trialsWithCanary,
        int missed,
        int trialsWithout,
        int falseAlarms,
        double confidence,
        double missRateBound,
        double falseAlarmRateBound,
        double canaryLength,
        DpEvent claim,
        double delta,
        double claimedEpsilon,
        double epsilonLowerBound,
        double gaussianEpsilonLowerBound,
        boolean isContradicted) {

    static StepAuditResult of(
            Claim claim,
            ThresholdAttack attack,
            List<double[]> in,
            List<double[]> out,
            double confidence,
            double delta,
            double canaryLength) {
        double alpha = (1 - confidence) / 2;
        ThresholdAttack.Errors errors = attack.errors(in, out);
        double missed = new BinomialBounds(in.size(), alpha).upper(errors.missed());
        double falseAlarms = new BinomialBounds(out.size(), alpha).upper(errors.falseAlarms());
        return new StepAuditResult(
                attack.name(),
                in.size(),
                errors.missed(),
                out.size(),
                errors.falseAlarms(),
                confidence,
                missed,
                falseAlarms,
                canaryLength,
                claim.event(),
                delta,
                claim.epsilon(delta),
                Claim.refutedEpsilon(falseAlarms, missed, delta),
                Claim.gaussianEpsilon(Claim.refutedMu(falseAlarms, missed), delta),
                missed < claim.leastMissed(falseAlarms));
    }

    /** For people: the verdict first. */
    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%s %s.%n"
                        + "By the %s, an attacker missed the canary in %d of %d steps and raised a false alarm in %d of %d:%n"
                        + "with confidence %s the miss rate is below %s and the false alarm rate below %s.%n"
                        + "Epsilon of one step at delta = %s: claimed at most %s; found at least %s, or %s if the mechanism is Gaussian.%n"
                        + "The canary's gradient was %.3g clipping norms long.",
                isContradicted ? "CONTRADICTED: the steps do not satisfy" : "Nothing found against",
                claim,
                attack,
                missed,
                trialsWithCanary,
                falseAlarms,
                trialsWithout,
                confidence,
                RoundedBounds.upper(missRateBound, 4),
                RoundedBounds.upper(falseAlarmRateBound, 4),
                delta,
                RoundedBounds.upper(claimedEpsilon, 4),
                RoundedBounds.lower(epsilonLowerBound, 4),
                RoundedBounds.lower(gaussianEpsilonLowerBound, 4),
                canaryLength);
    }
}
