// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.core.internal.Require;

/**
 * What a release is paid with. Only {@link Charges} makes one, and only {@link PrivateStep} uses it: a release without a charge does not compile.
 *
 * <p>It is recorded when the first release that it pays for is computed and not yet visible, and it pays for no more than the event that was recorded: the releases about one
 * lot, or about the lots of one pass, which together have no more examples than the data set, or are each another lot of the same random allocation.
 */
public final class Charge {
    private final Charges charges;
    private final long number;
    private final long pass;
    private boolean recorded;
    private long releasesOfLot;
    private long examples;
    /** The last lot that it paid for, 0 before the first. */
    private long lastLot;

    Charge(Charges charges, long number, long pass) {
        this.charges = charges;
        this.number = number;
        this.pass = pass;
    }

    /** Its number, from 1. */
    public long number() {
        return number;
    }

    /** The pass over given batches that its lot belongs to, from 1, with correlated noise. */
    long pass() {
        return pass;
    }

    /** Whether it is recorded. */
    public boolean isRecorded() {
        return recorded;
    }

    /** The noise multiplier of the releases that it pays for. */
    double noiseMultiplier() {
        return charges.mechanism().noiseMultiplier(number);
    }

    /**
     * Pays for one release, and records the charge first if it is the first one.
     *
     * @param isFirstOfLot whether it is the first release about its lot
     * @param lot the number of the lot in the run
     * @param examplesOfLot how many examples the lot has
     * @throws IllegalStateException if the charge does not pay for this release
     */
    void pay(boolean isFirstOfLot, long lot, long examplesOfLot) {
        Mechanism mechanism = charges.mechanism();
        boolean byPass = mechanism.chargesByPass();
        Require.state(
                !isFirstOfLot || !recorded || byPass,
                "charge " + number + " pays for one lot, but was used for a second one");
        long examplesSoFar = isFirstOfLot ? Math.addExact(examples, examplesOfLot) : examples;
        if (mechanism.sampling() == Sampling.RANDOM_ALLOCATION && recorded && isFirstOfLot) {
            Require.state(
                    lot > lastLot && mechanism.passOf(lot) == mechanism.passOf(lastLot),
                    "charge " + number + " pays once for each lot of one pass, has paid for lot " + lastLot
                            + ", and was used for lot " + lot);
        } else if (byPass && mechanism.sampling() == Sampling.GIVEN_BATCHES) {
            Require.state(
                    examplesSoFar <= mechanism.examples(),
                    "charge " + number + " pays for a pass over " + mechanism.examples()
                            + " examples, but was used for " + examplesSoFar);
        }
        long releasesSoFar = isFirstOfLot ? 1 : releasesOfLot + 1;
        Require.state(
                releasesSoFar <= mechanism.releasesPerLot(),
                "charge " + number + " pays for " + mechanism.releasesPerLot()
                        + " releases about a lot, but was used for one more");
        if (!recorded) {
            charges.record(this, examplesOfLot);
            recorded = true;
        }
        lastLot = lot;
        examples = examplesSoFar;
        releasesOfLot = releasesSoFar;
    }
}
