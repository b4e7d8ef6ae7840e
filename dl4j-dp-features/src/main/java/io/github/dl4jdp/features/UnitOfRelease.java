// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import io.github.dl4jdp.core.data.GroupedExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.mechanism.PrivacyUnit;
import java.util.Arrays;
import java.util.NoSuchElementException;
import java.util.PrimitiveIterator;
import java.util.stream.LongStream;

/**
 * What a release protects as one: a row, or the owner of rows with all of them.
 *
 * @param name "example" for a row
 */
record UnitOfRelease(String name) {
    static final UnitOfRelease EXAMPLE = new UnitOfRelease(PrivacyUnit.EXAMPLE.name());

    /**
     * The owner of rows.
     *
     * @throws IllegalArgumentException if the name is none that {@code DpSgdPlan.withUnit} takes
     */
    static UnitOfRelease owner(String name) {
        if (name.equals(EXAMPLE.name())) {
            throw new IllegalArgumentException(
                    "unit must be the word for an owner of rows, was \"example\", which is one row: leave withUnit out");
        }
        return new UnitOfRelease(new PrivacyUnit(name, 1).name());
    }

    /** That of {@link #name}. */
    static UnitOfRelease of(String name) {
        return name.equals(EXAMPLE.name()) ? EXAMPLE : owner(name);
    }

    private boolean isOwner() {
        return !equals(EXAMPLE);
    }

    /** In the words of a message. */
    String plural() {
        return new PrivacyUnit(name, 1).plural();
    }

    /**
     * The number of units of a data set.
     *
     * @throws IllegalArgumentException if it has owners and a row is the unit, or the other way round
     */
    long count(RandomAccessExamples data) {
        if (isOwner() && !(data instanceof GroupedExamples)) {
            throw new IllegalArgumentException("the data must have the " + name
                    + " of each row, the unit of the release: pass GroupedExamples.of(data, ids)");
        }
        if (!isOwner() && data instanceof GroupedExamples) {
            throw new IllegalArgumentException(
                    "the data have the owner of each row, but the release protects one row: use withUnit(\"patient\"), or the data without owners");
        }
        return data instanceof GroupedExamples grouped ? grouped.units() : data.size();
    }

    /** The rows of a data set, those of one unit after the other. */
    Order order(RandomAccessExamples data) {
        return new Order(data);
    }

    /** Goes through the rows of a data set once, in pieces. */
    static final class Order {
        private final PrimitiveIterator.OfLong rows;
        private final PrimitiveIterator.OfLong left;

        private Order(RandomAccessExamples data) {
            if (data instanceof GroupedExamples grouped) {
                rows = LongStream.range(0, grouped.units())
                        .flatMap(unit ->
                                LongStream.range(0, grouped.rowCount(unit)).map(place -> grouped.row(unit, place)))
                        .iterator();
                left = LongStream.range(0, grouped.units())
                        .flatMap(unit -> {
                            long count = grouped.rowCount(unit);
                            return LongStream.rangeClosed(1, count).map(place -> count - place);
                        })
                        .iterator();
            } else {
                rows = LongStream.range(0, data.size()).iterator();
                left = LongStream.generate(() -> 0).iterator();
            }
        }

        boolean hasNext() {
            return rows.hasNext();
        }

        /**
         * The next rows.
         *
         * @param most how many at most, at least 1
         */
        Piece next(int most) {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            long[] numbers = new long[most];
            boolean[] ends = new boolean[most];
            int count = 0;
            while (count < most && rows.hasNext()) {
                numbers[count] = rows.nextLong();
                ends[count] = left.nextLong() == 0;
                count++;
            }
            return new Piece(Arrays.copyOf(numbers, count), ends);
        }
    }

    /**
     * Some rows.
     *
     * @param rows by their numbers
     * @param endsUnit whether a row is the last one of its unit
     */
    @SuppressWarnings("ArrayRecordComponent") // short-lived, never compared
    record Piece(long[] rows, boolean[] endsUnit) {}
}
