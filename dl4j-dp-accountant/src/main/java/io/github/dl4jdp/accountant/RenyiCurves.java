// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import io.github.dl4jdp.accountant.DpEvent.EpsilonDelta;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.GaussianMixture;
import io.github.dl4jdp.accountant.DpEvent.Laplace;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.RepeatAndSelect;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import org.jspecify.annotations.Nullable;

/** Renyi curves of the leaves that have one. */
final class RenyiCurves {
    /**
     * Rounding in the sums and integrals behind a curve stays below some hundred ulps; this keeps the result an upper
     * bound.
     */
    private static final double ROUNDING = 1 + 1e-12;

    /**
     * An order whose divergence exceeds that of some order a >= 2 by this much never gives the smallest epsilon at a delta
     * above exp(-100), for there a costs at most its divergence plus log(1 / delta); its curve need not be computed.
     */
    private static final double FURTHEST = 100;

    private RenyiCurves() {}

    /** Why the leaf has no Renyi curve under the relation, or null if it has. */
    static @Nullable String refusal(DpEvent leaf, NeighboringRelation relation) {
        if (leaf instanceof Gaussian
                || leaf instanceof Laplace
                || leaf instanceof EpsilonDelta
                || leaf instanceof RepeatAndSelect) {
            return null;
        }
        if (leaf instanceof PoissonSampled sampled && sampled.event() instanceof Gaussian) {
            return switch (relation) {
                case ADD_OR_REMOVE_ONE, ZERO_OUT -> null;
                case REPLACE_ONE ->
                    "no Renyi bound for Poisson sampling is known under replace-one; use PldAccountant, in a plan withAccountant(AccountantKind.PLD)";
            };
        }
        if (leaf instanceof SampledWithoutReplacement) {
            return switch (relation) {
                case REPLACE_ONE -> null;
                case ADD_OR_REMOVE_ONE, ZERO_OUT -> "samples of fixed size can only be bounded under replace-one";
            };
        }
        return "it has no Renyi bound here; use PldAccountant, in a plan withAccountant(AccountantKind.PLD)";
    }

    /** The curve of a leaf that was not refused, at the given orders. */
    static double[] curve(DpEvent leaf, NeighboringRelation relation, double[] orders) {
        if (leaf instanceof RepeatAndSelect selection) {
            RdpAccountant run = new RdpAccountant(relation, orders);
            run.compose(selection.event());
            return SelectionRenyi.curve(selection.runs(), run);
        }
        DoubleUnaryOperator divergence = divergence(leaf);
        double[] curve = new double[orders.length];
        double usable = Double.POSITIVE_INFINITY;
        for (int i = 0; i < orders.length; i++) {
            if (i > 0 && curve[i - 1] > usable) {
                // Divergences grow with the order.
                curve[i] = Double.POSITIVE_INFINITY;
                continue;
            }
            curve[i] = divergence.applyAsDouble(orders[i]);
            if (orders[i] >= 2 && usable == Double.POSITIVE_INFINITY) {
                usable = curve[i] + FURTHEST;
            }
        }
        return curve;
    }

    /** The curve of a leaf that was not refused and is no selection, as a function of the order. */
    static DoubleUnaryOperator divergence(DpEvent leaf) {
        DoubleUnaryOperator rounded = unrounded(leaf);
        return a -> {
            double value = rounded.applyAsDouble(a) * ROUNDING;
            return value >= 0 ? value : Double.POSITIVE_INFINITY;
        };
    }

    private static DoubleUnaryOperator unrounded(DpEvent leaf) {
        if (leaf instanceof Gaussian gaussian) {
            double precision = 1 / (gaussian.noiseMultiplier() * gaussian.noiseMultiplier());
            return a -> a * precision / 2;
        }
        if (leaf instanceof Laplace laplace) {
            return a -> laplace(a, 1 / laplace.noiseMultiplier());
        }
        if (leaf instanceof EpsilonDelta pair) {
            return a -> pure(a, pair.epsilon());
        }
        if (leaf instanceof PoissonSampled sampled && sampled.event() instanceof Gaussian gaussian) {
            return new SampledGaussianRenyi(sampled.samplingProbability(), gaussian.noiseMultiplier())::divergence;
        }
        if (leaf instanceof SampledWithoutReplacement sampled && sampled.event() instanceof Gaussian gaussian) {
            return withoutReplacement(sampled, gaussian.noiseMultiplier());
        }
        if (leaf instanceof SampledWithoutReplacement sampled && sampled.event() instanceof GaussianMixture mixture) {
            return labeled(sampled, mixture);
        }
        throw new IllegalStateException("no Renyi curve for " + leaf);
    }

