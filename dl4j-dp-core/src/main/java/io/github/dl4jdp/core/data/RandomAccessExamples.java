// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.data;

import org.nd4j.linalg.dataset.api.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/**
 * A training set whose examples can be fetched by index: what Poisson lots are drawn from.
 *
 * <p>Implementations must return the same example for the same index at all times and must be usable by one thread at a
 * time. One that wraps others, or applies a preprocessor, keeps them in fields, where the engine looks at them.
 */
public interface RandomAccessExamples extends DataStage {
    /** The number of examples, at least 1. */
    long size();

    /**
     * The examples with the given indices, in that order, as arrays that no other code uses or changes.
     *
     * @param indices at least one index, each in {@code [0, size())}
     */
    MultiDataSet get(long[] indices);

    /**
     * As {@link #get(long[])}; may fill the arrays of an earlier call again and return those. Memory that is new for every physical batch
     * costs more time than copying the examples into it. By default, takes new arrays.
     *
     * @param reuse the result of an earlier call for as many indices, whose arrays are no longer in use
     */
    default MultiDataSet get(long[] indices, MultiDataSet reuse) {
        return get(indices);
    }

    /**
     * Whether every array that {@link #get} returns has the same shape besides its first dimension, whatever the indices: a constant that is public.
     *
     * <p>Only examples with masks of time steps or pixels need this to be true, and only in networks that see masked padding: it then asserts that
     * padded arrays are not padded to the longest of the requested examples. False by default. In either case the engine requires all lots of a run
     * to have the shape of the first one.
     */
    default boolean hasFixedShapes() {
        return false;
    }

    /** Examples held in memory by a {@link DataSet}; each row of its arrays is one example. */
    static RandomAccessExamples of(DataSet data) {
        return new InMemoryExamples(InMemoryExamples.toMultiDataSet(data));
    }

    /** Examples held in memory by a {@link MultiDataSet}; each row of its arrays is one example. */
    static RandomAccessExamples of(MultiDataSet data) {
        return new InMemoryExamples(data);
    }
}
