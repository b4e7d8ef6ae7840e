// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.gradient.LayerTape;
import io.github.dl4jdp.core.gradient.TapeRecorder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

/** When a pass over a batch is complete, begun anew or not the engine's. */
class BackwardPassTest {
    private final BackwardPass pass = new BackwardPass(1);
    private final List<TapeRecorder> layers = new ArrayList<>();
    private final List<List<LayerTape>> completed = new ArrayList<>();
    private int started;

    @BeforeEach
    void open() {
        pass.resize(3);
        for (int i = 0; i < 3; i++) {
            layers.add(pass.recorder(i, false, -1));
        }
        pass.open(4, null, new BackwardPass.Observer() {
            @Override
            public void starting() {
                started++;
            }

            @Override
            public void complete(List<LayerTape> tapes) {
                completed.add(tapes);
            }
        });
    }

    private static LayerTape tape() {
        return new LayerTape() {
            @Override
            public void addSquaredNorms(double[] squaredNorms) {}

            @Override
            public void addWeightedSum(double[] weights, Map<String, INDArray> sums) {}

            @Override
            public void addRow(int example, Map<String, INDArray> row) {}

            @Override
            public void discard(int example) {}
        };
    }

    @Test
    void record_passThatFailedHalfWay_beginsAnewAndUsesTheSecondPassAlone() {
        layers.get(2).record(tape());
        layers.get(1).record(tape());
        var second = List.of(tape(), tape(), tape());
        for (int i = 2; i >= 0; i--) {
            layers.get(i).record(second.get(i));
        }
        assertThat(started).isEqualTo(2);
        assertThat(completed).singleElement().satisfies(tapes -> {
            for (int i = 0; i < 3; i++) {
                assertThat(tapes.get(i)).isSameAs(second.get(i));
            }
        });
    }

    @Test
    void record_layerThatReportsTwice_throws() {
        layers.get(2).record(tape());
        layers.get(1).record(tape());
        assertThatThrownBy(() -> layers.get(1).record(tape())).hasMessageContaining("reported twice");
        assertThat(completed).isEmpty();
    }

    /** Layers below those that train still want to know the batch, and no more is recorded. */
    @Test
    void examples_untilThePassIsClosed_areKnown() {
        for (int i = 2; i >= 0; i--) {
            layers.get(i).record(tape());
        }
        assertThat(layers.get(0).examples()).isEqualTo(4);
        assertThat(layers.get(0).isRecording()).isFalse();
        assertThatThrownBy(() -> layers.get(2).record(tape())).hasMessageContaining("engine.lots");
        pass.close();
        assertThatThrownBy(() -> layers.get(0).examples()).hasMessageContaining("engine.lots");
    }
}
