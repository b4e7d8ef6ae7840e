// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import org.deeplearning4j.nn.conf.dropout.IDropout;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Dropout whose mask depends on the position within an example alone, so that a batch of one draws the same. */
public final class FixedDropout implements IDropout {
    private static final long serialVersionUID = 1L;

    @Override
    public INDArray applyDropout(
            INDArray inputActivations, INDArray result, int iteration, int epoch, LayerWorkspaceMgr workspaceMgr) {
        return result.assign(inputActivations.mul(mask(inputActivations)));
    }

    @Override
    public INDArray backprop(INDArray gradAtOutput, INDArray gradAtInput, int iteration, int epoch) {
        return gradAtInput.assign(gradAtOutput.mul(mask(gradAtOutput)));
    }

    private static INDArray mask(INDArray array) {
        long[] one = array.shape().clone();
        one[0] = 1;
        INDArray mask = Nd4j.create(array.dataType(), one);
        long length = mask.length();
        for (long i = 0; i < length; i++) {
            mask.putScalar(i, i % 3 == 1 ? 0 : 1.5);
        }
        return mask.broadcast(array.shape());
    }

    @Override
    public void clear() {}

    @Override
    public IDropout clone() {
        return new FixedDropout();
    }
}
