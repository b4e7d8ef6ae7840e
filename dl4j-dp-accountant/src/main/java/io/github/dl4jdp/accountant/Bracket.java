// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

/**
 * Two places between which a curve crosses zero, narrowed from one evaluation to the next.
 *
 * <p>The next place is where the line through both ends crosses, then by inverse quadratic interpolation through the last three places where the curve is tame there, else
 * the middle: few evaluations where the curve is smooth, and no more than a few times those of bisection where it is a staircase.
 *
 * @see <a href="https://doi.org/10.1016/S0965-9978(96)00051-8">Chandrupatla 1997</a>
 */
final class Bracket {
    /** The latest place, the other end, and the one before. */
    private double latest;

    private double latestValue;
    private double other;
    private double otherValue;
    private double before = Double.NaN;
    private double beforeValue = Double.NaN;

    /** Ends at which the curve has different signs. */
    Bracket(double first, double firstValue, double second, double secondValue) {
        latest = first;
        latestValue = firstValue;
        other = second;
        otherValue = secondValue;
    }

    double width() {
        return Math.abs(other - latest);
    }

    /** Where to look next, at least so far from both ends unless they are too near to each other. */
    double next(double least) {
        double margin = Math.min(0.5, least / width());
        double part = Math.min(Math.max(part(), margin), 1 - margin);
        return latest + part * (other - latest);
    }

    /** The part of the way from the latest place to the other end. */
    private double part() {
        if (Double.isNaN(before)) {
            return latestValue / (latestValue - otherValue);
        }
        double place = (latest - other) / (before - other);
        double height = (latestValue - otherValue) / (beforeValue - otherValue);
        if (!(height * height < place && (1 - height) * (1 - height) < 1 - place)) {
            return 0.5;
        }
        return latestValue / (otherValue - latestValue) * (beforeValue / (otherValue - beforeValue))
                + (before - latest)
                        / (other - latest)
                        * (latestValue / (beforeValue - latestValue))
                        * (otherValue / (beforeValue - otherValue));
    }

    /** The curve's value at a place between the ends. */
    void put(double place, double value) {
        if (value > 0 == latestValue > 0) {
            before = latest;
            beforeValue = latestValue;
        } else {
            before = other;
            beforeValue = otherValue;
            other = latest;
            otherValue = latestValue;
        }
        latest = place;
        latestValue = value;
    }
}
