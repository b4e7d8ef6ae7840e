// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.internal.Require;
import io.github.dl4jdp.core.internal.charging.LedgerOpener;
import io.github.dl4jdp.core.internal.charging.PrivacyAccount;
import io.github.dl4jdp.core.internal.charging.Spending;
import io.github.dl4jdp.core.internal.charging.TrainingProgress;
import io.github.dl4jdp.core.internal.plan.CompletePlan;
import io.github.dl4jdp.core.mechanism.Clipping;
import io.github.dl4jdp.core.mechanism.PrivateStep;
import io.github.dl4jdp.core.mechanism.ShardSum;
import io.github.dl4jdp.core.random.RandomStreams;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * DP-SGD for gradients that another framework computes: plan, sampling, accounting, ledger and noise of this library, without a DL4J network.
 *
 * <pre>{@code
 * try (PrivateRelease release = PrivateRelease.of(plan, dimension)) {
 *     while (release.remainingSteps() > 0) {
 *         long[] members = release.nextLot();                       // whose gradients to sum
 *         double[] sum = sumOfClippedGradients(members, release.clippingNorm());
 *         double[] gradient = release.release(sum);                 // (sum + noise) / L
 *         parameters = update(parameters, gradient);
 *     }
 *     System.out.println(release.guarantee());
 * }
 * }</pre>
 *
 * <p>With {@link DpSgdPlan#withUnit} the members are owners of rows: each adds one vector for all of its rows, such as the mean of some of their gradients, clipped as one.
 *
 * <h2>Formal guarantee</h2>
 *
 * What {@link #release} returns satisfies the plan's guarantee if the caller keeps two promises: the sum is over exactly the members of {@link #nextLot}, and each of them adds a vector of Euclidean norm at
 * most {@link #clippingNorm}, a function of that example and of earlier releases alone. Rounding is paid for up to {@code 2^-16} of the clipping norm: sum in double precision. Every release is charged, and is in
 * the plan's ledger, before it is returned. Safe for use by several threads: releases come one after the other. Nothing but what was returned, the plan and the step count may leave the caller.
 */
public final class PrivateRelease implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(PrivateRelease.class);
    private static final double SUMMATION_ALLOWANCE = 0x1p-16;
    private static final int NOT_DRAWN = -1;

    private final CompletePlan plan;
    private final int dimension;
    private final Spending spending;
    private final PrivateStep step;

    /** How many members the lot that is out has. */
    private int members = NOT_DRAWN;

    private boolean closed;

    private PrivateRelease(CompletePlan plan, int dimension, Spending spending, PrivateStep step) {
        this.plan = plan;
        this.dimension = dimension;
        this.spending = spending;
        this.step = step;
    }

    /**
     * Begins a run.
     *
     * @param plan complete; Poisson or fixed-size lots, flat clipping, one release a lot
     * @param dimension number of coordinates of the sum, at least 1
     * @throws IllegalArgumentException if the plan is of another kind, or its noise cannot be drawn in so many coordinates
     * @throws IllegalStateException if the plan is not complete
     */
    public static PrivateRelease of(DpSgdPlan plan, int dimension) {
        Require.positive("dimension", (long) dimension);
        CompletePlan complete = plan.complete();
        var mechanism = complete.mechanism();
        if (mechanism.sampling().chargesByPass() || mechanism.releasesPerLot() > 1) {
            throw new IllegalArgumentException(
                    "plan must draw and charge lot by lot and release one sum about each, was " + plan
                            + "; use DpSgdPlan.poisson or fixedSize without truncated backpropagation");
        }
        if (complete.keptNoise().isPresent()) {
            throw new IllegalArgumentException("plan must not keep its noise, was to be kept in "
                    + complete.keptNoise().get()
                    + ": only a PrivacyEngine goes on after a stop; leave withNoiseKeptIn out");
        }
        if (!(mechanism.clipping() instanceof Clipping.Flat)) {
            throw new IllegalArgumentException(
                    "plan.clipping must be flat, was " + mechanism.clipping().describe()
                            + ": the sum has to be of vectors of that norm at most, whatever brought them to it");
        }
        PrivateStep.requireFeasible(mechanism, 1, dimension);
        if (!mechanism.isPrivate()) {
            log.warn(
                    "This run is NOT PRIVATE: {}.",
                    mechanism.seed().isPresent() ? "its randomness comes from a seed" : "it has no noise");
        }
        return new PrivateRelease(
                complete,
                dimension,
                Spending.resume(
                        complete,
                        "sums of " + dimension,
                        TrainingProgress.NONE.with(PrivacyAccount.EMPTY.withReleases(
                                complete.others(), plan.relation(), plan.unit(), false)),
                        LedgerOpener.onDisk(plan.ledgerKey())),
                new PrivateStep(mechanism, RandomStreams.of(mechanism.seed()), dimension, SUMMATION_ALLOWANCE));
    }

    /** The norm C that each example's vector must not exceed. */
    public double clippingNorm() {
        return step.clippingNorm();
    }

    /** The number of lots released. */
    public long steps() {
        return spending.charges();
    }

    /** The number of lots that the plan still allows. */
    public long remainingSteps() {
        return Math.min(Math.max(0, plan.mechanism().steps() - steps()), spending.remainingCharges());
    }

    /**
     * The examples of the next lot by their number in the data set, ascending: private. The same ones until {@link #release}.
     *
     * @throws IllegalStateException if the plan's steps are done
     */
    public synchronized long[] nextLot() {
        requireOpen();
        if (remainingSteps() == 0) {
            throw new IllegalStateException(
                    "the plan is exhausted: all of its " + plan.mechanism().steps() + " steps are done");
        }
        long[] drawn = step.draw(steps() + 1, plan.mechanism().examples());
        members = drawn.length;
        return drawn;
    }

    /**
     * Charges the lot, and returns its sum with noise, divided by the expected lot size.
     *
     * @param clippedSum [dimension], over the members of {@link #nextLot}; zeros for an empty lot
     * @return [dimension]
     * @throws IllegalArgumentException if it is of another length, or longer than the clipped vectors of as many members can make it; nothing is charged
     * @throws ArithmeticException if a coordinate is not finite; nothing is charged
     * @throws IllegalStateException if {@link #nextLot} was not called since the last release
     */
    public synchronized double[] release(double[] clippedSum) {
        requireOpen();
        if (members == NOT_DRAWN) {
            throw new IllegalStateException(
                    "nextLot must be called before each release: its members are what the sum is over");
        }
        if (clippedSum.length != dimension) {
            throw new IllegalArgumentException(
                    "clippedSum must have " + dimension + " coordinates, had " + clippedSum.length);
        }
        PrivateStep.Lot lot = step.open(spending.nextCharge(), steps() + 1, 0);
        lot.add(ShardSum.of(clippedSum, 0, members, lot.gridStep(), clippingNorm()));
        double[] released = lot.release().clone();
        members = NOT_DRAWN;
        return released;
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the run was closed; begin another one");
        }
    }

    /** The epsilon of everything released so far, at the plan's delta. */
    public synchronized double epsilon() {
        return spending.epsilon();
    }

    /** The guarantee of everything released so far. */
    public PrivacyGuarantee guarantee() {
        return new PrivacyGuarantee(epsilon(), plan.delta(), plan.mechanism().relation());
    }

    /** Everything charged. */
    public DpEvent spent() {
        return spending.event();
    }

    /** Ends the run and releases the ledger's file. */
    @Override
    public synchronized void close() {
        closed = true;
        spending.close();
    }
}
