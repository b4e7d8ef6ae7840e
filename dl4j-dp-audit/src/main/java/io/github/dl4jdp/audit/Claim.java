// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyAccountant;
import io.github.dl4jdp.accountant.TradeOffCurve;
import java.util.HashMap;
import java.util.Map;
import org.apache.commons.statistics.distribution.NormalDistribution;

/** The claimed cost of a step, as a bound on every attacker's two error rates. */
final class Claim {
    private static final NormalDistribution NORMAL = NormalDistribution.of(0, 1);

    private final DpEvent event;
    private final PrivacyAccountant accountant;
    private final TradeOffCurve curve;
    private final Map<Double, Double> leastMissed = new HashMap<>();

    Claim(DpEvent event) {
        this.event = event;
        this.accountant =
                AccountantKind.PLD.create(NeighboringRelation.ADD_OR_REMOVE_ONE).compose(event);
        this.curve = TradeOffCurve.of(accountant);
        if (!(curve.falseNegativeRate(0.5) > 0)) {
            throw new IllegalArgumentException("the claim must be one that an audit can contradict, was " + event
                    + ", under which every error rate of an attacker is possible");
        }
    }

    DpEvent event() {
        return event;
    }

    double epsilon(double delta) {
        return accountant.epsilon(delta);
    }

    /** The smallest rate of misses that the claim leaves an attacker with this rate of false alarms. */
    double leastMissed(double falseAlarms) {
        return leastMissed.computeIfAbsent(falseAlarms, curve::falseNegativeRate);
    }

    /**
     * How far two error rates are beyond what the claim allows, in standard deviations of a Gaussian's shift: positive where they contradict it.
     */
    double excess(double falseAlarms, double missed) {
        return quantile(leastMissed(falseAlarms)) - quantile(missed);
    }

    /** Whether the claim could be contradicted by {@code perWorld} trials of each kind, all guessed right. */
    boolean isRefutableBy(int perWorld, double significance) {
        double rate = -Math.expm1(Math.log(significance) / perWorld);
        return rate < leastMissed(rate);
    }

    /**
     * The largest epsilon that two error rates refute: {@code max(ln((1 - delta - b) / a), ln((1 - delta - a) / b), 0)} (Kairouz et al. 2015).
     */
    static double refutedEpsilon(double falseAlarms, double missed, double delta) {
        double direct = Math.log((1 - delta - missed) / falseAlarms);
        double mirrored = Math.log((1 - delta - falseAlarms) / missed);
        // Math.max would hand on the NaN of a side that refutes nothing.
        double best = 0;
        best = direct > best ? direct : best;
        return mirrored > best ? mirrored : best;
    }

    /** The largest mu for which two error rates refute mu-Gaussian differential privacy; 0 if there is none (Dong, Roth and Su 2022). */
    static double refutedMu(double falseAlarms, double missed) {
        double mu = -quantile(falseAlarms) - quantile(missed);
        return mu > 0 ? mu : 0;
    }

    /** The epsilon at {@code delta} of a Gaussian mechanism of noise multiplier {@code 1 / mu}. */
    static double gaussianEpsilon(double mu, double delta) {
        return mu == 0
                ? 0
                : AccountantKind.PLD
                        .create(NeighboringRelation.ADD_OR_REMOVE_ONE)
                        .compose(new DpEvent.Gaussian(1 / mu))
                        .epsilon(delta);
    }

    private static double quantile(double probability) {
        return NORMAL.inverseCumulativeProbability(probability);
    }
}
