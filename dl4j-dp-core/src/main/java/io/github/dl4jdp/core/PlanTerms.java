// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyAccountant;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
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

    /** The event of one charge, what an accountant composes: for each lot, or for each pass over the user's own iterator. */
    public DpEvent stepEvent() {
        double sigma = noiseMultiplier();
        if (sigma == 0) {
            return new DpEvent.NonPrivate();
        }
        return values.charge(sigma);
    }

    /** The event of the whole run: {@link #stepEvent()} composed with itself once for each charge. */
    public DpEvent event() {
        return new DpEvent.SelfComposed(stepEvent(), chargesFor(steps()));
    }

    /** The number of charges of the first {@code lots} lots: as many, or the number of passes they begin. */
    long chargesFor(long lots) {
        return values.chargesFor(lots);
    }

    /** A fresh accountant of the plan's kind and relation. */
    public PrivacyAccountant newAccountant() {
        return values.accountantKind().create(values.relation());
    }

    /** The epsilon of {@code steps} steps of this plan at {@link #delta()}. */
    public double epsilonAfter(long steps) {
        if (steps < 0) {
            throw new IllegalArgumentException("steps must be at least 0, was " + steps);
        }
        return steps == 0
                ? 0
                : newAccountant().compose(stepEvent(), chargesFor(steps)).epsilon(delta());
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
    }
}
