// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampled;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Bounds on groups against data sets so small that every sample can be listed: the outcomes then are mixtures of Gaussians whose divergences are
 * integrals in one dimension. No theorem about sampling is used.
 */
class SmallDataSetsTest {
    private static final double[] EPSILONS = {0, 0.05, 0.3, 1, 2.5, 6};

    /** Places 0, 0.5, 1, ... around the middle. */
    private static final int MIDDLE = 40;

    /** How a sample comes about: adds the probability of each possible sum. */
    private interface Sampling {
        void sums(double[] data, double[] probability);
    }

    /** Each example with probability q; of more than {@code limit} a uniform sample of that many. */
    private static Sampling truncated(double q, int limit) {
        return (data, probability) -> {
            for (int sample = 0; sample < 1 << data.length; sample++) {
                int size = Integer.bitCount(sample);
                double p = Math.pow(q, size) * Math.pow(1 - q, data.length - size);
                addSubsets(data, sample, Math.min(size, limit), p, probability);
            }
        };
    }

    private static Sampling fixed(int size) {
        return (data, probability) -> addSubsets(data, (1 << data.length) - 1, size, 1, probability);
    }

    private static void addSubsets(double[] data, int from, int size, double p, double[] probability) {
        int count = 0;
        for (int kept = from; ; kept = (kept - 1) & from) {
            count += Integer.bitCount(kept) == size ? 1 : 0;
            if (kept == 0) {
                break;
            }
        }
        for (int kept = from; ; kept = (kept - 1) & from) {
            if (Integer.bitCount(kept) == size) {
                double sum = 0;
                for (int i = 0; i < data.length; i++) {
                    sum += (kept >> i & 1) * data[i];
                }
                probability[MIDDLE + (int) Math.rint(2 * sum)] += p / count;
            }
            if (kept == 0) {
                break;
            }
        }
    }

    private static double[] outcomes(Sampling sampling, double[] data) {
        double[] probability = new double[2 * MIDDLE + 1];
        sampling.sums(data, probability);
        return probability;
    }

    /** The larger of both directions, by the trapezoidal rule, whose error is below 1e-5 for what has a kink. */
    private static double divergence(double[] p, double[] q, double sigma, double epsilon) {
        double step = sigma / 200;
        double forward = 0;
        double backward = 0;
        for (double x = -10 - 8 * sigma; x < 10 + 8 * sigma; x += step) {
            double atP = 0;
            double atQ = 0;
            for (int i = 0; i < p.length; i++) {
                if (p[i] > 0 || q[i] > 0) {
                    double z = (x - (i - MIDDLE) / 2.0) / sigma;
                    double density = Math.exp(-z * z / 2) / (sigma * Math.sqrt(2 * Math.PI));
                    atP += p[i] * density;
                    atQ += q[i] * density;
                }
            }
            forward += Math.max(0, atP - Math.exp(epsilon) * atQ) * step;
            backward += Math.max(0, atQ - Math.exp(epsilon) * atP) * step;
        }
        return Math.max(forward, backward);
    }

    private static void assertBounded(
            PrivacyAccountant accountant, double[] p, double[] q, double sigma, String description) {
        for (double epsilon : EPSILONS) {
            double truth = divergence(p, q, sigma, epsilon);
            assertThat(accountant.delta(epsilon))
                    .as(description + " at " + epsilon)
                    .isGreaterThanOrEqualTo(truth * (1 - 1e-4) - 1e-10);
        }
    }

    /** Values of at most one; now and then all at an end, which is where the divergences are largest. */
    private static double[] values(Random random, int n) {
        double[] values = new double[n];
        boolean extreme = random.nextBoolean();
        double side = random.nextBoolean() ? 1 : -1;
        for (int i = 0; i < n; i++) {
            values[i] = extreme ? side : (random.nextInt(5) - 2) / 2.0;
        }
        return values;
    }

    private static double[] joined(double[] a, double[] b) {
        double[] all = new double[a.length + b.length];
        System.arraycopy(a, 0, all, 0, a.length);
        System.arraycopy(b, 0, all, a.length, b.length);
        return all;
    }

    /** Both readings of an empty record: one that takes a place in the sample, and one that is not there. */
    @Test
    void delta_groupsOnTruncatedPoissonSamples_isNotBelowTheTruth() {
        Random random = new Random(31);
        for (int i = 0; i < 60; i++) {
            int n = 3 + random.nextInt(5);
            int k = 1 + random.nextInt(Math.min(3, n - 1));
            int limit = 1 + random.nextInt(n);
            double q = new double[] {0.05, 0.3, 0.5, 0.9, 1}[random.nextInt(5)];
            double sigma = 0.6 + 3 * random.nextDouble();
            double[] others = values(random, n - k);
            double[] group = values(random, k);
            String description = n + " " + k + " " + limit + " " + q + " " + sigma;
            PrivacyAccountant accountant = new PldAccountant(NeighboringRelation.ZERO_OUT)
                    .compose(GroupPrivacy.event(new TruncatedPoissonSampled(q, n, limit, new Gaussian(sigma)), k));
            Sampling sampling = truncated(q, limit);
            double[] with = outcomes(sampling, joined(others, group));
            assertBounded(accountant, with, outcomes(sampling, joined(others, new double[k])), sigma, description);
            assertBounded(accountant, with, outcomes(sampling, others), sigma, description + " absent");
        }
    }

    @Test
    void delta_groupsOnPoissonSamples_isNotBelowTheTruth() {
        Random random = new Random(32);
        for (int i = 0; i < 25; i++) {
            int n = 2 + random.nextInt(5);
            int k = 1 + random.nextInt(Math.min(3, n - 1));
            double q = new double[] {0.05, 0.3, 0.5, 0.9}[random.nextInt(4)];
            double sigma = 0.6 + 3 * random.nextDouble();
            double[] others = values(random, n - k);
            double[] group = values(random, k);
            PrivacyAccountant accountant =
                    new PldAccountant().compose(GroupPrivacy.event(new PoissonSampled(q, new Gaussian(sigma)), k));
            Sampling sampling = truncated(q, n);
            assertBounded(
                    accountant,
                    outcomes(sampling, joined(others, group)),
                    outcomes(sampling, others),
                    sigma,
                    n + " " + k + " " + q + " " + sigma);
        }
    }

    /** Replacing an example moves the sum by up to twice the clipping norm, which the noise multiplier is relative to. */
    @Test
    void delta_groupsInLotsOfFixedSize_isNotBelowTheTruth() {
        Random random = new Random(33);
        for (int i = 0; i < 40; i++) {
            int n = 3 + random.nextInt(5);
            int k = 1 + random.nextInt(Math.min(3, n - 1));
            int size = 1 + random.nextInt(n);
            double sigma = 0.6 + 3 * random.nextDouble();
            double[] others = values(random, n - k);
            double[] group = values(random, k);
            double[] replaced = new double[k];
            for (int j = 0; j < k; j++) {
                replaced[j] = random.nextBoolean() ? -Math.signum(group[j] + 0.1) : 0;
            }
            DpEvent step = GroupPrivacy.event(new SampledWithoutReplacement(n, size, new Gaussian(sigma / 2)), k);
            Sampling sampling = fixed(size);
            double[] before = outcomes(sampling, joined(others, group));
            double[] after = outcomes(sampling, joined(others, replaced));
            for (AccountantKind kind : AccountantKind.values()) {
                PrivacyAccountant accountant =
                        kind.create(NeighboringRelation.REPLACE_ONE).compose(step);
                assertBounded(accountant, before, after, sigma, kind + " " + n + " " + k + " " + size + " " + sigma);
            }
        }
    }
}
