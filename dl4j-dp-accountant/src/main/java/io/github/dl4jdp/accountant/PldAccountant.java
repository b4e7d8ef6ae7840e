// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.NonPrivate;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * The tight accountant: composes privacy loss distributions.
 *
 * <p>Gaussian events are exact, in closed form; other events are refused.
 *
 * @see <a href="https://arxiv.org/abs/1805.06530">Balle and Wang 2018, theorem 8</a>
 */
public final class PldAccountant implements PrivacyAccountant {
    private static final String NAME = "PldAccountant";

    private final NeighboringRelation relation;
    private final Map<DpEvent, Long> leaves = new LinkedHashMap<>();

    /** An accountant under {@link NeighboringRelation#ADD_OR_REMOVE_ONE}. */
    public PldAccountant() {
        this(NeighboringRelation.ADD_OR_REMOVE_ONE);
    }

    /** An accountant under the given relation. */
    public PldAccountant(NeighboringRelation relation) {
        this.relation = Objects.requireNonNull(relation, "relation");
    }

    @Override
    public NeighboringRelation relation() {
        return relation;
    }

    @Override
    public boolean supports(DpEvent event) {
        try {
            parts(event, 1);
            return true;
        } catch (UnsupportedEventException e) {
            return false;
        }
    }

    @Override
    public PrivacyAccountant compose(DpEvent event, long count) {
        parts(event, count).forEach((leaf, n) -> leaves.merge(leaf, n, Math::addExact));
        return this;
    }

    private Map<DpEvent, Long> parts(DpEvent event, long count) {
        return EventParts.of(
                event,
                count,
                NAME,
                relation,
                leaf -> leaf instanceof Gaussian ? null : "only Gaussian events have a closed form");
    }

    @Override
    public double epsilon(double delta) {
        Arguments.probability("delta", delta);
        double mu = mu();
        if (mu == 0 || delta == 1) {
            return 0;
        }
        if (mu == Double.POSITIVE_INFINITY || delta == 0) {
            return Double.POSITIVE_INFINITY;
        }
        return GaussianTradeOff.epsilon(mu, delta);
    }

    @Override
    public double delta(double epsilon) {
        Arguments.nonNegative("epsilon", epsilon);
        double mu = mu();
        if (mu == 0) {
            return 0;
        }
        return mu == Double.POSITIVE_INFINITY ? 1 : GaussianTradeOff.delta(mu, epsilon);
    }

    private double mu() {
        double precision = 0;
        for (Map.Entry<DpEvent, Long> leaf : leaves.entrySet()) {
            if (leaf.getKey() instanceof NonPrivate) {
                return Double.POSITIVE_INFINITY;
            }
            if (leaf.getKey() instanceof Gaussian gaussian) {
                precision += leaf.getValue() / (gaussian.noiseMultiplier() * gaussian.noiseMultiplier());
            }
        }
        return Math.sqrt(precision);
    }

    @Override
    public DpEvent event() {
        return EventParts.asEvent(leaves);
    }
}
