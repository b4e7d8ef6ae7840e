// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import io.github.dl4jdp.accountant.DpEvent.EpsilonDelta;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.GaussianMixture;
import io.github.dl4jdp.accountant.DpEvent.Laplace;
import io.github.dl4jdp.accountant.DpEvent.NonPrivate;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.RandomAllocation;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampledGroup;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * About the epsilon of many kinds of events in microseconds, for a search to begin with: by Renyi divergences of few orders, of Poisson samples that tell about as much.
 *
 * <p>No guarantee rests on it.
 */
final class RoughEpsilon {
    private static final double[] ORDERS = {
        1.1, 1.3, 1.6, 2, 2.5, 3.2, 4, 5, 6.5, 8, 10, 13, 16, 20, 26, 32, 42, 64, 100, 200, 500, 2000, 10_000, 100_000
    };

    /** Of more kinds of events than this, those that happen rarely are taken together where they are alike. */
    private static final int MANY = 32;

    private static final double PROBABILITIES_TOGETHER = 0.2;

    private static final double NOISE_TOGETHER = 0.1;

    private static final int MOST_CURVES = 4096;

    /** Below this expected number of samples with an example, Renyi divergences say too much. */
    private static final double RARE = 0.3;

    private static final int BISECTIONS = 60;

    /** Samples that an example is in more rarely than this part of delta may tell everything. */
    private static final double SHARE_IGNORED = 0.5;

    private final double logDelta;
    private final Map<DpEvent, double[]> curves = new HashMap<>();

    /** For the given delta in (0, 1). */
    RoughEpsilon(double delta) {
        this.logDelta = Math.log(delta);
    }

    /** About the epsilon of so many of each leaf; infinite where it cannot be told. */
    double of(Map<DpEvent, Long> leaves) {
        Map<DpEvent, Double> kinds = kinds(leaves);
        List<Map.Entry<DpEvent, Double>> order = new ArrayList<>(kinds.entrySet());
        order.sort(Comparator.comparingDouble(RoughEpsilon::drawn));
        double drawn = 0;
        for (Map.Entry<DpEvent, Double> kind : order) {
            drawn += drawn(kind);
            if (drawn < SHARE_IGNORED * Math.exp(logDelta)) {
                kinds.remove(kind.getKey());
            }
        }
        return drawn < RARE ? ofOneSample(kinds) : byRenyi(kinds);
    }

    /** How often an example is expected to take part. */
    private static double drawn(Map.Entry<DpEvent, Double> kind) {
        return kind.getValue()
                * (kind.getKey() instanceof PoissonSampled sampled && sampled.event() instanceof Gaussian
                        ? sampled.samplingProbability()
                        : 1);
    }

    /** Where an example is hardly in more than one sample: the epsilon at which the deltas of all samples add up to delta. */
    private double ofOneSample(Map<DpEvent, Double> kinds) {
        double low = 0;
        double high = 1e6;
        for (int i = 0; i < BISECTIONS; i++) {
            double epsilon = (low + high) / 2;
            double delta = 0;
            for (Map.Entry<DpEvent, Double> kind : kinds.entrySet()) {
                if (kind.getKey() instanceof PoissonSampled sampled && sampled.event() instanceof Gaussian gaussian) {
                    double q = sampled.samplingProbability();
                    double inSample = epsilon > 600 ? epsilon - Math.log(q) : Math.log1p(Math.expm1(epsilon) / q);
                    delta += kind.getValue() * q * GaussianTradeOff.delta(1 / gaussian.noiseMultiplier(), inSample);
                }
            }
            if (delta > Math.exp(logDelta)) {
                low = epsilon;
            } else {
                high = epsilon;
            }
        }
        return high;
    }

