// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyAccountant;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** All that can be read from a {@link DpSgdPlan}, and what it costs; the plan itself adds how it is made. */
abstract sealed class PlanTerms permits DpSgdPlan {
    /** What was given, complete or not. */
    final PlanValues values;

    PlanTerms(PlanValues values) {
        this.values = values;
    }

    /** The number of examples of the data set, a public constant. */
    public long examples() {
        return values.examples();
    }

    /** The expected number of examples of a lot: the divisor of the noised sum, never the realised size. */
    public long expectedLotSize() {
        return values.lotSize();
    }

    /** The probability {@code q} with which an example joins a lot. */
    public double samplingProbability() {
        return (double) values.lotSize() / values.examples();
    }

    /**
     * The number of steps (lots) of the run.
     *
     * @throws IllegalStateException if neither {@link DpSgdPlan#withEpochs} nor {@link DpSgdPlan#withSteps} was called
     */
    public long steps() {
        if (values.steps() == 0) {
            throw new IllegalStateException("the plan has no length: call withEpochs or withSteps");
        }
        return values.steps();
    }

    /**
     * The number of passes over the data set, the last one possibly short: what {@code net.fit(lots, epochs)} takes.
     *
     * @throws IllegalStateException if the plan has no length
     */
    public int epochs() {
        return Math.toIntExact(passOf(steps()));
    }

    /**
     * How gradients are clipped.
     *
     * @throws IllegalStateException if neither {@link DpSgdPlan#withClippingNorm} nor {@link DpSgdPlan#withClipping} was called
     */
    public Clipping clipping() {
        Clipping clipping = values.clipping();
        if (clipping == null) {
            throw new IllegalStateException("the plan has no clipping norm: call withClippingNorm or withClipping");
        }
        return clipping;
    }

    /**
     * The clipping norm {@code C}, with adaptive clipping that of the first lot.
     *
     * @throws IllegalStateException if neither {@link DpSgdPlan#withClippingNorm} nor {@link DpSgdPlan#withClipping} was called
     */
    public double clippingNorm() {
        return clipping().norm();
    }

    /**
     * The noise multiplier {@code sigma}, given or calibrated; 0 only after {@link DpSgdPlan#withoutNoise}.
     *
     * @throws IllegalStateException if the plan has neither a noise multiplier nor both a guarantee and a length
     */
    public double noiseMultiplier() {
        Double noiseMultiplier = values.noiseMultiplier();
        if (noiseMultiplier == null) {
            throw new IllegalStateException(
                    values.target() == null
                            ? "the plan has no noise multiplier: call withNoiseMultiplier, calibratedTo or withoutNoise"
                            : "the plan has a guarantee but no length to calibrate for: call withEpochs or withSteps");
        }
        return noiseMultiplier;
    }

    /**
     * The delta at which epsilon is reported.
     *
     * @throws IllegalStateException if neither {@link DpSgdPlan#withDelta} nor {@link DpSgdPlan#calibratedTo} was called
     */
    public double delta() {
        if (values.delta() == 0) {
            throw new IllegalStateException("the plan has no delta: call withDelta or calibratedTo");
        }
        return values.delta();
    }

    /** The neighbouring relation under which the plan's guarantee holds; the unit of privacy is one example. */
    public NeighboringRelation relation() {
        return values.relation();
    }

    /** How lots are drawn. */
    public Sampling sampling() {
        return values.sampling();
    }

    /** The accountant that calibrates, reports and stops the run. */
    public AccountantKind accountantKind() {
        return values.accountantKind();
    }

    /** The guarantee the noise was calibrated to, or null when the noise multiplier was given. */
    public @Nullable PrivacyGuarantee target() {
        return values.target();
    }

    /** The seed of a repeatable run, which is not private; empty in a private run. */
    public OptionalLong seed() {
        Long seed = values.seed();
        return seed == null ? OptionalLong.empty() : OptionalLong.of(seed);
    }

    /** The file of the privacy ledger, if the plan has one. */
    public Optional<Path> ledger() {
        return Optional.ofNullable(values.ledger());
    }

    /** Whether the plan may follow on another one, see {@link DpSgdPlan#continuing()}. */
    boolean isContinuing() {
        return values.continuing();
    }

    /** Whether two plans release the same: they may differ in where the ledger lies. */
    boolean isSameMechanismAs(DpSgdPlan other) {
        return PlanCodec.mechanism((DpSgdPlan) this).equals(PlanCodec.mechanism(other));
    }

    /** Whether the run is private at all: it has noise, and nobody knows the noise. */
    public boolean isPrivate() {
        return noiseMultiplier() > 0 && values.seed() == null;
    }

    /** How the noise changes over the run: {@link NoiseSchedule#CONSTANT} unless {@link DpSgdPlan#withNoiseSchedule} says otherwise. */
    public NoiseSchedule noiseSchedule() {
        return values.noiseSchedule();
    }

    /** The noise multiplier of charge number {@code charge}, from 1. */
    double noiseMultiplierOf(long charge) {
        return noiseMultiplier() * values.noiseSchedule().factorAt(charge);
    }

    /**
     * The noised sums released about one lot: 1, or the number of segments with {@link DpSgdPlan#withTruncatedBackprop}. The event of a charge
     * includes them all.
     */
    public long releasesPerLot() {
        return values.releasesPerLot();
    }

    /** How time series are cut, or null if they are not. */
    @Nullable
    Truncation truncation() {
        return values.truncation();
    }

    /** The public sizes of an example. */
    ExampleShape exampleShape() {
        return values.exampleShape();
    }

    /** The number of copies of each example of a lot, see {@link DpSgdPlan#withAugmentationMultiplicity}; 1 unless that was called. */
    public int augmentationMultiplicity() {
        return values.augmentationMultiplicity();
    }

