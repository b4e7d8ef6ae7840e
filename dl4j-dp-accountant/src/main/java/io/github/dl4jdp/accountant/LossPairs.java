// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import io.github.dl4jdp.accountant.DpEvent.EpsilonDelta;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.GaussianMixture;
import io.github.dl4jdp.accountant.DpEvent.Laplace;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.RandomAllocation;
import io.github.dl4jdp.accountant.DpEvent.RepeatAndSelect;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampledGroup;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.apache.commons.numbers.gamma.RegularizedBeta;
import org.jspecify.annotations.Nullable;

/** The dominating pairs of the leaves that have one. */
final class LossPairs {

    /** More noise than this is counted as this much, which costs more: outcomes would drown in the rounding of their place. */
    private static final double LARGEST_NOISE = 1e9;

    /** Less noise than this is counted as none: what is sampled is then known. */
    static final double SMALLEST_NOISE = 1e-7;

    /** The beta function is good to some hundred ulps; a larger probability is the safe side. */
    private static final double UP = 1 + 1e-10;

    private LossPairs() {}

    /** Why the leaf has no dominating pair under the relation, or null if it has. */
    static @Nullable String refusal(DpEvent leaf, NeighboringRelation relation) {
        boolean replace = relation == NeighboringRelation.REPLACE_ONE;
        if (leaf instanceof RepeatAndSelect) {
            return "a selection among several runs can only be bounded by Renyi divergences; use RdpAccountant, in a plan withAccountant(AccountantKind.RDP)";
        }
        if (leaf instanceof GaussianMixture && replace) {
            return "a random distance is defined for groups that join or leave, not for replacement";
        }
        if (leaf instanceof PoissonSampled sampled && sampled.event() instanceof Laplace && replace) {
            // Lebeda et al. 2024 show that no pair of data sets dominates there.
            return "Poisson sampled Laplace noise has no dominating pair under replace-one";
        }
        if (leaf instanceof RandomAllocation && replace) {
            return "random allocation can only be bounded under add-or-remove-one and zero-out";
        }
        if (leaf instanceof SampledWithoutReplacement && !replace) {
            return "samples of fixed size can only be bounded under replace-one";
        }
        if ((leaf instanceof TruncatedPoissonSampled || leaf instanceof TruncatedPoissonSampledGroup)
                && relation != NeighboringRelation.ZERO_OUT) {
            return "truncated Poisson samples can only be bounded under zero-out";
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
        if (leaf instanceof RandomAllocation allocation && allocation.event() instanceof Gaussian gaussian) {
            return allocation(allocation.lots(), gaussian.noiseMultiplier());
        }
        if (leaf instanceof SampledWithoutReplacement sampled && sampled.event() instanceof Gaussian gaussian) {
            double q = Math.nextUp((double) sampled.sampleSize() / sampled.sourceSize());
            double sigma = gaussian.noiseMultiplier();
            return sigma < SMALLEST_NOISE ? revealed(q) : new SymmetricPair(GaussianPair.poisson(q, bounded(sigma)));
        }
        if (leaf instanceof SampledWithoutReplacement sampled && sampled.event() instanceof GaussianMixture mixture) {
            return labeled(Math.nextUp((double) sampled.sampleSize() / sampled.sourceSize()), mixture);
        }
        if (leaf instanceof TruncatedPoissonSampled sampled && sampled.event() instanceof Gaussian gaussian) {
            double sigma = gaussian.noiseMultiplier();
            return sigma < SMALLEST_NOISE
                    ? revealed(sampled.samplingProbability())
                    : truncated(sampled, bounded(sigma));
        }
        if (leaf instanceof TruncatedPoissonSampledGroup sampled && sampled.event() instanceof Gaussian gaussian) {
            return truncatedGroup(sampled, gaussian.noiseMultiplier());
        }
        throw new IllegalStateException("no dominating pair for " + leaf);
    }

    /**
     * A mechanism of random distance on a sample of fixed size. With g' = 1 + (g - 1) / q its divergences of order g >= 1 are at most q times
     * the larger of those of order g' between the outcomes on samples with the example, with its replacement, and without both (Balle, Barthe and Gaboardi 2018,
     * theorem 2). Each of these is at most the mean over the distances of those of N(c, s^2) from N(0, s^2), by joint convexity, which
     * makes the whole the mean of the divergences of the pairs at fixed distances: the distance may as well be known to both sides.
     */
    private static LossPair labeled(double q, GaussianMixture mixture) {
        List<LossPair> parts = new ArrayList<>();
        List<Double> probabilities = new ArrayList<>();
        for (int j : byDistance(mixture)) {
            double distance = mixture.sensitivities().get(j);
            double sigma = mixture.noiseMultiplier() / distance * (1 - 0x1p-50);
            parts.add(
                    !(distance > 0)
                            ? new AtomPair(0, 0)
                            : sigma < SMALLEST_NOISE
                                    ? revealed(q)
                                    : new SymmetricPair(GaussianPair.poisson(q, bounded(sigma))));
            probabilities.add(mixture.probabilities().get(j));
        }
        return new MixedPair(parts, probabilities);
    }

    /** The distances that can happen, in ascending order. */
    private static List<Integer> byDistance(GaussianMixture mixture) {
        List<Integer> order = new ArrayList<>();
        for (int j = 0; j < mixture.probabilities().size(); j++) {
            if (mixture.probabilities().get(j) > 0) {
                order.add(j);
            }
        }
        order.sort(Comparator.comparingDouble(mixture.sensitivities()::get));
        return order;
    }

    private static double bounded(double sigma) {
        return Math.min(sigma, LARGEST_NOISE);
    }

    /** What says whether the example was sampled, and nothing else. */
    private static LossPair revealed(double q) {
        return new AtomPair(0, q);
    }

    /** Where noise is tiny, an attacker may as well know the lot: the mean over the lots is convex (and the noise of the other lots tells nothing). */
    private static LossPair allocation(long lots, double sigma) {
        if (sigma < SMALLEST_NOISE) {
            return revealed(1);
        }
        return sigma < AllocationPair.SMALLEST_NOISE
                ? GaussianPair.plain(sigma)
                : new AllocationPair(lots, Math.min(sigma, AllocationPair.LARGEST_NOISE));
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
        double relative = sigma * scale * (1 - 0x1p-50);
        if (!(relative >= SMALLEST_NOISE)) {
            double moved = 0;
            for (int j = 0; j < mixture.sensitivities().size(); j++) {
                moved += mixture.sensitivities().get(j) > 0
                        ? mixture.probabilities().get(j)
                        : 0;
            }
            return revealed(Math.min(1, moved * (1 + 1e-12)));
        }
        List<Integer> order = byDistance(mixture);
        List<Double> distances =
                order.stream().map(j -> mixture.sensitivities().get(j) * scale).toList();
        List<Double> probabilities =
                order.stream().map(mixture.probabilities()::get).toList();
        return new DistancePair(distances, probabilities, bounded(relative));
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
        double cut = atLeast(n - 1, q, limit);
        LossPair uncut = q == 1 ? GaussianPair.plain(sigma) : GaussianPair.poisson(q, sigma);
        if (!(cut > 0)) {
            return uncut;
        }
        double takesPart = UP * atLeast(n, q, limit + 1) * limit / (cut / UP * n);
        LossPair whenCut =
                takesPart < 1 ? GaussianPair.poissonReplace(takesPart, sigma / 4) : GaussianPair.plain(sigma / 4);
        return new MixedPair(List.of(uncut, whenCut), List.of(Math.min(1, atMost(n - 1, q, limit - 1)), cut));
    }

    /*
     * A group of k on a truncated Poisson sample, D with the group against D' with empty records in its place. Of the N - k others m are sampled, of
     * the group j, and i <= j of these are kept. The sum of the others that would be kept without the group is s; each of the i may have taken
     * the place of one of the others, whether or not an empty record takes a place too. So
     *
     *     the sum on D is within 2 i of s, that on D' within i of s, and they are within 2 i of each other, in units of the clipping norm.
     *
     * m tells nothing about the group; a pair in which both sides know which of the following cases holds dominates.
     *   1. m <= B - k: nothing is cut, i = j. The pair is that of the group on a Poisson sample, j being Binomial(k, q).
     *   2. B - k < m < B, given m: i <= j, Binomial(k, q) whatever m is.
     *   3. m >= B: s is the sum of a uniform sample of B of the others, independent of i. All those kept of the whole data set, where m + j >= B,
     *      are a uniform sample of B of N, so that P(kept >= i, m >= B) <= P(Hypergeometric(N, k, B) >= i) P(Binomial(N, q) >= B), and
     *      P(kept >= i) <= P(Binomial(k, q) >= i) given m still holds.
     * In cases 2 and 3 i is a function of a larger number l, with the distribution whose tails are these bounds, and of random numbers that are independent of l and
     * say all else (l = 0 makes i = 0). Given those, with r = P(l > 0), the outcomes are (1 - r) N(s, sigma^2) + r P' on D and (1 - r) N(s, sigma^2) + r Q' on D', P' and Q' mixtures, with the weights P(l | l > 0), of
     * Gaussians that are within 2 l of s and of each other. With g' = 1 + (g - 1) / r their divergence of order g >= 1, either way round, is r times the divergence of order g' of
     * P' from a mixture of N(s, sigma^2) and Q' (Balle, Barthe and Gaboardi 2018, theorem 2), by joint convexity at most the mean over l > 0 of that of N(2 l, sigma^2) from N(0, sigma^2):
     * the pair of `labeled`.
     */
    private static LossPair truncatedGroup(TruncatedPoissonSampledGroup sampled, double sigma) {
        double q = sampled.samplingProbability();
        double n = sampled.sourceSize();
        double limit = sampled.truncatedBatchSize();
        int k = (int) sampled.groupSize();
        double others = n - k;
        double full = atLeast(others, q, limit);
        double uncut = atMost(others, q, limit - k);
        // From the complement of the larger of both sides, so that it does not drown in their rounding.
        double between = Math.max(
                0,
                Math.min(
                        atLeast(others, q, limit - k + 1) - full / UP / UP,
                        atMost(others, q, limit - 1) - uncut / UP / UP));
        double[] sampledTails = new double[k + 1];
        double[] keptTails = new double[k + 1];
        double[] hypergeometric = hypergeometricTails(n, k, limit);
        double total = full > 0 ? UP * atLeast(n, q, limit) / (full / UP / UP) : 1;
        for (int i = 1; i <= k; i++) {
            sampledTails[i] = atLeast(k, q, i);
            keptTails[i] = Math.min(sampledTails[i], total * hypergeometric[i]);
        }
        return new MixedPair(
                List.of(
                        mixture(GroupPrivacy.distances(q, k, sigma)),
                        labeledTails(keptTails, sigma),
                        labeledTails(sampledTails, sigma)),
                List.of(uncut, full, between));
    }

    /** The pair of twice a random distance whose tails are given. */
    private static LossPair labeledTails(double[] tails, double sigma) {
        double touched = tails[1];
        List<Double> distances = new ArrayList<>();
        List<Double> probabilities = new ArrayList<>();
        double rest = 1;
        for (int i = tails.length - 1; i > 1; i--) {
            double probability = Math.min(rest, Math.max(0, tails[i] / touched - (1 - rest)));
            rest -= probability;
            distances.add(2.0 * i);
            probabilities.add(probability);
        }
        distances.add(2.0);
        probabilities.add(Math.max(0, rest));
        return touched > 0
                ? labeled(touched, new GaussianMixture(sigma, distances, probabilities))
                : new AtomPair(0, 0);
    }

    /** P(Hypergeometric(n, k, m) >= i) for i from 0 to k, rounded upwards. */
    private static double[] hypergeometricTails(double n, int k, double m) {
        double[] tails = new double[k + 2];
        double logBinomial = 0;
        for (int j = 0; j <= k; j++) {
            double log = j <= m && k - j <= n - m ? logBinomial : Double.NEGATIVE_INFINITY;
            for (int i = 0; i < j; i++) {
                log += Math.log((m - i) / (n - i));
            }
            for (int i = 0; i < k - j; i++) {
                log += Math.log1p(-(m - j) / (n - j - i));
            }
            tails[j] = log > Double.NEGATIVE_INFINITY ? Math.exp(log) * (1 + 1e-10) : 0;
            logBinomial += Math.log((double) (k - j) / (j + 1));
        }
        for (int i = k - 1; i >= 0; i--) {
            tails[i] += tails[i + 1];
        }
        return tails;
    }

    /** P(Binomial(n, q) >= k), rounded upwards. */
    private static double atLeast(double n, double q, double k) {
        return k > n ? 0 : k <= 0 ? 1 : Math.min(1, UP * RegularizedBeta.value(q, k, n - k + 1));
    }

    /** P(Binomial(n, q) <= k), rounded upwards. */
    private static double atMost(double n, double q, double k) {
        return k < 0 ? 0 : k >= n ? 1 : Math.min(1, UP * RegularizedBeta.complement(q, k + 1, n - k));
    }

    /**
     * Sampling without replacement under replace-one: the divergences of order at least one are those of (1 - q) Q + q P
     * against Q, those below follow from the relation's symmetry (Zhu, Dong and Wang 2022, theorem 11).
     */
    private record SymmetricPair(LossPair half) implements LossPair {
        private static final LossNet.Family FIXED_SIZE =
                (q, sigma) -> new SymmetricPair(GaussianPair.poisson(q, sigma));

        @Override
        public LossNet.@Nullable Place place() {
            LossNet.Place place = half.place();
            return place == null ? null : new LossNet.Place(FIXED_SIZE, place.q(), place.sigma());
        }

        @Override
        public boolean isSmooth() {
            return half.isSmooth();
        }

        @Override
        public boolean isSymmetric() {
            return true;
        }

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

    /**
     * One of several pairs, each with its probability or a little more; which of them it is is known to both sides. Parts are ordered by how much they tell at
     * most: the last ones, where they are as improbable as a tail, count as told altogether.
     */
    private record MixedPair(List<LossPair> parts, List<Double> probabilities) implements LossPair {

        @Override
        public boolean isSmooth() {
            return parts.stream().allMatch(LossPair::isSmooth);
        }

        @Override
        public boolean isSymmetric() {
            return parts.stream().allMatch(LossPair::isSymmetric);
        }

        /** How many of the parts are not counted as told, at least one. */
        private int kept(double tail) {
            double rest = 0;
            int n = parts.size();
            while (n > 1 && rest + probabilities.get(n - 1) <= tail) {
                rest += probabilities.get(--n);
            }
            return n;
        }

        private double told(int kept) {
            double rest = 0;
            for (double probability : probabilities.subList(kept, probabilities.size())) {
                rest += probability;
            }
            return rest * (1 + 1e-12);
        }

        @Override
        public LossLattice lattice(LossGrid grid, double tail) {
            int kept = kept(tail / 2);
            List<LossLattice> lattices = parts.subList(0, kept).stream()
                    .map(part -> part.lattice(grid, tail / 2))
                    .toList();
            LossLattice mixed = LossLattice.mixed(lattices, probabilities);
            double told = told(kept);
            mixed.outside(0, told, told, 0);
            return mixed;
        }

        @Override
        public LossMoments moments(double tail) {
            List<LossMoments> found = parts.subList(0, kept(tail / 2)).stream()
                    .map(part -> part.moments(tail / 2))
                    .toList();
            LossMoments moments =
                    new LossMoments(found.stream().mapToInt(LossMoments::size).sum());
            for (int i = 0; i < found.size(); i++) {
                if (probabilities.get(i) > 0) {
                    moments.addAll(found.get(i), probabilities.get(i));
                }
            }
            return moments;
        }

        @Override
        public double range(double tail) {
            return parts.subList(0, kept(tail / 2)).stream()
                    .mapToDouble(part -> part.range(tail / 2))
                    .max()
                    .orElseThrow();
        }
    }

    /** A Gaussian of random distance, of which the largest distances, where they are as improbable as a tail, count as known. */
    private record DistancePair(List<Double> distances, List<Double> probabilities, double sigma) implements LossPair {

        /** How many of the distances, in ascending order, are not counted as known. */
        private int kept(double tail) {
            double rest = 0;
            int n = distances.size();
            while (n > 1 && distances.get(n - 2) > 0 && rest + probabilities.get(n - 1) <= tail) {
                rest += probabilities.get(--n);
            }
            return n;
        }

        private double known(int kept) {
            double known = 0;
            for (double probability : probabilities.subList(kept, probabilities.size())) {
                known += probability;
            }
            return known * (1 + 1e-12);
        }

        private GaussianPair pair(int kept) {
            return GaussianPair.mixture(distances.subList(0, kept), probabilities.subList(0, kept), known(kept), sigma);
        }

        @Override
        public boolean isSmooth() {
            return true;
        }

        @Override
        public LossLattice lattice(LossGrid grid, double tail) {
            int kept = kept(tail / 2);
            LossLattice lattice = pair(kept).lattice(grid, tail / 2);
            // P says so where these distances occur, Q never does: who forgets it again has the pair itself.
            lattice.outside(0, 0, known(kept), 0);
            return lattice;
        }

        @Override
        public LossMoments moments(double tail) {
            return pair(kept(tail / 2)).moments(tail / 2);
        }

        @Override
        public double range(double tail) {
            return pair(kept(tail / 2)).range(tail / 2);
        }
    }
}