    private double byRenyi(Map<DpEvent, Double> kinds) {
        double[] sum = new double[ORDERS.length];
        for (Map.Entry<DpEvent, Double> kind : kinds.entrySet()) {
            if (kind.getKey() instanceof NonPrivate) {
                return Double.POSITIVE_INFINITY;
            }
            if (curves.size() > MOST_CURVES) {
                curves.clear();
            }
            double[] curve = curves.computeIfAbsent(
                    kind.getKey(), k -> RenyiCurves.curve(k, NeighboringRelation.ADD_OR_REMOVE_ONE, ORDERS));
            for (int i = 0; i < sum.length; i++) {
                sum[i] += kind.getValue() * curve[i];
            }
        }
        double least = Double.POSITIVE_INFINITY;
        for (int i = 0; i < sum.length; i++) {
            double a = ORDERS[i];
            least = Math.min(least, sum[i] + Math.log1p(-1 / a) - (logDelta + Math.log(a)) / (a - 1));
        }
        return Math.max(0, least);
    }

    private static Map<DpEvent, Double> kinds(Map<DpEvent, Long> leaves) {
        Map<Object, DpEvent> known = new HashMap<>();
        Map<DpEvent, Double> kinds = new LinkedHashMap<>();
        double all = leaves.values().stream().mapToDouble(n -> n).sum();
        leaves.forEach((leaf, count) -> {
            DpEvent like = alike(leaf);
            Object kind = leaves.size() > MANY && count < all / MANY ? kind(like) : like;
            double times = leaf instanceof RandomAllocation allocation ? allocation.lots() : 1;
            kinds.merge(known.computeIfAbsent(kind, k -> like), times * count, Double::sum);
        });
        return kinds;
    }

    private static Object kind(DpEvent like) {
        return like instanceof PoissonSampled sampled && sampled.event() instanceof Gaussian gaussian
                ? List.of(
                        Math.round(Math.log(sampled.samplingProbability()) / PROBABILITIES_TOGETHER),
                        Math.round(Math.log(gaussian.noiseMultiplier()) / NOISE_TOGETHER))
                : like;
    }

    /** What tells about as much as a leaf, or as one of the lots of random allocation, and has a Renyi curve. */
    private static DpEvent alike(DpEvent leaf) {
        if (leaf instanceof EpsilonDelta pair) {
            return pair.epsilon() < Double.POSITIVE_INFINITY ? new EpsilonDelta(pair.epsilon(), 0) : new NonPrivate();
        }
        if (leaf instanceof GaussianMixture mixture) {
            return together(1, mixture);
        }
        if (leaf instanceof PoissonSampled sampled && sampled.event() instanceof Laplace laplace) {
            double epsilon = 1 / laplace.noiseMultiplier();
            return new EpsilonDelta(
                    Math.min(epsilon, Math.log1p(sampled.samplingProbability() * Math.expm1(epsilon))), 0);
        }
        if (leaf instanceof RandomAllocation allocation) {
            return sampled(1.0 / allocation.lots(), allocation.event());
        }
        if (leaf instanceof SampledWithoutReplacement sampled) {
            double q = (double) sampled.sampleSize() / sampled.sourceSize();
            return sampled.event() instanceof GaussianMixture mixture
                    ? together(q, mixture)
                    : sampled(q, sampled.event());
        }
        if (leaf instanceof TruncatedPoissonSampled sampled) {
            return sampled(sampled.samplingProbability(), sampled.event());
        }
        if (leaf instanceof TruncatedPoissonSampledGroup sampled && sampled.event() instanceof Gaussian gaussian) {
            return together(
                    1,
                    GroupPrivacy.distances(
                            sampled.samplingProbability(), (int) sampled.groupSize(), gaussian.noiseMultiplier()));
        }
        return leaf;
    }

    /** All distances as their root mean square, given that there is one. */
    private static DpEvent together(double q, GaussianMixture mixture) {
        double moved = 0;
        double square = 0;
        for (int j = 0; j < mixture.sensitivities().size(); j++) {
            double distance = mixture.sensitivities().get(j);
            if (distance > 0) {
                moved += mixture.probabilities().get(j);
                square += mixture.probabilities().get(j) * distance * distance;
            }
        }
        double noise = mixture.noiseMultiplier() / Math.sqrt(square / moved);
        return noise > 0 && noise < Double.POSITIVE_INFINITY
                ? sampled(Math.min(1, q * moved), new Gaussian(noise))
                : new EpsilonDelta(0, 0);
    }

    private static DpEvent sampled(double q, DpEvent event) {
        return q < 1 ? new PoissonSampled(q, event) : event;
    }
}