    /** What else is released about the same data, see {@link DpSgdPlan#withEarlierReleases}; a {@code NoOp} if nothing is. */
    public DpEvent earlierReleases() {
        return values.earlier();
    }

    /** Whether something else was released. */
    boolean hasEarlierReleases() {
        return !(values.earlier() instanceof DpEvent.NoOp);
    }

    /**
     * The event of one charge, what an accountant composes: for each lot, or for each pass over the user's own iterator.
     *
     * @throws IllegalStateException if the plan's noise changes over the run: use {@link #stepEvent(long)}
     */
    public DpEvent stepEvent() {
        if (!values.noiseSchedule().isConstant()) {
            throw new IllegalStateException("the plan's noise changes over the run, by a schedule of "
                    + values.noiseSchedule().describe() + ": ask for the event of one charge, stepEvent(charge)");
        }
        return stepEvent(1);
    }

    /**
     * The event of one charge.
     *
     * @param charge its number, from 1: that of the lot, or of the pass over the user's own iterator
     * @throws IllegalArgumentException if {@code charge < 1}
     */
    public DpEvent stepEvent(long charge) {
        return values.charge(noiseMultiplier(), PlanValues.requirePositive("charge", charge));
    }

    /** What charge number {@code charge} is, from 1: {@link #stepEvent(long)}, unless its noise comes from a seed that somebody may know. */
    DpEvent chargedEvent(long charge) {
        return values.seed() == null ? stepEvent(charge) : new DpEvent.NonPrivate();
    }

    /** The event of the charges after the first {@code from} up to number {@code to}. */
    DpEvent charges(long from, long to) {
        return values.seed() == null || from == to
                ? values.charges(noiseMultiplier(), from, to)
                : new DpEvent.SelfComposed(new DpEvent.NonPrivate(), to - from);
    }

    /** The charges after the first {@code from} up to number {@code to}, those of equal events together. */
    List<DpEvent.SelfComposed> runs(long from, long to) {
        return values.seed() == null || from == to
                ? values.runs(noiseMultiplier(), from, to)
                : List.of(new DpEvent.SelfComposed(new DpEvent.NonPrivate(), to - from));
    }

    /** The part of {@link #earlierReleases()} that has no identity: equal events mean the same releases. */
    DpEvent otherEarlierReleases() {
        return values.otherEarlier();
    }

    /** The part of {@link #earlierReleases()} that has an identity, by which it is charged once. */
    Map<String, DpEvent> identifiedReleases() {
        return values.releases();
    }

    /** All of {@link #earlierReleases()}, as an account keeps it. */
    Map<String, String> releasesByIdentity() {
        var all = new LinkedHashMap<String, String>();
        if (hasOtherEarlierReleases()) {
            all.put(
                    "equal " + values.otherEarlier().toJson(),
                    values.otherEarlier().toJson());
        }
        values.releases().forEach((identity, event) -> all.put(identity, event.toJson()));
        return all;
    }

    /** Whether something was released that has no identity. */
    boolean hasOtherEarlierReleases() {
        return !(values.otherEarlier() instanceof DpEvent.NoOp);
    }

    /** The event under which a ledger holds a release: unlike that of any charge, whatever was released. */
    static DpEvent chargeOf(DpEvent release) {
        return new DpEvent.Composed(List.of(release));
    }

    /** The events that charges of this plan may have. */
    Set<DpEvent> chargeEvents() {
        return values.noiseSchedule().stages().stream()
                .map(stage -> chargedEvent(stage.from()))
                .collect(Collectors.toSet());
    }

    /** The event of everything: each charge of the run, and {@link #earlierReleases()}. */
    public DpEvent event() {
        return values.all(noiseMultiplier(), chargesFor(steps()));
    }

    /** The number of charges of the first {@code lots} lots: as many, or the number of passes they begin. */
    long chargesFor(long lots) {
        return values.chargesFor(lots);
    }

    /** A fresh accountant of the plan's kind and relation. */
    public PrivacyAccountant newAccountant() {
        return values.accountantKind().create(values.relation());
    }

    /** The epsilon of {@code steps} steps of this plan and of {@link #earlierReleases()}, at {@link #delta()}; infinite with a seed, which somebody may know. */
    public double epsilonAfter(long steps) {
        if (steps < 0) {
            throw new IllegalArgumentException("steps must be at least 0, was " + steps);
        }
        return steps == 0 && !hasEarlierReleases() ? 0 : epsilonOfCharges(chargesFor(steps));
    }

    /** The epsilon of the first {@code charges} charges and of {@link #earlierReleases()}, at {@link #delta()}. */
    double epsilonOfCharges(long charges) {
        return values.seed() != null && charges > 0
                ? Double.POSITIVE_INFINITY
                : newAccountant()
                        .compose(values.all(noiseMultiplier(), charges))
                        .epsilon(delta());
    }

    /** The guarantee of the whole run. */
    public PrivacyGuarantee guarantee() {
        return new PrivacyGuarantee(epsilonAfter(steps()), delta(), relation());
    }

    /** The number of lots of the first {@code passes} passes over the data set. */
    long lotsAfter(long passes) {
        return values.lotsAfter(passes);
    }

    /** The 1-based pass over the data set that lot number {@code lot} (from 1) belongs to. */
    long passOf(long lot) {
        return values.passOf(lot);
    }

    /** Throws unless every part is there, naming the first that is missing. */
    void requireComplete() {
        steps();
        clippingNorm();
        noiseMultiplier();
        delta();
        var accountant = newAccountant();
        if (!accountant.supports(event())) {
            // Refuses it by the name of the part that cannot be bounded.
            accountant.compose(event());
        }
    }
}
