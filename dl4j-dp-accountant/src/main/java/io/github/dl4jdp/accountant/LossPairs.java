// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import io.github.dl4jdp.accountant.DpEvent.EpsilonDelta;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.GaussianMixture;
import io.github.dl4jdp.accountant.DpEvent.Laplace;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.RepeatAndSelect;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampled;
import java.util.List;
import java.util.Objects;
import org.apache.commons.numbers.gamma.RegularizedBeta;
import org.jspecify.annotations.Nullable;

/** The dominating pairs of the leaves that have one. */
final class LossPairs {

    /** More noise than this is counted as this much, which costs more: outcomes would drown in the rounding of their place. */
    private static final double LARGEST_NOISE = 1e9;

    /** Less noise than this is counted as none: what is sampled is then known. */
    static final double SMALLEST_NOISE = 1e-7;

    private LossPairs() {}

    /** Why the leaf has no dominating pair under the relation, or null if it has. */
    static @Nullable String refusal(DpEvent leaf, NeighboringRelation relation) {
        boolean replace = relation == NeighboringRelation.REPLACE_ONE;
        if (leaf instanceof RepeatAndSelect) {
            return "a selection among several runs is bounded here by Renyi divergences only; use RdpAccountant";
        }
        if (leaf instanceof GaussianMixture && replace) {
            return "a random distance is a matter of groups that join or leave, not of replacement";
        }
        if (leaf instanceof PoissonSampled sampled && sampled.event() instanceof Laplace && replace) {
            // Lebeda et al. 2024 show that no pair of data sets dominates there.
            return "Poisson sampled Laplace noise has no dominating pair under replace-one";
        }
        if (leaf instanceof SampledWithoutReplacement && !replace) {
            return "samples of fixed size can be bounded under replace-one only";
        }
        if (leaf instanceof TruncatedPoissonSampled && relation != NeighboringRelation.ZERO_OUT) {
            return "truncated Poisson samples can be bounded under zero-out only";
        }
        return null;
    }

    /** The pair of a leaf that was not refused. */
    static LossPair of(DpEvent leaf, NeighboringRelation relation) {
        if (leaf instanceof Gaussian gaussian) {
            return GaussianPair.plain(gaussian.noiseMultiplier());
        }
        if (leaf instanceof Laplace laplace) {
            return laplace(1, laplace.noiseMultiplier());
        }
        if (leaf instanceof GaussianMixture mixture) {
            return mixture(mixture);
        }
        if (leaf instanceof EpsilonDelta pair) {
            return new AtomPair(pair.epsilon(), pair.delta());
        }
        if (leaf instanceof PoissonSampled sampled) {
            return poisson(sampled, relation);
        }
        if (leaf instanceof SampledWithoutReplacement sampled && sampled.event() instanceof Gaussian gaussian) {
            double q = Math.nextUp((double) sampled.sampleSize() / sampled.sourceSize());
            double sigma = gaussian.noiseMultiplier();
            return sigma < SMALLEST_NOISE ? revealed(q) : new SymmetricPair(GaussianPair.poisson(q, bounded(sigma)));
        }
        if (leaf instanceof SampledWithoutReplacement sampled && sampled.event() instanceof GaussianMixture mixture) {
            return labelled(Math.nextUp((double) sampled.sampleSize() / sampled.sourceSize()), mixture);
        }
        if (leaf instanceof TruncatedPoissonSampled sampled && sampled.event() instanceof Gaussian gaussian) {
            double sigma = gaussian.noiseMultiplier();
            return sigma < SMALLEST_NOISE
                    ? revealed(sampled.samplingProbability())
                    : truncated(sampled, bounded(sigma));
        }
        throw new IllegalStateException("no dominating pair for " + leaf);
    }

    /**
     * A mechanism of random distance on a sample of fixed size. With g' = 1 + (g - 1) / q its divergences of order g >= 1 are at most q times
     * the larger of those of order g' between the outcomes on samples with the example, with its replacement, and without both (Balle, Barthe and Gaboardi 2018,
     * theorem 2). Each of these is at most the mean over the distances of those of N(c, s^2) from N(0, s^2), by joint convexity, which
     * makes the whole the mean of the divergences of the pairs at fixed distances: the distance may as well be known to both sides.
     */
    private static LossPair labelled(double q, GaussianMixture mixture) {
        LossPair all = null;
        double sum = 0;
        for (int j = 0; j < mixture.sensitivities().size(); j++) {
            double probability = mixture.probabilities().get(j);
            double distance = mixture.sensitivities().get(j);
            if (probability > 0) {
                double sigma = mixture.noiseMultiplier() / distance * (1 - 0x1p-50);
                LossPair pair = !(distance > 0)
                        ? new AtomPair(0, 0)
                        : sigma < SMALLEST_NOISE
                                ? revealed(q)
                                : new SymmetricPair(GaussianPair.poisson(q, bounded(sigma)));
                sum += probability;
                all = all == null ? pair : new MixedPair(all, pair, probability / sum);
            }
        }
        return Objects.requireNonNull(all, "a mixture has a probability above zero");
    }

    private static double bounded(double sigma) {
        return Math.min(sigma, LARGEST_NOISE);
    }

