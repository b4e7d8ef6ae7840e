// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import org.jspecify.annotations.Nullable;

/** Asks another recorder, for a layer inside another one whose tapes are not recorded as they are. */
abstract class ForwardingRecorder implements TapeRecorder {
    private final TapeRecorder recorder;

    ForwardingRecorder(TapeRecorder recorder) {
        this.recorder = recorder;
    }

    @Override
    public final boolean isRecording() {
        return recorder.isRecording();
    }

    @Override
    public final int examples() {
        return recorder.examples();
    }

    @Override
    public final double @Nullable [] lossWeights() {
        return recorder.lossWeights();
    }

    @Override
    public final int threads() {
        return recorder.threads();
    }

    @Override
    public final boolean needsInputGradient() {
        return recorder.needsInputGradient();
    }
}
