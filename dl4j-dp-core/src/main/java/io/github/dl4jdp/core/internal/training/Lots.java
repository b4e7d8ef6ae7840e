// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import java.io.Serializable;
import java.util.Iterator;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The lots of a plan as an iterator for {@code net.fit}: each {@code next()} is one lot, one pass over the iterator is one pass of the plan.
 *
 * <p>A lot larger than the physical batch size is accumulated inside {@code next()}, which returns its last part: DL4J sees one iteration a
 * lot, whatever its size. An empty lot is returned as one row that does not count.
 *
 * @param <D> what the network takes
 * @param <P> its preprocessor
 */
abstract sealed class Lots<D, P> implements Iterator<D>, Serializable permits LotIterator, MultiLotIterator {
    private static final long serialVersionUID = 1L;

    final transient LotSupply supply;
    private final transient Supplier<? extends @Nullable P> getPreProcessor;
    private final transient Consumer<? super @Nullable P> setPreProcessor;
    private final transient boolean isDrawn;
    /** That of lots that the plan draws. */
    private transient @Nullable P own;

    /** Lots that the plan draws. */
    Lots(LotSource supply) {
        this.supply = supply;
        this.getPreProcessor = () -> own;
        this.setPreProcessor = preProcessor -> own = preProcessor;
        this.isDrawn = true;
    }

    /** Lots from a user's iterator, which keeps and applies its preprocessor. */
    Lots(
            GivenBatches supply,
            Supplier<? extends @Nullable P> getPreProcessor,
            Consumer<? super @Nullable P> setPreProcessor) {
        this.supply = supply;
        this.getPreProcessor = getPreProcessor;
        this.setPreProcessor = setPreProcessor;
        this.isDrawn = false;
        supply.training.noticeStage(getPreProcessor.get());
    }

    @Override
    public boolean hasNext() {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            return supply.hasNext();
        }
    }

    @Override
    public D next() {
        RefusedLot refusal = supply.refusal();
        if (refusal != null) {
            return handedOut(refusal);
        }
        P preProcessor = getPreProcessor.get();
        supply.training.noticeStage(preProcessor);
        // A lot, and what is summed of it, can outlive the caller's workspace: a fit that fails gets it again.
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            return handedOut(
                    supply.next(part -> isDrawn && preProcessor != null ? preProcessed(part, preProcessor) : part));
        }
    }

    abstract D handedOut(RefusedLot refusal);

    abstract D handedOut(MultiDataSet lot);

    abstract MultiDataSet preProcessed(MultiDataSet part, P preProcessor);

    public D next(int num) {
        throw new UnsupportedOperationException(
                "the size of a lot is the plan's or the given iterator's and cannot be asked for; call next()");
    }

    public void reset() {
        supply.reset();
    }

    public boolean resetSupported() {
        return supply.resetSupported();
    }

    /** A prefetching thread would run the network while it trains. */
    public boolean asyncSupported() {
        return false;
    }

    public void setPreProcessor(@Nullable P preProcessor) {
        if (preProcessor != null && !supply.takesPreProcessors()) {
            throw new IllegalStateException(
                    "a preprocessor must not be set on lots that are summed elsewhere, where it would never"
                            + " be called; apply it where the examples are");
        }
        supply.training.noticeStage(preProcessor);
        setPreProcessor.accept(preProcessor);
    }

    public @Nullable P getPreProcessor() {
        return getPreProcessor.get();
    }
}
