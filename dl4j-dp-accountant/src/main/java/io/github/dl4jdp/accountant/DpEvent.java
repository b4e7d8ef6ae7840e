// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.List;
import java.util.Objects;

/**
 * What a mechanism did, as far as privacy is concerned: a value that an accountant composes.
 *
 * <p>Events form a small algebra. One step of DP-SGD with Poisson lots is {@code PoissonSampled(q, Gaussian(sigma))}, a
 * whole run is {@code SelfComposed(PoissonSampled(q, Gaussian(sigma)), steps)}.
 *
 * <p><b>Sensitivity.</b> A noise multiplier is the noise's scale divided by the sensitivity of the noised query
 * <em>under the relation of the accountant that composes the event</em>. With per-example clipping to the norm C, the
 * sum of the clipped gradients has L2 sensitivity C under {@link NeighboringRelation#ADD_OR_REMOVE_ONE} and
 * {@link NeighboringRelation#ZERO_OUT} and 2C under {@link NeighboringRelation#REPLACE_ONE}. Noise of standard deviation
 * sigma C therefore is {@code Gaussian(sigma)} under the first two and {@code Gaussian(sigma / 2)} under the third.
 *
 * <p><b>Stability.</b> Events are written to ledgers that outlive library versions: an event is never removed and never
 * changes its meaning.
 *
 * @see <a href="https://doi.org/10.1561/0400000042">Dwork and Roth 2014, sections 2 and 3</a>
 */
public sealed interface DpEvent {

    /**
     * This event as JSON on one line: its record's name as {@code "type"}, and its components under their names.
     *
     * @throws IllegalArgumentException if events are nested more than some hundreds deep
     */
    default String toJson() {
        return PrivacyLedgerEvents.write(this);
    }

    /**
     * The event that {@link #toJson} wrote; equal to it, doubles to the last bit.
     *
     * @throws IllegalArgumentException if the text is not such an event
     */
    static DpEvent fromJson(String json) {
        return PrivacyLedgerEvents.read(json);
    }

    /** Nothing that touches private data; costs nothing. */
    record NoOp() implements DpEvent {}

    /** A release without any protection; epsilon is infinite from then on. */
    record NonPrivate() implements DpEvent {}

    /**
     * Gaussian noise added to a query of bounded L2 sensitivity.
     *
     * <p>Neighbors can be distinguished no better than {@code N(0, s^2)} and {@code N(1, s^2)}, s being the noise multiplier.
     *
     * @param noiseMultiplier standard deviation of the noise divided by the query's L2 sensitivity (see {@link DpEvent})
     * @see <a href="https://arxiv.org/abs/1805.06530">Balle and Wang 2018, theorem 8</a>
     */
    record Gaussian(double noiseMultiplier) implements DpEvent {
        /**
         * A Gaussian mechanism; where no noise is added the event is {@link NonPrivate}.
         *
         * @throws IllegalArgumentException if {@code noiseMultiplier} is not finite and {@code > 0}
         */
        public Gaussian {
            Arguments.positiveFinite("noiseMultiplier", noiseMultiplier);
        }
    }

    /**
     * Laplace noise added to a query of bounded L1 sensitivity.
     *
     * @param noiseMultiplier scale b of the noise (density proportional to {@code exp(-|x|/b)}) divided by the query's L1
     *     sensitivity (see {@link DpEvent})
     * @see <a href="https://doi.org/10.1007/11681878_14">Dwork, McSherry, Nissim and Smith 2006, section 3</a>
     */
    record Laplace(double noiseMultiplier) implements DpEvent {
        /**
         * A Laplace mechanism; where no noise is added the event is {@link NonPrivate}.
         *
         * @throws IllegalArgumentException if {@code noiseMultiplier} is not finite and {@code > 0}
         */
        public Laplace {
            Arguments.positiveFinite("noiseMultiplier", noiseMultiplier);
        }
    }

