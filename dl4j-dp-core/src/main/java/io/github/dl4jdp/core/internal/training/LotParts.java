// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import io.github.dl4jdp.core.mechanism.LotSums;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * The physical batches of a lot: shard by shard, each shard in pieces of the physical batch size.
 *
 * @param rows the examples of each batch by their number; of an empty lot, any one example. Row j of unit i of a batch of B units is at {@code j B + i}
 * @param keys a number for each of these rows, which no other row of the lot has: the row's random draws follow from it. That of row j of unit u is {@code u m + j}, at most m rows of a unit being in a lot: how many
 *     rows other units have does not change it
 * @param each how many rows every unit of a batch has
 * @param endsShard whether a batch is the last one of its shard
 * @param isEmpty whether the lot has no example
 */
@SuppressWarnings("ArrayRecordComponent") // short-lived, never compared
record LotParts(List<long[]> rows, List<long[]> keys, int[] each, boolean[] endsShard, boolean isEmpty) {
    private static final LotParts EMPTY =
            new LotParts(List.of(new long[] {0}), List.of(new long[] {0}), new int[] {1}, new boolean[] {true}, true);

    /** The rows of a unit that are in the lot, and their keys. */
    private record Member(long[] rows, long[] keys) {}

    /**
     * Cuts a lot.
     *
     * @param members of the lot, ascending
     * @param examples the public number of examples of the plan
     * @param shards number of parts of equal length of the data set, by index: an example is in the same part whatever other examples are in the lot
     */
    static LotParts of(long[] members, long examples, int shards, int physicalBatchSize) {
        long[][] rows = new long[members.length][];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = new long[] {members[i]};
        }
        return ofUnits(members, rows, 1, examples, shards, physicalBatchSize);
    }

    /**
     * Cuts a lot of units with several rows: units of as many rows pass through the network together, so that their rows are averaged like copies. A unit is in one batch.
     *
     * @param members of the lot, ascending
     * @param rowsOf the rows of each member that are in the lot
     * @param maximumRows the most of a member, a constant of the plan
     * @param units the public number of units of the plan
     * @param physicalBatchSize rows of a batch, at least as many as a member has
     */
    static LotParts ofUnits(
            long[] members, long[][] rowsOf, int maximumRows, long units, int shards, int physicalBatchSize) {
        var rows = new ArrayList<long[]>();
        var keys = new ArrayList<long[]>();
        var each = new ArrayList<Integer>();
        var ends = new ArrayList<Boolean>();
        int from = 0;
        for (int shard = 0; shard < shards; shard++) {
            // The data may be a little larger than the plan says: the last shard has the rest.
            long border = shard + 1 == shards ? Long.MAX_VALUE : LotSums.border(units, shards, shard + 1);
            int to = from;
            while (to < members.length && members[to] < border) {
                to++;
            }
            int before = rows.size();
            byRowCount(members, rowsOf, maximumRows, from, to).forEach((count, ofCount) -> {
                int together = Math.max(1, physicalBatchSize / count);
                for (int i = 0; i < ofCount.size(); i += together) {
                    var batch = ofCount.subList(i, (int) Math.min(ofCount.size(), (long) i + together));
                    rows.add(interleaved(batch, Member::rows, count));
                    keys.add(interleaved(batch, Member::keys, count));
                    each.add(count);
                    ends.add(false);
                    if (ofCount.size() - i <= together) {
                        break; // i + together may overflow
                    }
                }
            });
            if (rows.size() > before) {
                ends.set(ends.size() - 1, true);
            }
            from = to;
        }
        if (rows.isEmpty()) {
            return EMPTY;
        }
        boolean[] endsShard = new boolean[ends.size()];
        for (int i = 0; i < endsShard.length; i++) {
            endsShard[i] = ends.get(i);
        }
        return new LotParts(
                rows, keys, each.stream().mapToInt(Integer::intValue).toArray(), endsShard, false);
    }

    /** Members by how many rows they have; one without rows adds nothing. */
    private static SortedMap<Integer, List<Member>> byRowCount(
            long[] members, long[][] rowsOf, int maximumRows, int from, int to) {
        var byCount = new TreeMap<Integer, List<Member>>();
        for (int i = from; i < to; i++) {
            int count = rowsOf[i].length;
            if (count > maximumRows) {
                throw new IllegalArgumentException("a member must have at most " + maximumRows + " rows in a lot");
            }
            if (count > 0) {
                long key = Math.multiplyExact(members[i], (long) maximumRows);
                Math.addExact(key, count);
                long[] keys = new long[count];
                for (int j = 0; j < count; j++) {
                    keys[j] = key + j;
                }
                byCount.computeIfAbsent(count, any -> new ArrayList<>()).add(new Member(rowsOf[i], keys));
            }
        }
        return byCount;
    }

    /** The first number of every unit, then the second of every one. */
    private static long[] interleaved(List<Member> units, Function<Member, long[]> numbers, int count) {
        long[] all = new long[Math.multiplyExact(units.size(), count)];
        for (int i = 0; i < units.size(); i++) {
            for (int j = 0; j < count; j++) {
                all[j * units.size() + i] = numbers.apply(units.get(i))[j];
            }
        }
        return all;
    }

    int count() {
        return rows.size();
    }

    boolean isLast(int part) {
        return part + 1 == rows.size();
    }
}
