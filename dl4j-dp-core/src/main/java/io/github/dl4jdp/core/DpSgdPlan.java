// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.CorrelatedNoise;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.NoiseCalibration;
import io.github.dl4jdp.accountant.PrivacyAccountant;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.PrivacyLedgerKey;
import io.github.dl4jdp.core.data.GroupedExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.internal.Require;
import io.github.dl4jdp.core.internal.plan.CompletePlan;
import io.github.dl4jdp.core.internal.plan.ExampleShape;
import io.github.dl4jdp.core.internal.plan.OtherReleases;
import io.github.dl4jdp.core.internal.plan.Truncation;
import io.github.dl4jdp.core.mechanism.Clipping;
import io.github.dl4jdp.core.mechanism.Correlation;
import io.github.dl4jdp.core.mechanism.Mechanism;
import io.github.dl4jdp.core.mechanism.NoiseSchedule;
import io.github.dl4jdp.core.mechanism.PrivacyUnit;
import io.github.dl4jdp.core.mechanism.Sampling;
import java.nio.file.Path;
import java.security.PrivateKey;
import java.util.Arrays;
import java.util.Collections;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A private training run and its cost, in one frozen object.
 *
 * <p>One step of DP-SGD on a lot {@code S} releases
 *
 * <pre>
 *   g = (1/L) ( sum over i in S of min(1, C / ||g_i||) g_i  +  N(0, sigma^2 C^2 I) )
 * </pre>
 *
 * with the clipping norm {@code C}, the noise multiplier {@code sigma} and the <em>expected</em> lot size {@code L}. The
 * sampler, the clipping and the noise of a run read their numbers from the plan, and the accountant composes
 * {@link #event()} of the same plan, so the run and its accounting cannot diverge.
 *
 * <p>A plan is immutable; each {@code with...} returns a new one. It is complete, and can be attached, when it has a length
 * ({@link #withEpochs} or {@link #withSteps}), a clipping norm, a delta and a noise multiplier
 * ({@link #withNoiseMultiplier}, {@link #calibratedTo} or {@link #withoutNoise}).
 *
 * <h2>Formal guarantee</h2>
 *
 * After {@code t} steps the parameters satisfy {@code (epsilon, delta)}-differential privacy under
 * {@link #relation()}, with one example of the training set as the unit of privacy, or one owner of examples by {@link #withUnit}, for every {@code (epsilon, delta)} that a
 * sound accountant computes for {@code t} compositions of {@link #stepEvent()}. The number of examples, the lot
 * size and the number of steps are public constants. The initial parameters are assumed independent of the training data.
 *
 * <p>Source: Abadi et al., Deep Learning with Differential Privacy, CCS 2016, Algorithm 1.
 */
public final class DpSgdPlan implements Cloneable {
    private final Sampling sampling;
    private final long examples;
    private final long lotSize;
    private long maximumLotSize;
    /** 0 unless lots are those of a random allocation. */
    private long lotsPerPass;

    private NeighboringRelation relation;
    /** Whether the relation was asked for. */
    private boolean relationGiven;
    /** 0 if not given. */
    private long steps;

    private @Nullable Clipping clipping;
    /** 0 if not given. */
    private double delta;

    private AccountantKind accountantKind = AccountantKind.PLD;
    private NoiseSchedule noiseSchedule = NoiseSchedule.CONSTANT;
    private OtherReleases others = OtherReleases.NONE;
    private @Nullable Truncation truncation;
    private ExampleShape exampleShape = ExampleShape.NONE;
    private int copies = 1;
    private @Nullable Correlation correlation;
    /** Whether the data come once. */
    private boolean singlePass;

    private PrivacyUnit unit = PrivacyUnit.EXAMPLE;
    /** Given or calibrated. */
    private @Nullable Double noiseMultiplier;

    private @Nullable PrivacyGuarantee target;
    private @Nullable Long seed;
    private @Nullable Path ledger;
    private @Nullable PrivacyLedgerKey ledgerKey;
    private @Nullable Path keptNoise;
    private boolean continuing;

    private DpSgdPlan(Sampling sampling, String sizeName, long examples, long lotSize) {
        Require.positive("examples", examples);
        Require.positive(sizeName, lotSize);
        Require.that(lotSize <= examples, sizeName + " must be at most examples = " + examples + ", was " + lotSize);
        this.sampling = sampling;
        this.examples = examples;
        this.lotSize = lotSize;
        this.maximumLotSize = examples;
        this.relation = sampling.relations().get(0);
    }

    private DpSgdPlan copy() {
        try {
            return (DpSgdPlan) clone();
        } catch (CloneNotSupportedException e) {
            throw new AssertionError(e);
        }
    }

    /** A plan with some parts changed; the only place in which a plan is not yet frozen. */
    private DpSgdPlan with(Consumer<DpSgdPlan> change) {
        DpSgdPlan plan = copy();
        change.accept(plan);
        plan.nominal(0); // refuses parts that exclude each other
        if (!others.isEmpty() && others.equals(plan.others)) {
            requireTermsOfReleases(plan);
        }
        if (plan.ledger != null
                && plan.keptNoise != null
                && plan.ledger
                        .toAbsolutePath()
                        .normalize()
                        .equals(plan.keptNoise.toAbsolutePath().normalize())) {
            throw new IllegalArgumentException(
                    "the file of kept noise must be another one than the ledger, was " + plan.keptNoise);
        }
        if (plan.truncation != null && plan.exampleShape.sequenceLength() > 0) {
            throw new IllegalArgumentException(
                    "sequenceLength must not be declared in a plan with truncated backpropagation through time, whose"
                            + " maximumLength = " + plan.truncation.maximumLength()
                            + " is the length of every sequence, was "
                            + plan.exampleShape.sequenceLength());
        }
        if (plan.noiseMultiplier == null && plan.target != null && plan.steps > 0) {
            plan.noiseMultiplier = NoiseCalibration.to(plan.target)
                    .withAccountant(plan.accountantKind)
                    .noiseMultiplier(sigma -> plan.everything(sigma, plan.steps));
        }
        return plan;
    }

    /** A release that is charged was protected under this plan's relation for one of this plan's unit; what it costs in other terms is not known. */
    private void requireTermsOfReleases(DpSgdPlan changed) {
        Require.that(
                changed.relation == relation,
                "relation must stay that under which the plan was charged with other releases, "
                        + relation + ", was " + changed.relation
                        + ": give the relation before withOtherReleases or chargedTo, and release under it");
        Require.that(
                changed.unit.name().equals(unit.name()),
                "unit must stay that for which the plan was charged with other releases, "
                        + unit.name() + ", was " + changed.unit.name()
                        + ": give the unit before withOtherReleases or chargedTo, and release for it");
    }

    /** The same, for a change of what the noise multiplier is calibrated for: it holds for one event and one accountant only. */
    private DpSgdPlan recalibrated(Consumer<DpSgdPlan> change) {
        return with(plan -> {
            change.accept(plan);
            if (plan.target != null) {
                plan.noiseMultiplier = null;
            }
        });
    }

    private DpSgdPlan withNoise(@Nullable Double sigma, @Nullable PrivacyGuarantee guarantee) {
        return with(plan -> {
            plan.noiseMultiplier = sigma;
            plan.target = guarantee;
        });
    }

    /** The mechanism with another noise multiplier and secret noise; missing parts are filled in. */
    private Mechanism nominal(double sigma) {
        return mechanism(
                clipping == null ? Clipping.flat(1) : clipping, sigma, Math.max(1, steps), OptionalLong.empty());
    }

    private Mechanism mechanism(Clipping kind, double sigma, long lots, OptionalLong ofSeed) {
        return new Mechanism(
                sampling,
                examples,
                lotSize,
                maximumLotSize,
                lotsPerPass,
                relation,
                kind,
                sigma,
                noiseSchedule,
                releasesPerLot(),
                copies,
                unit,
                lots,
                Optional.ofNullable(correlation),
                ofSeed);
    }

    /** The event of the first lots and of all other releases. */
    private DpEvent everything(double sigma, long lots) {
        Mechanism mechanism = nominal(sigma);
        return others.and(mechanism.events(0, mechanism.chargesFor(lots)));
    }

    /** What the releases of one charge are by a kind of clipping, whatever its norm. */
    private DpEvent costsOf(@Nullable Clipping kind) {
        DpSgdPlan plan = copy();
        plan.clipping = kind;
        return plan.nominal(1).event(1);
    }

    /** A plan with no more parts than a mechanism has. */
    static DpSgdPlan of(Mechanism mechanism, boolean singlePass) {
        var plan = new DpSgdPlan(mechanism.sampling(), "lotSize", mechanism.examples(), mechanism.lotSize());
        plan.maximumLotSize = mechanism.maximumLotSize();
        plan.lotsPerPass = mechanism.lotsPerPass();
        plan.relation = mechanism.relation();
        plan.steps = mechanism.steps();
        plan.clipping = mechanism.clipping();
        plan.noiseSchedule = mechanism.noiseSchedule();
        plan.copies = mechanism.copies();
        plan.singlePass = singlePass;
        plan.correlation = mechanism.correlation().orElse(null);
        plan.unit = mechanism.unit();
        plan.noiseMultiplier = mechanism.noiseMultiplier();
        plan.seed = mechanism.seed().isPresent() ? mechanism.seed().getAsLong() : null;
        return plan;
    }

    /**
     * Everything that determines the releases, complete and frozen.
     *
     * @throws IllegalStateException if a part is missing
     */
    public Mechanism mechanism() {
        long lots = steps();
        return mechanism(clipping(), noiseMultiplier(), lots, seed());
    }

    /** This plan as the engine runs it. */
    CompletePlan complete() {
        var released = PlanJson.mechanism(this);
        return new CompletePlan(
                mechanism(),
                others,
                delta(),
                accountantKind,
                target(),
                Optional.ofNullable(truncation),
                exampleShape,
                ledger(),
                keptNoise(),
                continuing,
                Collections.unmodifiableMap(released),
                Collections.unmodifiableMap(PlanJson.toMap(this)),
                toString());
    }

    /**
     * Poisson-sampled lots: every example joins every lot independently with probability {@code q = expectedLotSize /
     * examples}. The relation is {@link NeighboringRelation#ADD_OR_REMOVE_ONE}, or {@link NeighboringRelation#ZERO_OUT} by {@link #withRelation}, and privacy is amplified by the sampling.
     *
     * @param examples number of examples, at least 1: a constant that is known without counting the private data. If it is their exact count, use {@code withRelation(NeighboringRelation.ZERO_OUT)}, under
     *     which it may also be any larger number: examples that are missing are empty ones
     * @param expectedLotSize expected number of examples of a lot, from 1 to {@code examples}
     * @throws IllegalArgumentException if {@code examples < 1} or {@code expectedLotSize} is not in {@code [1, examples]}
     */
    public static DpSgdPlan poisson(long examples, long expectedLotSize) {
        return new DpSgdPlan(Sampling.POISSON, "expectedLotSize", examples, expectedLotSize);
    }

    /**
     * Lots of exactly {@code lotSize} examples, each drawn uniformly without replacement. The relation is
     * {@link NeighboringRelation#REPLACE_ONE}, and privacy is amplified by the sampling.
     *
     * @param examples number of examples of the data set, a public constant, at least 1; the data must have exactly as many
     * @param lotSize number of examples of a lot, from 1 to {@code examples}
     * @throws IllegalArgumentException if {@code examples < 1} or {@code lotSize} is not in {@code [1, examples]}
     */
    public static DpSgdPlan fixedSize(long examples, long lotSize) {
        return new DpSgdPlan(Sampling.FIXED_SIZE, "lotSize", examples, lotSize);
    }

    /**
     * Lots by random allocation: in every pass, each example joins exactly one of the pass's {@code lotsPerPass} lots, drawn uniformly by a coin of its own. An epoch is an epoch, lots are of nearly one size, and
     * less noise is needed than with Poisson lots of the same mean size. The relation is {@link NeighboringRelation#ADD_OR_REMOVE_ONE}, or {@link NeighboringRelation#ZERO_OUT} by {@link #withRelation}.
     *
     * <p>A pass costs one {@code RandomAllocation} event, charged when its first lot is released, however many of its lots follow. A run that stops in the middle of a pass and is taken up again draws the
     * rest of that pass anew and is charged another pass for it, out of the plan's: stop at the end of a pass. The accountant is {@link AccountantKind#PLD}. Not for shuffled data, and not for a cluster.
     *
     * <p>Source: Feldman and Shenfeld, Privacy Amplification by Random Allocation, 2025 (arXiv 2502.08202); for the accounting, 2026 (arXiv 2602.17284).
     *
     * @param examples number of examples of the data set, a public constant, at least 1
     * @param lotsPerPass number of lots of a pass, a public constant, at least 1; the divisor of every sum is {@code examples / lotsPerPass}, rounded, at least 1
     * @throws IllegalArgumentException if {@code examples < 1} or {@code lotsPerPass < 1}
     */
    public static DpSgdPlan randomAllocation(long examples, long lotsPerPass) {
        Require.positive("examples", examples);
        Require.positive("lotsPerPass", lotsPerPass);
        var plan = new DpSgdPlan(
                Sampling.RANDOM_ALLOCATION, "lotSize", examples, Mechanism.allocatedLotSize(examples, lotsPerPass));
        plan.lotsPerPass = lotsPerPass;
        return plan;
    }

    /**
     * The batches of your own iterator, in its order: {@code engine.lots(iterator)}. The relation is
     * {@link NeighboringRelation#ZERO_OUT}, or {@link NeighboringRelation#REPLACE_ONE} by {@link #withRelation}; nothing is amplified, and a
     * pass costs one Gaussian release. Assumed: an example appears at most once in a pass, and the order does not depend on the data.
     *
     * @param examples number of examples of a pass at most, a public constant, at least 1
     * @param batchSize number of examples of a full batch, from 1 to {@code examples}: the divisor of every sum
     * @throws IllegalArgumentException if {@code examples < 1} or {@code batchSize} is not in {@code [1, examples]}
     */
    public static DpSgdPlan givenBatches(long examples, long batchSize) {
        return new DpSgdPlan(Sampling.GIVEN_BATCHES, "batchSize", examples, batchSize);
    }

    /**
     * A stream: data that come once, in an order of their own, as batches of your own iterator ({@code engine.lots(iterator)}). It is one pass of {@link #givenBatches}: its epsilon is fixed beforehand, for as many examples as it may have, and
     * there is no number of passes. Its length is {@code ceil(examples / batchSize)} steps; {@link #withSteps} makes it shorter. Best with {@link #withCorrelatedNoise}, with which a run that ends early costs less. Assumed: an example comes once.
     *
     * @param examples the most examples of the stream, a public constant, at least 1; the run ends there
     * @param batchSize number of examples of a full batch, from 1 to {@code examples}: the divisor of every sum
     * @throws IllegalArgumentException if {@code examples < 1} or {@code batchSize} is not in {@code [1, examples]}
     */
    public static DpSgdPlan singlePass(long examples, long batchSize) {
        DpSgdPlan plan = givenBatches(examples, batchSize);
        plan.singlePass = true;
        plan.steps = Mechanism.lotsAfter(1, examples, batchSize);
        return plan;
    }

    /**
     * The neighboring relation of the guarantee; it changes neither the noise nor the lots.
     *
     * <p>For Poisson lots it states how the number of examples is known. {@link NeighboringRelation#ADD_OR_REMOVE_ONE}, the usual one, hides whether an example was in the data, and so how many there are: {@link
     * #examples()} must be a constant that was known without counting them. Where it is the exact number of the private examples, the guarantee is that of {@link NeighboringRelation#ZERO_OUT}: it hides
     * the content of every example, and the number is public. Both have the same epsilon ({@link Sampling#POISSON} has the proof).
     *
     * @throws IllegalArgumentException if the cost of this kind of sampling is not known under {@code relation}, or the plan is calibrated to a
     *     guarantee under another one
     */
    public DpSgdPlan withRelation(NeighboringRelation relation) {
        requireKnownCost("relation", relation);
        if (target != null && target.relation() != relation) {
            throw new IllegalArgumentException("relation must be that of the guarantee the plan is calibrated to, "
                    + target.relation() + ", was " + relation + "; calibrate to new PrivacyGuarantee(epsilon, delta, "
                    + relation + ")");
        }
        return with(plan -> {
            plan.relation = relation;
            plan.relationGiven = true;
        });
    }

    /**
     * Poisson lots of at most so many examples: a larger sample is cut down to a uniformly drawn part of it, so that memory and time of a step are bounded. The relation is {@link
     * NeighboringRelation#ZERO_OUT} then, the data must not have more examples than the plan, and the accountant is {@link AccountantKind#PLD}. Choose a maximum that is rarely reached, four standard
     * deviations {@code sqrt(expectedLotSize)} above the expected size: the cost is that of plain Poisson lots then. Calibrate after this.
     *
     * <p>Source: Ganesh, 2025 (arXiv 2508.15089); Chua et al., 2024 (arXiv 2411.04205), section 3.
     *
     * @param examples from the expected lot size to the number of examples, which is no maximum
     * @throws IllegalArgumentException if it is out of this range, the lots are not Poisson-sampled, or the plan is calibrated to a guarantee under another relation
     */
    public DpSgdPlan withMaximumLotSize(long examples) {
        NeighboringRelation kept = relationFor(
                examples < this.examples, correlation != null, "lots of a maximum size", "withMaximumLotSize");
        return recalibrated(plan -> {
            plan.maximumLotSize = examples;
            plan.relation = kept;
        });
    }

    /**
     * The length of the run in passes over the data set: {@code ceil(epochs * examples / expectedLotSize)} steps, or {@code epochs} times the lots of a pass for {@link #randomAllocation}.
     *
     * @throws IllegalArgumentException if {@code epochs < 1}
     */
    public DpSgdPlan withEpochs(int epochs) {
        Require.positive("epochs", epochs);
        Require.that(
                !singlePass,
                "a plan of data that come once must have no number of epochs, was " + epochs
                        + "; use DpSgdPlan.givenBatches for data that are read several times");
        return withSteps(nominal(0).lotsAfter(epochs));
    }

    /**
     * The length of the run in steps (lots).
     *
     * @throws IllegalArgumentException if {@code steps < 1}
     */
    public DpSgdPlan withSteps(long steps) {
        Require.positive("steps", steps);
        if (singlePass && steps > Mechanism.lotsAfter(1, examples, lotSize)) {
            throw new IllegalArgumentException("steps must be at most " + Mechanism.lotsAfter(1, examples, lotSize)
                    + " for " + examples + " examples that come once, in batches of " + lotSize + ", was " + steps);
        }
        return recalibrated(plan -> plan.steps = steps);
    }

    /**
     * Flat clipping: the L2 norm {@code C} to which each example's gradient is clipped.
     *
     * @throws IllegalArgumentException if {@code clippingNorm} is not finite and positive
     */
    public DpSgdPlan withClippingNorm(double clippingNorm) {
        return withClipping(Clipping.flat(clippingNorm));
    }

    /**
     * The kind of clipping: flat, per layer, automatic or adaptive. Adaptive clipping releases a noised count beside every sum, which a
     * calibrated noise multiplier then pays for.
     *
     * @throws IllegalArgumentException if the plan is calibrated to a guarantee that the count alone exceeds, or the clipping is adaptive and the plan
     *     has {@link #withTruncatedBackprop}
     */
    public DpSgdPlan withClipping(Clipping clipping) {
        Clipping complete = clipping instanceof Clipping.Adaptive adaptive
                ? adaptive.forLots(lotSize)
                : Objects.requireNonNull(clipping, "clipping");
        // The kind decides on the event, its norm does not.
        boolean isSameEvent = costsOf(complete).equals(costsOf(this.clipping));
        return isSameEvent ? with(plan -> plan.clipping = complete) : recalibrated(plan -> plan.clipping = complete);
    }

    /**
     * The noise multiplier {@code sigma}: the noise on the sum of the clipped gradients has standard deviation {@code sigma * C} in
     * every coordinate. Replaces an earlier {@link #calibratedTo}.
     *
     * @throws IllegalArgumentException if {@code noiseMultiplier} is not finite and positive
     */
    public DpSgdPlan withNoiseMultiplier(double noiseMultiplier) {
        Require.positive("noiseMultiplier", noiseMultiplier);
        return withNoise(noiseMultiplier, null);
    }

    /**
     * The {@code delta} at which epsilon is reported.
     *
     * @throws IllegalArgumentException if {@code delta} is not in {@code (0, 1)}, or the plan is calibrated to a guarantee with another delta
     */
    public DpSgdPlan withDelta(double delta) {
        Require.that(delta > 0 && delta < 1, "delta must be in (0, 1), was " + delta);
        if (target != null && target.delta() != delta) {
            throw new IllegalArgumentException("delta must be that of the guarantee the plan is calibrated to, "
                    + target.delta() + ", was " + delta);
        }
        return with(plan -> plan.delta = delta);
    }

    /**
     * The least noise with which the whole run stays within {@code guarantee}. Replaces an earlier noise multiplier and delta;
     * changing the length or the accountant later calibrates anew.
     *
     * @throws IllegalArgumentException if the sampling has no known cost under the guarantee's relation, {@link #withRelation} gave the plan another one, or no noise reaches it
     */
    public DpSgdPlan calibratedTo(PrivacyGuarantee guarantee) {
        requireKnownCost("guarantee.relation", guarantee.relation());
        Require.that(
                !relationGiven || guarantee.relation() == relation,
                "guarantee.relation must be the relation that the plan was given, "
                        + relation + ", was " + guarantee.relation()
                        + "; calibrate to new PrivacyGuarantee(epsilon, delta, "
                        + relation + ")");
        return with(plan -> {
            plan.relation = guarantee.relation();
            plan.delta = guarantee.delta();
            plan.noiseMultiplier = null;
            plan.target = guarantee;
        });
    }

    private void requireKnownCost(String name, NeighboringRelation relation) {
        var known = Mechanism.relations(sampling, hasMaximumLotSize(), correlation != null);
        Require.that(
                known.contains(relation),
                name + " must be one of " + known + " for " + sampling + " lots, was " + relation);
    }

    /**
     * The accountant that calibrates, reports and stops the run: by default {@link AccountantKind#PLD}, which is tight and needs 3 to 9 % less noise
     * than {@link AccountantKind#RDP}, the moments accountant.
     */
    public DpSgdPlan withAccountant(AccountantKind accountant) {
        Objects.requireNonNull(accountant, "accountant");
        return recalibrated(plan -> plan.accountantKind = accountant);
    }

    /**
     * Noise that changes over the run, by factors of the noise multiplier. A calibrated noise multiplier is calibrated anew, for the schedule as a
     * whole.
     */
    public DpSgdPlan withNoiseSchedule(NoiseSchedule schedule) {
        Objects.requireNonNull(schedule, "schedule");
        return recalibrated(plan -> plan.noiseSchedule = schedule);
    }

    /**
     * Correlated noise: the noise of each step takes back a part of that of earlier steps, so that less of it adds up in the parameters. The noise multiplier is that of the independent draws that noise is mixed from. A calibrated noise multiplier is
     * calibrated anew.
     *
     * <p>With {@link #givenBatches} and {@link #singlePass}, any {@link CorrelatedNoise}. <b>Assumed: every pass has the same order</b>, so that from a lot of an example to its next one there are at least {@code floor(examples / batchSize)} lots; for another
     * order, use {@link #withCorrelatedNoise(CorrelatedNoise, long)}. A pass that is left before it had so many lots is not followed by another one, and a lot of another size than in the pass before, or above the batch size, is refused. Privacy is not amplified: the run costs one Gaussian, of the sensitivity of the matrix for so many passes
     * ({@link io.github.dl4jdp.accountant.CorrelationMatrix}).
     *
     * <p>With {@link #poisson}, matrices with bands only: lot t is drawn from the part of the data set whose examples have the number {@code t - 1} modulo {@code bands}, each with probability {@code bands q}. The relation is {@link NeighboringRelation#ZERO_OUT} then, and
     * T steps cost as much as {@code ceil(T / bands)} compositions of {@code PoissonSampled(bands q, Gaussian)}.
     *
     * <p>A network that is attached again begins its noise anew, because the key of the noise is never stored: what was released before and after are two runs, whose costs add up, and a calibrated plan may end earlier for it. {@link #withNoiseKeptIn} keeps it through
     * a clean stop.
     *
     * <p>Sources: Kairouz et al. 2021 (arXiv 2103.00039), Choquette-Choo et al. 2023 (arXiv 2306.08153), and those at {@link CorrelatedNoise.Strategy}.
     *
     * @throws IllegalArgumentException if the sampling is {@link #fixedSize}, or Poisson with a matrix without bands, with fewer examples than {@code bands} lots or with a maximum lot size; if the clipping is adaptive, the noise changes over the run, or backpropagation
     *     is truncated; if the plan is calibrated to a guarantee under another relation
     */
    public DpSgdPlan withCorrelatedNoise(CorrelatedNoise noise) {
        return withCorrelatedNoise(noise, sampling == Sampling.POISSON ? noise.bands() : examples / lotSize);
    }

    /**
     * As {@link #withCorrelatedNoise(CorrelatedNoise)}, for given batches whose order may change from pass to pass.
     *
     * @param separation from a lot of an example to its next one there are at least so many lots, at least 1: 1 for any order
     * @throws IllegalArgumentException as {@link #withCorrelatedNoise(CorrelatedNoise)}, or if {@code separation < 1}, it is not the number of bands for Poisson lots, or, with more than one pass, it is above the lots of a pass; the last is refused here or by {@link #withSteps} and {@link #withEpochs}, whichever comes later
     */
    public DpSgdPlan withCorrelatedNoise(CorrelatedNoise noise, long separation) {
        var correlated = new Correlation(noise, separation);
        NeighboringRelation kept = relationFor(hasMaximumLotSize(), true, "correlated noise", "withCorrelatedNoise");
        return recalibrated(plan -> {
            plan.correlation = correlated;
            plan.relation = kept;
        });
    }

    /** The relation of a plan whose lots are cut, or whose noise is correlated: the plan's own if their cost is known under it. */
    private NeighboringRelation relationFor(boolean isCut, boolean isCorrelated, String reason, String method) {
        var known = Mechanism.relations(sampling, isCut, isCorrelated);
        NeighboringRelation kept = known.contains(relation) ? relation : known.get(0);
        if (target != null && target.relation() != kept) {
            throw new IllegalArgumentException("the guarantee that the plan is calibrated to must be under " + kept
                    + " for " + reason + ", was under " + target.relation() + "; call " + method
                    + " first, then calibratedTo(new PrivacyGuarantee(epsilon, delta, NeighboringRelation." + kept
                    + "))");
        }
        Require.that(
                !relationGiven || relation == kept,
                "the relation that the plan was given must be " + kept + " for " + reason
                        + ", was " + relation + "; leave out withRelation, or call withRelation(NeighboringRelation."
                        + kept
                        + ")");
        return kept;
    }

    /**
     * Truncated backpropagation through time, for a network of {@code BackpropType.TruncatedBPTT}: DL4J cuts the time series of a lot into {@code k =
     * ceil(maximumLength / segmentLength)} segments and makes an update after each.
     *
     * <p><b>Formal guarantee.</b> Every lot, however long its sequences are and even if it is empty, makes exactly {@code k} releases on one sample: sequences are padded with
     * masked zeros to {@code maximumLength}. Each release is the sum of the examples' gradients on the segment, every one clipped to {@code C},
     * with its own noise. The state that a recurrent layer carries from segment to segment depends only on its own example and on earlier releases. The event of
     * a charge is therefore that of the sampling with {@code SelfComposed(Gaussian(sigma), k)} inside: one sample, not {@code k} sampled events. A
     * lot is charged in full before its first release. The maximum length is a public constant.
     *
     * <p>A lot is one physical batch, whatever its size and {@link ExecutionOptions}, because a segment needs the update of the previous one. DL4J
     * counts each segment as an iteration, and schedules follow that count; {@link #steps()} and {@link PrivacyEngine#steps()} count lots.
     *
     * @param maximumLength time steps of the longest sequence, a public constant, at least 1; a longer sequence is refused before its lot is charged
     * @param segmentLength the network's {@code tBPTTForwardLength}, which must equal its {@code tBPTTBackwardLength}, at least 1
     * @throws IllegalArgumentException if one of them is less than 1, the plan's clipping is adaptive, or it has {@link #withAugmentationMultiplicity}
     */
    public DpSgdPlan withTruncatedBackprop(long maximumLength, long segmentLength) {
        var cut = new Truncation(maximumLength, segmentLength);
        return recalibrated(plan -> plan.truncation = cut);
    }

    /**
     * The number of time steps of every sequence, for data that may be padded to the longest sequence of a batch, from your own iterator or {@link
     * RandomAccessExamples}. Every lot is padded to it, with masked zeros, so that no example depends on the length of others. Features, labels and masks are
     * padded; missing masks are created.
     *
     * <p>Arrays in memory have one length by construction, and networks in which masked padding changes no gradient (LSTM, SimpleRnn and GravesLSTM with
     * RnnOutputLayer, under masks) need none. Where one is needed and not declared, {@code engine.lots} refuses.
     *
     * @param length time steps, a public constant, at least 1: not the length of the longest training sequence; a longer sequence is refused before its lot is charged
     * @throws IllegalArgumentException if {@code length < 1}, or the plan has {@link #withTruncatedBackprop}, which declares it already
     */
    public DpSgdPlan withSequenceLength(long length) {
        return with(plan -> plan.exampleShape = exampleShape.withSequenceLength(length));
    }

    /**
     * The size of every image, for data whose sizes may depend on other images of a batch, from your own iterator or {@link RandomAccessExamples}. A lot of another size is refused. Arrays in memory have one size by construction, and networks that flatten their images accept one only.
     *
     * @param sizes height and width, or depth, height and width, in pixels, public constants, at least 1
     * @throws IllegalArgumentException if there are not two or three, or one is less than 1
     */
    public DpSgdPlan withImageSize(long... sizes) {
        var all = Arrays.stream(sizes).boxed().toList();
        return with(plan -> plan.exampleShape = exampleShape.withImageSize(all));
    }

    /**
     * Augmentation multiplicity: every example of a lot passes through the network as {@code K} randomly changed copies, which {@link
     * PrivacyEngine#lots(org.nd4j.linalg.dataset.api.DataSet, Augmentation) engine.lots(data, augmentation)} makes, and its gradient is the mean of theirs,
     *
     * <pre>
     *   g_i = (1/K) sum over k of the gradient of copy k of example i
     * </pre>
     *
     * <p><b>Formal guarantee.</b> The mean is taken before clipping, and the norm that is clipped is that of the mean: the sensitivity of the sum, the noise and the
     * cost are those of one copy. A step takes about {@code K} times as long.
     *
     * <p>Source: De et al., Unlocking High-Accuracy Differentially Private Image Classification through Scale, 2022 (arXiv 2204.13650), section 3.3.
     *
     * @param copies K, at least 1, a public constant; 1 is no augmentation multiplicity
     * @throws IllegalArgumentException if {@code copies < 1}, or it is more than 1 and the plan has {@link #withTruncatedBackprop} or is for {@link
     *     #givenBatches}
     */
    public DpSgdPlan withAugmentationMultiplicity(int copies) {
        Require.positive("augmentationMultiplicity", copies);
        return with(plan -> plan.copies = copies);
    }

    /**
     * Makes a person, or another owner of rows, the unit of privacy: data come with the owner of each row ({@link GroupedExamples}), and the plan's numbers are numbers of owners.
     *
     * <pre>{@code
     * DpSgdPlan plan = DpSgdPlan.poisson(10_000, 100)   // patients, expected patients of a lot
     *         .withUnit("patient", 16)                  // at most 16 visits of each
     *         ...
     * net.fit(engine.lots(GroupedExamples.of(visits, patientIds)), plan.epochs());
     * }</pre>
     *
     * <p><b>Formal guarantee.</b> Owners are sampled, not rows. Of each one in a lot at most {@code maximumRows} rows are chosen, uniformly and afresh for every lot, by the run's cryptographic stream; the owner's
     * gradient is the mean of theirs,
     *
     * <pre>
     *   g_p = (1/r) sum over the chosen rows j of the gradient of row j,   r = min(rows of p, maximumRows)
     * </pre>
     *
     * and is clipped to {@code C} as one. Adding or removing an owner with all rows moves the sum by {@code C} at most: noise, event and epsilon are those of a plan of as many examples. It is assumed that every row has one
     * owner, the same id standing for the same one.
     *
     * <p>A larger maximum makes an owner's gradient vary less from lot to lot, and takes as much more time; it does not change epsilon. The choice is about time and memory, and must not depend on the data: a unit's rows pass
     * through the network together.
     *
     * @param name the word for one owner in the report and elsewhere, such as "patient" or "household"
     * @param maximumRows the most rows of one owner in a lot, a public constant, at least 1
     * @throws IllegalArgumentException if the name is "example" or not a word, {@code maximumRows < 1}, or the plan has {@link #withTruncatedBackprop} or is for {@link #givenBatches}
     */
    public DpSgdPlan withUnit(String name, int maximumRows) {
        var owner = new PrivacyUnit(name, maximumRows);
        Require.that(
                !name.equals(PrivacyUnit.EXAMPLE.name()),
                "unit must be the word for an owner of rows, was \"example\", which is one row: leave withUnit out");
        return with(plan -> plan.unit = owner);
    }

    /**
     * Other releases about the same data, before the training or beside it: private statistics for normalization, another model. It is
     * charged from the start: calibration, epsilon, ledger and report include it.
     *
     * <p>These releases have no identity. They are taken for releases that were charged before in two cases: this plan continues one of an equal event on its network, or its
     * {@link #withLedger ledger} has an equal event without an identity that the network was not charged with before. Otherwise they are others, and are charged: give each release that several
     * networks share an identity.
     *
     * @param event relative to sensitivities under {@link #relation()} to one {@link #unit}, and of everything that was released without an identity: a second call replaces the
     *     first. Releases of {@link #withOtherRelease} stay charged beside it
     * @throws IllegalArgumentException if the plan is calibrated to a guarantee that {@code event} alone exceeds
     */
    public DpSgdPlan withOtherReleases(DpEvent event) {
        Objects.requireNonNull(event, "event");
        return recalibrated(plan -> plan.others = others.withUnnamed(event));
    }

    /**
     * One more release about the same data, beside those that the plan is charged with already. It has an identity: each one is charged once, however often a plan, a
     * model or a ledger meets it, and another release of the same kind is charged again. {@code ReleasedNormalization.chargedTo} does this.
     *
     * <p>A network or ledger that has another event under this identity refuses the plan.
     *
     * @param identity 1 to 64 letters, digits or hyphens, drawn at random when the release was made
     * @param event what was released, relative to sensitivities under {@link #relation()}
     * @throws IllegalArgumentException if {@code identity} is not of that form or names another event of this plan, or the plan is calibrated to a guarantee that its
     *     earlier releases alone exceed
     */
    public DpSgdPlan withOtherRelease(String identity, DpEvent event) {
        if (!identity.matches("[A-Za-z0-9-]{1,64}")) {
            throw new IllegalArgumentException(
                    "identity must be 1 to 64 letters, digits or hyphens, was \"" + identity + "\"");
        }
        DpEvent known = others.identified().get(identity);
        if (known != null && !known.equals(event)) {
            throw new IllegalArgumentException(
                    "event must equal the plan's event for the release " + identity + ", " + known + ", was " + event);
        }
        Objects.requireNonNull(event, "event");
        return known != null ? this : recalibrated(plan -> plan.others = others.with(identity, event));
    }

    /**
     * Draws noise and lots from a seeded generator so that a run can be repeated. For tests only: an adversary who knows the seed can subtract the
     * noise, so the report marks the run as not private, and the epsilon of the network is infinite from then on, however it is trained later.
     */
    public DpSgdPlan withSeed(long seed) {
        return with(plan -> plan.seed = seed);
    }

    /**
     * Keeps a ledger of what is spent: an append-only file, flushed before each release. With it, the epsilon that is reported
     * holds through crashes, restarts and checkpoints; without it, epsilon covers only the steps that the model itself records.
     *
     * @param file the ledger; created if it is not there and the model is new
     */
    public DpSgdPlan withLedger(Path file) {
        Objects.requireNonNull(file, "file");
        return with(plan -> plan.ledger = file);
    }

    /** This plan charged with nothing else: for the runs of a search, which charges it once for all. */
    DpSgdPlan withoutOtherReleases() {
        return recalibrated(plan -> plan.others = OtherReleases.NONE);
    }

    /** This plan without a ledger: for the runs of a search, whose number a ledger would give away. */
    DpSgdPlan withoutLedger() {
        return with(plan -> {
            plan.ledger = null;
            plan.ledgerKey = null;
            plan.keptNoise = null;
        });
    }

    /**
     * Signs every line of the ledger: {@code plan.withLedger(file).signedBy(privateKey)}. Who has the public key, and not from this machine, can verify by {@code PrivacyLedgerHistory.read(file, publicKey)} or {@code
     * dl4j-dp-accountant verify} that no line was altered, inserted or removed in the middle. It does not show that lines were cut off at the end, and protects from nobody who has the private key: see
     * docs/threat-model.md. The key is not stored with the model: {@code attach} needs a plan that has it each time, and refuses a ledger of another key.
     *
     * @param privateKey an Ed25519 key of the JDK, of {@code KeyPairGenerator.getInstance("Ed25519")}
     * @throws IllegalStateException if the plan has no ledger
     * @throws IllegalArgumentException if it is another kind of key, or its bytes cannot be read
     */
    public DpSgdPlan signedBy(PrivateKey privateKey) {
        return signedBy(PrivacyLedgerKey.of(privateKey));
    }

    /** As {@link #signedBy(PrivateKey)}, for a private key whose bytes cannot be read: {@code PrivacyLedgerKey.of(privateKey, publicKey)}. */
    public DpSgdPlan signedBy(PrivacyLedgerKey key) {
        if (ledger == null) {
            throw new IllegalStateException("the plan has no ledger to sign: call withLedger first");
        }
        Objects.requireNonNull(key, "key");
        return with(plan -> plan.ledgerKey = key);
    }

    /**
     * Keeps correlated noise through a clean stop: {@code engine.close()} leaves what later noise is mixed with in a file, and the next {@code attach} of this plan takes it from there, removes the file, and goes on with the noise as if it had not
     * stopped. The run is then charged as one. Without the file, after a crash say, the noise begins anew, and both parts are charged.
     *
     * <p><b>The file is as secret as the data:</b> who reads it can take the noise off the last releases. It is made for its owner alone (rw-------), and refused if others can read it; keep it off backups and shared folders. No draw is ever used for a second lot: the file has draws that
     * were made, not the key of those to come. A file of another plan, network or version of the library is refused, as is one where the ledger does not end with the stop that it is of: {@link #withLedger} is needed. Given batches must be stopped at the end of a pass; the
     * next engine reads a new one, or the rest of the stream of {@link #singlePass}.
     *
     * @param file in a folder that exists, on a file system with owners and permissions
     * @throws IllegalStateException from {@code attach}, if the plan has no correlated noise, no ledger, or a seed
     */
    public DpSgdPlan withNoiseKeptIn(Path file) {
        Objects.requireNonNull(file, "file");
        return with(plan -> plan.keptNoise = file);
    }

    /**
     * Lets this plan continue another one: attached to a network, or to a ledger, that was trained under a plan with other noise, clipping, lots or
     * length, it continues from there. Earlier charges stay as they were, and epsilon covers everything together. A
     * plan that is {@link #calibratedTo} a guarantee ends before the step with which everything together would exceed it. {@link #steps()} counts from
     * the change. The relation must stay. Calibration looks at this plan alone: to use a budget to its end, find the noise multiplier by {@link
     * NoiseCalibration} over this plan's event composed with {@link PrivacyReport#spent()} of the run before.
     *
     * <p>Without this, a network under another plan is refused: a setting that changed by mistake would go unnoticed.
     */
    public DpSgdPlan continuing() {
        return with(plan -> plan.continuing = true);
    }

    /** This plan once it runs: from now on it is the one that the network carries. */
    DpSgdPlan settled() {
        return continuing ? with(plan -> plan.continuing = false) : this;
    }

    /** No noise: {@code sigma = 0} and an infinite epsilon. The only way to switch the noise off. */
    public DpSgdPlan withoutNoise() {
        return withNoise(0.0, null);
    }

    /** This plan, its noise multiplier having been calibrated to a guarantee when it was stored. */
    DpSgdPlan withStoredTarget(double epsilon) {
        return withNoise(noiseMultiplier, new PrivacyGuarantee(epsilon, delta(), relation));
    }

    /** The number of examples of the data set, a constant; with {@link #withUnit}, that of the owners of rows. */
    public long examples() {
        return examples;
    }

    /** The expected number of examples of a lot: the divisor of the noised sum, never the realized size. */
    public long expectedLotSize() {
        return lotSize;
    }

    /** The probability {@code q} with which an example joins a lot. */
    public double samplingProbability() {
        return nominal(0).samplingProbability();
    }

    /**
     * The number of steps (lots) of the run.
     *
     * @throws IllegalStateException if neither {@link #withEpochs} nor {@link #withSteps} was called
     */
    public long steps() {
        if (steps == 0) {
            throw new IllegalStateException("the plan has no length: call withEpochs or withSteps");
        }
        return steps;
    }

    /**
     * The number of passes over the data set, the last one possibly short: what {@code net.fit(lots, epochs)} takes.
     *
     * @throws IllegalStateException if the plan has no length
     */
    public int epochs() {
        return Math.toIntExact(nominal(0).passOf(steps()));
    }

    /**
     * How gradients are clipped.
     *
     * @throws IllegalStateException if neither {@link #withClippingNorm} nor {@link #withClipping} was called
     */
    public Clipping clipping() {
        if (clipping == null) {
            throw new IllegalStateException("the plan has no clipping norm: call withClippingNorm or withClipping");
        }
        return clipping;
    }

    /**
     * The clipping norm {@code C}, with adaptive clipping that of the first lot.
     *
     * @throws IllegalStateException if neither {@link #withClippingNorm} nor {@link #withClipping} was called
     */
    public double clippingNorm() {
        return clipping().norm();
    }

    /**
     * The noise multiplier {@code sigma}, given or calibrated; 0 only after {@link #withoutNoise}.
     *
     * @throws IllegalStateException if the plan has neither a noise multiplier nor both a guarantee and a length
     */
    public double noiseMultiplier() {
        if (noiseMultiplier == null) {
            throw new IllegalStateException(
                    target == null
                            ? "the plan has no noise multiplier: call withNoiseMultiplier, calibratedTo or withoutNoise"
                            : "the plan has a guarantee but no length to calibrate for: call withEpochs or withSteps");
        }
        return noiseMultiplier;
    }

    /**
     * The delta at which epsilon is reported.
     *
     * @throws IllegalStateException if neither {@link #withDelta} nor {@link #calibratedTo} was called
     */
    public double delta() {
        if (delta == 0) {
            throw new IllegalStateException("the plan has no delta: call withDelta or calibratedTo");
        }
        return delta;
    }

    /** What the guarantee protects as one: "example", or the name given by {@link #withUnit}. */
    public String unit() {
        return unit.name();
    }

    /** The most rows of one unit in a lot: 1, or as given by {@link #withUnit}. */
    public int maximumRows() {
        return unit.maximumRows();
    }

    PrivacyUnit privacyUnit() {
        return unit;
    }

    /** The neighboring relation under which the plan's guarantee holds, between data sets that differ in one {@link #unit}. */
    public NeighboringRelation relation() {
        return relation;
    }

    /** How lots are drawn. */
    public Sampling sampling() {
        return sampling;
    }

    /** The accountant that calibrates, reports and stops the run. */
    public AccountantKind accountantKind() {
        return accountantKind;
    }

    /** The guarantee that the noise is calibrated to; empty if the noise multiplier was given. */
    public Optional<PrivacyGuarantee> target() {
        return Optional.ofNullable(target);
    }

    /** The seed of a repeatable run, which is not private; empty in a private run. */
    public OptionalLong seed() {
        return seed == null ? OptionalLong.empty() : OptionalLong.of(seed);
    }

    /** The file of the privacy ledger, if the plan has one. */
    public Optional<Path> ledger() {
        return Optional.ofNullable(ledger);
    }

    /** The file in which correlated noise is kept through a clean stop, if it is, see {@link #withNoiseKeptIn}. */
    public Optional<Path> keptNoise() {
        return Optional.ofNullable(keptNoise);
    }

    /** The key that signs the ledger, if one does. */
    Optional<PrivacyLedgerKey> ledgerKey() {
        return Optional.ofNullable(ledgerKey);
    }

    /** Whether the plan may follow on another one, see {@link #continuing()}. */
    boolean isContinuing() {
        return continuing;
    }

    /** Whether two plans release the same: they may differ in where the ledger lies. */
    public boolean isSameMechanismAs(DpSgdPlan other) {
        return PlanJson.mechanism(this).equals(PlanJson.mechanism(other));
    }

    /** Whether the run is private at all: it has noise, and the noise does not come from a seed. */
    public boolean isPrivate() {
        return noiseMultiplier() > 0 && seed == null;
    }

    /** How the noise changes over the run: by default {@link NoiseSchedule#CONSTANT}, see {@link #withNoiseSchedule}. */
    public NoiseSchedule noiseSchedule() {
        return noiseSchedule;
    }

    /** The correlated noise of {@link #withCorrelatedNoise}; empty for independent noise. */
    public Optional<CorrelatedNoise> correlatedNoise() {
        return Optional.ofNullable(correlation).map(Correlation::noise);
    }

    /** Whether the data come once, see {@link #singlePass}. */
    public boolean isSinglePass() {
        return singlePass;
    }

    /** Whether lots are cut, see {@link #withMaximumLotSize}. */
    boolean hasMaximumLotSize() {
        return maximumLotSize < examples;
    }

    /** How lots share noise, if they do. */
    Optional<Correlation> correlation() {
        return Optional.ofNullable(correlation);
    }

    /**
     * The noised sums released about one lot: 1, or the number of segments with {@link #withTruncatedBackprop}. The event of a charge
     * includes them all.
     */
    public long releasesPerLot() {
        return truncation == null ? 1 : truncation.segments();
    }

    /** How time series are cut, or null if they are not. */
    @Nullable
    Truncation truncation() {
        return truncation;
    }

    /** The time steps of every sequence once it is padded, see {@link #withSequenceLength}; 0 if none are declared. */
    public long sequenceLength() {
        return exampleShape.sequenceLength();
    }

    /** The public sizes of an example. */
    ExampleShape exampleShape() {
        return exampleShape;
    }

    /** The number of copies of each example of a lot, see {@link #withAugmentationMultiplicity}; 1 unless that was called. */
    public int augmentationMultiplicity() {
        return copies;
    }

    /** What else is released about the same data, see {@link #withOtherReleases}; a {@code NoOp} if nothing is. */
    public DpEvent otherReleases() {
        return others.all();
    }

    /**
     * The event of one charge, what an accountant composes: for each lot, or for each pass of random allocation or over the user's own iterator.
     *
     * @throws IllegalStateException if the plan's noise changes over the run: use {@link #stepEvent(long)}
     */
    public DpEvent stepEvent() {
        if (correlation != null) {
            throw new IllegalStateException(
                    "the plan's noise is correlated, so that lots differ in what they add to the cost:"
                            + " ask for the event of one charge, stepEvent(charge), or for event() of the run");
        }
        Require.state(
                noiseSchedule.isConstant(),
                "the plan's noise changes over the run, by a schedule of " + noiseSchedule.describe()
                        + ": ask for the event of one charge, stepEvent(charge)");
        return stepEvent(1);
    }

    /**
     * The event of one charge.
     *
     * @param charge its number, from 1: that of the lot, or of the pass of random allocation or over the user's own iterator
     * @throws IllegalArgumentException if {@code charge < 1}
     */
    public DpEvent stepEvent(long charge) {
        return nominal(noiseMultiplier()).event(charge);
    }

    /** What else is released about the same data. */
    OtherReleases others() {
        return others;
    }

    /** The event of everything: each charge of the run, and {@link #otherReleases()}. */
    public DpEvent event() {
        return everything(noiseMultiplier(), steps());
    }

    /** A fresh accountant of the plan's kind and relation. */
    public PrivacyAccountant newAccountant() {
        return accountantKind.create(relation);
    }

    /** The epsilon of {@code steps} steps of this plan and of {@link #otherReleases()}, at {@link #delta()}; infinite with a seed, which an adversary may know. */
    public double epsilonAfter(long steps) {
        Require.that(steps >= 0, "steps must be at least 0, was " + steps);
        if (steps == 0 && others.isEmpty()) {
            return 0;
        }
        return seed != null && steps > 0
                ? Double.POSITIVE_INFINITY
                : newAccountant().compose(everything(noiseMultiplier(), steps)).epsilon(delta());
    }

    /** The guarantee of the whole run. */
    public PrivacyGuarantee guarantee() {
        return new PrivacyGuarantee(epsilonAfter(steps()), delta(), relation());
    }

    /** Throws unless every part is there, naming the first that is missing. */
    void requireComplete() {
        steps();
        clippingNorm();
        noiseMultiplier();
        delta();
        if (keptNoise != null && (correlation == null || ledger == null || seed != null)) {
            throw new IllegalStateException(
                    "noise is kept in " + keptNoise
                            + (correlation == null
                                    ? ", but it is independent, and nothing of it is needed later: leave withNoiseKeptIn out"
                                    : ledger == null
                                            ? ", but the plan has no ledger, which tells how much of it was released: call withLedger"
                                            : ", but it comes from a seed, from which it is drawn again: leave withNoiseKeptIn out"));
        }
        var accountant = newAccountant();
        if (!accountant.supports(event())) {
            // Refuses it by the name of the part that cannot be bounded.
            accountant.compose(event());
        }
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof DpSgdPlan that
                && toString().equals(that.toString())
                && others.equals(that.others)
                && Objects.equals(target, that.target)
                && Objects.equals(ledger, that.ledger)
                && Objects.equals(keptNoise, that.keptNoise)
                && continuing == that.continuing;
    }

    @Override
    public int hashCode() {
        return toString().hashCode();
    }

    /** All parts that decide on what is released. */
    @Override
    public String toString() {
        return "DpSgdPlan[" + sampling + ", examples=" + examples + ", expectedLotSize=" + lotSize
                + (hasMaximumLotSize() ? ", maximumLotSize=" + maximumLotSize : "")
                + (lotsPerPass > 0 ? ", lotsPerPass=" + lotsPerPass : "") + ", steps=" + steps
                + ", clipping=" + (clipping == null ? "none" : clipping.describe()) + ", noiseMultiplier="
                + noiseMultiplier
                + (noiseSchedule.isConstant() ? "" : " times " + noiseSchedule.describe())
                + (correlation == null ? "" : ", correlatedNoise=" + correlation.describe())
                + (singlePass ? ", singlePass" : "")
                + (others.isEmpty() ? "" : ", earlierReleases=" + others.all())
                + (truncation == null ? "" : ", truncatedBackprop=" + truncation.describe())
                + (exampleShape.equals(ExampleShape.NONE) ? "" : ", exampleShape=" + exampleShape.describe())
                + (copies == 1 ? "" : ", augmentationMultiplicity=" + copies)
                + (unit.isGroup() ? ", unit=" + unit.name() + ", maximumRows=" + unit.maximumRows() : "")
                + ", delta=" + delta
                + ", relation=" + relation + ", accountant=" + accountantKind
                + (seed == null ? "]" : ", seed=" + seed + "]");
    }
}
