// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.NoiseCalibration;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a private training run does and what it costs, in one frozen object.
 *
 * <p>One step of DP-SGD on a lot {@code S} releases
 *
 * <pre>
 *   g = (1/L) ( sum over i in S of min(1, C / ||g_i||) g_i  +  N(0, sigma^2 C^2 I) )
 * </pre>
 *
 * with the clipping norm {@code C}, the noise multiplier {@code sigma} and the <em>expected</em> lot size {@code L}. The
 * sampler, the clipping and the noise of a run read their numbers from the plan, and the accountant composes
 * {@link #event()} of the same plan, so what runs and what is accounted cannot drift apart.
 *
 * <p>A plan is immutable; each {@code with...} returns a new one. It is complete, and can be attached, when it has a length
 * ({@link #withEpochs} or {@link #withSteps}), a clipping norm, a delta and a noise multiplier
 * ({@link #withNoiseMultiplier}, {@link #calibratedTo} or {@link #withoutNoise}).
 *
 * <h2>Formal guarantee</h2>
 *
 * After {@code t} steps the parameters satisfy {@code (epsilon, delta)}-differential privacy under
 * {@link #relation()}, with one example of the training set as the unit of privacy, for every {@code (epsilon, delta)} that a
 * sound accountant gives for {@code t} compositions of {@link #stepEvent()}. The number of examples, the lot
 * size and the number of steps are public constants. The initial parameters are assumed independent of the training data.
 *
 * <p>Source: Abadi et al., Deep Learning with Differential Privacy, CCS 2016, Algorithm 1.
 */
public final class DpSgdPlan extends PlanTerms {
    private DpSgdPlan(PlanValues values) {
        super(calibrated(values));
    }

    /**
     * Poisson-sampled lots: every example joins every lot independently with probability {@code q = expectedLotSize /
     * examples}. The relation is {@link NeighboringRelation#ADD_OR_REMOVE_ONE}, and privacy is amplified by the sampling.
     *
     * @param examples number of examples of the data set, a public constant, at least 1
     * @param expectedLotSize expected number of examples of a lot, from 1 to {@code examples}
     * @throws IllegalArgumentException if {@code examples < 1} or {@code expectedLotSize} is not in {@code [1, examples]}
     */
    public static DpSgdPlan poisson(long examples, long expectedLotSize) {
        return start(Sampling.POISSON, "expectedLotSize", examples, expectedLotSize);
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
        return start(Sampling.FIXED_SIZE, "lotSize", examples, lotSize);
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
    public static DpSgdPlan ownIterator(long examples, long batchSize) {
        return start(Sampling.OWN_ITERATOR, "batchSize", examples, batchSize);
    }

    private static DpSgdPlan start(Sampling sampling, String sizeName, long examples, long lotSize) {
        PlanValues.requirePositive("examples", examples);
        PlanValues.requirePositive(sizeName, lotSize);
        if (lotSize > examples) {
            throw new IllegalArgumentException(
                    sizeName + " must be at most examples = " + examples + ", was " + lotSize);
        }
        return new DpSgdPlan(PlanValues.of(sampling, examples, lotSize));
    }

    /**
     * The neighbouring relation of the guarantee. Replaces nothing else, but a calibrated noise multiplier is calibrated anew.
     *
     * @throws IllegalArgumentException if the cost of this kind of sampling is not known under {@code relation}, or the plan is calibrated to a
     *     guarantee under another one
     */
    public DpSgdPlan withRelation(NeighboringRelation relation) {
        requireKnownCost("relation", relation);
        PrivacyGuarantee target = values.target();
        if (target != null && target.relation() != relation) {
            throw new IllegalArgumentException("relation must be that of the guarantee the plan is calibrated to, "
                    + target.relation() + ", was " + relation);
        }
        return new DpSgdPlan(values.withRelation(relation));
    }

    /**
     * The length of the run in passes over the data set: {@code ceil(epochs * examples / expectedLotSize)} steps.
     *
     * @throws IllegalArgumentException if {@code epochs < 1}
     */
    public DpSgdPlan withEpochs(int epochs) {
        PlanValues.requirePositive("epochs", epochs);
        return new DpSgdPlan(values.withSteps(lotsAfter(epochs)));
    }

    /**
     * The length of the run in steps (lots).
     *
     * @throws IllegalArgumentException if {@code steps < 1}
     */
    public DpSgdPlan withSteps(long steps) {
        return new DpSgdPlan(values.withSteps(PlanValues.requirePositive("steps", steps)));
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
        return new DpSgdPlan(values.withClipping(Objects.requireNonNull(clipping, "clipping")));
    }

    /**
     * The noise multiplier {@code sigma}: the noise on the sum of the clipped gradients has standard deviation {@code sigma * C} in
     * every coordinate. Replaces an earlier {@link #calibratedTo}.
     *
     * @throws IllegalArgumentException if {@code noiseMultiplier} is not finite and positive
     */
    public DpSgdPlan withNoiseMultiplier(double noiseMultiplier) {
        return new DpSgdPlan(values.withNoise(PlanValues.requirePositive("noiseMultiplier", noiseMultiplier), null));
    }

    /**
     * The {@code delta} at which epsilon is reported.
     *
     * @throws IllegalArgumentException if {@code delta} is not in {@code (0, 1)}, or the plan is calibrated to a guarantee with another delta
     */
    public DpSgdPlan withDelta(double delta) {
        if (!(delta > 0 && delta < 1)) {
            throw new IllegalArgumentException("delta must be in (0, 1), was " + delta);
        }
        PrivacyGuarantee target = values.target();
        if (target != null && target.delta() != delta) {
            throw new IllegalArgumentException("delta must be that of the guarantee the plan is calibrated to, "
                    + target.delta() + ", was " + delta);
        }
        return new DpSgdPlan(values.withDelta(delta));
    }

    /**
     * The least noise with which the whole run stays within {@code guarantee}. Replaces an earlier noise multiplier and delta;
     * changing the length or the accountant later calibrates anew.
     *
     * @throws IllegalArgumentException if the sampling has no known cost under the guarantee's relation, or no noise reaches it
     */
    public DpSgdPlan calibratedTo(PrivacyGuarantee guarantee) {
        requireKnownCost("guarantee.relation", guarantee.relation());
        return new DpSgdPlan(values.withRelation(guarantee.relation())
                .withDelta(guarantee.delta())
                .withNoise(null, guarantee));
    }

    private void requireKnownCost(String name, NeighboringRelation relation) {
        var known = values.sampling().relations();
        if (!known.contains(relation)) {
            throw new IllegalArgumentException(
                    name + " must be one of " + known + " for " + values.sampling() + " lots, was " + relation);
        }
    }

    /**
     * The accountant that calibrates, reports and stops the run: {@link AccountantKind#PLD} unless this says otherwise, which is tight and
     * needs 3 to 9 % less noise than {@link AccountantKind#RDP}, the moments accountant.
     */
    public DpSgdPlan withAccountant(AccountantKind accountant) {
        return new DpSgdPlan(values.withAccountant(Objects.requireNonNull(accountant, "accountant")));
    }

    /**
     * Noise that changes over the run, by factors of the noise multiplier. A calibrated noise multiplier is calibrated anew, for the schedule as a
     * whole.
     */
    public DpSgdPlan withNoiseSchedule(NoiseSchedule schedule) {
        return new DpSgdPlan(values.withNoiseSchedule(Objects.requireNonNull(schedule, "schedule")));
    }

    /**
     * Truncated backpropagation through time, for a network of {@code BackpropType.TruncatedBPTT}: DL4J cuts the time series of a lot into {@code k =
     * ceil(maximumLength / segmentLength)} segments and makes an update after each.
     *
     * <p><b>Formal guarantee.</b> Every lot, however long its sequences are and even if it is empty, makes exactly {@code k} releases on one sample: sequences are padded with
     * masked zeros to {@code maximumLength}. Each release is the sum of the examples' gradients on the segment, every one clipped to {@code C},
     * with noise of its own. What a recurrent layer carries from segment to segment depends on its own example and on earlier releases. The event of
     * a charge is therefore that of the sampling with {@code SelfComposed(Gaussian(sigma), k)} inside: one sample, not {@code k} sampled events. A
     * lot is charged in full before its first release. The maximum length is a public constant.
     *
     * <p>A lot is one physical batch, whatever its size and {@link ExecutionOptions} say, since a segment needs the update that the one before made. DL4J
     * counts an iteration a segment, and schedules follow that count; {@link #steps()} and {@link PrivacyEngine#steps()} count lots.
     *
     * @param maximumLength time steps of the longest sequence, a public constant, at least 1; a longer sequence is refused before its lot is charged
     * @param segmentLength the network's {@code tBPTTForwardLength}, which must equal its {@code tBPTTBackwardLength}, at least 1
     * @throws IllegalArgumentException if one of them is less than 1, the plan's clipping is adaptive, or it has {@link #withAugmentationMultiplicity}
     */
    public DpSgdPlan withTruncatedBackprop(long maximumLength, long segmentLength) {
        return new DpSgdPlan(values.withTruncation(new Truncation(maximumLength, segmentLength)));
    }

    /**
     * The number of time steps of every sequence, for data that may come padded to the longest sequence of a batch: from an iterator or a {@link RandomAccessExamples}
     * of your own. Every lot is padded to it, by zeros that masks mark, so that no example sees how long the others are. Features, labels and masks
     * get it; masks are made where there are none.
     *
     * <p>Arrays in memory have one length by construction, and networks in which masked padding changes no gradient (LSTM, SimpleRnn and GravesLSTM with
     * RnnOutputLayer, under masks) need none. Where one is needed and not declared, {@code engine.lots} refuses.
     *
     * @param length time steps, a public constant, at least 1: not the length of the longest training sequence; a longer sequence is refused before its lot is charged
     * @throws IllegalArgumentException if {@code length < 1}, or the plan has {@link #withTruncatedBackprop}, which declares it already
     */
    public DpSgdPlan withSequenceLength(long length) {
        return new DpSgdPlan(values.withExampleShape(values.exampleShape().withSequenceLength(length)));
    }

    /**
     * The size of every image, for data that may come in sizes that depend on other images of a batch: from an iterator or a {@link RandomAccessExamples} of your
     * own. A lot of another size is refused. Arrays in memory have one size by construction, and networks that flatten their images accept one only.
     *
     * @param sizes height and width, or depth, height and width, in pixels, public constants, at least 1
     * @throws IllegalArgumentException if there are not two or three, or one is less than 1
     */
    public DpSgdPlan withImageSize(long... sizes) {
        return new DpSgdPlan(values.withExampleShape(
                values.exampleShape().withImageSize(Arrays.stream(sizes).boxed().toList())));
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
     *     #ownIterator}
     */
    public DpSgdPlan withAugmentationMultiplicity(int copies) {
        return new DpSgdPlan(values.withAugmentationMultiplicity(copies));
    }

    /**
     * What else is released about the same data, before the training or beside it: private statistics for normalisation, another model. It is
     * charged from the start: calibration, epsilon, ledger and report include it.
     *
     * @param event relative to sensitivities under {@link #relation()}, and of everything that was released: a second call replaces the first, and a
     *     plan that follows on another one with an equal event means the same releases
     * @throws IllegalArgumentException if the plan is calibrated to a guarantee that {@code event} alone exceeds
     */
    public DpSgdPlan withEarlierReleases(DpEvent event) {
        return new DpSgdPlan(values.withEarlier(Objects.requireNonNull(event, "event")));
    }

    /**
     * One more release about the same data, beside those that the plan is charged with already. It has an identity: each one is charged once, however often a plan, a
     * model or a ledger meets it, and another release of the same kind is charged again. {@code ReleasedNormalization.chargedTo} does this.
     *
     * @param identity 1 to 64 letters, digits or hyphens, drawn at random when the release was made
     * @param event what was released, relative to sensitivities under {@link #relation()}
     * @throws IllegalArgumentException if {@code identity} is not of that form or names another event of this plan, or the plan is calibrated to a guarantee that its
     *     earlier releases alone exceed
     */
    public DpSgdPlan withEarlierRelease(String identity, DpEvent event) {
        if (!identity.matches("[A-Za-z0-9-]{1,64}")) {
            throw new IllegalArgumentException(
                    "identity must be 1 to 64 letters, digits or hyphens, was \"" + identity + "\"");
        }
        DpEvent known = values.releases().get(identity);
        if (known != null && !known.equals(event)) {
            throw new IllegalArgumentException("event must be the one that the plan has for the release " + identity
                    + ", " + known + ", was " + event);
        }
        return known != null
                ? this
                : new DpSgdPlan(values.withRelease(identity, Objects.requireNonNull(event, "event")));
    }

    /**
     * Draws noise and lots from a seeded generator so that a run can be repeated. For tests: whoever knows the seed can subtract the
     * noise, so the report calls the run not private, and the epsilon of the network is infinite from then on, whatever it is trained with later.
     */
    public DpSgdPlan withSeed(long seed) {
        return new DpSgdPlan(values.withSeed(seed));
    }

    /**
     * Keeps a ledger of what is spent: an append-only file, flushed before each release. With it, the epsilon that is reported
     * holds through crashes, restarts and checkpoints; without it, it is that of the steps which the model at hand knows of.
     *
     * @param file the ledger; created if it is not there and the model is new
     */
    public DpSgdPlan withLedger(Path file) {
        return new DpSgdPlan(values.withLedger(Objects.requireNonNull(file, "file")));
    }

    /**
     * Lets this plan follow on another one: attached to a network, or to a ledger, that was trained under a plan of other noise, clipping, lots or
     * length, it goes on from there. What was spent before stays charged, every charge as what it was, and epsilon is that of everything together. A
     * plan that is {@link #calibratedTo} a guarantee ends before the step with which everything together would exceed it. {@link #steps()} counts from
     * the change. The relation must stay. Calibration looks at this plan alone: to use a budget to its end, find the noise multiplier by {@link
     * NoiseCalibration} over this plan's event composed with {@link PrivacyReport#spent()} of the run before.
     *
     * <p>Without this, a network under another plan is refused: a setting that changed by mistake would go unnoticed.
     */
    public DpSgdPlan continuing() {
        return new DpSgdPlan(values.withContinuing(true));
    }

    /** This plan once it runs: from now on it is the one that the network carries. */
    DpSgdPlan settled() {
        return values.continuing() ? new DpSgdPlan(values.withContinuing(false)) : this;
    }

    /** No noise: {@code sigma = 0} and an infinite epsilon. The only way to switch the noise off. */
    public DpSgdPlan withoutNoise() {
        return new DpSgdPlan(values.withNoise(0.0, null));
    }

    /** This plan, its noise multiplier having been calibrated to {@code guarantee} when it was stored. */
    DpSgdPlan withStoredTarget(PrivacyGuarantee guarantee) {
        return new DpSgdPlan(values.withNoise(values.noiseMultiplier(), guarantee));
    }

    private static PlanValues calibrated(PlanValues values) {
        PrivacyGuarantee target = values.target();
        return values.noiseMultiplier() == null && target != null && values.steps() > 0
                ? values.withNoise(calibrate(values, target), target)
                : values;
    }

    private static double calibrate(PlanValues values, PrivacyGuarantee guarantee) {
        return NoiseCalibration.to(guarantee)
                .withAccountant(values.accountantKind())
                .noiseMultiplier(sigma -> values.all(sigma, values.chargesFor(values.steps())));
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof DpSgdPlan that && values.equals(that.values);
    }

    @Override
    public int hashCode() {
        return values.hashCode();
    }

    @Override
    public String toString() {
        return values.describe();
    }
}
