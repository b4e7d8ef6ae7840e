// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import io.github.dl4jdp.core.internal.Sha256;
import io.github.dl4jdp.core.mechanism.LotTask;
import io.github.dl4jdp.core.random.LotKey;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What a lot is summed from, besides the shards: its key, which tells nothing about other lots or any noise, and the parameters. */
final class LotStep implements Serializable {
    private static final long serialVersionUID = 1L;
    private static final int HASHED_AT_A_TIME = 8192;

    private final byte[] key;
    private final long lot;
    private final double clippingNorm;
    private final double gridStep;
    private final int iteration;
    private final int epoch;
    private final float @Nullable [] floats;
    private final double @Nullable [] doubles;
    private transient byte @Nullable [] hash;

    LotStep(LotTask task, INDArray parameters) {
        this.key = task.key().toBytes();
        this.lot = task.lot();
        this.clippingNorm = task.clippingNorm();
        this.gridStep = task.gridStep();
        this.iteration = task.iteration();
        this.epoch = task.epoch();
        INDArray copy = parameters.dup('c');
        boolean isDouble = copy.dataType() == DataType.DOUBLE;
        if (!isDouble && copy.dataType() != DataType.FLOAT) {
            throw new IllegalArgumentException(
                    "the network's data type must be FLOAT or DOUBLE, was " + copy.dataType());
        }
        this.floats = isDouble ? null : copy.data().asFloat();
        this.doubles = isDouble ? copy.data().asDouble() : null;
    }

    long lot() {
        return lot;
    }

    LotTask task() {
        return new LotTask(LotKey.of(key), lot, clippingNorm, gridStep, iteration, epoch);
    }

    /** [1, numParams]. */
    INDArray parameters() {
        return doubles == null
                ? Nd4j.createFromArray(floats).reshape(1, -1)
                : Nd4j.createFromArray(doubles).reshape(1, -1);
    }

    int numParams() {
        return doubles == null ? (floats == null ? 0 : floats.length) : doubles.length;
    }

    /** SHA-256 of all that the sum is a function of besides the shards, as it is here. The key does not follow from it. */
    synchronized byte[] hash() {
        byte[] known = hash;
        if (known == null) {
            MessageDigest digest = Sha256.digest();
            int length = numParams();
            ByteBuffer buffer = ByteBuffer.allocate(HASHED_AT_A_TIME * Long.BYTES);
            buffer.putLong(lot)
                    .putDouble(clippingNorm)
                    .putDouble(gridStep)
                    .putInt(iteration)
                    .putInt(epoch)
                    .put(key);
            digest.update(buffer.array(), 0, buffer.position());
            for (int from = 0; from < length; from += HASHED_AT_A_TIME) {
                buffer.clear();
                for (int i = from; i < Math.min(length, from + HASHED_AT_A_TIME); i++) {
                    buffer.putLong(Double.doubleToLongBits(
                            doubles != null ? doubles[i] : floats != null ? floats[i] : Double.NaN));
                }
                digest.update(buffer.array(), 0, buffer.position());
            }
            known = digest.digest();
            hash = known;
        }
        return known.clone();
    }
}