    /** What says whether the example was sampled, and nothing else. */
    private static LossPair revealed(double q) {
        return new AtomPair(0, q);
    }

    private static LossPair laplace(double q, double scale) {
        return scale < SMALLEST_NOISE ? revealed(q) : new LaplacePair(q, bounded(scale));
    }

    private static LossPair mixture(GaussianMixture mixture) {
        double sigma = mixture.noiseMultiplier();
        double furthest =
                mixture.sensitivities().stream().mapToDouble(d -> d).max().orElseThrow();
        if (!(furthest > 0)) {
            return new AtomPair(0, 0);
        }
        // Only the ratio counts.
        double scale = 1 / furthest;
        List<Double> sensitivities =
                mixture.sensitivities().stream().map(d -> d * scale).toList();
        double relative = sigma * scale * (1 - 0x1p-50);
        if (!(relative >= SMALLEST_NOISE)) {
            double moved = 0;
            for (int j = 0; j < sensitivities.size(); j++) {
                moved += sensitivities.get(j) > 0 ? mixture.probabilities().get(j) : 0;
            }
            return revealed(Math.min(1, moved * (1 + 1e-12)));
        }
        return GaussianPair.mixture(sensitivities, mixture.probabilities(), bounded(relative));
    }

    /**
     * Add-or-remove and zero-out: Zhu, Dong and Wang 2022, theorem 11. Replace-one: Lebeda, Regehr, Kamath and Steinke 2024;
     * the two examples pull the sum in opposite directions, each by half the distance that the noise is relative to.
     */
    private static LossPair poisson(PoissonSampled sampled, NeighboringRelation relation) {
        double q = sampled.samplingProbability();
        if (sampled.event() instanceof Laplace laplace) {
            return laplace(q, laplace.noiseMultiplier());
        }
        double sigma = bounded(((Gaussian) sampled.event()).noiseMultiplier());
        if (sigma < SMALLEST_NOISE) {
            return revealed(q);
        }
        return switch (relation) {
            case ADD_OR_REMOVE_ONE, ZERO_OUT -> GaussianPair.poisson(q, sigma);
            case REPLACE_ONE -> GaussianPair.poissonReplace(q, sigma);
        };
    }

    /**
     * Ganesh 2025 (arXiv 2508.15089): if fewer than B others are sampled nothing is cut and the pair is that of Poisson
     * sampling. Otherwise the example takes another one's place, which moves the sum by up to twice the clipping norm in
     * either direction: the pair is that of replacement, at the probability that the example takes part given the cut.
     */
    private static LossPair truncated(TruncatedPoissonSampled sampled, double sigma) {
        double q = sampled.samplingProbability();
        double n = sampled.sourceSize();
        double limit = sampled.truncatedBatchSize();
        // The beta function is good to some hundred ulps; a larger probability is the safe side.
        double up = 1 + 1e-10;
        double cut = Math.min(1, up * atLeast(n - 1, q, limit));
        LossPair uncut = q == 1 ? GaussianPair.plain(sigma) : GaussianPair.poisson(q, sigma);
        if (!(cut > 0)) {
            return uncut;
        }
        double takesPart = up * up * up * atLeast(n, q, limit + 1) * limit / (cut * n);
        if (!(takesPart < 1)) {
            return new MixedPair(uncut, GaussianPair.plain(sigma / 4), cut);
        }
        return new MixedPair(uncut, GaussianPair.poissonReplace(takesPart, sigma / 4), cut);
    }

    /** P(Binomial(n, q) >= k). */
    private static double atLeast(double n, double q, double k) {
        return k > n ? 0 : RegularizedBeta.value(q, k, n - k + 1);
    }

    /**
     * Sampling without replacement under replace-one: the divergences of order at least one are those of (1 - q) Q + q P
     * against Q, those below follow from the relation's symmetry (Zhu, Dong and Wang 2022, theorem 11).
     */
    private record SymmetricPair(LossPair half) implements LossPair {
        @Override
        public LossLattice lattice(LossGrid grid, double tail) {
            return half.lattice(grid, tail).symmetric();
        }

        @Override
        public LossMoments moments(double tail) {
            LossMoments part = half.moments(tail);
            LossMoments moments = new LossMoments(2 * part.size());
            moments.addSymmetric(part);
            return moments;
        }

        @Override
        public double range(double tail) {
            return 2 * half.range(tail);
        }
    }

    /** {@code second} with the given probability, {@code first} otherwise; which of them is known to both sides. */
    private record MixedPair(LossPair first, LossPair second, double probability) implements LossPair {
        @Override
        public LossLattice lattice(LossGrid grid, double tail) {
            return first.lattice(grid, tail).mixedWith(second.lattice(grid, tail), probability);
        }

        @Override
        public LossMoments moments(double tail) {
            LossMoments one = first.moments(tail);
            LossMoments two = second.moments(tail);
            LossMoments moments = new LossMoments(one.size() + two.size());
            moments.addAll(one, 1 - probability);
            moments.addAll(two, probability);
            return moments;
        }

        @Override
        public double range(double tail) {
            return Math.max(first.range(tail), second.range(tail));
        }
    }
}
