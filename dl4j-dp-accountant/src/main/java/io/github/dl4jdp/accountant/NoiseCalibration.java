// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.Objects;
import java.util.function.DoubleFunction;
import java.util.function.DoubleUnaryOperator;
import java.util.function.LongFunction;
import java.util.function.LongToDoubleFunction;

/**
 * Finds the noise multiplier, the number of steps or the lot size that just meets a privacy target.
 *
 * <pre>{@code
 * double sigma = NoiseCalibration.to(new PrivacyGuarantee(3.0, 1e-5))
 *         .noiseMultiplier(s -> new SelfComposed(new PoissonSampled(q, new Gaussian(s)), steps));
 * }</pre>
 *
 * <p><b>Formal guarantee.</b> The event of the result, composed into a fresh accountant of the same kind, has an epsilon at
 * the target's delta that does not exceed the target's.
 *
 * <p>The noise multiplier is the root of {@code log epsilon(log sigma) = log target}, by regula falsi (Illinois variant: Dowell
 * and Jarratt 1971); steps and lot size are found likewise, over the integers.
 *
 * <p>Instances are immutable.
 *
 * @see <a href="https://doi.org/10.1007/BF01934364">Dowell and Jarratt 1971</a>
 */
public final class NoiseCalibration {
    /** Noise below this is no protection at any delta of interest. */
    private static final double SMALLEST_NOISE = 1e-3;

    /** Noise above this hides every query there is: what is left of epsilon comes from elsewhere. */
    private static final double LARGEST_NOISE = 1e7;

    /** A search that has not ended after so many evaluations returns its bracket's safe end. */
    private static final int MAX_EVALUATIONS = 200;

    /** The first step of a search for noise, as a factor. */
    private static final double FARTHEST_FIRST_STEP = 1.1;

    /** By how much further than it should take the first step goes. */
    private static final double MARGIN = 1.002;

    /** Renyi orders for a first guess. */
    private static final double[] SPARSE_ORDERS = {
        1.1, 1.3, 1.6, 2, 2.5, 3.2, 4, 5, 6.5, 8, 10, 13, 16, 20, 26, 32, 42, 64, 100, 200, 500, 2000, 10_000, 100_000
    };

    private final PrivacyGuarantee target;
    private final AccountantKind kind;

    private NoiseCalibration(PrivacyGuarantee target, AccountantKind kind) {
        this.target = target;
        this.kind = kind;
    }

    /**
     * A calibration to the given target, with {@link AccountantKind#PLD}.
     *
     * @throws IllegalArgumentException if the target's epsilon is not finite and {@code > 0}, or its delta is not in (0, 1)
     */
    public static NoiseCalibration to(PrivacyGuarantee target) {
        Arguments.positiveFinite("target epsilon", target.epsilon());
        Arguments.openUnit("target delta", target.delta());
        return new NoiseCalibration(target, AccountantKind.PLD);
    }

    /** This calibration with another accountant. */
    public NoiseCalibration withAccountant(AccountantKind accountant) {
        return new NoiseCalibration(target, Objects.requireNonNull(accountant, "accountant"));
    }

    /**
     * The smallest noise multiplier that meets the target, up to a relative 1e-5 of epsilon.
     *
     * @param event the event that a noise multiplier leads to; more noise must not cost more
     * @return a noise multiplier in [0.001, 1e7]; 0.001 where even that meets the target
     * @throws IllegalArgumentException if no noise multiplier up to 1e7 meets the target
     * @throws UnsupportedEventException if the accountant cannot bound the event
     */
    public double noiseMultiplier(DoubleFunction<DpEvent> event) {
        Objects.requireNonNull(event, "event");
        if (kind == AccountantKind.RDP) {
            return search(s -> epsilon(AccountantKind.RDP, event.apply(s)), 1, 1e-7);
        }
        return search(s -> epsilon(kind, event.apply(s)), start(event), 1e-5);
    }

    /** A good first guess costs little: the Renyi accountant is fast and its answer is a few per cent above. */
    private double start(DoubleFunction<DpEvent> event) {
        try {
            return search(bySparseOrders(s -> likePoisson(event.apply(s))), 1, 1e-2) * 0.95;
        } catch (IllegalArgumentException e) {
            return 1;
        }
    }

