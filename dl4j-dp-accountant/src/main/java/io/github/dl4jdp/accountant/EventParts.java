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
import io.github.dl4jdp.accountant.DpEvent.RepeatAndSelect;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampledGroup;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * An event taken apart into leaves and how often each happens.
 *
 * <p>A leaf is a mechanism that has one pair of dominating distributions: {@link NonPrivate}, {@link Gaussian},
 * {@link Laplace}, {@link GaussianMixture}, {@link EpsilonDelta}, and {@link PoissonSampled},
 * {@link TruncatedPoissonSampled} or {@link SampledWithoutReplacement} around one {@link Gaussian} or {@link Laplace}, or a {@link
 * SampledWithoutReplacement} around a {@link GaussianMixture}, a {@link TruncatedPoissonSampledGroup} and a {@link RandomAllocation} of a {@link Gaussian}. An {@link EpsilonDelta} on a sample is another {@link EpsilonDelta}. A
 * {@link RepeatAndSelect} is a leaf too, whatever its runs are. The order of leaves does not matter to any accountant here, so
 * equal ones are counted together.
 */
final class EventParts {

    /** Says why a leaf cannot be bounded, or null where it can. */
    @FunctionalInterface
    interface LeafCheck {
        @Nullable
        String refusal(DpEvent leaf);
    }

    private final String accountant;
    private final NeighboringRelation relation;
    private final LeafCheck check;
    private final Map<DpEvent, Long> leaves = new LinkedHashMap<>();

    private EventParts(String accountant, NeighboringRelation relation, LeafCheck check) {
        this.accountant = accountant;
        this.relation = relation;
        this.check = check;
    }

    /**
     * The leaves of {@code count} runs of the event.
     *
     * @throws UnsupportedEventException if the event has no such form, or a leaf is refused
     * @throws IllegalArgumentException if {@code count < 0}
     */
    static Map<DpEvent, Long> of(
            DpEvent event, long count, String accountant, NeighboringRelation relation, LeafCheck check) {
        Arguments.atLeast("count", 0, count);
        EventParts parts = new EventParts(accountant, relation, check);
        if (count > 0) {
            parts.add(event, count);
        }
        return parts.leaves;
    }

    /**
     * Everything that runs on one sample as a single mechanism, a {@link NoOp} where that is nothing.
     *
     * @throws UnsupportedEventException if it is not a single mechanism
     */
    static DpEvent onSample(DpEvent sampler, DpEvent event) {
        EventParts parts = new EventParts("GroupPrivacy", NeighboringRelation.ADD_OR_REMOVE_ONE, leaf -> null);
        return parts.onOneSample(sampler, event);
    }

    private void add(DpEvent event, long count) {
        if (event instanceof SelfComposed repeated) {
            if (repeated.count() > 0) {
                add(repeated.event(), times(event, repeated.count(), count));
            }
        } else if (event instanceof Composed sequence) {
            for (DpEvent part : sequence.events()) {
                add(part, count);
            }
        } else if (event instanceof PoissonSampled sampled) {
            addPoisson(sampled, count);
        } else if (event instanceof TruncatedPoissonSampled sampled) {
            addTruncated(sampled, count);
        } else if (event instanceof TruncatedPoissonSampledGroup sampled) {
            addTruncatedGroup(sampled, count);
        } else if (event instanceof SampledWithoutReplacement sampled) {
            addWithoutReplacement(sampled, count);
        } else if (event instanceof RandomAllocation allocation) {
            addAllocation(allocation, count);
        } else if (event instanceof RepeatAndSelect selection) {
            addSelection(selection, count);
        } else if (!(event instanceof NoOp)) {
            addLeaf(event, count);
        }
    }

    private void addPoisson(PoissonSampled sampled, long count) {
        double q = sampled.samplingProbability();
        if (q == 0) {
            return;
        }
        if (q == 1) {
            add(sampled.event(), count);
            return;
        }
        DpEvent inner = onOneSample(sampled, sampled.event());
        if (inner instanceof PoissonSampled nested) {
            // Sampling a sample: an example survives both coins independently of all others.
            double both = Math.min(q, Math.nextUp(q * nested.samplingProbability()));
            addPoisson(new PoissonSampled(both, nested.event()), count);
        } else if (inner instanceof Gaussian || inner instanceof Laplace) {
            addLeaf(new PoissonSampled(q, inner), count);
        } else if (inner instanceof EpsilonDelta pair) {
            addLeaf(onPoissonSample(q, pair, relation), count);
        } else if (inner instanceof NonPrivate) {
            addLeaf(inner, count);
        } else if (!(inner instanceof NoOp)) {
            throw refuse(sampled, "no amplification bound is known for the mechanism on the sample");
        }
    }

