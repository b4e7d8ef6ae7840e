// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.plan;

import io.github.dl4jdp.core.internal.Require;

/**
 * Truncated backpropagation through time as a plan declares it.
 *
 * @param maximumLength time steps of the longest sequence that may come, and of every sequence once it is padded
 * @param segmentLength time steps of a segment; the last one may be shorter
 */
public record Truncation(long maximumLength, long segmentLength) {
    public Truncation {
        Require.positive("maximumLength", maximumLength);
        Require.positive("segmentLength", segmentLength);
    }

    /** {@code k = ceil(maximumLength / segmentLength)}: the releases about one lot. */
    public long segments() {
        return (maximumLength - 1) / segmentLength + 1;
    }

    /**
     * The time steps of every lot: the maximum, and one more where the last segment would otherwise have a single one. DL4J takes the mask of a single
     * time step for one of outputs, and fails on it.
     */
    public long paddedLength() {
        return segmentLength > 1 && maximumLength % segmentLength == 1 ? maximumLength + 1 : maximumLength;
    }

    /** The time steps of segment number {@code index}, from 0. */
    public Segment segment(long index) {
        long from = index * segmentLength;
        return new Segment(from, Math.min(paddedLength(), from + segmentLength));
    }

    public String describe() {
        return segments() + " segments of " + segmentLength + " time steps, for sequences of at most " + maximumLength;
    }
}
