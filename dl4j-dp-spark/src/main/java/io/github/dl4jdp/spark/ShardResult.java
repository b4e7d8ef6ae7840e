// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import io.github.dl4jdp.core.mechanism.ShardSum;
import java.io.Serializable;
import java.util.Arrays;
import java.util.List;

/**
 * The sum of some shards, with what shows that it is the one asked for: which shards, of which lot, and the hash of the parameters, key, clipping norm and grid that it was computed by. Its length is a constant of the network and the number of shards. Private
 * data.
 */
@SuppressWarnings("ArrayRecordComponent") // short-lived, never compared
record ShardResult(
        byte[] slots,
        long lot,
        byte[] stepHash,
        long[] units,
        long shiftedCount,
        long examples,
        double gridStep,
        double clippingNorm)
        implements Serializable {
    /** The sum of one of {@code shards} shards. */
    static ShardResult of(int shard, int shards, LotStep step, byte[] stepHash, ShardSum sum) {
        var slots = new byte[shards];
        slots[shard] = 1;
        return new ShardResult(
                slots,
                step.lot(),
                stepHash,
                sum.units(),
                sum.shiftedCount(),
                sum.examples(),
                sum.gridStep(),
                sum.clippingNorm());
    }

    /**
     * The sum of the shards of both. A shard that is in both is counted twice, and refused in the end.
     *
     * @throws IllegalStateException if they are of different lots or parameters
     */
    ShardResult plus(ShardResult other) {
        if (lot != other.lot
                || !Arrays.equals(stepHash, other.stepHash)
                || gridStep != other.gridStep
                || clippingNorm != other.clippingNorm
                || slots.length != other.slots.length
                || units.length != other.units.length) {
            throw new IllegalStateException("sums of different lots or parameters came together");
        }
        var both = new byte[slots.length];
        for (int i = 0; i < both.length; i++) {
            both[i] = (byte) Math.min(Byte.MAX_VALUE, slots[i] + other.slots[i]);
        }
        var sum = new long[units.length];
        for (int i = 0; i < sum.length; i++) {
            sum[i] = Math.addExact(units[i], other.units[i]);
        }
        return new ShardResult(
                both,
                lot,
                stepHash,
                sum,
                Math.addExact(shiftedCount, other.shiftedCount),
                Math.addExact(examples, other.examples),
                gridStep,
                clippingNorm);
    }

    private ShardSum sum() {
        return new ShardSum(units, shiftedCount, examples, gridStep, clippingNorm);
    }

    /**
     * The sums of a lot, if each shard is in them exactly once, at the parameters of the step.
     *
     * @throws IllegalStateException otherwise
     */
    static List<ShardSum> requireOnce(List<ShardResult> results, int shards, LotStep step) {
        var seen = new int[shards];
        for (ShardResult result : results) {
            if (result.slots.length != shards) {
                throw refused(step, "a result is of a set of " + result.slots.length + " shards, not " + shards);
            }
            if (result.lot != step.lot()) {
                throw refused(step, "a result is of lot " + result.lot);
            }
            if (!Arrays.equals(result.stepHash, step.hash())) {
                throw refused(
                        step, "a result was computed at other parameters, or by another key, clipping norm or grid");
            }
            if (result.units.length != step.numParams()) {
                throw refused(step, "a result has " + result.units.length + " values, not " + step.numParams());
            }
            for (int i = 0; i < shards; i++) {
                seen[i] += result.slots[i];
            }
        }
        for (int i = 0; i < shards; i++) {
            if (seen[i] != 1) {
                throw refused(step, "shard " + i + " came " + seen[i] + " times instead of once");
            }
        }
        return results.stream().map(ShardResult::sum).toList();
    }

    private static IllegalStateException refused(LotStep step, String what) {
        return new IllegalStateException("the sums of lot " + step.lot() + " are not those asked for: " + what
                + ". Nothing was released or charged; fit again takes the same lot");
    }
}
