// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import io.github.dl4jdp.core.data.GroupedExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import java.util.Arrays;
import java.util.stream.LongStream;

/**
 * What is remembered of the order of a data set, for lots that rest on the place of an example in it: those of random allocation, and Poisson lots with correlated noise.
 *
 * <p>It finds mistakes: another number of examples or units, or other values in one of {@value #PLACES} pairs of neighbors that are spread over the data, first and last included. An order that differs elsewhere only goes unnoticed, and so do equal examples that change
 * places.
 */
final class DataOrder {
    static final int PLACES = 16;

    private final long size;
    private final long[] rowCounts;
    private final long contents;

    private DataOrder(long size, long[] rowCounts, long contents) {
        this.size = size;
        this.rowCounts = rowCounts;
        this.contents = contents;
    }

    /** Reads the data. */
    static DataOrder of(RandomAccessExamples data) {
        GroupedExamples groups = data instanceof GroupedExamples grouped ? grouped : null;
        long size = groups == null ? data.size() : groups.units();
        long[] places = places(size);
        long[] rowCounts = {};
        long[] rows = places;
        if (groups != null) {
            rowCounts = Arrays.stream(places).map(groups::rowCount).toArray();
            rows = Arrays.stream(places)
                    .filter(unit -> groups.rowCount(unit) > 0)
                    .map(unit -> groups.row(unit, 0))
                    .toArray();
        }
        return new DataOrder(size, rowCounts, rows.length == 0 ? 0 : LotContents.of(LotSource.fetch(data, rows)));
    }

    /** Pairs of neighbors at equal distances, ascending. */
    private static long[] places(long size) {
        return LongStream.range(0, PLACES)
                .map(i -> Math.max(0, size - 2) / (PLACES - 1) * i
                        + Math.max(0, size - 2) % (PLACES - 1) * i / (PLACES - 1))
                .flatMap(first -> LongStream.of(first, Math.min(first + 1, size - 1)))
                .distinct()
                .sorted()
                .toArray();
    }

    /**
     * Refuses data in another order.
     *
     * @throws IllegalStateException if size or values differ
     */
    void require(RandomAccessExamples data) {
        DataOrder other = of(data);
        if (other.size != size) {
            throw refused("had " + size + " examples or units at first, and has " + other.size + " now");
        }
        if (other.contents != contents || !Arrays.equals(other.rowCounts, rowCounts)) {
            throw refused("has other examples in some places than at first");
        }
    }

    private static IllegalStateException refused(String what) {
        return new IllegalStateException(
                "the data must be the same in the same order in every pass and every lot, since the plan's lots rest on the place of an example: the data set "
                        + what
                        + "; nothing of this lot was released. Do not shuffle or change the data between engine.lots and the end of training (the lots are random without it), or use a Poisson plan with independent noise");
    }
}
