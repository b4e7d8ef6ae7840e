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
 * <p>The noise multiplier is the root of {@code log epsilon(log sigma) = log target}, by interpolation in a bracket (Chandrupatla
 * 1997); steps and lot size are found likewise, over the integers.
 *
 * <p>Instances are immutable.
 *
 * @see <a href="https://doi.org/10.1016/S0965-9978(96)00051-8">Chandrupatla 1997</a>
 */
public final class NoiseCalibration {
    /** Noise below this is no protection at any delta of interest. */
    private static final double SMALLEST_NOISE = 1e-3;

    /** Noise above this hides every query there is: what is left of epsilon comes from elsewhere. */
    private static final double LARGEST_NOISE = 1e7;

    /** Where epsilon is a staircase, noise is found to the tolerance of epsilon times this. */
    private static final double NARROWEST = 0.1;

    /** The first step of a search for noise, as a factor. */
    private static final double FARTHEST_FIRST_STEP = 1.1;

    /** By how much further than it should take the first step goes. */
    private static final double MARGIN = 1.002;

    /** No step of a search goes further than this; nor than that towards less noise, where epsilon may soon be huge, and costly. */
    private static final double FARTHEST = 1e6;

    private static final double FARTHEST_TO_LESS_NOISE = 1.5;

    /** Bounds within this factor have about the same shape. */
    private static final double ALIKE = 2;

