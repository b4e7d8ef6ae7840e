// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import io.github.dl4jdp.core.internal.arrays.Slices;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.dataset.api.MultiDataSetPreProcessor;
import org.nd4j.linalg.dataset.api.iterator.MultiDataSetIterator;

/** Data in batches of a fixed order, in the first of which the last example is the canary, or one that contributes nothing. */
final class CanaryBatches {
    private final List<org.nd4j.linalg.dataset.api.MultiDataSet> with = new ArrayList<>();
    private final List<org.nd4j.linalg.dataset.api.MultiDataSet> without = new ArrayList<>();

    /**
     * @param data all but whose last example is used
     * @param size of a batch
     */
    CanaryBatches(
            org.nd4j.linalg.dataset.api.MultiDataSet data, org.nd4j.linalg.dataset.api.MultiDataSet canary, int size) {
        long rows = data.getFeatures(0).size(0);
        for (long from = 0; from < rows; from += size) {
            long to = Math.min(rows, from + size);
            if (from > 0) {
                with.add(rows(data, from, to));
                without.add(rows(data, from, to));
                continue;
            }
            var first = to == 1 ? canary : AuditedNetwork.join(rows(data, from, to - 1), canary);
            with.add(first);
            MultiDataSet nothing = rows(first, 0, to);
            for (INDArray labels : nothing.getLabels()) {
                // A gradient that is not finite counts as zero.
                Slices.range(labels, 0, to - 1, to).assign(Double.NaN);
            }
            without.add(nothing);
        }
    }

    private static MultiDataSet rows(org.nd4j.linalg.dataset.api.MultiDataSet data, long from, long to) {
        return new MultiDataSet(
                rows(data.getFeatures(), from, to),
                rows(data.getLabels(), from, to),
                data.getFeaturesMaskArrays() == null ? null : rows(data.getFeaturesMaskArrays(), from, to),
                data.getLabelsMaskArrays() == null ? null : rows(data.getLabelsMaskArrays(), from, to));
    }

    @SuppressWarnings("NullAway") // DL4J's arrays of masks have gaps
    private static INDArray[] rows(INDArray[] arrays, long from, long to) {
        var rows = new INDArray[arrays.length];
        for (int i = 0; i < rows.length; i++) {
            if (arrays[i] != null) {
                rows[i] = Slices.range(arrays[i], 0, from, to).dup();
            }
        }
        return rows;
    }

    /** 1 for every step whose batch is the first of a pass, 0 for the others. */
    double[] places(int steps) {
        var places = new double[steps];
        for (int t = 0; t < steps; t += with.size()) {
            places[t] = 1;
        }
        return places;
    }

    /** One pass after the other. */
    MultiDataSetIterator iterator(boolean withCanary) {
        return new Repeated(withCanary ? with : without);
    }

    /** Copies of batches, as often as they are asked for. */
    @SuppressWarnings("serial") // DL4J's iterators are serializable; this one is never written
    private static final class Repeated implements MultiDataSetIterator {
        private final List<org.nd4j.linalg.dataset.api.MultiDataSet> batches;
        private int next;

        Repeated(List<org.nd4j.linalg.dataset.api.MultiDataSet> batches) {
            this.batches = batches;
        }

        @Override
        public org.nd4j.linalg.dataset.api.MultiDataSet next(int count) {
            return next();
        }

        @Override
        public org.nd4j.linalg.dataset.api.MultiDataSet next() {
            return batches.get(next++).copy();
        }

        @Override
        public boolean hasNext() {
            return next < batches.size();
        }

        @Override
        public void reset() {
            next = 0;
        }

        @Override
        public boolean resetSupported() {
            return true;
        }

        @Override
        public boolean asyncSupported() {
            return false;
        }

        @Override
        public void setPreProcessor(@Nullable MultiDataSetPreProcessor preProcessor) {
            throw new UnsupportedOperationException("the batches of an audit are not preprocessed");
        }

        @Override
        public @Nullable MultiDataSetPreProcessor getPreProcessor() {
            return null;
        }
    }
}
