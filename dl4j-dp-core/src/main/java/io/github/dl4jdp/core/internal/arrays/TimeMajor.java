// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Arrays [T, examples, width] in c order outside every workspace: one time step is one matrix, all steps are one matrix, and the steps of one
 * example are a matrix too, with a longer stride.
 */
public final class TimeMajor {
    private TimeMajor() {}

    /** A copy of [examples, width, T]. */
    public static INDArray ofSeries(INDArray series) {
        return HostArrays.detached(series.permute(2, 0, 1));
    }

    /**
     * A copy of rows as DL4J's preprocessors order them: row {@code t * examples + i} is step {@code t} of example {@code i}.
     *
     * @param rows [T * examples, ...]
     * @throws IllegalStateException if the number of rows is not a multiple of {@code examples}
     */
    public static INDArray ofRows(INDArray rows, int examples) {
        long count = rows.size(0);
        if (count % examples != 0) {
            throw new IllegalStateException("a layer has " + count + " rows for a batch of " + examples
                    + " examples: the batch does not come from the engine; train with net.fit(engine.lots(data),"
                    + " plan.epochs())");
        }
        return HostArrays.detached(rows).reshape('c', count / examples, examples, rows.length() / count);
    }

    /**
     * The sum of every example's rows, each row a time step of the example.
     *
     * @param rows [T * examples, ...] as in {@link #ofRows}
     * @return [examples, ...]; {@code rows} itself if there is one for each example
     */
    public static INDArray sumOfSteps(INDArray rows, int examples) {
        if (rows.size(0) == examples) {
            return rows;
        }
        long[] shape = rows.shape().clone();
        shape[0] = examples;
        return ofRows(rows, examples).sum(0).reshape('c', shape);
    }

    /** A copy with a last column of ones: the left factor of weights and bias together. */
    public static INDArray withOnes(INDArray timeMajor) {
        long width = timeMajor.size(2);
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray wider = Nd4j.createUninitialized(
                    timeMajor.dataType(), new long[] {timeMajor.size(0), timeMajor.size(1), width + 1}, 'c');
            columns(wider, 0, width).assign(timeMajor);
            columns(wider, width, width + 1).assign(1);
            return wider;
        }
    }

    /** The columns from (inclusive) to (exclusive), as a view. */
    static INDArray columns(INDArray timeMajor, long from, long to) {
        return Slices.range(timeMajor, 2, from, to);
    }
}
