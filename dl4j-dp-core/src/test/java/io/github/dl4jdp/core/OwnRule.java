// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.OwnLayers.OwnLayer;
import io.github.dl4jdp.core.gradient.LayerTape;
import io.github.dl4jdp.core.gradient.PerExampleGradientRule;
import io.github.dl4jdp.core.gradient.TapeRecorder;
import java.util.Map;
import java.util.Objects;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.gradient.DefaultGradient;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A rule as a user might write it for a dense layer of their own, by the public interfaces alone. */
final class OwnRule implements PerExampleGradientRule {
    private final Runnable whenSummed;

    OwnRule() {
        this(() -> {});
    }

    /** @param whenSummed runs while the clipped gradients are summed */
    OwnRule(Runnable whenSummed) {
        this.whenSummed = whenSummed;
    }

    @Override
    public Class<? extends Layer> layerClass() {
        return OwnLayer.class;
    }

    @Override
    public String path() {
        return "dense, by hand";
    }

    @Override
    public Layer hook(Layer layer, TapeRecorder recorder) {
        return new Hooked((OwnLayer) layer, recorder, whenSummed);
    }

    private static final class Hooked extends OwnLayer {
        private static final long serialVersionUID = 1L;
        private final transient TapeRecorder recorder;
        private final transient Runnable whenSummed;

        Hooked(OwnLayer layer, TapeRecorder recorder, Runnable whenSummed) {
            super(layer.conf(), layer.params().dataType(), OwnLayers.Behavior.APART);
            this.recorder = recorder;
            this.whenSummed = whenSummed;
            setParamTable(layer.paramTable(false));
            setParamsViewArray(layer.params());
            setBackpropGradientsViewArray(layer.getGradientsViewArray());
            setIndex(layer.getIndex());
        }

        @Override
        public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
            INDArray delta = layerConf()
                    .getActivationFn()
                    .backprop(preOutput(true, workspaceMgr), epsilon)
                    .getFirst();
            INDArray below = delta.mmul(getParam("W").transpose());
            try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
                recorder.record(new Tape(input.dup(), delta.dup(), whenSummed));
            }
            Gradient gradient = new DefaultGradient();
            gradientViews.forEach(gradient::setGradientFor);
            return new Pair<>(
                    gradient,
                    workspaceMgr.leverageTo(org.deeplearning4j.nn.workspace.ArrayType.ACTIVATION_GRAD, below));
        }
    }

    private record Tape(INDArray input, INDArray delta, Runnable whenSummed) implements LayerTape {
        @Override
        public void addSquaredNorms(double[] squaredNorms) {
            for (int i = 0; i < squaredNorms.length; i++) {
                double x = input.getRow(i).norm2Number().doubleValue();
                double d = delta.getRow(i).norm2Number().doubleValue();
                squaredNorms[i] += (x * x + 1) * d * d;
            }
        }

        @Override
        public void addWeightedSum(double[] weights, Map<String, INDArray> sums) {
            for (int i = 0; i < weights.length; i++) {
                add(i, weights[i], sums);
            }
        }

        @Override
        public void addRow(int example, Map<String, INDArray> row) {
            add(example, 1, row);
        }

        private void add(int i, double weight, Map<String, INDArray> into) {
            whenSummed.run();
            INDArray d = delta.getRow(i, true).mul(weight);
            INDArray bias = Objects.requireNonNull(into.get("b"));
            Objects.requireNonNull(into.get("W"))
                    .addi(input.getRow(i, true).transpose().mmul(d));
            bias.addi(d.reshape(bias.shape()));
        }

        @Override
        public void discard(int example) {
            input.getRow(example).assign(0);
            delta.getRow(example).assign(0);
        }
    }
}