    private static DoubleUnaryOperator withoutReplacement(SampledWithoutReplacement sampled, double sigma) {
        double q = Math.nextUp((double) sampled.sampleSize() / sampled.sourceSize());
        return new WithoutReplacementRenyi(q, sigma)::divergence;
    }

    /** The pair is a mixture of pairs of which both sides know which it is: exp((a - 1) R(a)) is the mean of theirs. */
    private static DoubleUnaryOperator labeled(SampledWithoutReplacement sampled, GaussianMixture mixture) {
        List<DoubleUnaryOperator> curves = new ArrayList<>();
        List<Double> weights = new ArrayList<>();
        for (int j = 0; j < mixture.sensitivities().size(); j++) {
            double distance = mixture.sensitivities().get(j);
            if (distance > 0 && mixture.probabilities().get(j) > 0) {
                curves.add(withoutReplacement(sampled, mixture.noiseMultiplier() / distance * (1 - 0x1p-50)));
                weights.add(mixture.probabilities().get(j));
            }
        }
        return a -> {
            double[] logs = curves.stream()
                    .mapToDouble(c -> (a - 1) * c.applyAsDouble(a))
                    .toArray();
            double peak = Arrays.stream(logs).max().orElse(0);
            if (!(peak < Double.POSITIVE_INFINITY)) {
                return Double.POSITIVE_INFINITY;
            }
            double excess = 0;
            double shift = peak > 600 ? peak : 0;
            for (int j = 0; j < logs.length; j++) {
                excess += weights.get(j) * (shift == 0 ? Math.expm1(logs[j]) : Math.exp(logs[j] - shift));
            }
            return (shift == 0 ? Math.log1p(excess) : shift + Math.log(excess) + Math.exp(-shift)) / (a - 1);
        };
    }

    /** Mironov 2017, table II, with r = 1 / b. */
    private static double laplace(double a, double r) {
        double scaled;
        if (a * r < 0.01) {
            // The terms of first order cancel: sum from the second.
            double up = (a - 1) * r;
            double down = -a * r;
            double sum = 0;
            double upPower = up;
            double downPower = down;
            double factorial = 1;
            for (int k = 2; k <= 9; k++) {
                upPower *= up;
                downPower *= down;
                factorial *= k;
                sum += (a * upPower + (a - 1) * downPower) / factorial;
            }
            scaled = Math.log1p(sum / (2 * a - 1));
        } else if ((a - 1) * r > 600) {
            scaled = (a - 1) * r + Math.log(a / (2 * a - 1)) + Math.log1p((a - 1) / a * Math.exp(-(2 * a - 1) * r));
        } else {
            scaled = Math.log1p((a * Math.expm1((a - 1) * r) + (a - 1) * Math.expm1(-a * r)) / (2 * a - 1));
        }
        return scaled / (a - 1);
    }

    /**
     * The worst mechanism that is epsilon-differentially private is randomized response (Kairouz, Oh and Viswanath 2015,
     * theorem 2.3); log of (exp(a e) + exp((1 - a) e)) / (1 + exp(e)), as a product that does not cancel.
     */
    private static double pure(double a, double epsilon) {
        if (a * epsilon > 600) {
            return (a * epsilon + Math.log1p(Math.exp((1 - 2 * a) * epsilon)) - softplus(epsilon)) / (a - 1);
        }
        double product = Math.expm1(a * epsilon) * -Math.expm1((1 - a) * epsilon);
        return Math.log1p(product / (1 + Math.exp(epsilon))) / (a - 1);
    }

    private static double softplus(double x) {
        return x > 40 ? x : Math.log1p(Math.exp(x));
    }
}
