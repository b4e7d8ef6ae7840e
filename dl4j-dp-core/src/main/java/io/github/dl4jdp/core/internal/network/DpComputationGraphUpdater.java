// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import org.deeplearning4j.nn.api.Trainable;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.updater.graph.ComputationGraphUpdater;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The {@link DpMultiLayerUpdater} of a {@link ComputationGraph}. */
public final class DpComputationGraphUpdater extends ComputationGraphUpdater {
    private static final long serialVersionUID = 1L;

    private final transient UpdateGate gate;

    /**
     * @param state the state to go on with, used directly; null to start afresh
     */
    DpComputationGraphUpdater(ComputationGraph network, UpdateGate gate, @Nullable INDArray state) {
        super(network, state);
        this.gate = gate;
        PrivateUpdater.drive(getUpdaterBlocks());
    }

    @Override
    public synchronized void update(
            Gradient gradient, int iteration, int epoch, int batchSize, LayerWorkspaceMgr workspaceMgr) {
        gate.beforeUpdate();
        super.update(gradient, iteration, epoch, batchSize, workspaceMgr);
        gate.afterUpdate();
    }

    /** DL4J's division is by the batch size at hand, which is private; the engine has divided already. */
    @Override
    protected boolean isMiniBatch() {
        return false;
    }

    @Override
    public void preApply(Trainable layer, Gradient gradient, int iteration) {
        DpMultiLayerUpdater.requireNoNormalization(layer);
    }
}
