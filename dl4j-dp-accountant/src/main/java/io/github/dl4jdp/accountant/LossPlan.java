// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;

/**
 * How a composition is going to be computed: lattice step, transform length and, for each direction, tilt and window.
 *
 * <p>The plan decides how tight and how fast the bound is; that it is a bound does not depend on it.
 *
 * @param delta about the delta that this plan is for, or less
 * @param coarse whether the step is larger than the tolerance asks for: the bound holds but may be loose
 * @param leastEpsilon below this epsilon the bound holds but may be loose
 */
record LossPlan(
        double step,
        int length,
        double tail,
        double delta,
        boolean coarse,
        double leastEpsilon,
        Direction forward,
        Direction backward) {
    /*
     * Rounding losses to a lattice of step h turns the log moment at lambda into one that is larger by at most about
     * T lambda (lambda + 1) h^2 / 8, and epsilon by that over lambda. The step follows from the error allowed.
     */
    /** Relative error of epsilon allowed for the lattice. */
    private static final double EPSILON_TOLERANCE = 8e-4;

    /** Absolute error of epsilon allowed for the lattice. */
    private static final double ABSOLUTE_TOLERANCE = 2e-5;

    /** Relative error of delta allowed for the lattice. */
    private static final double DELTA_TOLERANCE = 4e-3;

    /*
     * A moment at one tilt does not see everything: where rare large losses dominate it, the many small ones still make
     * epsilon. So the variance that rounding adds is bounded as well.
     */
    /** Share of the loss's variance that the lattice may add. */
    private static final double VARIANCE_TOLERANCE = 5e-3;

    /** Added variance that does not matter: five standard deviations are an epsilon of 2e-5. */
    private static final double VARIANCE_FLOOR = 1.6e-11;

    private static final int MAX_REFINEMENTS = 40;

    /** Beyond either end of the window may lie this share of the tilted mass that makes delta: it wraps around. */
    private static final double SHARE_WRAPPED = 1e-5;

    /** Below this the tilted mass is not looked for: the window would grow without end. */
    private static final double LOG_SMALLEST_MASS = Math.log(1e-10);

    /** What lies above the window is bounded by Chernoff's inequality; this share of delta goes there. */
    private static final double SHARE_ABOVE = 1e-5;

    /** A plan serves epsilons that are smaller than the one it was made for by so much. */
    private static final double SHARE_OF_EPSILON = 0.9;

    /** Share of delta for outcomes beyond the ends of the lattices. */
    private static final double SHARE_OUTSIDE = 1e-6;

    private static final int MAX_LENGTH = 1 << 19;

    /** Standard deviations, of at most half a step each, that all moves to the lattice together may take; twice that. */
    private static final double SPREAD = 3.2;

    /** A finer lattice loses more by rounding of the masses than it gains by closer neighbors. */
    private static final double STEPS_OF_FINEST = 8;

    /*
     * Searches ask about nearly the same events again and again. Where these are in groups, plans that are nearly the same are made the same, so that the groups' products can be shared.
     */
    /** The ratio of neighboring tails, steps and tilts of such plans. */
    private static final double TAIL_RATIO = 1 << 8;

    private static final double STEP_RATIO = 1.25;

    private static final double TILT_RATIO = 1.25;

    /** The same for the tilts of what lies outside the window, which hardly matter. */
    private static final double OUTER_RATIO = 1.5;

    private static final double SMALLEST_TILT = 1e-3;

    private static final double LARGEST_TILT = 1e7;

    private static final double LARGEST_TILT_RATIO = 4;

    /** With less than the best tilt a heavy tail stays shorter, and rounding costs at most a digit or two. */
    private static final double SHARE_OF_BEST_TILT = 0.7;

    /**
     * One direction of the relation: the tilt, the one at which Chernoff's bound is best, the tilts that bound the mass above the window and the tilted mass below and
     * above it, and the window.
     */
    record Direction(
            double tilt,
            double bestTilt,
            double tailTilt,
            double belowTilt,
            double aboveTilt,
            double lowest,
            double length) {
        private List<Double> tilts() {
            return List.of(tilt, tailTilt, belowTilt, aboveTilt);
        }

        private Direction loweredBy(double margin) {
            return new Direction(tilt, bestTilt, tailTilt, belowTilt, aboveTilt, lowest - margin, length);
        }
    }

    private record Term(LossMoments moments, double count) {}

    /**
     * A plan for epsilon at the given delta.
     *
     * @param growth by which factor the number of events may grow before a new plan is needed
     */
    static LossPlan forDelta(Map<LossPair, ? extends Number> pairs, double delta, double growth) {
        double total = total(pairs);
        double tail = tail(delta, total * growth, pairs.size());
        List<Term> terms = terms(pairs, tail);
        return new Planner(terms, total, growth, tail, pairs, Double.NaN, Double.NaN, SHARE_OF_BEST_TILT)
                .plan(delta, false);
    }

    /** The same at the best tilt itself, for deltas that are mostly rounding at a smaller one. */
    static LossPlan forTinyDelta(Map<LossPair, ? extends Number> pairs, double delta, double growth, double epsilon) {
        double total = total(pairs);
        double tail = tail(delta, total * growth, pairs.size());
        return new Planner(terms(pairs, tail), total, growth, tail, pairs, Double.NaN, epsilon, 1).plan(delta, false);
    }

    /** The same where epsilon is known to be about so large, far below Chernoff's bound. */
    static LossPlan forDeltaNear(Map<LossPair, ? extends Number> pairs, double delta, double growth, double epsilon) {
        double total = total(pairs);
        double tail = tail(delta, total * growth, pairs.size());
        return new Planner(terms(pairs, tail), total, growth, tail, pairs, Double.NaN, epsilon, SHARE_OF_BEST_TILT)
                .plan(delta, false);
    }

    /** A plan for a lower bound on epsilon at the given delta, on a lattice as fine as rounding errors allow. */
    static LossPlan finest(Map<LossPair, ? extends Number> pairs, double delta) {
        double total = total(pairs);
        double tail = tail(delta, total, pairs.size());
        return new Planner(terms(pairs, tail), total, 1, tail, pairs, Double.NaN, Double.NaN, SHARE_OF_BEST_TILT)
                .plan(delta, true);
    }

    /** A plan for delta at the given epsilon. */
    static LossPlan forEpsilon(Map<LossPair, ? extends Number> pairs, double epsilon, double growth) {
        List<Term> terms = terms(pairs, 1e-40);
        double delta = 0;
        for (boolean reversed : new boolean[] {false, true}) {
            double tilt = minimum(l -> logDelta(terms, reversed, l, epsilon));
            delta = Math.max(delta, Math.exp(Math.min(0, logDelta(terms, reversed, tilt, epsilon))));
        }
        // Chernoff's bound is above the truth, mostly by less than this.
        double guess = Math.max(delta * 1e-2, 1e-250);
        double total = total(pairs);
        double tail = tail(guess, total * growth, pairs.size());
        return new Planner(terms(pairs, tail), total, growth, tail, pairs, epsilon, Double.NaN, SHARE_OF_BEST_TILT)
                .plan(guess, false);
    }

    /** A plan for delta at the given epsilon, at the best tilt itself, where delta is known to be at most about so large. */
    static LossPlan forEpsilonAtTinyDelta(
            Map<LossPair, ? extends Number> pairs, double epsilon, double growth, double delta) {
        double guess = Math.max(delta, 1e-250);
        double total = total(pairs);
        double tail = tail(guess, total * growth, pairs.size());
        return new Planner(terms(pairs, tail), total, growth, tail, pairs, epsilon, Double.NaN, 1).plan(guess, false);
    }

    private static double tail(double delta, double total, int kinds) {
        double tail = delta * SHARE_OUTSIDE / total;
        return Math.max(1e-290, kinds > PldMemory.GROUP ? roundedDown(tail, TAIL_RATIO) : tail);
    }

    private static double roundedDown(double value, double ratio) {
        double log = Math.log(ratio);
        return value > 0 ? Math.exp(log * Math.floor(Math.log(value) / log)) : value;
    }

    private static double total(Map<LossPair, ? extends Number> pairs) {
        return pairs.values().stream().mapToDouble(Number::doubleValue).sum();
    }

    private static List<Term> terms(Map<LossPair, ? extends Number> pairs, double tail) {
        List<Term> terms = new ArrayList<>();
        pairs.forEach((pair, count) -> terms.add(new Term(pair.moments(tail), count.doubleValue())));
        return terms;
    }

    private static double logMoment(List<Term> terms, boolean reversed, double tilt) {
        double sum = 0;
        for (Term term : terms) {
            sum += term.count * term.moments.logMoment(reversed, tilt);
        }
        return sum;
    }

    /** log of the best constant in delta(epsilon) at this tilt: tilt^tilt / (1 + tilt)^(1 + tilt). */
    private static double logConstant(double tilt) {
        return -tilt * Math.log1p(1 / tilt) - Math.log1p(tilt);
    }

    private static double logDelta(List<Term> terms, boolean reversed, double tilt, double epsilon) {
        return logMoment(terms, reversed, tilt) - tilt * epsilon + logConstant(tilt);
    }

    /** Where a function of the tilt, falling and then rising, is smallest: a coarse scan, then golden section. */
    private static double minimum(DoubleUnaryOperator function) {
        double low = Math.log(SMALLEST_TILT);
        double high = Math.log(LARGEST_TILT);
        double scan = 1.0;
        double best = low;
        double bestValue = Double.POSITIVE_INFINITY;
        double previous = Double.POSITIVE_INFINITY;
        for (double x = low; x <= high; x += scan) {
            double value = function.applyAsDouble(Math.exp(x));
            if (value < bestValue) {
                bestValue = value;
                best = x;
            } else if (value > previous && x > best + 2.5 * scan) {
                break;
            }
            previous = value;
        }
        double golden = (Math.sqrt(5) - 1) / 2;
        low = best - scan;
        high = best + scan;
        double left = high - golden * (high - low);
        double right = low + golden * (high - low);
        double leftValue = function.applyAsDouble(Math.exp(left));
        double rightValue = function.applyAsDouble(Math.exp(right));
        for (int i = 0; i < 9; i++) {
            if (leftValue <= rightValue) {
                high = right;
                right = left;
                rightValue = leftValue;
                left = high - golden * (high - low);
                leftValue = function.applyAsDouble(Math.exp(left));
            } else {
                low = left;
                left = right;
                leftValue = rightValue;
                right = low + golden * (high - low);
                rightValue = function.applyAsDouble(Math.exp(right));
            }
        }
        return Math.exp(leftValue <= rightValue ? left : right);
    }

    /**
     * The numbers that both directions need; {@code asked} is the epsilon at which delta is wanted, {@code expected} the one
     * that is likely to come out, NaN where there is none; {@code share} of the best tilt is used.
     */
    private record Planner(
            List<Term> terms,
            double total,
            double growth,
            double tail,
            Map<LossPair, ? extends Number> pairs,
            double asked,
            double expected,
            double share) {

        LossPlan plan(double delta, boolean finest) {
            double tilt = tilt(false, delta);
            double otherTilt = tilt(true, delta);
            // A direction whose losses are all small would be tilted without end, though only the other one matters.
            double best = Math.min(tilt, LARGEST_TILT_RATIO * otherTilt);
            double otherBest = Math.min(otherTilt, LARGEST_TILT_RATIO * tilt);
            double bound = Math.max(chernoff(false, best, delta), chernoff(true, otherBest, delta));
            double goal = expected > 0 ? Math.min(bound, expected) : bound;
            double step = shared(Math.min(step(false, best, goal), step(true, otherBest, goal)), STEP_RATIO);
            double least = leastEpsilon(bound);
            Direction forward = direction(false, best, delta, least);
            Direction backward = direction(true, otherBest, delta, least);
            double range = pairs.keySet().stream()
                    .mapToDouble(p -> p.range(tail))
                    .max()
                    .orElse(0);
            double window = Math.max(forward.length, backward.length);
            double spread = spread(growth * total);
            double smallest = Math.max(window / (MAX_LENGTH - 16 - spread), range / MAX_LENGTH);
            boolean coarse = !(step >= smallest);
            step = Math.max(finest ? Math.min(step, STEPS_OF_FINEST * smallest) : step, smallest);
            forward = forward.loweredBy(spread / 2 * step);
            backward = backward.loweredBy(spread / 2 * step);
            window += spread * step;
            double largestTilt = shared(4 * SPREAD / (step * Math.sqrt(growth * total)), TILT_RATIO);
            forward = cappedTail(forward, false, delta, largestTilt);
            backward = cappedTail(backward, true, delta, largestTilt);
            window = Math.max(window, Math.max(forward.length, backward.length) + spread * step);
            int needed = (int) Math.min(MAX_LENGTH, Math.ceil(window / step) + 8);
            int length = Math.max(64, needed == 1 ? 1 : Integer.highestOneBit(needed - 1) << 1);
            return new LossPlan(step, Math.min(MAX_LENGTH, length), tail, delta, coarse, least, forward, backward);
        }

        /**
         * The same with a smaller tilt for the mass above the window, where the plan's would see little but the moves to the lattice: by T moves of less than a step
         * h the bound grows by up to exp(T (tilt h)^2 / 8 - SPREAD tilt h sqrt(T)), which is least at this tilt.
         */
        private Direction cappedTail(Direction planned, boolean reversed, double delta, double largestTilt) {
            if (planned.tailTilt <= largestTilt) {
                return planned;
            }
            double highest =
                    (growth * logMoment(terms, reversed, largestTilt) - Math.log(delta * SHARE_ABOVE)) / largestTilt;
            return new Direction(
                    planned.tilt,
                    planned.bestTilt,
                    largestTilt,
                    planned.belowTilt,
                    planned.aboveTilt,
                    planned.lowest,
                    Math.max(planned.length, highest - planned.lowest));
        }

        /** What wraps around from above must not land above epsilon, which is rarely far below Chernoff's bound. */
        private double leastEpsilon(double bound) {
            if (asked >= 0) {
                return SHARE_OF_EPSILON * asked;
            }
            return expected > 0 ? SHARE_OF_EPSILON * expected : Math.max(0, bound / 4);
        }

        /**
         * By how many steps rounding to the lattice widens the window. Each event moves by less than one step, and as the
         * moves do not all go one way, their sum by Hoeffding's inequality leaves SPREAD square roots of the number of
         * events with probability below 1e-8.
         */
        private static double spread(double events) {
            return 2 * (1 + Math.min(events, SPREAD * Math.sqrt(events)));
        }

        /** At most the value, and the same for plans that are nearly the same where kinds are in groups. */
        private double shared(double value, double ratio) {
            return isShared() ? roundedDown(value, ratio) : value;
        }

        private double sharedTilt(double tilt, double ratio) {
            return isShared() ? roundedDown(tilt * Math.sqrt(ratio), ratio) : tilt;
        }

        private boolean isShared() {
            return terms.size() > PldMemory.GROUP;
        }

        private double tilt(boolean reversed, double delta) {
            return minimum(asked >= 0 ? l -> logDelta(terms, reversed, l, asked) : l -> chernoff(reversed, l, delta));
        }

        private double chernoff(boolean reversed, double tilt, double delta) {
            return (logMoment(terms, reversed, tilt) + logConstant(tilt) - Math.log(delta)) / tilt;
        }

        private Direction direction(boolean reversed, double best, double delta, double leastEpsilon) {
            double tilt = sharedTilt(share * best, TILT_RATIO);
            double logShare = Math.log(delta * SHARE_ABOVE);
            DoubleUnaryOperator above = l -> (growth * logMoment(terms, reversed, l) - logShare) / l;
            double tailTilt = sharedTilt(minimum(above), OUTER_RATIO);
            double highest = above.applyAsDouble(tailTilt);
            double atTilt = logMoment(terms, reversed, tilt);
            double chernoff = chernoff(reversed, best, delta);
            // The tilted mass that delta comes from, if epsilon is half of Chernoff's bound.
            double logMass = Math.log(delta) + tilt * Math.max(0, chernoff) / 2 - atTilt;
            double logWrapped = Math.log(SHARE_WRAPPED) + Math.max(LOG_SMALLEST_MASS, Math.min(0, logMass));
            DoubleUnaryOperator tiltedBelow = l -> (logMoment(terms, reversed, tilt - l) - atTilt - logWrapped) / l;
            DoubleUnaryOperator tiltedAbove =
                    l -> (growth * (logMoment(terms, reversed, tilt + l) - atTilt) - logWrapped) / l;
            double below = sharedTilt(minimum(tiltedBelow), OUTER_RATIO);
            double lowest = -tiltedBelow.applyAsDouble(below);
            double beyond = sharedTilt(minimum(tiltedAbove), OUTER_RATIO);
            highest = Math.max(highest, 0);
            double guess = Math.max(lowest, leastEpsilon);
            double length = Math.max(highest - lowest, tiltedAbove.applyAsDouble(beyond) - guess);
            return new Direction(tilt, best, tailTilt, tilt - below, tilt + beyond, Math.min(lowest, highest), length);
        }

        private double step(boolean reversed, double tilt, double bound) {
            double tolerance =
                    asked >= 0 ? DELTA_TOLERANCE / tilt : Math.max(EPSILON_TOLERANCE * bound, ABSOLUTE_TOLERANCE);
            double byMoment = Math.sqrt(8 * tolerance / (growth * total * (tilt + 1)));
            double step = byMoment;
            double allowed = Math.max(VARIANCE_TOLERANCE * variance(reversed), VARIANCE_FLOOR);
            for (int i = 0; i < MAX_REFINEMENTS && added(reversed, step) > allowed; i++) {
                step *= 0.75;
            }
            return step > 0 ? step : 0;
        }

        private double variance(boolean reversed) {
            return terms.stream()
                    .mapToDouble(t -> t.count * t.moments.variance(reversed))
                    .sum();
        }

        private double added(boolean reversed, double step) {
            return terms.stream()
                    .mapToDouble(t -> t.count * t.moments.addedVariance(reversed, step))
                    .sum();
        }
    }

    /** All that the spectra of events depend on. */
    Object lattice() {
        return List.of(step, length, tail, forward.tilts(), backward.tilts());
    }

    Direction direction(boolean reversed) {
        return reversed ? backward : forward;
    }
}
