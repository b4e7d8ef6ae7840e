// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.Norms;
import io.github.dl4jdp.core.internal.arrays.Slices;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Looks, on batches, whether a preprocessor makes of every example what it makes of it alone: in the whole batch, with another example exchanged, without
 * one, and in a shape that does not change. It proves nothing about other data.
 */
final class PreProcessorCheck {
    /** Elementwise arithmetic rounds the same whatever the batch; sums over an example may not. */
    private static final double TOLERANCE = 1e-6;

    private PreProcessorCheck() {}

    static void require(String called, UnaryOperator<MultiDataSet> preProcess, MultiDataSet batch) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            int examples = (int) batch.getFeatures(0).size(0);
            int[] all = IntStream.range(0, examples).toArray();
            List<INDArray> whole = arrays(preProcess.apply(rows(batch, all)));
            boolean differ = false;
            for (int i = 0; i < examples; i++) {
                int example = i;
                same(called, arrays(preProcess.apply(rows(batch, new int[] {i}))), 0, whole, i);
                int other = (i + 1) % examples;
                differ |= !arrays(rows(batch, new int[] {i})).equals(arrays(rows(batch, new int[] {other})));
                int[] exchanged =
                        Arrays.stream(all).map(j -> j == example ? other : j).toArray();
                int[] rest = Arrays.stream(all).filter(j -> j != example).toArray();
                List<INDArray> with = arrays(preProcess.apply(rows(batch, exchanged)));
                List<INDArray> without = rest.length == 0 ? List.of() : arrays(preProcess.apply(rows(batch, rest)));
                for (int j = 0; j < examples; j++) {
                    if (j != i) {
                        same(called, with, j, whole, j);
                        same(called, without, j < i ? j : j - 1, whole, j);
                    }
                }
            }
            if (!differ) {
                throw new IllegalArgumentException("realBatches must have examples that differ");
            }
        }
    }

    private static void same(String called, List<INDArray> some, int row, List<INDArray> others, int otherRow) {
        boolean same = some.size() == others.size();
        for (int k = 0; same && k < some.size(); k++) {
            same = row < some.get(k).size(0) && otherRow < others.get(k).size(0);
            if (same) {
                INDArray a = row(some.get(k), row);
                INDArray b = row(others.get(k), otherRow);
                same = Arrays.equals(a.shape(), b.shape())
                        && Norms.largest(a.sub(b)) <= TOLERANCE * Math.max(1e-30, Norms.largest(others.get(k)));
            }
        }
        if (!same) {
            throw new IllegalArgumentException(
                    called + " must process every example independently, but changes its result for example " + otherRow
                            + " when other examples change or leave; preprocess the data before passing them");
        }
    }

    private static INDArray row(INDArray array, int i) {
        return Slices.range(array, 0, i, i + 1);
    }

    private static List<INDArray> arrays(MultiDataSet data) {
        var all = new ArrayList<INDArray>();
        for (INDArray[] some : Arrays.asList(
                data.getFeatures(), data.getLabels(), data.getFeaturesMaskArrays(), data.getLabelsMaskArrays())) {
            for (int i = 0; some != null && i < some.length; i++) {
                if (some[i] != null) {
                    all.add(some[i]);
                }
            }
        }
        return all;
    }

    private static MultiDataSet rows(MultiDataSet data, int[] members) {
        return PartCheck.map(data, array -> PartCheck.rows(array, members));
    }
}
