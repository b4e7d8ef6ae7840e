// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import io.github.dl4jdp.core.random.IndexedKeystream;
import io.github.dl4jdp.core.random.LotKey;
import io.github.dl4jdp.core.random.RandomStreams;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Who is in the physical batch under way, for the random draws of the network's layers.
 *
 * <h2>Formal guarantee</h2>
 *
 * While a pass is open, a draw is a function of the run's key, the release, the layer's part, the example, its copy, and the position within the
 * example: never of the other examples of the lot, of physical batches, threads, ND4J's generator or the network's seed. Between passes draws are
 * fresh ones of the same key, and nothing that trains sees them.
 */
public final class LotDraws {
    private static final long[] NOBODY = {};

    private final RandomStreams streams;
    private @Nullable LotKey lot;
    private long segment;
    private long release;
    /** What is drawn once in a release is drawn anew when this moves. */
    private long drawing;

    private boolean isBegun = true;
    private long[] rows = NOBODY;

    public LotDraws(RandomStreams streams) {
        this.streams = streams;
    }

    /** A sum begins: passes from here on are about another lot, or about one that was begun before, maybe at other parameters. */
    public void begin() {
        isBegun = true;
    }

    /**
     * Opens a pass.
     *
     * @param lotKey the key of the lot that the pass is about
     * @param ofSegment number of the lot's segment, from 0
     * @param ofRelease a number that no other release of the run has
     * @param keys of each row of the physical batch, one for each example and copy
     */
    public void open(LotKey lotKey, long ofSegment, long ofRelease, long[] keys) {
        if (isBegun || ofRelease != release) {
            drawing++;
        }
        isBegun = false;
        lot = lotKey;
        segment = ofSegment;
        release = ofRelease;
        rows = keys;
    }

    /** Closes the pass: what is drawn now is not for training. */
    public void close() {
        rows = NOBODY;
    }

    boolean isOpen() {
        return rows.length > 0;
    }

    /** The draws of one part of the network, by a name that no other part has. */
    Part part(String name) {
        return new Part(name);
    }

    /** The draws of one part of the network, say the dropout of one layer. */
    final class Part {
        private final String name;
        private long of;
        private @Nullable IndexedKeystream keystream;
        private long outside;

        private Part(String name) {
            this.name = name;
        }

        boolean isOpen() {
            return LotDraws.this.isOpen();
        }

        /** A number that is the same in all passes of a sum about one release, and in no other pass. */
        long drawing() {
            return drawing;
        }

        /** The stream of the release under way, or a fresh one if no pass is open. */
        IndexedKeystream keystream() {
            if (!isOpen()) {
                return streams.indexed(name + " outside training", outside++);
            }
            IndexedKeystream current = keystream;
            if (current == null || of != drawing) {
                // A lot that was begun and not released is drawn again with the same stream.
                current = Objects.requireNonNull(lot).indexed(name, segment);
                keystream = current;
                of = drawing;
            }
            return current;
        }

        /**
         * The key of a row, the same for all time steps of an example.
         *
         * @param shape of an array whose rows are the examples, or their time steps, the first of each before the second of any
         * @throws IllegalStateException if they are not those of the physical batch
         */
        Rows rows(long[] shape) {
            int count = Math.toIntExact(shape[0]);
            if (!isOpen()) {
                return new Rows(null, count);
            }
            if (count % rows.length != 0) {
                throw new IllegalStateException("an array of shape " + Arrays.toString(shape) + " came to " + name
                        + " during a step whose physical batch has " + rows.length
                        + " rows; use the network for other data only before next() or after fit");
            }
            return new Rows(rows, rows.length);
        }
    }

    /**
     * Whose rows they are.
     *
     * @param keys of the rows of the physical batch, or null if they belong to no example
     * @param examples how many rows a time step has
     */
    @SuppressWarnings("ArrayRecordComponent") // short-lived, never compared
    record Rows(long @Nullable [] keys, int examples) {
        long key(int row) {
            return keys == null ? row : keys[row % examples];
        }

        int step(int row) {
            return row / examples;
        }
    }
}
