// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit.documents;

import io.github.dl4jdp.core.gradient.LayerTape;
import io.github.dl4jdp.core.gradient.PerExampleGradientRule;
import io.github.dl4jdp.core.gradient.TapeRecorder;
import java.util.Map;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.gradient.DefaultGradient;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The gate's per-example gradients: {@code dW_i = x_i d_i sigmoid'(W)}, {@code db_i = d_i}. */
public final class GateRule implements PerExampleGradientRule {
    @Override
    public Class<? extends Layer> layerClass() {
        return GateLayer.class;
    }

    @Override
    public Layer hook(Layer layer, TapeRecorder recorder) {
        return PerExampleGradientRule.inPlaceOf((GateLayer) layer, new Hooked((GateLayer) layer, recorder));
    }

    private static final class Hooked extends GateLayer {
        private static final long serialVersionUID = 1L;
        private final transient TapeRecorder recorder;

        Hooked(GateLayer layer, TapeRecorder recorder) {
            super(layer.conf(), layer.getDataType());
            this.recorder = recorder;
        }

        @Override
        public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaces) {
            INDArray delta = delta(epsilon, workspaces);
            INDArray gate = gate();
            INDArray slope = gate.mul(gate.rsub(1));
            var tape = new Rows(Map.of(
                    "W", own(input.mul(delta).muliRowVector(slope)), // one row an example
                    "b", own(delta)));
            INDArray below = workspaces.leverageTo(ArrayType.ACTIVATION_GRAD, delta.mulRowVector(gate));
            recorder.record(tape); // now the views hold the noised sum, or zeros until the lot is complete
            var gradient = new DefaultGradient();
            gradientViews.forEach(gradient::setGradientFor);
            return new Pair<>(gradient, below);
        }

        /** A copy that outlives the workspaces of this pass. */
        private static INDArray own(INDArray array) {
            try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
                return array.dup('c');
            }
        }
    }

    /** Per-example gradients as they are: [examples, size] by parameter. */
    private record Rows(Map<String, INDArray> rows) implements LayerTape {
        @Override
        public void addSquaredNorms(double[] squaredNorms) {
            for (INDArray gradients : rows.values()) {
                double[] squares = gradients.mul(gradients).sum(1).toDoubleVector();
                for (int i = 0; i < squaredNorms.length; i++) {
                    squaredNorms[i] += squares[i];
                }
            }
        }

        @Override
        public void addWeightedSum(double[] weights, Map<String, INDArray> sums) {
            rows.forEach((name, gradients) -> {
                INDArray w = Nd4j.createFromArray(weights).castTo(gradients.dataType());
                add(sums, name, w.reshape(1, weights.length).mmul(gradients));
            });
        }

        @Override
        public void addRow(int example, Map<String, INDArray> row) {
            rows.forEach((name, gradients) -> add(row, name, gradients.getRow(example)));
        }

        @Override
        public void discard(int example) {
            rows.values().forEach(gradients -> gradients.getRow(example).assign(0));
        }

        private static void add(Map<String, INDArray> to, String name, INDArray gradient) {
            INDArray view = to.get(name);
            if (view == null) {
                throw new IllegalArgumentException("no parameter " + name);
            }
            view.addi(gradient.reshape(view.shape()));
        }
    }
}
