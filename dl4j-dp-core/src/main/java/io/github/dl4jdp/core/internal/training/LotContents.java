// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.concurrency.AffinityManager;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A checksum of a lot's values: a lot whose arrays were changed in place after it was handed out, by a normalization over the batch for example, is not the
 * lot that was drawn. Against mistakes, not against somebody who wants two lots to have one checksum.
 */
final class LotContents {
    private LotContents() {}

    static long of(MultiDataSet lot) {
        var crc = new CRC32C();
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            add(crc, lot.getFeatures());
            add(crc, lot.getLabels());
            add(crc, lot.getFeaturesMaskArrays());
            add(crc, lot.getLabelsMaskArrays());
        }
        return crc.getValue();
    }

    private static void add(CRC32C crc, @Nullable INDArray @Nullable [] arrays) {
        for (int i = 0; arrays != null && i < arrays.length; i++) {
            INDArray array = arrays[i];
            if (array != null && !array.isEmpty()) {
                add(crc, array.isView() ? array.dup() : array);
            }
        }
    }

    private static void add(CRC32C crc, INDArray array) {
        Nd4j.getAffinityManager().ensureLocation(array, AffinityManager.Location.HOST);
        ByteBuffer bytes = array.data().pointer().asByteBuffer();
        long length = array.length() * array.data().getElementSize();
        crc.update(bytes.limit((int) Math.min(bytes.limit(), length)));
    }
}