    /**
     * Gaussian noise on a query whose L2 distance between neighbors is itself random, known only in distribution.
     *
     * <p>Groups of k examples under Poisson sampling are this event, the distance being Binomial(k, q); see
     * {@link GroupPrivacy}.
     *
     * @param noiseMultiplier standard deviation of the noise, in the unit of {@code sensitivities}
     * @param sensitivities possible L2 distances, each {@code >= 0}
     * @param probabilities their probabilities, summing to one
     * @see <a href="https://arxiv.org/abs/2401.10294">Ganesh 2024, theorem 3.1</a>
     */
    record GaussianMixture(double noiseMultiplier, List<Double> sensitivities, List<Double> probabilities)
            implements DpEvent {
        /** Probabilities are sums of rounded numbers: each of at most some thousand terms contributes an ulp. */
        private static final double SUM_TOLERANCE = 1e-12;

        /**
         * A Gaussian mechanism of random sensitivity.
         *
         * @throws IllegalArgumentException if {@code noiseMultiplier} is not finite and {@code > 0}, or the lists differ in
         *     length or are empty, or a sensitivity is not finite and {@code >= 0}, or a probability is not in [0, 1], or
         *     the probabilities do not sum to 1 within 1e-12
         */
        public GaussianMixture {
            Arguments.positiveFinite("noiseMultiplier", noiseMultiplier);
            sensitivities = List.copyOf(sensitivities);
            probabilities = List.copyOf(probabilities);
            Arguments.atLeast("number of sensitivities", 1, sensitivities.size());
            if (sensitivities.size() != probabilities.size()) {
                throw new IllegalArgumentException("sensitivities and probabilities must be of one length, were "
                        + sensitivities.size() + " and " + probabilities.size());
            }
            double sum = 0;
            for (int i = 0; i < sensitivities.size(); i++) {
                Arguments.nonNegativeFinite("sensitivities[" + i + "]", sensitivities.get(i));
                sum += Arguments.probability("probabilities[" + i + "]", probabilities.get(i));
            }
            if (!(Math.abs(sum - 1) <= SUM_TOLERANCE)) {
                throw new IllegalArgumentException("probabilities must sum to 1, summed to " + sum);
            }
        }
    }

    /**
     * A mechanism whose guarantee is known only as a pair (epsilon, delta).
     *
     * <p>It is treated as the worst mechanism with this guarantee: with probability delta it reveals which data set it ran on, otherwise it
     * gives the answer that speaks for it with probability {@code exp(epsilon) / (1 + exp(epsilon))}.
     *
     * @param epsilon its epsilon, {@code +infinity} allowed
     * @param delta its delta
     * @see <a href="https://arxiv.org/abs/1311.0776">Kairouz, Oh and Viswanath 2015, theorem 3.3</a>
     */
    record EpsilonDelta(double epsilon, double delta) implements DpEvent {
        /**
         * An (epsilon, delta) mechanism.
         *
         * @throws IllegalArgumentException if {@code epsilon < 0}, or {@code delta} is not in [0, 1], or either is NaN
         */
        public EpsilonDelta {
            Arguments.nonNegative("epsilon", epsilon);
            Arguments.probability("delta", delta);
        }
    }

    /**
     * A mechanism applied to a Poisson sample: every example takes part independently with the same probability.
     *
     * <p>Several releases on one and the same sample are one {@code PoissonSampled} around a {@link SelfComposed} or
     * {@link Composed}, not several sampled events.
     *
     * <p>If the mechanism distinguishes neighbors no better than P from Q, then on a sample it does no better than
     * {@code (1 - q) Q + q P} from {@code Q} where an example is removed, and the same pair exchanged where one is added.
     *
     * @param samplingProbability q, the probability that an example takes part
     * @param event the mechanism applied to the sample
     * @see <a href="https://arxiv.org/abs/2106.08567">Zhu, Dong and Wang 2022, theorem 11</a>
     */
    record PoissonSampled(double samplingProbability, DpEvent event) implements DpEvent {
        /**
         * A mechanism on a Poisson sample.
         *
         * @throws IllegalArgumentException if {@code samplingProbability} is not in [0, 1]
         */
        public PoissonSampled {
            Arguments.probability("samplingProbability", samplingProbability);
            Objects.requireNonNull(event, "event");
        }
    }

