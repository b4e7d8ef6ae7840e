// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.core.internal.Require;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * How the noise of a run changes from lot to lot: factors of the plan's noise multiplier, constant over stages.
 *
 * <p>Lot {@code t} gets noise of standard deviation {@code sigma f(t) C} on its sum. Calibration scales {@code sigma} and keeps the factors'
 * proportions. With given batches ({@code DpSgdPlan.givenBatches}), where a pass is one charge, stages are counted in passes.
 *
 * <p><b>Formal guarantee.</b> The plan's event composes every lot with its own noise, so that what is accounted is what is added. The schedule is
 * part of the plan and fixed before the data are looked at.
 *
 * @param stages at least one, the first from lot 1, in ascending order
 */
public record NoiseSchedule(List<Stage> stages) {
    /** The same noise in all lots. */
    public static final NoiseSchedule CONSTANT = startingAt(1);

    /**
     * Lots with the same noise.
     *
     * @param from number of the first of them, from 1
     * @param factor of the plan's noise multiplier, finite and positive
     */
    public record Stage(long from, double factor) {
        /** A stage; {@code IllegalArgumentException} if {@code from < 1} or {@code factor} is not finite and positive. */
        public Stage {
            Require.positive("from", from);
            Require.positive("factor", factor);
        }
    }

    /** A schedule; {@code IllegalArgumentException} if there is no stage, the first is not from lot 1, or they do not ascend. */
    public NoiseSchedule {
        stages = List.copyOf(stages);
        Require.that(
                !stages.isEmpty() && stages.get(0).from() == 1,
                "stages must begin with one from lot 1, were " + stages);
        for (int i = 1; i < stages.size(); i++) {
            Require.that(stages.get(i).from() > stages.get(i - 1).from(), "stages must ascend, were " + stages);
        }
    }

    /**
     * A schedule that begins with a factor.
     *
     * @throws IllegalArgumentException if {@code factor} is not finite and positive
     */
    public static NoiseSchedule startingAt(double factor) {
        return new NoiseSchedule(List.of(new Stage(1, factor)));
    }

    /**
     * This schedule with another factor from a lot on.
     *
     * @param from number of the lot, from 1, after the last stage's
     * @throws IllegalArgumentException if {@code from} is not after the last stage's, or {@code factor} is not finite and positive
     */
    public NoiseSchedule then(long from, double factor) {
        var longer = new ArrayList<>(stages);
        longer.add(new Stage(from, factor));
        return new NoiseSchedule(longer);
    }

    /** The factor of a lot, from 1. */
    public double factorAt(long lot) {
        return stages.get(stageAt(lot)).factor();
    }

    /** The number of the last lot with the same noise as {@code lot}'s stage. */
    public long lastOfStage(long lot) {
        int next = stageAt(lot) + 1;
        return next == stages.size() ? Long.MAX_VALUE : stages.get(next).from() - 1;
    }

    private int stageAt(long lot) {
        int stage = 0;
        while (stage + 1 < stages.size() && stages.get(stage + 1).from() <= lot) {
            stage++;
        }
        return stage;
    }

    /** Whether the noise changes at all. */
    public boolean isConstant() {
        return stages.size() == 1;
    }

    /** The stages in a few words. */
    public String describe() {
        return stages.stream()
                .map(stage -> stage.factor() + " from " + stage.from())
                .collect(Collectors.joining(", "));
    }
}
