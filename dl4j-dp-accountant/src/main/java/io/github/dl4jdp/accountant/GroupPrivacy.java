// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.EpsilonDelta;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.GaussianMixture;
import io.github.dl4jdp.accountant.DpEvent.Laplace;
import io.github.dl4jdp.accountant.DpEvent.NoOp;
import io.github.dl4jdp.accountant.DpEvent.NonPrivate;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.RandomAllocation;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampledGroup;
import java.util.ArrayList;
import java.util.List;

/**
 * What an event means for a group of examples, such as all the examples of one person.
 *
 * <p>A mechanism that protects one example protects a group of k too, though less: the group moves the query k times as far.
 * Under Poisson sampling only those of the group that are sampled count, Binomial(k, q) of them, so that the event of a
 * sampled Gaussian mechanism is the {@link GaussianMixture} with sensitivities 0, 1, ..., k.
 *
 * <pre>{@code
 * double epsilon = new PldAccountant().compose(GroupPrivacy.event(plan, 4)).epsilon(1e-5);
 * }</pre>
 *
 * @see <a href="https://arxiv.org/abs/2401.10294">Ganesh 2024, Tight group-level DP guarantees for DP-SGD with sampling</a>
 */
public final class GroupPrivacy {

    /** Probabilities are sums of at most some thousand logarithms, each good to an ulp. */
    private static final double ROUNDING = 1 + 1e-11;

    private GroupPrivacy() {}

    /**
     * The event as it concerns a group that joins or leaves the data set, or is replaced, as a whole.
     *
     * <p><b>Formal guarantee.</b> Composed into an accountant under a relation that the event itself can be bounded under, with "one" read as one group of at most
     * {@code groupSize} examples, the answers of the accountant hold for the original mechanism. Poisson samples are bounded so under {@link
     * NeighboringRelation#ADD_OR_REMOVE_ONE} and {@link NeighboringRelation#ZERO_OUT}, random allocation too (without amplification), truncated ones under {@link NeighboringRelation#ZERO_OUT}, samples of fixed
     * size under {@link NeighboringRelation#REPLACE_ONE}.
     *
     * <p>Not for runs of correlated noise with Poisson lots: their event is that of the samples of one example, and says nothing of two whose lots share noise. No bound on their groups is known, and an event does not tell
     * them apart from others: do not pass theirs.
     *
     * @param event what ran
     * @param groupSize k, from 1 to 1000
     * @throws IllegalArgumentException if {@code groupSize} is not in [1, 1000], or a part of the event is not a Gaussian,
     *     Laplace or (epsilon, delta) mechanism, a Poisson sample of Gaussian or (epsilon, delta) mechanisms, a truncated Poisson sample, a sample of fixed size or random allocation of Gaussian
     *     mechanisms, or a composition of these
     */
    public static DpEvent event(DpEvent event, int groupSize) {
        Arguments.inRange("groupSize", 1, 1000, groupSize);
        Nesting.require(event);
        return groupSize == 1 ? event : group(event, groupSize);
    }

    private static DpEvent group(DpEvent event, int k) {
        if (event instanceof NoOp || event instanceof NonPrivate) {
            return event;
        }
        if (event instanceof Gaussian gaussian) {
            double noise = Arguments.divideDown(gaussian.noiseMultiplier(), k);
            return noise > 0 ? new Gaussian(noise) : new NonPrivate();
        }
        if (event instanceof Laplace laplace) {
            double noise = Arguments.divideDown(laplace.noiseMultiplier(), k);
            return noise > 0 ? new Laplace(noise) : new NonPrivate();
        }
        if (event instanceof SelfComposed repeated) {
            return new SelfComposed(group(repeated.event(), k), repeated.count());
        }
        if (event instanceof Composed sequence) {
            List<DpEvent> parts = new ArrayList<>();
            sequence.events().forEach(part -> parts.add(group(part, k)));
            return new Composed(parts);
        }
        if (event instanceof EpsilonDelta pair) {
            return pair(pair, k);
        }
        if (event instanceof PoissonSampled sampled) {
            return sampled(sampled, k);
        }
        if (event instanceof SampledWithoutReplacement sampled) {
            return withoutReplacement(sampled, k);
        }
        if (event instanceof TruncatedPoissonSampled sampled) {
            return truncated(sampled, k);
        }
        if (event instanceof RandomAllocation allocation) {
            return allocated(allocation, k);
        }
        throw new IllegalArgumentException(
                "event must consist of Gaussian, Laplace and (epsilon, delta) mechanisms, samples of such by"
                        + " Poisson, truncated or of fixed size and compositions for a bound on groups to be known; found "
                        + event);
    }

    /**
     * Wherever the examples of the group fall, they move the sums of a pass by a vector of length k at most, and a mixture of such pairs is no easier to tell apart than the worst of them. A group of two or more is
     * not amplified here: no tight pair is known for it.
     */
    private static DpEvent allocated(RandomAllocation allocation, int k) {
        DpEvent inner = EventParts.onSample(allocation, allocation.event());
        if (inner instanceof NoOp || inner instanceof NonPrivate || inner instanceof Gaussian) {
            return group(inner, k);
        }
        throw new IllegalArgumentException(
                "event must be Gaussian in a random allocation for a bound on groups to be known; found " + allocation);
    }

    /** k steps from neighbor to neighbor (Dwork and Roth 2014, theorem 2.2, with delta): (k epsilon, delta sum exp(i epsilon)). */
    private static EpsilonDelta pair(EpsilonDelta pair, int k) {
        double sum = 0;
        for (int i = 0; i < k; i++) {
            sum += Math.exp(i * pair.epsilon());
        }
        double delta = Math.min(1, Arguments.multiplyUp(pair.delta(), sum * ROUNDING));
        return new EpsilonDelta(Arguments.multiplyUp(k, pair.epsilon()), delta);
    }

