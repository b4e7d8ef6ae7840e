// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import io.github.dl4jdp.core.mechanism.LotSums;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The physical batches of a lot: shard by shard, each shard in pieces of the physical batch size.
 *
 * @param rows the examples of each batch by their number; of an empty lot, any one example
 * @param endsShard whether a batch is the last one of its shard
 * @param isEmpty whether the lot has no example
 */
@SuppressWarnings("ArrayRecordComponent") // short-lived, never compared
record LotParts(List<long[]> rows, boolean[] endsShard, boolean isEmpty) {
    /**
     * Cuts a lot.
     *
     * @param members of the lot, ascending
     * @param examples the public number of examples of the plan
     * @param shards number of parts of equal length of the data set, by index: an example is in the same part whatever other examples are in the lot
     */
    static LotParts of(long[] members, long examples, int shards, int physicalBatchSize) {
        if (members.length == 0) {
            return new LotParts(List.of(new long[] {0}), new boolean[] {true}, true);
        }
        var rows = new ArrayList<long[]>();
        var ends = new ArrayList<Boolean>();
        int from = 0;
        for (int shard = 0; shard < shards; shard++) {
            // The data may be a little larger than the plan says: the last shard has the rest.
            long border = shard + 1 == shards ? Long.MAX_VALUE : LotSums.border(examples, shards, shard + 1);
            int to = from;
            while (to < members.length && members[to] < border) {
                to++;
            }
            for (int i = from; i < to; i += physicalBatchSize) {
                int end = (int) Math.min(to, (long) i + physicalBatchSize);
                rows.add(Arrays.copyOfRange(members, i, end));
                ends.add(end == to);
                if (end == to) {
                    break; // i + physicalBatchSize may overflow
                }
            }
            from = to;
        }
        boolean[] endsShard = new boolean[ends.size()];
        for (int i = 0; i < endsShard.length; i++) {
            endsShard[i] = ends.get(i);
        }
        return new LotParts(rows, endsShard, false);
    }

    int count() {
        return rows.size();
    }

    boolean isLast(int part) {
        return part + 1 == rows.size();
    }
}
