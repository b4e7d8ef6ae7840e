// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.fuzz;

import org.deeplearning4j.nn.conf.dropout.IDropout;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.activations.BaseActivationFunction;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Parts of a user's own that mix the examples of a batch: {@code check} must refuse them. */
public final class OwnParts {
    private OwnParts() {}

    /** Subtracts the mean of the batch. */
    public static final class Centering extends BaseActivationFunction {
        private static final long serialVersionUID = 1L;

        @Override
        public INDArray getActivation(INDArray in, boolean training) {
            return training && in.rank() == 2 ? in.subiRowVector(in.mean(0)) : in;
        }

        @Override
        public Pair<INDArray, INDArray> backprop(INDArray in, INDArray epsilon) {
            return new Pair<>(epsilon, null);
        }
    }

    /** Adds the sum of the batch. */
    public static final class Mixing implements IDropout {
        private static final long serialVersionUID = 1L;

        @Override
        public INDArray applyDropout(
                INDArray in, INDArray out, int iteration, int epoch, LayerWorkspaceMgr workspaces) {
            return out.assign(in.add(in.sumNumber()));
        }

        @Override
        public INDArray backprop(INDArray gradient, INDArray before, int iteration, int epoch) {
            return before.assign(gradient);
        }

        @Override
        public void clear() {}

        @Override
        @SuppressWarnings("MethodDoesntCallSuperMethod") // no state
        public IDropout clone() {
            return new Mixing();
        }
    }
}
