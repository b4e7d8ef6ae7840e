// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * What a thread that reads ahead gets in place of a lot. It holds nothing; reading it on another thread, above all in {@code fit}, throws the reason
 * as an exception.
 */
final class RefusedLot extends DataSet {
    private static final long serialVersionUID = 1L;

    private final transient Refusal refusal;

    private record Refusal(String reason, Thread reader) {
        /** An array on the thread that reads ahead, where an exception would be lost. */
        INDArray array() {
            if (Thread.currentThread() != reader) {
                throw new IllegalStateException(reason);
            }
            return Nd4j.zeros(1, 1);
        }
    }

    private RefusedLot(Refusal refusal) {
        this.refusal = refusal;
    }

    /** For the calling thread. */
    static RefusedLot of(String reason) {
        return new RefusedLot(new Refusal(reason, Thread.currentThread()));
    }

    @Override
    public INDArray getFeatures() {
        return refusal.array();
    }

    @Override
    public INDArray getLabels() {
        return refusal.array();
    }

    @Override
    public int numExamples() {
        return 1;
    }

    @Override
    public org.nd4j.linalg.dataset.api.MultiDataSet toMultiDataSet() {
        return new Multi(refusal);
    }

    /** The same with several arrays. */
    private static final class Multi extends MultiDataSet {
        private static final long serialVersionUID = 1L;

        private final transient Refusal refusal;

        Multi(Refusal refusal) {
            this.refusal = refusal;
        }

        @Override
        public INDArray[] getFeatures() {
            return new INDArray[] {refusal.array()};
        }

        @Override
        public INDArray[] getLabels() {
            return new INDArray[] {refusal.array()};
        }

        @Override
        public INDArray getFeatures(int index) {
            return refusal.array();
        }

        @Override
        public INDArray getLabels(int index) {
            return refusal.array();
        }
    }
}