    private void addTruncated(TruncatedPoissonSampled sampled, long count) {
        if (sampled.truncatedBatchSize() >= sampled.sourceSize() || sampled.samplingProbability() == 0) {
            add(new PoissonSampled(sampled.samplingProbability(), sampled.event()), count);
            return;
        }
        DpEvent inner = onOneSample(sampled, sampled.event());
        if (inner instanceof Gaussian) {
            addLeaf(
                    new TruncatedPoissonSampled(
                            sampled.samplingProbability(), sampled.sourceSize(), sampled.truncatedBatchSize(), inner),
                    count);
        } else if (inner instanceof NonPrivate) {
            addLeaf(inner, count);
        } else if (!(inner instanceof NoOp)) {
            throw refuse(sampled, "only Gaussian noise can be amplified by a truncated Poisson sample");
        }
    }

    private void addTruncatedGroup(TruncatedPoissonSampledGroup sampled, long count) {
        DpEvent inner = onOneSample(sampled, sampled.event());
        DpEvent single = new TruncatedPoissonSampled(
                sampled.samplingProbability(), sampled.sourceSize(), sampled.truncatedBatchSize(), inner);
        if (!(inner instanceof Gaussian || inner instanceof NonPrivate || inner instanceof NoOp)) {
            throw refuse(sampled, "only Gaussian noise can be bounded for groups on a truncated Poisson sample");
        }
        DpEvent group = GroupPrivacy.event(single, (int) sampled.groupSize());
        if (group instanceof TruncatedPoissonSampledGroup) {
            addLeaf(group, count);
        } else {
            add(group, count);
        }
    }

    private void addWithoutReplacement(SampledWithoutReplacement sampled, long count) {
        if (sampled.sampleSize() == 0) {
            return;
        }
        if (sampled.sampleSize() == sampled.sourceSize()) {
            add(sampled.event(), count);
            return;
        }
        DpEvent inner = onOneSample(sampled, sampled.event());
        if (inner instanceof EpsilonDelta pair && relation == NeighboringRelation.REPLACE_ONE) {
            addLeaf(amplified(Math.nextUp((double) sampled.sampleSize() / sampled.sourceSize()), pair), count);
        } else if (inner instanceof Gaussian || inner instanceof GaussianMixture) {
            addLeaf(new SampledWithoutReplacement(sampled.sourceSize(), sampled.sampleSize(), inner), count);
        } else if (inner instanceof NonPrivate) {
            addLeaf(inner, count);
        } else if (!(inner instanceof NoOp)) {
            throw refuse(sampled, "only Gaussian noise can be amplified by a sample of fixed size");
        }
    }

    private void addAllocation(RandomAllocation allocation, long count) {
        if (allocation.lots() == 1) {
            add(allocation.event(), count);
            return;
        }
        DpEvent inner = onOneSample(allocation, allocation.event());
        if (inner instanceof Gaussian) {
            addLeaf(new RandomAllocation(allocation.lots(), inner), count);
        } else if (inner instanceof NonPrivate) {
            addLeaf(inner, count);
        } else if (!(inner instanceof NoOp)) {
            throw refuse(allocation, "only Gaussian noise can be amplified by random allocation");
        }
    }

    /**
     * What an (epsilon, delta) mechanism guarantees on a Poisson sample. Where an example joins or leaves, (log(1 + q (exp(epsilon) - 1)), q
     * delta) (Balle, Barthe and Gaboardi 2018, theorem 8). Where it is replaced nothing is known of the mechanism on samples of different sizes: with
     * probability q the example is in the sample, and (epsilon, delta) holds then.
     */
    private static EpsilonDelta onPoissonSample(double q, EpsilonDelta pair, NeighboringRelation relation) {
        if (relation != NeighboringRelation.REPLACE_ONE || isRevealing(pair)) {
            return amplified(q, pair);
        }
        return new EpsilonDelta(pair.epsilon(), Math.min(1, Arguments.multiplyUp(q, pair.delta())));
    }

    /** The same for a sample of fixed size with the share q, where an example is replaced (theorem 9 there). */
    private static EpsilonDelta amplified(double q, EpsilonDelta pair) {
        if (isRevealing(pair)) {
            // Whatever it says, it says it of those in the sample only.
            return new EpsilonDelta(0, q);
        }
        double epsilon = pair.epsilon();
        double less = epsilon > 600
                ? epsilon + Math.log(q) + Math.log1p((1 - q) / q * Math.exp(-epsilon))
                : Math.log1p(q * Math.expm1(epsilon));
        double rounded = less * (1 + 8 * 0x1p-53) + (epsilon > 600 ? 8 * 0x1p-53 * epsilon : 0);
        return new EpsilonDelta(Math.min(epsilon, rounded), Math.min(1, Arguments.multiplyUp(q, pair.delta())));
    }