    /** Numbers of steps and lot sizes are found to this part of them: those up to a billion exactly. */
    private static final double COUNT_TOLERANCE = 1e-9;

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
     * The smallest noise multiplier that meets the target, up to a relative 1e-5 of epsilon; up to 1e-6 of itself where epsilon is a staircase, as epsilons in the thousands are.
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
        // What does not depend on the noise, such as earlier releases, is prepared once.
        PldMemory memory = new PldMemory();
        DoubleUnaryOperator epsilon = rememberingLast(s -> byPld(event.apply(s), memory));
        return search(epsilon, start(event, epsilon), 1e-5);
    }

    private double byPld(DpEvent event, PldMemory memory) {
        return new PldAccountant(target.relation(), memory).compose(event).epsilon(target.delta());
    }

    private static DoubleUnaryOperator rememberingLast(DoubleUnaryOperator function) {
        double[] last = {Double.NaN, Double.NaN};
        return x -> {
            if (x != last[0]) {
                last[1] = function.applyAsDouble(x);
                last[0] = x;
            }
            return last[1];
        };
    }

    /** A good first guess costs little: where a rough bound meets the target; in proportion to what the accountant says there, if both are alike. */
    private double start(DoubleFunction<DpEvent> event, DoubleUnaryOperator epsilon) {
        RoughEpsilon bound = new RoughEpsilon(target.delta());
        DoubleUnaryOperator rough = s -> roughly(event.apply(s), bound);
        double first = searchOr(1, rough, 1, 1e-2) * 0.95;
        double off = epsilon.applyAsDouble(first) / rough.applyAsDouble(first);
        return Math.max(off, 1 / off) < ALIKE ? searchOr(first, s -> off * rough.applyAsDouble(s), first, 1e-3) : first;
    }

    /** What the search finds, {@code otherwise} where no noise is enough. */
    private double searchOr(double otherwise, DoubleUnaryOperator epsilon, double start, double tolerance) {
        try {
            return search(epsilon, start, tolerance);
        } catch (UnsupportedEventException e) {
            throw e;
        } catch (IllegalArgumentException e) {
            return otherwise;
        }
    }

    private double roughly(DpEvent event, RoughEpsilon rough) {
        PldAccountant accountant = new PldAccountant(target.relation());
        accountant.compose(event);
        return rough.of(accountant.leaves);
    }

    /** The root of log epsilon over log noise, which is nearly linear. Aims at the middle of the tolerated band, from below. */
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
            goodValue = epsilon.applyAsDouble(good);
            factor = further(factor, good / bad, badValue, goodValue, FARTHEST);
        }
        while (badValue <= target.epsilon()) {
            if (bad <= SMALLEST_NOISE) {
                return SMALLEST_NOISE;
            }
            good = bad;
            goodValue = badValue;
            bad = Math.max(SMALLEST_NOISE, bad / factor);
            badValue = epsilon.applyAsDouble(bad);
            factor = further(factor, good / bad, goodValue, badValue, FARTHEST_TO_LESS_NOISE);
        }
        Bracket bracket = new Bracket(Math.log(bad), error(badValue, goal), Math.log(good), error(goodValue, goal));
        double narrowest = tolerance * NARROWEST;
        while (goodValue < target.epsilon() * (1 - tolerance) && bracket.width() > narrowest) {
            double next = bracket.next(narrowest / 4);
            double value = epsilon.applyAsDouble(Math.exp(next));
            if (value <= target.epsilon()) {
                good = Math.exp(next);
                goodValue = value;
            }
            bracket.put(next, error(value, goal));
        }
        return good;
    }

    /**
     * The factor of the next step of a search that has not met the target yet: as far as the last step, by which epsilon went from one value to another one that is nearer to the target, says that
     * it is, and a little further.
     */
    private double further(double factor, double step, double from, double to, double most) {
        double power = Math.abs(Math.log(to / from) / Math.log(step));
        double distance = Math.abs(Math.log(target.epsilon() / to)) / power;
        double further = MARGIN * Math.exp(distance);
        return Math.min(further >= 1 ? further : Math.max(FARTHEST_FIRST_STEP, factor * factor), most);
    }

    /** log(epsilon) - goal, kept finite and away from zero so that the secant has a direction. */
    private static double error(double epsilon, double goal) {
        double error = Math.log(epsilon) - goal;
        return Math.min(Math.max(error, -20), 20);
    }

    /**
     * The largest number of steps that meets the target: one more step would exceed it, or, above a billion steps, one more in a billion.
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
     * The largest lot size that meets the target: a lot larger by one would exceed it, or, above a billion examples, by one in a billion.
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
        return largest(what, limit, start(limit, event), 2, count -> byPld(event.apply(count), memory));
    }

    /** The answer of a rough bound, one where it has none. */
    private long start(long limit, LongFunction<DpEvent> event) {
        RoughEpsilon rough = new RoughEpsilon(target.delta());
        try {
            return largest("", limit, 1, 4, count -> roughly(event.apply(count), rough));
        } catch (UnsupportedEventException e) {
            throw e;
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
        // Epsilon mostly grows at least as fast as the root of the number, so a nearby start is bracketed closely.
        double off = Math.max(value / target.epsilon(), target.epsilon() / value);
        double factor = Math.min(growth, MARGIN * off * off);
        while (!(value <= target.epsilon())) {
            if (good == 1) {
                throw new IllegalArgumentException("target epsilon must be at least " + value + " at delta "
                        + target.delta() + ", the cost of one " + what + "; was " + target.epsilon());
            }
            bad = good;
            badError = goodError;
            double before = value;
            good = Math.max(1, (long) (good / factor));
            value = curve.applyAsDouble(good);
            factor = further(factor, (double) bad / good, before, value, FARTHEST);
            goodError = error(value);
        }
        while (bad == good) {
            if (good == limit) {
                return limit;
            }
            long next = good > limit / factor ? limit : Math.max(good + 1, (long) (good * factor));
            double before = value;
            value = curve.applyAsDouble(next);
            factor = further(factor, (double) next / good, before, value, FARTHEST);
            bad = next;
            badError = error(value);
            if (value <= target.epsilon()) {
                good = next;
                goodError = badError;
            }
        }
        Bracket bracket = new Bracket(Math.log((double) bad), badError, Math.log((double) good), goodError);
        while (bad - good > Math.max(1, good * COUNT_TOLERANCE)) {
            double next = bracket.next(COUNT_TOLERANCE);
            long middle = Math.min(Math.max(good + 1, Math.round(Math.exp(next))), bad - 1);
            value = curve.applyAsDouble(middle);
            if (value <= target.epsilon()) {
                good = middle;
            } else {
                bad = middle;
            }
            bracket.put(Math.log((double) middle), error(value));
        }
        return good;
    }

    private double error(double epsilon) {
        return error(epsilon, Math.log(target.epsilon()));
    }

    private double epsilon(AccountantKind accountant, DpEvent event) {
        return accountant.create(target.relation()).compose(event).epsilon(target.delta());
    }
}