    /**
     * A mechanism applied to a Poisson sample that is cut down to a maximum size by dropping examples uniformly at random.
     *
     * @param samplingProbability q, the probability that an example is sampled before the cut
     * @param sourceSize examples in the data set, public
     * @param truncatedBatchSize largest number of examples that take part
     * @param event the mechanism applied to the sample
     * @see <a href="https://arxiv.org/abs/2411.04205">Chua et al. 2024, section 3</a>
     */
    record TruncatedPoissonSampled(double samplingProbability, long sourceSize, long truncatedBatchSize, DpEvent event)
            implements DpEvent {
        /**
         * A mechanism on a truncated Poisson sample.
         *
         * @throws IllegalArgumentException if {@code samplingProbability} is not in [0, 1], or {@code sourceSize < 1}, or
         *     {@code truncatedBatchSize < 1}
         */
        public TruncatedPoissonSampled {
            Arguments.probability("samplingProbability", samplingProbability);
            Arguments.atLeast("sourceSize", 1, sourceSize);
            Arguments.atLeast("truncatedBatchSize", 1, truncatedBatchSize);
            Objects.requireNonNull(event, "event");
        }
    }

    /**
     * A {@link TruncatedPoissonSampled} as it concerns a group of examples that are in the data or not together.
     *
     * @param samplingProbability q, the probability that an example is sampled before the cut
     * @param sourceSize examples in the data set, the group's among them, public
     * @param truncatedBatchSize largest number of examples that take part
     * @param groupSize largest number of examples of a group
     * @param event the mechanism applied to the sample; its sensitivity is that of one example
     * @see GroupPrivacy
     */
    record TruncatedPoissonSampledGroup(
            double samplingProbability, long sourceSize, long truncatedBatchSize, long groupSize, DpEvent event)
            implements DpEvent {
        /**
         * A mechanism on a truncated Poisson sample, for groups.
         *
         * @throws IllegalArgumentException if {@code samplingProbability} is not in [0, 1], or {@code sourceSize < 1}, or
         *     {@code truncatedBatchSize < 1}, or {@code groupSize} is not in [1, 1000]
         */
        public TruncatedPoissonSampledGroup {
            Arguments.probability("samplingProbability", samplingProbability);
            Arguments.atLeast("sourceSize", 1, sourceSize);
            Arguments.atLeast("truncatedBatchSize", 1, truncatedBatchSize);
            Arguments.inRange("groupSize", 1, 1000, groupSize);
            Objects.requireNonNull(event, "event");
        }
    }

    /**
     * A mechanism applied to a sample of fixed size, drawn uniformly without replacement.
     *
     * @param sourceSize examples in the data set, public
     * @param sampleSize examples in the sample
     * @param event the mechanism applied to the sample; its sensitivity is that of replacing one example of the sample
     * @see <a href="https://arxiv.org/abs/1808.00087">Wang, Balle and Kasiviswanathan 2019, theorem 27</a>
     */
    record SampledWithoutReplacement(long sourceSize, long sampleSize, DpEvent event) implements DpEvent {
        /**
         * A mechanism on a sample of fixed size.
         *
         * @throws IllegalArgumentException if {@code sourceSize < 1}, or {@code sampleSize < 0}, or
         *     {@code sampleSize > sourceSize}
         */
        public SampledWithoutReplacement {
            Arguments.atLeast("sourceSize", 1, sourceSize);
            Arguments.inRange("sampleSize", 0, sourceSize, sampleSize);
            Objects.requireNonNull(event, "event");
        }
    }

