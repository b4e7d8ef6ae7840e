// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.core.internal.Require;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reports the privacy spent while a network trains: to the log, and to a callback if one is given.
 *
 * <p>Before the first step it reports the total cost of the plan. All reports depend only on the plan, the number of steps and the releases, except
 * for {@link #showClippedFraction}.
 */
public final class PrivacyListener extends BaseTrainingListener {
    private static final Logger log = LoggerFactory.getLogger(PrivacyListener.class);
    /** Why costs do not add up is worth explaining once, not at every run of a process. */
    private static final AtomicBoolean EXPLAINED = new AtomicBoolean();

    /** One lot's noise drowns its signal: the estimate is an average, to which every report adds a tenth. */
    private static final double MEMORY = 0.9;

    private final PrivacyEngine engine;
    private final int every;
    private final List<Consumer<? super PrivacyStatus>> sinks = new ArrayList<>();
    private boolean announced;
    private boolean showsClippedFraction;
    private double signalPower;
    private double weight;
    private double clippedFraction = Double.NaN;

    /**
     * Reports every {@code every}-th step to the log.
     *
     * @throws IllegalArgumentException if {@code every < 1}
     */
    public PrivacyListener(PrivacyEngine engine, int every) {
        Require.positive("every", every);
        this.engine = Objects.requireNonNull(engine, "engine");
        this.every = every;
    }

    /**
     * Reports every {@code every}-th step, and the last one, to the log and to a callback.
     *
     * @param callback called on the training thread
     * @throws IllegalArgumentException if {@code every < 1}
     */
    public PrivacyListener(PrivacyEngine engine, int every, Consumer<PrivacyStatus> callback) {
        this(engine, every);
        reportTo(callback);
    }

    /**
     * Adds a sink: a {@link io.github.dl4jdp.core.monitor.StatusFile}, DL4J's training UI, a progress bar, or your own code. A sink that fails is
     * removed with an error in the log; training continues.
     *
     * @param sink called on the training thread
     * @return this listener
     */
    public PrivacyListener reportTo(Consumer<? super PrivacyStatus> sink) {
        sinks.add(Objects.requireNonNull(sink, "sink"));
        return this;
    }

    @Override
    public void onEpochStart(Model model) {
        if (!announced) {
            announced = true;
            String cost = announcement(engine.plan());
            boolean isLong = cost.lines().count() > 1;
            log.info(
                    isLong && EXPLAINED.getAndSet(true)
                            ? cost.lines().findFirst().orElseThrow()
                            : cost);
            if (engine.hasPast()) {
                log.info("With what was charged before, epsilon will be {}.", engine.epsilonAtEnd());
            }
        }
    }

    /** The cost of a plan in one line, and, if it has several epochs, why they cost less together than one by one. */
    public static String announcement(DpSgdPlan plan) {
        if (plan.noiseMultiplier() == 0) {
            return "The plan adds no noise: epsilon is infinite.";
        }
        long oneEpoch = Math.min(plan.steps(), plan.mechanism().lotsAfter(1));
        double one = plan.epsilonAfter(oneEpoch);
        double all = plan.epsilonAfter(plan.steps());
        int epochs = plan.epochs();
        if (!plan.noiseSchedule().isConstant() || !plan.others().isEmpty()) {
            return String.format(
                    Locale.ROOT,
                    "The whole plan (%s, %s)%s costs epsilon = %s, at delta = %s (%s), by the %s accountant.",
                    count(epochs, "epoch"),
                    count(plan.steps(), "step"),
                    !plan.others().isEmpty() ? ", with the other releases," : "",
                    RoundedBounds.upper(all, 4),
                    RoundedBounds.upper(plan.delta(), 3),
                    relationAndUnit(plan),
                    plan.accountantKind());
        }
        if (epochs == 1) {
            return String.format(
                    Locale.ROOT,
                    "The plan's one epoch (%s) costs epsilon = %s, at delta = %s (%s).",
                    count(plan.steps(), "step"),
                    RoundedBounds.upper(all, 4),
                    RoundedBounds.upper(plan.delta(), 3),
                    relationAndUnit(plan));
        }
        return String.format(
                Locale.ROOT,
                "One epoch (%s) costs epsilon = %s, the whole plan (%s, %s) epsilon = %s, at delta = %s (%s).%n"
                        + "Adding up epoch by epoch would give %d x %s = %s: the %s accountant is smaller because it composes the"
                        + " privacy losses of the steps,%nwhose random parts cancel in part (the spread grows like the square root of the"
                        + " number of steps), and converts to epsilon once, at the end.",
                count(oneEpoch, "step"),
                RoundedBounds.upper(one, 4),
                count(epochs, "epoch"),
                count(plan.steps(), "step"),
                RoundedBounds.upper(all, 4),
                RoundedBounds.upper(plan.delta(), 3),
                relationAndUnit(plan),
                epochs,
                RoundedBounds.upper(one, 4),
                RoundedBounds.upper(epochs * one, 4),
                plan.accountantKind());
    }

    private static String count(long number, String unit) {
        return number + " " + unit + (number == 1 ? "" : "s");
    }

    private static String relationAndUnit(DpSgdPlan plan) {
        return plan.relation() + (plan.privacyUnit().isGroup() ? ", one " + plan.unit() : "");
    }

    /** The released sum is seen here and nowhere later: the updater turns it into an update in place. */
    @Override
    public void onGradientCalculation(Model model) {
        if (isDue() && !sinks.isEmpty()) {
            double power = engine.signalToNoisePower();
            if (Double.isFinite(power)) {
                signalPower = MEMORY * signalPower + (1 - MEMORY) * power;
                weight = MEMORY * weight + (1 - MEMORY);
            }
        }
        clippedFraction = isDue() && showsClippedFraction ? engine.clippedFraction() : Double.NaN;
    }

    private boolean isDue() {
        return engine.isLotComplete() && (engine.steps() % every == 0 || engine.remainingSteps() == 0);
    }

    @Override
    public void iterationDone(Model model, int iteration, int epoch) {
        if (!isDue()) {
            return;
        }
        DpSgdPlan plan = engine.plan();
        var status = new PrivacyStatus(
                engine.steps(),
                engine.remainingSteps(),
                engine.runningEpsilon(),
                plan.delta(),
                plan.relation(),
                plan.unit(),
                engine.momentsEpsilon(),
                plan.target()
                        .map(PrivacyGuarantee::epsilon)
                        .map(OptionalDouble::of)
                        .orElse(OptionalDouble.empty()),
                engine.epsilonAtEnd(),
                noiseToSignal(),
                present(clippedFraction));
        log.info("{}", status);
        report(status);
    }

    /**
     * Also reports the share of each lot's examples that were clipped, for choosing the clipping norm on public data. It is computed from the data
     * without noise and therefore outside the guarantee; the log warns about this.
     *
     * @return this listener
     */
    public PrivacyListener showClippedFraction() {
        showsClippedFraction = true;
        log.warn("The clipped fraction is shown. It is private data, OUTSIDE THE GUARANTEE.");
        return this;
    }

    private OptionalDouble noiseToSignal() {
        return weight == 0
                ? OptionalDouble.empty()
                : OptionalDouble.of(1 / Math.sqrt(Math.max(0, signalPower / weight)));
    }

    private static OptionalDouble present(double value) {
        return Double.isNaN(value) ? OptionalDouble.empty() : OptionalDouble.of(value);
    }

    private void report(PrivacyStatus status) {
        for (var sink : List.copyOf(sinks)) {
            try {
                sink.accept(status);
            } catch (RuntimeException e) {
                sinks.remove(sink);
                log.error("Privacy sink {} failed and was removed", sink, e);
            }
        }
    }
}
