// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/** The source of an iterator's lots: drawn by the plan, or read from a user's iterator. Callers that may not have a lot are refused here. */
public abstract sealed class LotSupply permits LotSource, GivenBatches {
    final PrivateTraining training;
    /** Of the iterator, at the desk. */
    final long number;

    LotSupply(PrivateTraining training) {
        this.training = training;
        this.number = training.desk().newIterator();
    }

    /** Whether the pass has another lot for the caller. */
    final boolean hasNext() {
        LotDesk desk = training.desk();
        desk.requireNoPrefetching();
        return desk.isReadAhead() ? desk.hasRefusal() : hasLot();
    }

    abstract boolean hasLot();

    /** The refusal that a thread that reads ahead gets in place of a lot, or null on any other thread. */
    final @Nullable RefusedLot refusal() {
        LotDesk desk = training.desk();
        return desk.isReadAhead() ? RefusedLot.of(desk.refusal()) : null;
    }

    /**
     * The next lot, all but its last physical batch fed to the engine: what {@code fit} is to have.
     *
     * @param preProcess is applied to what the plan draws; a user's iterator has applied it itself
     */
    abstract MultiDataSet next(UnaryOperator<MultiDataSet> preProcess);

    /** Whether a preprocessor that is set on the iterator is ever called. */
    boolean takesPreProcessors() {
        return true;
    }

    /** Begins a pass anew. */
    final void reset() {
        training.desk().requireNoPrefetching();
        training.desk().reset(number);
        startPass();
    }

    abstract void startPass();

    /** Who asks whether there can be a reset may be about to read ahead. */
    final boolean resetSupported() {
        training.desk().requireNoPrefetching();
        return canReset();
    }

    abstract boolean canReset();

    /** Examples of a lot, as DL4J asks for it. */
    abstract int lotSize();

    /** Columns of the features or of the labels. */
    abstract int columns(boolean features);

    /** The names of the classes, if they are known. */
    abstract @Nullable List<String> labels();
}