    /**
     * A mechanism applied to each lot of a pass, every example being in exactly one of the lots, drawn uniformly and independently of all other examples: random allocation, or
     * balls in bins.
     *
     * <p>If the mechanism on one lot distinguishes neighbors no better than N(1, s^2) from N(0, s^2), then the pass does no better than the mean of N(e_i, s^2 I) over the unit vectors
     * e_1, ..., e_t from N(0, s^2 I) where an example is removed, and the same pair exchanged where one is added. The mechanism on a lot may depend on the outcomes before it. A pass that ends
     * early is covered. <b>Not for shuffling</b>: there the lots of other examples depend on the example's own.
     *
     * @param lots t, the number of lots of a pass
     * @param event the mechanism applied to each lot; its sensitivity is that of one example of the lot
     * @see <a href="https://arxiv.org/abs/2502.08202">Feldman and Shenfeld 2025</a> (the pair)
     * @see <a href="https://arxiv.org/abs/2602.17284">Feldman and Shenfeld 2026</a> (its privacy loss)
     */
    record RandomAllocation(long lots, DpEvent event) implements DpEvent {
        /**
         * A mechanism on each of several lots.
         *
         * @throws IllegalArgumentException if {@code lots < 1}
         */
        public RandomAllocation {
            Arguments.atLeast("lots", 1, lots);
            Objects.requireNonNull(event, "event");
        }
    }

    /**
     * One mechanism run several times, each run free to depend on the outcomes before it.
     *
     * @param event the mechanism
     * @param count how often it runs
     * @see <a href="https://doi.org/10.1561/0400000042">Dwork and Roth 2014, section 3.5</a>
     */
    record SelfComposed(DpEvent event, long count) implements DpEvent {
        /**
         * A mechanism run {@code count} times.
         *
         * @throws IllegalArgumentException if {@code count < 0}
         */
        public SelfComposed {
            Objects.requireNonNull(event, "event");
            Arguments.atLeast("count", 0, count);
        }
    }

    /**
     * Several mechanisms in sequence, each free to depend on the outcomes before it.
     *
     * @param events the mechanisms; an empty list costs nothing
     * @see <a href="https://doi.org/10.1561/0400000042">Dwork and Roth 2014, section 3.5</a>
     */
    record Composed(List<DpEvent> events) implements DpEvent {
        /** Mechanisms in sequence; the list is copied. */
        public Composed {
            events = List.copyOf(events);
        }
    }

    /**
     * The best of several runs of one mechanism, whose number is drawn at random: a search for hyper-parameters.
     *
     * <p><b>Formal guarantee.</b> What is released is the output of one run, the best by a total order of the outputs. It is bounded by the theorems
     * below, from the Renyi curve of one run, under the same relation. It holds if
     *
     * <ul>
     *   <li>the number of runs is {@link RunCount#draw drawn} from exactly this distribution, independently of the data and of the runs, and all
     *       of them are made;
     *   <li>neither that number nor anything about the other runs is disclosed: no accuracies, no logs, no running time;
     *   <li>every run is the same mechanism with randomness of its own. Hyper-parameters that are drawn for each run anew, from a distribution
     *       fixed beforehand, belong to it; {@code event} must then bound the run for each of them;
     *   <li>the score by which outputs are compared is part of a run and covered by {@code event}, as one computed on public data or from the released
     *       parameters alone is, or one that was released with noise that {@code event} includes. A score on private data that is not covered voids
     *       the guarantee;
     *   <li>where the number is zero, as only a Poisson distribution can make it, the output does not depend on the data.
     * </ul>
     *
     * <p>An {@link EpsilonDelta} with a delta above zero has no Renyi curve and cannot be a part of {@code event}.
     *
     * @param event one run, with all that its output and its score reveal
     * @param runs distribution of the number of runs
     * @see <a href="https://arxiv.org/abs/2110.03620">Papernot and Steinke 2022, theorems 2 (truncated negative binomial) and 6 (Poisson)</a>
     */
    record RepeatAndSelect(DpEvent event, RunCount runs) implements DpEvent {
        /** The best of several runs of {@code event}. */
        public RepeatAndSelect {
            Objects.requireNonNull(event, "event");
            Objects.requireNonNull(runs, "runs");
        }
    }
}