    private static DpEvent sampled(PoissonSampled sampled, int k) {
        double q = sampled.samplingProbability();
        if (q == 0) {
            return new NoOp();
        }
        if (q == 1) {
            return group(sampled.event(), k);
        }
        // Releases on one sample are one release; the simplification is the accountants' own.
        DpEvent inner = EventParts.onSample(sampled, sampled.event());
        if (inner instanceof NoOp || inner instanceof NonPrivate) {
            return inner;
        }
        if (inner instanceof EpsilonDelta pair) {
            // Some of the group are in the sample with this probability; it stays a sample, whose bound depends on the
            // relation.
            double touched = Math.min(1, -Math.expm1(k * Math.log1p(-q)) * ROUNDING);
            return new PoissonSampled(touched, pair(pair, k));
        }
        if (!(inner instanceof Gaussian gaussian)) {
            throw new IllegalArgumentException(
                    "event must be Gaussian or (epsilon, delta) on a Poisson sample for a bound on groups to be known; found "
                            + sampled);
        }
        return distances(q, k, gaussian.noiseMultiplier());
    }

    /** Gaussian noise on a distance of Binomial(k, q), q in (0, 1]. */
    static GaussianMixture distances(double q, int k, double noiseMultiplier) {
        double[] logs = new double[k + 1];
        double logBinomial = 0;
        for (int j = 0; j <= k; j++) {
            logs[j] = logBinomial + j * Math.log(q) + (j < k ? (k - j) * Math.log1p(-q) : 0);
            logBinomial += Math.log((double) (k - j) / (j + 1));
        }
        return mixture(noiseMultiplier, logs, 0);
    }

    /**
     * Of a group of k, Hypergeometric(N, k, n) are in the sample. Given that j are, the sample is one without any of them in which j
     * examples were exchanged: the query moves by at most j times what one replacement moves it, against the sum without the group as against that of the replaced
     * group.
     */
    private static DpEvent withoutReplacement(SampledWithoutReplacement sampled, int groupSize) {
        long n = sampled.sourceSize();
        long m = sampled.sampleSize();
        DpEvent inner = EventParts.onSample(sampled, sampled.event());
        if (m == 0 || inner instanceof NoOp || inner instanceof NonPrivate) {
            return m == 0 ? new NoOp() : inner;
        }
        int k = (int) Math.min(groupSize, n);
        if (!(inner instanceof Gaussian gaussian)) {
            throw new IllegalArgumentException(
                    "event must be Gaussian on a sample of fixed size for a bound on groups to be known; found "
                            + sampled);
        }
        int most = (int) Math.min(k, m);
        DpEvent whole = group(gaussian, most);
        if (n - k < m) {
            return whole;
        }
        double[] logs = new double[most + 1];
        double logBinomial = 0;
        double touched = 0;
        for (int j = 0; j <= most; j++) {
            double log = logBinomial;
            for (int i = 0; i < j; i++) {
                log += Math.log((double) (m - i) / (n - i));
            }
            for (int i = 0; i < k - j; i++) {
                log += Math.log1p(-(double) (m - j) / (n - j - i));
            }
            logs[j] = log;
            touched += j > 0 ? Math.exp(log) : 0;
            logBinomial += Math.log((double) (k - j) / (j + 1));
        }
        long size = (long) Math.ceil(Math.min(1, touched * ROUNDING) * n);
        if (size >= n) {
            return whole;
        }
        for (int j = 1; j <= most; j++) {
            logs[j] -= Math.log(touched);
        }
        return new SampledWithoutReplacement(n, size, mixture(gaussian.noiseMultiplier(), logs, 1));
    }

    /** Where nothing can be cut it is a Poisson sample; otherwise the bound is that of {@link LossPairs}. */
    private static DpEvent truncated(TruncatedPoissonSampled sampled, int k) {
        double q = sampled.samplingProbability();
        if (q == 0 || sampled.truncatedBatchSize() >= sampled.sourceSize()) {
            return sampled(new PoissonSampled(q, sampled.event()), k);
        }
        DpEvent inner = EventParts.onSample(sampled, sampled.event());
        if (inner instanceof NoOp || inner instanceof NonPrivate) {
            return inner;
        }
        if (!(inner instanceof Gaussian)) {
            throw new IllegalArgumentException(
                    "event must be Gaussian on a truncated Poisson sample for a bound on groups to be known; found "
                            + sampled);
        }
        int size = (int) Math.min(k, sampled.sourceSize());
        return size == 1
                ? sampled
                : new TruncatedPoissonSampledGroup(q, sampled.sourceSize(), sampled.truncatedBatchSize(), size, inner);
    }

    /** Distances first, first + 1, ... with the probabilities given by logarithm, the smallest distance taking what rounding leaves. */
    private static GaussianMixture mixture(double noiseMultiplier, double[] logs, int first) {
        List<Double> sensitivities = new ArrayList<>();
        List<Double> probabilities = new ArrayList<>();
        double rest = 1;
        for (int j = logs.length - 1; j > first; j--) {
            double probability = Math.min(rest, Math.exp(logs[j]) * ROUNDING);
            rest -= probability;
            sensitivities.add(0, (double) j);
            probabilities.add(0, probability);
        }
        sensitivities.add(0, (double) first);
        probabilities.add(0, Math.max(0, rest));
        return new GaussianMixture(noiseMultiplier, sensitivities, probabilities);
    }
}
