// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.List;
import org.deeplearning4j.nn.api.Layer;

/** Group normalization: its backward pass makes the gradients of gamma and beta example by example anyway. */
final class GroupNormalizationRule implements PerExampleGradientRule {
    @Override
    public Class<? extends Layer> layerClass() {
        return GroupNormalizationLayer.class;
    }

    @Override
    public String path() {
        return "per-example gradients";
    }

    @Override
    public Layer hook(Layer layer, TapeRecorder recorder) {
        var hooked = new Hooked((GroupNormalizationLayer) layer, recorder);
        LayerState.share((GroupNormalizationLayer) layer, hooked);
        return hooked;
    }

    private static final class Hooked extends GroupNormalizationLayer {
        private static final long serialVersionUID = 1L;
        private final transient TapeRecorder recorder;

        Hooked(GroupNormalizationLayer layer, TapeRecorder recorder) {
            super(layer);
            this.recorder = recorder;
            recorder.sharesWork();
        }

        @Override
        ParallelRanges ranges() {
            return new ParallelRanges(recorder.threads());
        }

        @Override
        void record(GroupStatistics.Gradients rows) {
            int examples = recorder.examples();
            recorder.record(new CompositeTape(List.of(
                    RowsTape.of(GAMMA, TimeMajor.sumOfSteps(rows.gamma(), examples)),
                    RowsTape.of(BETA, TimeMajor.sumOfSteps(rows.beta(), examples)))));
        }
    }
}
