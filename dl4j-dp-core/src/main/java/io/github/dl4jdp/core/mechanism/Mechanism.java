// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.accountant.CorrelatedNoise;
import io.github.dl4jdp.accountant.CorrelationMatrix;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.core.internal.Require;
import io.github.dl4jdp.core.random.LotKey;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.LongUnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/**
 * Everything that decides on what a run releases, complete and frozen: the one object that draws lots, clips, adds noise, divides, and states its cost.
 *
 * <p><b>Formal guarantee.</b> {@link PrivateStep} carries out this object and nothing else, and {@link #event(long)} is what one charge of it costs: charge
 * {@code t} pays for {@link #releasesPerLot} sums about each of its lots, every one with noise of standard deviation {@link #noiseMultiplier(long)} times the
 * clipping norm in force on a sum that one example moves by the clipping norm (by twice as much under {@link NeighboringRelation#REPLACE_ONE}).
 *
 * @param sampling how lots are drawn
 * @param examples N, the number of examples of the data set, a public constant, at least 1
 * @param lotSize L, the expected number of examples of a lot and the divisor of every sum, from 1 to N
 * @param maximumLotSize the most examples of a Poisson lot, from L to N: a larger one is cut down to a uniformly drawn part of it; N where nothing is cut
 * @param lotsPerPass t, the lots of a pass of random allocation, of {@code N / t} examples on average, rounded to L; 0 for other lots
 * @param relation the neighboring relation, one that the cost of the sampling is known under
 * @param clipping how gradients are clipped, an adaptive one's count noise filled in
 * @param noiseMultiplier sigma, finite and at least 0; 0 is no noise, and no privacy
 * @param noiseSchedule factors of sigma by charge
 * @param releasesPerLot sums released about one lot, at least 1
 * @param copies K, the copies of an example whose gradients are averaged, at least 1
 * @param unit what is sampled, clipped and counted: N, L and the maximum lot size are numbers of it
 * @param steps T, the number of lots of the run, at least 1
 * @param correlation how the noise of lots is mixed from shared draws, whose standard deviation is sigma C; empty for independent noise
 * @param seed of a repeatable run, which is not private; empty in a private one
 */
