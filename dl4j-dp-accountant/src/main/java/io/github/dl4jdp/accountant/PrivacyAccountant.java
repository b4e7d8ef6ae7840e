// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

/**
 * Adds up what events cost and answers with the guarantee of all of them together.
 *
 * <p>An accountant is a running total: {@link #compose} adds to it and returns it. It checks first and changes second, so
 * that a refused event leaves it as it was. Adding the same event again is cheap, and so is asking in between: an
 * accountant can be asked after every step of training. Instances are not safe for use by several threads at once.
 *
 * <p><b>Formal guarantee.</b> For every delta in (0, 1), the mechanism that ran all composed events is ({@code epsilon(delta)},
 * delta)-differentially private under {@link #relation()}. Each mechanism may be chosen freely given the outcomes before it (the
 * gradient is taken where the model stands); the events, their noise and their number must not depend on outcomes. Errors of
 * discretization, truncation and rounding are on the safe side: the answer may be too large, never too small; where a
 * computation fails the answer is infinite.
 *
 * @see <a href="https://doi.org/10.1561/0400000042">Dwork and Roth 2014, section 3.5</a> (adaptive composition)
 * @see <a href="https://arxiv.org/abs/1605.08294">Rogers, Roth, Ullman and Vadhan 2016</a> (where events depend on outcomes)
 */
public interface PrivacyAccountant {

    /** The relation under which the answers hold. */
    NeighboringRelation relation();

    /** Whether this accountant can bound the event, all of its parts included. */
    boolean supports(DpEvent event);

    /**
     * Adds an event.
     *
     * @return this accountant
     * @throws UnsupportedEventException if {@code !supports(event)}; nothing is composed then
     */
    default PrivacyAccountant compose(DpEvent event) {
        return compose(event, 1);
    }

    /**
     * Adds an event that happens {@code count} times.
     *
     * @return this accountant
     * @throws UnsupportedEventException if {@code !supports(event)}; nothing is composed then
     * @throws IllegalArgumentException if {@code count < 0}
     */
    PrivacyAccountant compose(DpEvent event, long count);

    /**
     * The smallest epsilon this accountant can vouch for at the given delta.
     *
     * @param delta in [0, 1]; at 0 the answer is infinite unless pure differential privacy is known, at 1 it is 0
     * @return epsilon, {@code >= 0}, possibly infinite, never NaN
     * @throws IllegalArgumentException if {@code delta} is not in [0, 1]
     */
    double epsilon(double delta);

    /**
     * The smallest delta this accountant can vouch for at the given epsilon.
     *
     * @param epsilon {@code >= 0}, possibly infinite
     * @return delta in [0, 1], never NaN
     * @throws IllegalArgumentException if {@code epsilon < 0} or NaN
     */
    double delta(double epsilon);

    /** Everything composed so far, as one event; composing it into a fresh accountant gives the same answers. */
    DpEvent event();

    /**
     * The guarantee at the given delta.
     *
     * @param delta in [0, 1)
     * @throws IllegalArgumentException if {@code delta} is not in [0, 1)
     */
    default PrivacyGuarantee guarantee(double delta) {
        return new PrivacyGuarantee(epsilon(delta), delta, relation());
    }
}
