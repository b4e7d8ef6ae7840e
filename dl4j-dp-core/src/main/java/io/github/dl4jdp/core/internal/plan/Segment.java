// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.plan;

import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The time steps of a lot that one backward pass is over.
 *
 * @param from the first
 * @param to the one after the last
 */
public record Segment(long from, long to) {
    /** The lot as it is, time series or not. */
    public static final Segment WHOLE = new Segment(0, Long.MAX_VALUE);

    /**
     * Whether {@code actual} is this part of {@code lot}: the very same memory, not equal numbers. DL4J cuts time series along their last dimension,
     * by views.
     */
    public boolean isOf(@Nullable INDArray lot, @Nullable INDArray actual) {
        if (equals(WHOLE) || lot == null || actual == null) {
            return actual == lot;
        }
        int time = lot.rank() - 1;
        if (actual.rank() != lot.rank() || actual.size(time) != to - from) {
            return false;
        }
        for (int dimension = 0; dimension < lot.rank(); dimension++) {
            if (dimension != time && actual.size(dimension) != lot.size(dimension)) {
                return false;
            }
            // The stride of a dimension of one index says nothing.
            if (actual.size(dimension) > 1 && actual.stride(dimension) != lot.stride(dimension)) {
                return false;
            }
        }
        return actual.data().pointer().address() == lot.data().pointer().address()
                && actual.offset() == lot.offset() + from * lot.stride(time);
    }
}
