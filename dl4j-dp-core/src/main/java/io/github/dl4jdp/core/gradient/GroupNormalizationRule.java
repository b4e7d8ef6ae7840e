// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.ParallelRanges;
import io.github.dl4jdp.core.internal.arrays.TimeMajor;
import io.github.dl4jdp.core.internal.layers.GroupNormalizationLayer;
import io.github.dl4jdp.core.internal.layers.GroupStatistics;
import java.util.List;

/** Group normalization: its backward pass makes the gradients of gamma and beta example by example anyway. */
final class GroupNormalizationRule extends GroupNormalizationLayer {
    private static final long serialVersionUID = 1L;
    static final LayerRule RULE =
            LayerRule.of(GroupNormalizationLayer.class, LayerRule.ROWS, GroupNormalizationRule::new);

    private final transient TapeRecorder recorder;

    private GroupNormalizationRule(GroupNormalizationLayer layer, TapeRecorder recorder) {
        super(layer);
        this.recorder = recorder;
        recorder.sharesWork();
        recorder.keepsBitsOfRows();
    }

    @Override
    protected ParallelRanges ranges() {
        return new ParallelRanges(recorder.threads());
    }

    @Override
    protected void record(GroupStatistics.Gradients rows) {
        int examples = recorder.examples();
        recorder.record(new CompositeTape(List.of(
                RowsTape.of(GAMMA, TimeMajor.sumOfSteps(rows.gamma(), examples)),
                RowsTape.of(BETA, TimeMajor.sumOfSteps(rows.beta(), examples)))));
    }
}
