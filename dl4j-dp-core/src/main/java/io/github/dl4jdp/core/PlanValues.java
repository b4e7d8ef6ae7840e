// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The values of a {@link DpSgdPlan}, complete or not; 0 and null stand for "not given yet".
 *
 * @param noiseSchedule factors of the noise multiplier, by charge
 * @param earlier what else was released about the same data, all of it
 * @param otherEarlier the part of it that has no identity
 * @param releases the part of it that has, by identity
 * @param exampleShape public sizes of an example
 * @param truncation how time series are cut for truncated backpropagation through time
 * @param augmentationMultiplicity copies of each example of a lot; 1 without augmentation multiplicity
 * @param noiseMultiplier given or calibrated
 * @param target the guarantee that the noise multiplier is calibrated to
 * @param ledger file of the privacy ledger
 * @param continuing whether it may follow on another plan
 */
record PlanValues(
        Sampling sampling,
        long examples,
        long lotSize,
        NeighboringRelation relation,
        long steps,
        @Nullable Clipping clipping,
        double delta,
        AccountantKind accountantKind,
        NoiseSchedule noiseSchedule,
        DpEvent earlier,
        DpEvent otherEarlier,
        Map<String, DpEvent> releases,
        @Nullable Truncation truncation,
        ExampleShape exampleShape,
        int augmentationMultiplicity,
        @Nullable Double noiseMultiplier,
        @Nullable PrivacyGuarantee target,
        @Nullable Long seed,
        @Nullable Path ledger,
        boolean continuing) {

    PlanValues {
        releases = Collections.unmodifiableMap(new LinkedHashMap<>(releases));
        if (truncation != null && clipping instanceof Clipping.Adaptive) {
            throw new IllegalArgumentException(
                    "clipping must not be adaptive in a plan with truncated backpropagation through time, whose segments have gradients of"
                            + " different sizes and would each release a count; use Clipping.flat, perLayer or automatic, was "
                            + clipping.describe());
        }
        if (truncation != null && exampleShape.sequenceLength() > 0) {
            throw new IllegalArgumentException(
                    "sequenceLength must not be declared in a plan with truncated backpropagation through time, whose"
                            + " maximumLength = " + truncation.maximumLength()
                            + " is the length of every sequence, was "
                            + exampleShape.sequenceLength());
        }
        requirePositive("augmentationMultiplicity", augmentationMultiplicity);
        if (augmentationMultiplicity > 1 && truncation != null) {
            throw new IllegalArgumentException(
                    "augmentationMultiplicity must be 1 in a plan with truncated backpropagation through time, was "
                            + augmentationMultiplicity);
        }
        if (augmentationMultiplicity > 1 && sampling == Sampling.OWN_ITERATOR) {
            throw new IllegalArgumentException(
                    "augmentationMultiplicity must be 1 in a plan for your own iterator, whose examples the engine does not copy, was "
                            + augmentationMultiplicity + "; use DpSgdPlan.poisson or fixedSize");
        }
    }

    static PlanValues of(Sampling sampling, long examples, long lotSize) {
        return new PlanDraft(sampling, examples, lotSize).freeze();
    }

    /** These values with some changed. */
    private PlanValues with(Consumer<PlanDraft> change) {
        var draft = new PlanDraft(this);
        change.accept(draft);
        return draft.freeze();
    }

    PlanValues withSteps(long value) {
        return with(draft -> {
            draft.steps = value;
            draft.dropCalibration();
        });
    }

    PlanValues withRelation(NeighboringRelation value) {
        return with(draft -> draft.relation = value);
    }

    PlanValues withClipping(Clipping value) {
        Clipping complete = value instanceof Clipping.Adaptive adaptive ? adaptive.forLots(lotSize) : value;
        return with(draft -> {
            draft.clipping = complete;
            // The kind decides on the event, its norm does not.
            if (!releases(1).equals(draft.freeze().releases(1))) {
                draft.dropCalibration();
            }
        });
    }

    PlanValues withDelta(double value) {
        return with(draft -> draft.delta = value);
    }

    PlanValues withAccountant(AccountantKind value) {
        return with(draft -> {
            draft.accountantKind = value;
            draft.dropCalibration();
        });
    }

    PlanValues withNoise(@Nullable Double sigma, @Nullable PrivacyGuarantee guarantee) {
        return with(draft -> {
            draft.noiseMultiplier = sigma;
            draft.target = guarantee;
        });
    }

    PlanValues withNoiseSchedule(NoiseSchedule value) {
        return with(draft -> {
            draft.noiseSchedule = value;
            draft.dropCalibration();
        });
    }

    PlanValues withEarlier(DpEvent value) {
        return with(draft -> {
            draft.earlier = value;
            draft.otherEarlier = value;
            draft.releases = Map.of();
            draft.dropCalibration();
        });
    }

    PlanValues withRelease(String identity, DpEvent value) {
        return with(draft -> {
            var more = new LinkedHashMap<>(draft.releases);
            more.put(identity, value);
            draft.releases = more;
            draft.earlier =
                    draft.earlier instanceof DpEvent.NoOp ? value : new DpEvent.Composed(List.of(draft.earlier, value));
            draft.dropCalibration();
        });
    }

    PlanValues withTruncation(Truncation value) {
        return with(draft -> {
            draft.truncation = value;
            draft.dropCalibration();
        });
    }

    PlanValues withExampleShape(ExampleShape value) {
        return with(draft -> draft.exampleShape = value);
    }

    PlanValues withAugmentationMultiplicity(int value) {
        return with(draft -> draft.augmentationMultiplicity = value);
    }

    PlanValues withSeed(long value) {
        return with(draft -> draft.seed = value);
    }

    PlanValues withLedger(Path value) {
        return with(draft -> draft.ledger = value);
    }

    PlanValues withContinuing(boolean value) {
        return with(draft -> draft.continuing = value);
    }

    /** Charge number {@code charge}, from 1, where the plan's noise multiplier is {@code sigma}. */
    DpEvent charge(double sigma, long charge) {
        return sigma == 0
                ? new DpEvent.NonPrivate()
                : sampling.on(examples, lotSize, releases(sigma * noiseSchedule.factorAt(charge)));
    }

    /** The charges after the first {@code from} up to number {@code to}, those of equal events together. */
    List<DpEvent.SelfComposed> runs(double sigma, long from, long to) {
        var runs = new ArrayList<DpEvent.SelfComposed>();
        for (long done = from; done < to; ) {
            long last = Math.min(to, noiseSchedule.lastOfStage(done + 1));
            runs.add(new DpEvent.SelfComposed(charge(sigma, done + 1), last - done));
            done = last;
        }
        return runs;
    }

    /** {@link #runs} as one event. */
    DpEvent charges(double sigma, long from, long to) {
        var runs = runs(sigma, from, to);
        return runs.size() == 1 ? runs.get(0) : new DpEvent.Composed(List.copyOf(runs));
    }

    /** Everything: what was released besides, and the whole run. */
    DpEvent all(double sigma, long charges) {
        DpEvent run = charges(sigma, 0, charges);
        return earlier instanceof DpEvent.NoOp ? run : new DpEvent.Composed(List.of(earlier, run));
    }

    /** What is released about one sample, with noise of standard deviation {@code sigma * C} on the sum. */
    private DpEvent releases(double sigma) {
        double sensitivity = Sampling.sensitivityInClippingNorms(relation);
        var sum = new DpEvent.Gaussian(sigma / sensitivity);
        if (releasesPerLot() > 1) {
            return new DpEvent.SelfComposed(sum, releasesPerLot());
        }
        return clipping instanceof Clipping.Adaptive adaptive
                ? new DpEvent.Composed(
                        List.of(sum, new DpEvent.Gaussian(2 * adaptive.requireCountNoise() / sensitivity)))
                : sum;
    }

    /** The noised sums about one lot. */
    long releasesPerLot() {
        return truncation == null ? 1 : truncation.segments();
    }

    /** The number of charges of the first {@code lots} lots: as many, or the number of passes they begin. */
    long chargesFor(long lots) {
        return sampling.chargesByPass() && lots > 0 ? passOf(lots) : lots;
    }

    /** The number of lots of the first {@code passes} passes over the data set. */
    long lotsAfter(long passes) {
        return -Math.floorDiv(-Math.multiplyExact(passes, examples), lotSize);
    }

    /** The 1-based pass over the data set that lot number {@code lot} (from 1) belongs to. */
    long passOf(long lot) {
        long pass = Math.max(1, Math.multiplyExact(lot, lotSize) / examples);
        while (lotsAfter(pass) < lot) {
            pass++;
        }
        while (pass > 1 && lotsAfter(pass - 1) >= lot) {
            pass--;
        }
        return pass;
    }

    String describe() {
        return "DpSgdPlan[" + sampling + ", examples=" + examples + ", expectedLotSize=" + lotSize + ", steps=" + steps
                + ", clipping=" + (clipping == null ? "none" : clipping.describe()) + ", noiseMultiplier="
                + noiseMultiplier
                + (noiseSchedule.isConstant() ? "" : " times " + noiseSchedule.describe())
                + (earlier instanceof DpEvent.NoOp ? "" : ", earlierReleases=" + earlier)
                + (truncation == null ? "" : ", truncatedBackprop=" + truncation.describe())
                + (exampleShape.equals(ExampleShape.NONE) ? "" : ", exampleShape=" + exampleShape.describe())
                + (augmentationMultiplicity == 1 ? "" : ", augmentationMultiplicity=" + augmentationMultiplicity)
                + ", delta=" + delta
                + ", relation=" + relation + ", accountant=" + accountantKind
                + (seed == null ? "]" : ", seed=" + seed + "]");
    }

    static long requirePositive(String name, long value) {
        if (value < 1) {
            throw new IllegalArgumentException(name + " must be at least 1, was " + value);
        }
        return value;
    }

    static double requirePositive(String name, double value) {
        if (value > 0 && value < Double.POSITIVE_INFINITY) {
            return value;
        }
        throw new IllegalArgumentException(name + " must be finite and > 0, was " + value);
    }
}
