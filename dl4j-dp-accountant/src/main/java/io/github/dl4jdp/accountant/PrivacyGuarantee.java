// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Locale;
import java.util.Objects;

/**
 * An (epsilon, delta) differential privacy guarantee.
 *
 * <p>For all neighboring data sets D, D' and all sets S of outcomes,
 * {@code Pr[M(D) in S] <= exp(epsilon) Pr[M(D') in S] + delta}.
 *
 * @param epsilon bound on the privacy loss, in nats; {@code +infinity} where there is no bound
 * @param delta probability mass outside the bound
 * @param relation which data sets are neighbors
 * @see <a href="https://doi.org/10.1561/0400000042">Dwork and Roth 2014, definition 2.4</a>
 */
public record PrivacyGuarantee(double epsilon, double delta, NeighboringRelation relation) {

    /**
     * A guarantee under the given relation.
     *
     * @throws IllegalArgumentException if {@code epsilon < 0}, or {@code delta < 0}, or {@code delta >= 1}, or either is
     *     NaN
     */
    public PrivacyGuarantee {
        Arguments.nonNegative("epsilon", epsilon);
        if (!(delta >= 0 && delta < 1)) {
            throw new IllegalArgumentException("delta must be >= 0 and < 1, was " + delta);
        }
        Objects.requireNonNull(relation, "relation");
    }

    /**
     * A guarantee under {@link NeighboringRelation#ADD_OR_REMOVE_ONE}.
     *
     * @throws IllegalArgumentException if {@code epsilon < 0}, or {@code delta < 0}, or {@code delta >= 1}, or either is
     *     NaN
     */
    public PrivacyGuarantee(double epsilon, double delta) {
        this(epsilon, delta, NeighboringRelation.ADD_OR_REMOVE_ONE);
    }

    /** For people: {@code (epsilon = 2.3817, delta = 1.00e-05, add-or-remove-one)}; epsilon and delta are rounded upwards. */
    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "(epsilon = %s, delta = %s, %s)",
                Double.isInfinite(epsilon)
                        ? Double.toString(epsilon)
                        : BigDecimal.valueOf(epsilon)
                                .setScale(4, RoundingMode.CEILING)
                                .toPlainString(),
                RoundedBounds.upper(delta, 3),
                relation.name().toLowerCase(Locale.ROOT).replace('_', '-'));
    }
}
