// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.RandomAllocation;
import io.github.dl4jdp.accountant.DpEvent.RepeatAndSelect;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampledGroup;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/** How deep events are nested: what goes through them calls itself once a level, and each thread has a stack of its own size. */
final class Nesting {
    /** No event of a plan or ledger comes near it. */
    static final int DEEPEST = 1000;

    private Nesting() {}

    private record Level(DpEvent event, int depth) {}

    /**
     * Refuses an event that is nested too deep.
     *
     * @throws IllegalArgumentException if it is nested more than {@link #DEEPEST} deep
     */
    static void require(DpEvent event) {
        Deque<Level> left = new ArrayDeque<>();
        left.push(new Level(event, 0));
        while (!left.isEmpty()) {
            Level level = left.pop();
            if (level.depth() > DEEPEST) {
                throw new IllegalArgumentException(
                        "event must be nested " + DEEPEST
                                + " deep at most, was deeper; put what runs in turn into one Composed, and repetitions into the count of one SelfComposed");
            }
            inside(level.event()).forEach(part -> left.push(new Level(part, level.depth() + 1)));
        }
    }

    private static List<DpEvent> inside(DpEvent event) {
        if (event instanceof Composed sequence) {
            return sequence.events();
        }
        if (event instanceof SelfComposed repeated) {
            return List.of(repeated.event());
        }
        if (event instanceof PoissonSampled sampled) {
            return List.of(sampled.event());
        }
        if (event instanceof TruncatedPoissonSampled sampled) {
            return List.of(sampled.event());
        }
        if (event instanceof TruncatedPoissonSampledGroup sampled) {
            return List.of(sampled.event());
        }
        if (event instanceof SampledWithoutReplacement sampled) {
            return List.of(sampled.event());
        }
        if (event instanceof RandomAllocation allocation) {
            return List.of(allocation.event());
        }
        return event instanceof RepeatAndSelect selection ? List.of(selection.event()) : List.of();
    }
}
