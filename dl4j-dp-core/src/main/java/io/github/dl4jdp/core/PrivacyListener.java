// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import java.util.Locale;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.function.Consumer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reports the privacy spent while a network trains: to the log, and to a callback if one is given.
 *
 * <p>Before the first step it says what the plan will cost in all. What it shows depends on the plan and on the number of steps alone,
 * never on the data.
 */
public final class PrivacyListener extends BaseTrainingListener {
    private static final Logger log = LoggerFactory.getLogger(PrivacyListener.class);

    /**
     * Where a run stands.
     *
     * @param iteration number of lots released so far
     * @param epsilon privacy spent so far, at {@code delta} and under {@code relation}
     * @param delta the plan's delta
     * @param remainingSteps lots that the plan still allows
     * @param momentsEpsilon what the moments accountant says, where the plan's accountant is a tighter one
     */
    public record Status(
            long iteration, double epsilon, double delta, long remainingSteps, OptionalDouble momentsEpsilon) {
        /** The status as one line of a log. */
        @Override
        public String toString() {
            return String.format(Locale.ROOT, "iteration %d: epsilon = %.4g (delta = %.3g", iteration, epsilon, delta)
                    + (momentsEpsilon.isPresent()
                            ? String.format(Locale.ROOT, "; moments accountant: %.4g)", momentsEpsilon.getAsDouble())
                            : ")");
        }
    }

    private final PrivacyEngine engine;
    private final int every;
    private final Consumer<Status> callback;
    private boolean announced;

    /**
     * Reports every {@code every}-th step to the log.
     *
     * @throws IllegalArgumentException if {@code every < 1}
     */
    public PrivacyListener(PrivacyEngine engine, int every) {
        this(engine, every, status -> {});
    }

    /**
     * Reports every {@code every}-th step, and the last one, to the log and to a callback.
     *
     * @param callback called on the training thread
     * @throws IllegalArgumentException if {@code every < 1}
     */
    public PrivacyListener(PrivacyEngine engine, int every, Consumer<Status> callback) {
        if (every < 1) {
            throw new IllegalArgumentException("every must be at least 1, was " + every);
        }
        this.engine = Objects.requireNonNull(engine, "engine");
        this.every = every;
        this.callback = Objects.requireNonNull(callback, "callback");
    }

    @Override
    public void onEpochStart(Model model) {
        if (!announced) {
            announced = true;
            log.info(announcement(engine.plan()));
        }
    }

    /** What a plan costs, in three lines. */
    static String announcement(DpSgdPlan plan) {
        if (plan.noiseMultiplier() == 0) {
            return "The plan adds no noise: epsilon is infinite.";
        }
        long oneEpoch = Math.min(plan.steps(), plan.lotsAfter(1));
        double one = plan.epsilonAfter(oneEpoch);
        double all = plan.epsilonAfter(plan.steps());
        int epochs = plan.epochs();
        return String.format(
                Locale.ROOT,
                "One epoch (%d steps) costs epsilon = %.4g, the whole plan (%d epochs, %d steps) epsilon = %.4g, at delta = %.3g (%s).%n"
                        + "Adding up epoch by epoch would give %d x %.4g = %.4g: the %s accountant is smaller because it composes the"
                        + " privacy losses of the steps,%nwhose random parts cancel in part (the spread grows like the square root of the"
                        + " number of steps), and converts to epsilon once, at the end.",
                oneEpoch,
                one,
                epochs,
                plan.steps(),
                all,
                plan.delta(),
                plan.relation(),
                epochs,
                one,
                epochs * one,
                plan.accountantKind());
    }

    @Override
    public void iterationDone(Model model, int iteration, int epoch) {
        long steps = engine.steps();
        if (steps % every != 0 && engine.remainingSteps() > 0) {
            return;
        }
        var status = new Status(
                steps,
                engine.runningEpsilon(),
                engine.plan().delta(),
                engine.remainingSteps(),
                engine.momentsEpsilon());
        log.info("{}", status);
        callback.accept(status);
    }
}
