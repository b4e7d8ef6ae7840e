// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import java.util.LinkedHashSet;
import java.util.Set;
import org.deeplearning4j.nn.api.Updater;
import org.deeplearning4j.nn.updater.BaseMultiLayerUpdater;
import org.deeplearning4j.nn.updater.UpdaterBlock;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The fingerprints by which the state of an updater is recognized: momentum and the like hold what was released before. */
final class UpdaterStates {
    /** Every release moves all of a state. */
    private static final int SAMPLES = 64;

    private UpdaterStates() {}

    /**
     * One for each component of the state of each array of parameters, however DL4J orders them: another learning rate for a layer moves its state in memory. None for a
     * component that is the same number throughout, as all of them begin.
     */
    static Set<Long> of(@Nullable Updater updater) {
        var all = new LinkedHashSet<Long>();
        INDArray state = updater == null ? null : updater.getStateViewArray();
        if (state == null || state.isEmpty() || !(updater instanceof BaseMultiLayerUpdater<?> blocks)) {
            return all;
        }
        var values = ParameterFingerprints.Values.of(state);
        for (UpdaterBlock block : blocks.getUpdaterBlocks()) {
            int parameters = block.getParamOffsetEnd() - block.getParamOffsetStart();
            for (int component = block.getUpdaterViewOffsetStart();
                    component < block.getUpdaterViewOffsetEnd();
                    component += parameters) {
                for (UpdaterBlock.ParamState array : block.getLayersAndVariablesInBlock()) {
                    long fingerprint = ParameterFingerprints.ofPart(
                            values,
                            component + array.getParamOffsetStart() - block.getParamOffsetStart(),
                            array.getParamOffsetEnd() - array.getParamOffsetStart(),
                            SAMPLES);
                    if (fingerprint != 0) {
                        all.add(fingerprint);
                    }
                }
            }
        }
        return all;
    }
}