    /** Random allocation costs a little less than Poisson lots of the same size, which have a Renyi bound. */
    private static DpEvent likePoisson(DpEvent event) {
        if (event instanceof DpEvent.RandomAllocation allocation) {
            return new DpEvent.SelfComposed(
                    new DpEvent.PoissonSampled(1.0 / allocation.lots(), allocation.event()), allocation.lots());
        }
        if (event instanceof DpEvent.SelfComposed repeated) {
            return new DpEvent.SelfComposed(likePoisson(repeated.event()), repeated.count());
        }
        return event instanceof DpEvent.Composed sequence
                ? new DpEvent.Composed(sequence.events().stream()
                        .map(NoiseCalibration::likePoisson)
                        .toList())
                : event;
    }

    private DoubleUnaryOperator bySparseOrders(DoubleFunction<DpEvent> event) {
        return s -> new RdpAccountant(target.relation(), SPARSE_ORDERS)
                .compose(event.apply(s))
                .epsilon(target.delta());
    }

    /**
     * Regula falsi (Illinois) on log epsilon over log noise, which is nearly linear, with bisection where that stalls. Aims
     * at the middle of the tolerated band, from below.
     */
    private double search(DoubleUnaryOperator epsilon, double start, double tolerance) {
        double goal = Math.log(target.epsilon()) + Math.log1p(-tolerance / 2);
        double good = Math.min(Math.max(start, SMALLEST_NOISE), LARGEST_NOISE);
        double goodValue = epsilon.applyAsDouble(good);
        double bad = good;
        double badValue = goodValue;
        // Epsilon mostly falls at least as fast as noise grows, so a nearby start is bracketed closely.
        double off = MARGIN * Math.max(goodValue / target.epsilon(), target.epsilon() / goodValue);
        double factor = off < FARTHEST_FIRST_STEP ? off : FARTHEST_FIRST_STEP;
        while (!(goodValue <= target.epsilon())) {
            if (good >= LARGEST_NOISE) {
                throw new IllegalArgumentException("target epsilon must be at least " + goodValue + " at delta "
                        + target.delta() + ", the epsilon at the noise multiplier " + LARGEST_NOISE + "; was "
                        + target.epsilon());
            }
            bad = good;
            badValue = goodValue;
            good = Math.min(LARGEST_NOISE, good * factor);
            factor = Math.max(FARTHEST_FIRST_STEP, factor * factor);
            goodValue = epsilon.applyAsDouble(good);
        }
        while (badValue <= target.epsilon()) {
            if (bad <= SMALLEST_NOISE) {
                return SMALLEST_NOISE;
            }
            good = bad;
            goodValue = badValue;
            bad = Math.max(SMALLEST_NOISE, bad / factor);
            factor = Math.max(FARTHEST_FIRST_STEP, factor * factor);
            badValue = epsilon.applyAsDouble(bad);
        }
        double low = Math.log(bad);
        double high = Math.log(good);
        double lowError = error(badValue, goal);
        double highError = error(goodValue, goal);
        int side = 0;
        for (int i = 0; i < MAX_EVALUATIONS && high - low > 1e-12; i++) {
            if (goodValue >= target.epsilon() * (1 - tolerance)) {
                break;
            }
            double middle = (low * highError - high * lowError) / (highError - lowError);
            if (!(middle > low && middle < high) || i % 8 == 7) {
                middle = (low + high) / 2;
            }
            double value = epsilon.applyAsDouble(Math.exp(middle));
            double valueError = error(value, goal);
            if (value <= target.epsilon()) {
                good = Math.exp(middle);
                goodValue = value;
                high = middle;
                highError = valueError;
                lowError = side == 1 ? lowError / 2 : lowError;
                side = 1;
            } else {
                low = middle;
                lowError = valueError;
                highError = side == -1 ? highError / 2 : highError;
                side = -1;
            }
        }
        return good;
    }

    /** log(epsilon) - goal, kept finite and away from zero so that the secant has a direction. */
    private static double error(double epsilon, double goal) {
        double error = Math.log(epsilon) - goal;
        return Math.min(Math.max(error, -20), 20);
    }

    /**
     * The largest number of steps that meets the target: one more step would exceed it.
     *
     * @param event the event of a number of steps; more steps must not cost less
     * @return a number of steps {@code >= 1}; {@code 2^40} where even that many meet the target
     * @throws IllegalArgumentException if one step exceeds the target
     * @throws UnsupportedEventException if the accountant cannot bound the event
     */
    public long steps(LongFunction<DpEvent> event) {
        return largest("step", 1L << 40, event);
    }

