// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import org.deeplearning4j.nn.api.Trainable;
import org.deeplearning4j.nn.api.TrainingConfig;
import org.deeplearning4j.nn.api.Updater;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.updater.MultiLayerUpdater;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * DL4J's updater, fed with {@code (sum + noise) / L}: the expected lot size, never the size of the batch at hand.
 *
 * <p>Everything it does to the released gradient (momentum, schedules, weight decay) is post-processing.
 */
public final class DpMultiLayerUpdater extends MultiLayerUpdater {
    private static final long serialVersionUID = 1L;

    private final transient UpdateGate gate;

    /**
     * @param state the state to go on with, used directly; null to start afresh
     */
    DpMultiLayerUpdater(MultiLayerNetwork network, UpdateGate gate, @Nullable INDArray state) {
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

    /** DL4J's gradient-normalization hook: by now the gradient is clipped and noised, and nothing else may bound it. */
    @Override
    public void preApply(Trainable layer, Gradient gradient, int iteration) {
        requireNoNormalization(layer);
    }

    static void requireNoNormalization(Trainable layer) {
        if (layer.getConfig() != null) {
            requireNoNormalization(layer.getConfig());
        }
    }

    static void requireNoNormalization(TrainingConfig config) {
        GradientNormalization normalization = config.getGradientNormalization();
        if (normalization != null && normalization != GradientNormalization.None) {
            throw new IllegalStateException("gradientNormalization must be None, was " + normalization
                    + ": it was changed after the network was attached");
        }
    }

    @Override
    public Updater clone() {
        throw new UnsupportedOperationException(
                "a private updater belongs to one network and one PrivacyEngine; attach an engine to this network");
    }
}
