// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.core.internal.Require;
import java.util.Locale;
import org.deeplearning4j.earlystopping.termination.EpochTerminationCondition;
import org.deeplearning4j.earlystopping.termination.IterationTerminationCondition;

/**
 * Ends DL4J's early stopping before the step that would exceed a privacy budget.
 *
 * <pre>{@code
 * new EarlyStoppingConfiguration.Builder<MultiLayerNetwork>()
 *         .epochTerminationConditions(new PrivacyBudgetTerminationCondition(engine))
 *         ...
 * }</pre>
 *
 * <p>With the plan as the budget, the epoch condition is enough: the engine's lots end with the plan, in the middle of a pass if need be,
 * and that pass is still scored. With a smaller epsilon, use it as an iteration condition too: it ends the pass at once, and DL4J then
 * returns the best model of the passes before, so there must have been one. A plan of given batches is charged by the pass, and so it ends with a
 * pass.
 *
 * <h2>Formal guarantee</h2>
 *
 * {@link #terminate} depends on the plan and on the number of steps and passes alone, never on a score. Early stopping by the score of other
 * data than the training set is post-processing; the selected model has spent as much as the whole run.
 */
public final class PrivacyBudgetTerminationCondition
        implements IterationTerminationCondition, EpochTerminationCondition {
    private static final long serialVersionUID = 1L;

    private final transient PrivacyEngine engine;
    private final double epsilon;
    private final long affordable;

    /** The budget of the engine's plan: all of its steps. */
    public PrivacyBudgetTerminationCondition(PrivacyEngine engine) {
        DpSgdPlan plan = engine.plan();
        this.engine = engine;
        this.affordable = plan.mechanism().chargesFor(plan.steps());
        this.epsilon = engine.epsilonAtEnd();
    }

    /**
     * A given budget, at the plan's delta and under its relation.
     *
     * @param epsilon the most that may be spent
     * @throws IllegalArgumentException if {@code epsilon} is not finite and positive, or less than the first step costs
     */
    public PrivacyBudgetTerminationCondition(PrivacyEngine engine, double epsilon) {
        this.engine = engine;
        this.epsilon = Require.positive("epsilon", epsilon);
        this.affordable = affordable(engine, epsilon);
    }

    /** The largest number of charges within the plan with which everything that was charged costs at most {@code epsilon}. */
    private static long affordable(PrivacyEngine engine, double epsilon) {
        long affordable = engine.affordableCharges(epsilon);
        if (affordable == 0) {
            throw new IllegalArgumentException("epsilon must be at least what the first step costs, "
                    + engine.plan().epsilonAfter(1) + " and what was spent before, was " + epsilon);
        }
        return affordable;
    }

    @Override
    public void initialize() {}

    /** Whether the next step would exceed the budget. */
    @Override
    public boolean terminate(double lastMiniBatchScore) {
        return engine.remainingSteps() == 0
                || (charges() >= affordable && !engine.plan().mechanism().chargesByPass());
    }

    /** Whether the first step of the next pass would exceed the budget. */
    @Override
    public boolean terminate(int epochNum, double score, boolean minimize) {
        return engine.remainingSteps() == 0 || charges() >= affordable;
    }

    /** Lots charged so far, or passes where the plan charges by pass. */
    private long charges() {
        return engine.plan().mechanism().chargesByPass()
                ? engine.plan().epochs() - engine.remainingPasses()
                : engine.steps();
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "PrivacyBudgetTerminationCondition(epsilon = %s, delta = %s, %d %s)",
                RoundedBounds.upper(epsilon, 4),
                RoundedBounds.upper(engine.plan().delta(), 3),
                affordable,
                engine.plan().mechanism().chargesByPass() ? "passes" : "steps");
    }
}
