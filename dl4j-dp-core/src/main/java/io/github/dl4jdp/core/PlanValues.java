// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The values of a {@link DpSgdPlan}, complete or not; 0 and null stand for "not given yet".
 *
 * @param noiseMultiplier given or calibrated
 * @param target the guarantee that the noise multiplier is calibrated to
 * @param ledger file of the privacy ledger
 */
record PlanValues(
        Sampling sampling,
        long examples,
        long lotSize,
        NeighboringRelation relation,
        long steps,
        double clippingNorm,
        double delta,
        AccountantKind accountantKind,
        @Nullable Double noiseMultiplier,
        @Nullable PrivacyGuarantee target,
        @Nullable Long seed,
        @Nullable Path ledger) {

    static PlanValues of(Sampling sampling, long examples, long lotSize) {
        return new PlanValues(
                sampling,
                examples,
                lotSize,
                sampling.relations().get(0),
                0,
                0,
                0,
                AccountantKind.RDP,
                null,
                null,
                null,
                null);
    }

    /** A calibrated noise multiplier holds for one length and one accountant only. */
    private @Nullable Double unlessCalibrated() {
        return target == null ? noiseMultiplier : null;
    }

    PlanValues withSteps(long value) {
        return new PlanValues(
                sampling,
                examples,
                lotSize,
                relation,
                value,
                clippingNorm,
                delta,
                accountantKind,
                unlessCalibrated(),
                target,
                seed,
                ledger);
    }

    PlanValues withRelation(NeighboringRelation value) {
        return new PlanValues(
                sampling,
                examples,
                lotSize,
                value,
                steps,
                clippingNorm,
                delta,
                accountantKind,
                noiseMultiplier,
                target,
                seed,
                ledger);
    }

    PlanValues withClippingNorm(double value) {
        return new PlanValues(
                sampling,
                examples,
                lotSize,
                relation,
                steps,
                value,
                delta,
                accountantKind,
                noiseMultiplier,
                target,
                seed,
                ledger);
    }

    PlanValues withDelta(double value) {
        return new PlanValues(
                sampling,
                examples,
                lotSize,
                relation,
                steps,
                clippingNorm,
                value,
                accountantKind,
                noiseMultiplier,
                target,
                seed,
                ledger);
    }

    PlanValues withAccountant(AccountantKind value) {
        return new PlanValues(
                sampling,
                examples,
                lotSize,
                relation,
                steps,
                clippingNorm,
                delta,
                value,
                unlessCalibrated(),
                target,
                seed,
                ledger);
    }

    PlanValues withNoise(@Nullable Double sigma, @Nullable PrivacyGuarantee guarantee) {
        return new PlanValues(
                sampling,
                examples,
                lotSize,
                relation,
                steps,
                clippingNorm,
                delta,
                accountantKind,
                sigma,
                guarantee,
                seed,
                ledger);
    }

    PlanValues withSeed(long value) {
        return new PlanValues(
                sampling,
                examples,
                lotSize,
                relation,
                steps,
                clippingNorm,
                delta,
                accountantKind,
                noiseMultiplier,
                target,
                value,
                ledger);
    }

    PlanValues withLedger(Path value) {
        return new PlanValues(
                sampling,
                examples,
                lotSize,
                relation,
                steps,
                clippingNorm,
                delta,
                accountantKind,
                noiseMultiplier,
                target,
                seed,
                value);
    }

    /** One charge at noise multiplier {@code sigma}. */
    DpEvent charge(double sigma) {
        return sampling.charge(examples, lotSize, sigma, relation);
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
                + ", clippingNorm=" + clippingNorm + ", noiseMultiplier=" + noiseMultiplier + ", delta=" + delta
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
