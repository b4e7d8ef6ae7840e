// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.GaussianMixture;
import io.github.dl4jdp.accountant.DpEvent.Laplace;
import io.github.dl4jdp.accountant.DpEvent.NoOp;
import io.github.dl4jdp.accountant.DpEvent.NonPrivate;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import java.util.ArrayList;
import java.util.List;
import org.apache.commons.numbers.gamma.LogGamma;

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

    private GroupPrivacy() {}

    /**
     * The event as it concerns a group that joins or leaves the data set as a whole.
     *
     * <p><b>Formal guarantee.</b> Composed into an accountant under {@link NeighboringRelation#ADD_OR_REMOVE_ONE} or
     * {@link NeighboringRelation#ZERO_OUT}, with "one" read as one group of at most {@code groupSize} examples, the answers
     * of the accountant hold for the original mechanism.
     *
     * @param event what ran
     * @param groupSize k, from 1 to 1000
     * @throws IllegalArgumentException if {@code groupSize} is not in [1, 1000], or a part of the event is not a Gaussian or
     *     Laplace mechanism, a Poisson sample of Gaussian mechanisms, or a composition of these
     */
    public static DpEvent event(DpEvent event, int groupSize) {
        Arguments.inRange("groupSize", 1, 1000, groupSize);
        return groupSize == 1 ? event : group(event, groupSize);
    }

    private static DpEvent group(DpEvent event, int k) {
        if (event instanceof NoOp || event instanceof NonPrivate) {
            return event;
        }
        if (event instanceof Gaussian gaussian) {
            return new Gaussian(gaussian.noiseMultiplier() / k);
        }
        if (event instanceof Laplace laplace) {
            return new Laplace(laplace.noiseMultiplier() / k);
        }
        if (event instanceof SelfComposed repeated) {
            return new SelfComposed(group(repeated.event(), k), repeated.count());
        }
        if (event instanceof Composed sequence) {
            List<DpEvent> parts = new ArrayList<>();
            sequence.events().forEach(part -> parts.add(group(part, k)));
            return new Composed(parts);
        }
        if (event instanceof PoissonSampled sampled) {
            return sampled(sampled, k);
        }
        throw new IllegalArgumentException("event must consist of Gaussian and Laplace mechanisms, Poisson samples of"
                + " Gaussian ones and compositions for a bound on groups to be known; found " + event);
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
        DpEvent inner = EventParts.onSample(sampled);
        if (inner instanceof NoOp || inner instanceof NonPrivate) {
            return inner;
        }
        if (!(inner instanceof Gaussian gaussian)) {
            throw new IllegalArgumentException(
                    "event must be Gaussian on a Poisson sample for a bound on groups to be known; found " + sampled);
        }
        List<Double> sensitivities = new ArrayList<>();
        List<Double> probabilities = new ArrayList<>();
        for (int j = 0; j <= k; j++) {
            double log = LogGamma.value(k + 1.0)
                    - LogGamma.value(j + 1.0)
                    - LogGamma.value(k - j + 1.0)
                    + j * Math.log(q)
                    + (k - j) * Math.log1p(-q);
            sensitivities.add((double) j);
            probabilities.add(Math.min(1, Math.exp(log)));
        }
        return new GaussianMixture(gaussian.noiseMultiplier(), sensitivities, probabilities);
    }
}