    private static boolean isRevealing(EpsilonDelta pair) {
        return pair.delta() == 1 || pair.epsilon() == Double.POSITIVE_INFINITY;
    }

    /** Several (epsilon, delta) mechanisms as one: both add up. */
    private static EpsilonDelta together(Set<Map.Entry<DpEvent, Long>> parts) {
        double epsilon = 0;
        double delta = 0;
        for (Map.Entry<DpEvent, Long> part : parts) {
            EpsilonDelta pair = (EpsilonDelta) part.getKey();
            epsilon = Arguments.addUp(epsilon, Arguments.multiplyUp(part.getValue(), pair.epsilon()));
            delta = Arguments.addUp(delta, Arguments.multiplyUp(part.getValue(), pair.delta()));
        }
        return new EpsilonDelta(epsilon, Math.min(1, delta));
    }

    /** A selection among runs that do nothing is nothing; among runs without protection it has none. */
    private void addSelection(RepeatAndSelect selection, long count) {
        EventParts run = new EventParts(accountant, relation, leaf -> null);
        run.add(selection.event(), 1);
        if (run.leaves.isEmpty()) {
            return;
        }
        if (run.leaves.keySet().stream().anyMatch(NonPrivate.class::isInstance)) {
            addLeaf(new NonPrivate(), count);
            return;
        }
        addLeaf(selection, count);
        new EventParts(accountant, relation, this::refusalInSelection).add(selection.event(), 1);
    }

    private @Nullable String refusalInSelection(DpEvent leaf) {
        if (leaf instanceof EpsilonDelta pair && pair.delta() > 0) {
            return "a mechanism with a delta has no Renyi bound if the best of several runs is selected";
        }
        return check.refusal(leaf);
    }

    /**
     * Everything that runs on one sample as a single mechanism.
     *
     * <p>Gaussian mechanisms with multipliers s_i on the same data are one Gaussian mechanism with multiplier s, 1/s^2 =
     * sum 1/s_i^2: their privacy loss is that of the pair N(0, 1), N(1/s, 1) (Dong, Roth and Su 2022, corollary 3.3).
     */
    private DpEvent onOneSample(DpEvent sampler, DpEvent event) {
        EventParts inner = new EventParts(accountant, relation, leaf -> null);
        inner.add(event, 1);
        Set<Map.Entry<DpEvent, Long>> found = inner.leaves.entrySet();
        if (found.isEmpty()) {
            return new NoOp();
        }
        if (found.size() == 1 && found.iterator().next().getValue() == 1) {
            return found.iterator().next().getKey();
        }
        if (found.stream().allMatch(part -> part.getKey() instanceof EpsilonDelta)) {
            return together(found);
        }
        double precision = 0;
        for (Map.Entry<DpEvent, Long> part : found) {
            if (part.getKey() instanceof NonPrivate) {
                return part.getKey();
            }
            if (!(part.getKey() instanceof Gaussian gaussian)) {
                throw refuse(sampler, "several releases on one sample must all be Gaussian, or all (epsilon, delta)");
            }
            precision += part.getValue() / (gaussian.noiseMultiplier() * gaussian.noiseMultiplier());
        }
        double combined = Math.nextDown(1 / Math.sqrt(precision));
        if (!(combined > 0)) {
            return new NonPrivate();
        }
        return new Gaussian(combined);
    }

    private void addLeaf(DpEvent leaf, long count) {
        String refusal = leaf instanceof NonPrivate ? null : check.refusal(leaf);
        if (refusal != null) {
            throw refuse(leaf, refusal);
        }
        long before = leaves.getOrDefault(leaf, 0L);
        if (before > Long.MAX_VALUE - count) {
            throw refuse(leaf, "it happens more than 2^63 - 1 times");
        }
        leaves.put(leaf, before + count);
    }

    private long times(DpEvent event, long a, long b) {
        if (a > Long.MAX_VALUE / b) {
            throw refuse(event, "it happens more than 2^63 - 1 times");
        }
        return a * b;
    }

    private UnsupportedEventException refuse(DpEvent part, String reason) {
        return new UnsupportedEventException(accountant, part, relation, reason);
    }

    /** The leaves as one event. */
    static DpEvent asEvent(Map<DpEvent, Long> leaves) {
        List<DpEvent> events = leaves.entrySet().stream()
                .map(e -> e.getValue() == 1 ? e.getKey() : new SelfComposed(e.getKey(), e.getValue()))
                .toList();
        return switch (events.size()) {
            case 0 -> new NoOp();
            case 1 -> events.get(0);
            default -> new Composed(events);
        };
    }
}