    /**
     * The largest lot size that meets the target: a lot larger by one would exceed it.
     *
     * @param examples examples in the data set: the largest possible lot
     * @param event the event of a lot size; larger lots must not cost less
     * @return a lot size in [1, examples]
     * @throws IllegalArgumentException if {@code examples < 1}, or a lot of one example exceeds the target
     * @throws UnsupportedEventException if the accountant cannot bound the event
     */
    public long lotSize(long examples, LongFunction<DpEvent> event) {
        return largest("example in a lot", Arguments.atLeast("examples", 1, examples), event);
    }

    private long largest(String what, long limit, LongFunction<DpEvent> event) {
        Objects.requireNonNull(event, "event");
        if (kind == AccountantKind.RDP) {
            return largest(what, limit, 1, 4, count -> epsilon(AccountantKind.RDP, event.apply(count)));
        }
        PldMemory memory = new PldMemory();
        LongToDoubleFunction curve = count -> new PldAccountant(target.relation(), memory)
                .compose(event.apply(count))
                .epsilon(target.delta());
        return largest(what, limit, start(limit, event), 1.2, curve);
    }

    /** The answer of the Renyi accountant at few orders, one where it has none. */
    private long start(long limit, LongFunction<DpEvent> event) {
        try {
            return largest("", limit, 1, 4, count -> new RdpAccountant(target.relation(), SPARSE_ORDERS)
                    .compose(likePoisson(event.apply(count)))
                    .epsilon(target.delta()));
        } catch (IllegalArgumentException e) {
            return 1;
        }
    }

    private long largest(String what, long limit, long start, double growth, LongToDoubleFunction curve) {
        long good = start;
        double value = curve.applyAsDouble(good);
        double goodError = error(value);
        long bad = good;
        double badError = goodError;
        double factor = growth;
        while (!(value <= target.epsilon())) {
            if (good == 1) {
                throw new IllegalArgumentException("target epsilon must be at least " + value + " at delta "
                        + target.delta() + ", the cost of one " + what + "; was " + target.epsilon());
            }
            bad = good;
            badError = goodError;
            good = Math.max(1, (long) (good / factor));
            factor *= factor;
            value = curve.applyAsDouble(good);
            goodError = error(value);
        }
        while (bad == good) {
            if (good == limit) {
                return limit;
            }
            long next = good > limit / factor ? limit : Math.max(good + 1, (long) (good * factor));
            factor *= factor;
            value = curve.applyAsDouble(next);
            bad = next;
            badError = error(value);
            if (value <= target.epsilon()) {
                good = next;
                goodError = badError;
            }
        }
        int sameSide = 0;
        for (int i = 0; bad - good > 1; i++) {
            long middle = between(good, goodError, bad, badError, sameSide, i % 4 == 3);
            value = curve.applyAsDouble(middle);
            if (value <= target.epsilon()) {
                good = middle;
                goodError = error(value);
                sameSide = Math.max(1, sameSide + 1);
            } else {
                bad = middle;
                badError = error(value);
                sameSide = Math.min(-1, sameSide - 1);
            }
        }
        return good;
    }

    private double error(double epsilon) {
        return error(epsilon, Math.log(target.epsilon()));
    }

    /**
     * Where log epsilon over the log of the number, taken as linear, crosses the target, and a little beyond on the side that has not been narrowed, so that
     * both ends come near.
     */
    private static long between(
            long good, double goodError, long bad, double badError, int sameSide, boolean bisecting) {
        double low = Math.log((double) good);
        double high = Math.log((double) bad);
        double share = bisecting ? 0.5 : goodError / (goodError - badError);
        double root = Math.exp(low + (high - low) * Math.min(Math.max(share, 0), 1));
        double step = sameSide > 0 ? Math.max(1, (root - good) / 4) : Math.min(-1, (root - bad) / 4);
        double middle = bisecting || sameSide == 0 ? root : root + step;
        return Math.min(Math.max(good + 1, Math.round(middle)), bad - 1);
    }

    private double epsilon(AccountantKind accountant, DpEvent event) {
        return accountant.create(target.relation()).compose(event).epsilon(target.delta());
    }
}