public record Mechanism(
        Sampling sampling,
        long examples,
        long lotSize,
        long maximumLotSize,
        long lotsPerPass,
        NeighboringRelation relation,
        Clipping clipping,
        double noiseMultiplier,
        NoiseSchedule noiseSchedule,
        long releasesPerLot,
        int copies,
        PrivacyUnit unit,
        long steps,
        Optional<Correlation> correlation,
        OptionalLong seed) {
    private static final String CUT = "cut";

    /** Checks every part; {@code IllegalArgumentException} if one is out of its range, or two exclude each other. */
    public Mechanism {
        Require.positive("examples", examples);
        Require.positive("lotSize", lotSize);
        Require.that(lotSize <= examples, "lotSize must be at most examples = " + examples + ", was " + lotSize);
        Require.that(
                maximumLotSize >= lotSize && maximumLotSize <= examples,
                "maximumLotSize must be between the lot size, " + lotSize + ", and the number of examples, " + examples
                        + ", was " + maximumLotSize);
        Require.that(
                maximumLotSize == examples || sampling == Sampling.POISSON,
                "maximumLotSize must be for Poisson lots, was " + maximumLotSize + " for " + sampling
                        + " lots, whose size does not vary");
        if (sampling == Sampling.RANDOM_ALLOCATION) {
            Require.positive("lotsPerPass", lotsPerPass);
            long allocated = allocatedLotSize(examples, lotsPerPass);
            Require.that(
                    lotSize == allocated,
                    "lotSize must be examples / lotsPerPass, rounded, " + allocated + ", was " + lotSize);
        } else {
            Require.that(
                    lotsPerPass == 0,
                    "lotsPerPass must be 0 for " + sampling + " lots, which are no random allocation, was "
                            + lotsPerPass);
        }
        var known = relations(sampling, maximumLotSize < examples, correlation.isPresent());
        Require.that(
                known.contains(relation),
                "relation must be one of " + known + " for " + sampling + " lots, was " + relation);
        Require.that(
                noiseMultiplier >= 0 && noiseMultiplier < Double.POSITIVE_INFINITY,
                "noiseMultiplier must be finite and >= 0, was " + noiseMultiplier);
        Require.positive("releasesPerLot", releasesPerLot);
        Require.positive("copies", copies);
        Require.positive("steps", steps);
        boolean isAdaptive = clipping instanceof Clipping.Adaptive;
        if (clipping instanceof Clipping.Adaptive adaptive) {
            clipping = adaptive.forLots(lotSize);
        }
        if (releasesPerLot > 1) {
            String truncated = " in a plan with truncated backpropagation through time";
            Require.that(
                    !isAdaptive,
                    "clipping must not be adaptive" + truncated
                            + ", whose segments have gradients of different sizes and would each release a count; use Clipping.flat, perLayer or automatic, was "
                            + clipping.describe());
            Require.that(copies == 1, "augmentationMultiplicity must be 1" + truncated + ", was " + copies);
            Require.that(
                    !unit.isGroup(),
                    "unit must be the example" + truncated + ", was " + unit.name()
                            + ": a recurrent layer carries the state of one row from segment to segment. Use standard backpropagation through time");
        }
        if (sampling == Sampling.GIVEN_BATCHES) {
            Require.that(
                    !unit.isGroup(),
                    "unit must be the example in a plan of given batches, was " + unit.name() + ": the rows of one "
                            + unit.name() + " may be in any of your batches; use DpSgdPlan.poisson or fixedSize");
            Require.that(
                    copies == 1,
                    "augmentationMultiplicity must be 1 in a plan of given batches, whose examples the engine does not copy, was "
                            + copies + "; use DpSgdPlan.poisson or fixedSize");
        }
        if (correlation.isPresent()) {
            CorrelatedNoise noise = correlation.get().noise();
            long separation = correlation.get().separation();
            String correlated = "correlated noise (" + noise.describe() + ") ";
            Require.that(
                    sampling != Sampling.FIXED_SIZE,
                    correlated
                            + "needs lots in which the steps of an example are known to be apart, which lots of a fixed size are not; use DpSgdPlan.givenBatches, singlePass or poisson");
            Require.that(
                    sampling != Sampling.RANDOM_ALLOCATION,
                    correlated
                            + "has no known cost for random allocation, in which the steps of an example may follow on each other; use DpSgdPlan.givenBatches, singlePass or poisson");
            if (sampling == Sampling.POISSON) {
                Require.that(
                        noise.isBanded(),
                        correlated
                                + "needs a matrix with bands for Poisson lots, so that the steps of an example do not share noise; use CorrelatedNoise.bandMf or bandedSquareRoot, or DpSgdPlan.givenBatches");
                Require.that(
                        Math.multiplyExact(lotSize, (long) noise.bands()) <= examples,
                        correlated + "draws a lot from one of " + noise.bands()
                                + " parts of the data set, which must have at least the expected lot size, " + lotSize
                                + ", of " + examples + " examples; use fewer bands or smaller lots");
                Require.that(
                        separation == noise.bands(),
                        correlated + "draws the lots of an example " + noise.bands() + " apart for Poisson lots, not "
                                + separation);
                Require.that(maximumLotSize == examples, correlated + "has no known cost for lots of a maximum size");
            } else {
                long lotsOfPass = lotsAfter(1, examples, lotSize);
                Require.that(
                        steps <= lotsOfPass || separation <= lotsOfPass,
                        correlated + "must have a separation of at most the " + lotsOfPass
                                + " lots of a pass, which are all that lie between two lots of an example, was "
                                + separation
                                + "; leave the separation out for the same order in every pass, or declare 1 for any order");
            }
            Require.that(
                    !isAdaptive,
                    correlated
                            + "needs one clipping norm for all lots, since noise of different sizes does not cancel; use Clipping.flat, perLayer or automatic");
            Require.that(
                    noiseSchedule.isConstant(),
                    correlated
                            + "needs the same noise in all lots, since noise of different sizes does not cancel; leave the noise schedule out");
            Require.that(
                    releasesPerLot == 1,
                    correlated
                            + "must not be used with truncated backpropagation through time, whose segments are several releases about one lot; train on whole sequences");
        }
    }

    /**
     * The members of a lot among the examples from {@code from} (inclusive) to {@code to} (exclusive), ascending.
     *
     * @param key the lot's
     * @param lot its number, from 1
     * @param size of the data set; under {@link NeighboringRelation#ZERO_OUT} at most N, the examples that are missing being empty records
     * @throws IllegalStateException if the sampling does not draw: the lots are the user's
     */
    public long[] draw(LotKey key, long lot, long from, long to, long size) {
        return switch (sampling) {
            case POISSON ->
                correlation.isPresent()
                        ? LotSampler.cyclic(key, samplingProbability(), (lot - 1) % bands(), bands(), from, to)
                        : isCut()
                                // An absent example is an empty record: it takes its place among those that are cut
                                // down.
                                ? within(
                                        from, to, cut(key, LotSampler.poisson(key, samplingProbability(), 0, examples)))
                                : LotSampler.poisson(key, samplingProbability(), from, to);
            case FIXED_SIZE -> within(from, to, LotSampler.fixedSize(key.stream(LotSampler.STREAM, 0), size, lotSize));
            case RANDOM_ALLOCATION ->
                throw new IllegalStateException(
                        "lots of random allocation are drawn from the key of their pass: use drawOfPass");
            case GIVEN_BATCHES -> throw new IllegalStateException("a " + sampling + " plan does not draw lots");
        };
    }

    /**
     * The members of a lot of random allocation among the examples from {@code from} (inclusive) to {@code to} (exclusive), ascending.
     *
     * @param key that of the lot's pass
     * @param lot its number in the run, from 1
     * @throws IllegalStateException if the sampling is another one
     */
    public long[] drawOfPass(LotKey key, long lot, long from, long to) {
        if (sampling != Sampling.RANDOM_ALLOCATION) {
            throw new IllegalStateException("only lots of random allocation are drawn by pass, was " + sampling);
        }
        return LotSampler.allocated(key, lotsPerPass, (lot - 1) % lotsPerPass, from, to);
    }

    /** L for random allocation: the mean size of a lot, rounded, at least 1. */
    public static long allocatedLotSize(long examples, long lotsPerPass) {
        return Math.max(1, examples / lotsPerPass + (examples % lotsPerPass >= (lotsPerPass + 1) / 2 ? 1 : 0));
    }

    /**
     * The rows of the members of a lot that are in it: all of a member that has at most {@link PrivacyUnit#maximumRows}, of any other one as many, every subset equally likely.
     *
     * <p>Which ones depends on the lot's key, the member's number and how many rows it has, never on other members.
     *
     * @param key the lot's
     * @param members their numbers
     * @param rows how many rows a member has, by its number
     * @return for each member the places of its chosen rows, ascending, from 0; empty for one without rows
     */
    public long[][] drawRows(LotKey key, long[] members, LongUnaryOperator rows) {
        var coins = key.numbered(LotSampler.ROWS, 0);
        var chosen = new long[members.length][];
        for (int i = 0; i < members.length; i++) {
            long of = rows.applyAsLong(members[i]);
            if (of <= unit.maximumRows()) {
                chosen[i] = LongStream.range(0, of).toArray();
            } else {
                chosen[i] = LotSampler.fixedSize(coins.apply(members[i]), of, unit.maximumRows());
            }
        }
        return chosen;
    }

    /** At most {@link #maximumLotSize} of the members, every subset equally likely: those at the places that a lot of fixed size would have among them. */
    private long[] cut(LotKey key, long[] members) {
        if (members.length <= maximumLotSize) {
            return members;
        }
        return Arrays.stream(LotSampler.fixedSize(key.stream(CUT, 0), members.length, maximumLotSize))
                .map(place -> members[(int) place])
                .toArray();
    }

    private static long[] within(long from, long to, long[] members) {
        return Arrays.stream(members)
                .filter(member -> member >= from && member < to)
                .toArray();
    }

    /**
     * The relations under which the cost of lots is known, the usual one first.
     *
     * @param isCut whether lots have a maximum size: an example then takes another one's place, and only its replacement by nothing is bounded (Ganesh 2025, arXiv 2508.15089)
     * @param isCorrelated whether lots share draws of noise: Poisson lots are drawn from parts by the examples' numbers then, and one example more would move others to other parts
     */
    public static List<NeighboringRelation> relations(Sampling sampling, boolean isCut, boolean isCorrelated) {
        return isCut || (isCorrelated && sampling == Sampling.POISSON)
                ? List.of(NeighboringRelation.ZERO_OUT)
                : sampling.relations();
    }

    /** Whether the places of the examples in the data set decide about their lots in common: only the same order of the data keeps an example from lots that the cost does not know of. */
    public boolean restsOnOrder() {
        return sampling == Sampling.RANDOM_ALLOCATION || (sampling == Sampling.POISSON && correlation.isPresent());
    }

    /** The number of bands of C. */
    private int bands() {
        return correlation.orElseThrow().noise().bands();
    }

    /** The matrix of correlated noise. */
    CorrelationMatrix matrix() {
        return correlation.orElseThrow().matrix(steps, sampling == Sampling.POISSON ? 1 : passes());
    }

    /** What rounding mixtures of noise adds to the sensitivity, as {@code GaussianNoise} has it; 0 for independent noise. */
    double mixingRounding() {
        return correlation.isPresent() ? matrix().rounding() : 0;
    }

    /** The passes over the data set, the last one possibly short: with given batches, the most lots of an example. */
    public long passes() {
        return passOf(steps);
    }

    /** Whether a charge pays for a whole pass over the data set instead of one lot. */
    public boolean chargesByPass() {
        return sampling.chargesByPass() && correlation.isEmpty();
    }

    private boolean isCut() {
        return maximumLotSize < examples;
    }

    /** The probability {@code q = L / N} with which an example joins a lot; {@code 1 / t} for random allocation; with correlated noise {@code b q}, with which it joins a lot of its part. */
    public double samplingProbability() {
        if (sampling == Sampling.RANDOM_ALLOCATION) {
            return 1.0 / lotsPerPass;
        }
        return correlation.isPresent() && sampling == Sampling.POISSON
                ? (double) lotSize * bands() / examples
                : (double) lotSize / examples;
    }

    /** Whether there is noise, and it does not come from a seed. */
    public boolean isPrivate() {
        return noiseMultiplier > 0 && seed.isEmpty();
    }

    /** The noise multiplier of charge number {@code charge}, from 1. */
    public double noiseMultiplier(long charge) {
        return noiseMultiplier * noiseSchedule.factorAt(charge);
    }

    /** What charge number {@code charge} costs, from 1: {@link #nominalEvent}, unless its noise comes from a seed, which an adversary may know. */
    public DpEvent event(long charge) {
        return event(0, charge);
    }

    /**
     * What a charge costs in a run whose noise began anew after {@code began} charges. With independent noise, that does not matter. With correlated noise it is what the lot adds to the cost of the lots since:
     *
     * <p>Without sampling, t lots together are one Gaussian of the sensitivity {@code S_t} of the first t rows of C ({@link CorrelationMatrix}), and squared sensitivities of Gaussians add up, so that lot t costs {@code Gaussian(sigma /
     * sqrt(S_t^2 - S_(t-1)^2))}. With Poisson lots, b lots are one {@code PoissonSampled(b q, Gaussian(sigma / S))} ({@code package-info}), which the first of them is charged with.
     */
    public DpEvent event(long began, long charge) {
        return seed.isPresent()
                ? new DpEvent.NonPrivate()
                : correlation.isEmpty() ? nominalEvent(charge) : correlatedEvents(began, charge - 1, charge);
    }

    private DpEvent correlatedEvents(long began, long from, long to) {
        Require.positive("charge", to);
        if (noiseMultiplier == 0) {
            return new DpEvent.NonPrivate();
        }
        double sigma = noiseMultiplier / sensitivityInClippingNorms();
        if (sampling == Sampling.POISSON) {
            long rounds = -Math.floorDiv(began - to, (long) bands()) + Math.floorDiv(began - from, (long) bands());
            var round = new DpEvent.PoissonSampled(
                    samplingProbability(), new DpEvent.Gaussian(Math.nextDown(sigma / matrix().sensitivity())));
            return rounds == 0 ? new DpEvent.NoOp() : rounds == 1 ? round : new DpEvent.SelfComposed(round, rounds);
        }
        if (to - began > steps) {
            throw new IllegalArgumentException(
                    "correlated noise is made for steps = " + steps + ", and does not go on to " + (to - began));
        }
        CorrelationMatrix matrix = matrix();
        double squared = matrix.squaredSensitivity(to - began) - matrix.squaredSensitivity(from - began);
        return squared == 0 ? new DpEvent.NoOp() : new DpEvent.Gaussian(Math.nextDown(sigma / Math.sqrt(squared)));
    }

    /** What charge number {@code charge} would cost with secret noise. */
    private DpEvent nominalEvent(long charge) {
        Require.positive("charge", charge);
        if (noiseMultiplier == 0) {
            return new DpEvent.NonPrivate();
        }
        DpEvent releases = releases(noiseMultiplier(charge));
        return switch (sampling) {
            case POISSON ->
                isCut()
                        ? new DpEvent.TruncatedPoissonSampled(samplingProbability(), examples, maximumLotSize, releases)
                        : new DpEvent.PoissonSampled(samplingProbability(), releases);
            case FIXED_SIZE -> new DpEvent.SampledWithoutReplacement(examples, lotSize, releases);
            case RANDOM_ALLOCATION -> new DpEvent.RandomAllocation(lotsPerPass, releases);
            case GIVEN_BATCHES -> releases;
        };
    }

    /** What is released about one sample, with noise of standard deviation {@code sigma * C} on each sum. */
    private DpEvent releases(double sigma) {
        double sensitivity = sensitivityInClippingNorms();
        var sum = new DpEvent.Gaussian(sigma / sensitivity);
        if (releasesPerLot > 1) {
            return new DpEvent.SelfComposed(sum, releasesPerLot);
        }
        return clipping instanceof Clipping.Adaptive adaptive
                ? new DpEvent.Composed(
                        List.of(sum, new DpEvent.Gaussian(2 * adaptive.requireCountNoise() / sensitivity)))
                : sum;
    }

    /** How far the clipped sums of neighboring lots are apart at most, in clipping norms. */
    public int sensitivityInClippingNorms() {
        return relation == NeighboringRelation.REPLACE_ONE ? 2 : 1;
    }

    /** The charges after the first {@code from} up to number {@code to}, those of equal events together, of a run whose noise never began anew. */
    public List<DpEvent.SelfComposed> runs(long from, long to) {
        var runs = new ArrayList<DpEvent.SelfComposed>();
        for (long done = from; done < to; ) {
            long last = correlation.isPresent()
                    ? done + 1
                    : seed.isEmpty() ? Math.min(to, noiseSchedule.lastOfStage(done + 1)) : to;
            runs.add(new DpEvent.SelfComposed(event(done + 1), last - done));
            done = last;
        }
        return runs;
    }

    /** The charges after the first {@code from} up to number {@code to} as one event, of a run whose noise began anew after {@code from} charges. */
    public DpEvent events(long from, long to) {
        return events(from, from, to);
    }

    /** The charges after the first {@code from} up to number {@code to} as one event, of a run whose noise began anew after {@code began} charges. */
    public DpEvent events(long began, long from, long to) {
        if (correlation.isPresent() && seed.isEmpty()) {
            return from == to ? new DpEvent.NoOp() : correlatedEvents(began, from, to);
        }
        var runs = runs(from, to);
        return runs.size() == 1 ? runs.get(0) : new DpEvent.Composed(List.copyOf(runs));
    }

    /** The events that charges may have. */
    public Set<DpEvent> possibleEvents() {
        // A schedule's last stage has no end; correlated noise is made for so many steps.
        return runs(0, correlation.isPresent() ? steps : Long.MAX_VALUE).stream()
                .map(DpEvent.SelfComposed::event)
                .collect(Collectors.toSet());
    }

    /** The number of charges of the first {@code lots} lots: as many, or the number of passes they begin. */
    public long chargesFor(long lots) {
        return chargesByPass() && lots > 0 ? passOf(lots) : lots;
    }

    /** The number of lots of the first {@code passes} passes over the data set: {@code ceil(passes N / L)}, or {@code passes t} for random allocation. */
    public long lotsAfter(long passes) {
        return sampling == Sampling.RANDOM_ALLOCATION
                ? Math.multiplyExact(passes, lotsPerPass)
                : lotsAfter(passes, examples, lotSize);
    }

    /** The number of lots of {@code lotSize} in {@code passes} passes over {@code examples} examples. */
    public static long lotsAfter(long passes, long examples, long lotSize) {
        return -Math.floorDiv(-Math.multiplyExact(passes, examples), lotSize);
    }

    /** The 1-based pass over the data set that lot number {@code lot} (from 1) belongs to. */
    public long passOf(long lot) {
        if (sampling == Sampling.RANDOM_ALLOCATION) {
            return Math.max(1, -Math.floorDiv(-lot, lotsPerPass));
        }
        long pass = Math.max(1, Math.multiplyExact(lot, lotSize) / examples);
        while (lotsAfter(pass) < lot) {
            pass++;
        }
        while (pass > 1 && lotsAfter(pass - 1) >= lot) {
            pass--;
        }
        return pass;
    }
}
