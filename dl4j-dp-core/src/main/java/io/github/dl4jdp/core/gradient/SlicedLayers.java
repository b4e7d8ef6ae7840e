// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.List;
import java.util.function.BiFunction;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.BaseLayer;
import org.deeplearning4j.nn.layers.convolution.Convolution3DLayer;
import org.deeplearning4j.nn.layers.convolution.Deconvolution3DLayer;
import org.deeplearning4j.nn.layers.recurrent.GravesBidirectionalLSTM;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The layers that take the slice-wise path: those tested against it, and no others. */
@SuppressWarnings("deprecation") // DL4J calls GravesBidirectionalLSTM deprecated, and networks with it exist
final class SlicedLayers {
    static final List<LayerRule> RULES = List.of(
            of(Convolution3DLayer.class, Volume::new),
            of(Deconvolution3DLayer.class, TransposedVolume::new),
            of(GravesBidirectionalLSTM.class, BothDirections::new));

    private SlicedLayers() {}

    private static <L extends BaseLayer<?>> LayerRule of(
            Class<L> layerClass, BiFunction<L, TapeRecorder, ? extends L> replacement) {
        return LayerRule.of(layerClass, LayerRule.SLICES, replacement).refusing(SlicePass::problems);
    }

    private static final class Volume extends Convolution3DLayer {
        private static final long serialVersionUID = 1L;
        private final transient SlicePass slices;

        Volume(Convolution3DLayer layer, TapeRecorder recorder) {
            super(layer.conf(), layer.getDataType());
            slices = new SlicePass(this, recorder);
        }

        @Override
        public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
            return slices.backprop(
                    epsilon, workspaceMgr, () -> super.backpropGradient(epsilon, workspaceMgr), () -> input, maskArray);
        }
    }

    private static final class TransposedVolume extends Deconvolution3DLayer {
        private static final long serialVersionUID = 1L;
        private final transient SlicePass slices;

        TransposedVolume(Deconvolution3DLayer layer, TapeRecorder recorder) {
            super(layer.conf(), layer.getDataType());
            slices = new SlicePass(this, recorder);
        }

        @Override
        public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
            return slices.backprop(
                    epsilon, workspaceMgr, () -> super.backpropGradient(epsilon, workspaceMgr), () -> input, maskArray);
        }
    }

    private static final class BothDirections extends GravesBidirectionalLSTM {
        private static final long serialVersionUID = 1L;
        private final transient SlicePass slices;

        BothDirections(GravesBidirectionalLSTM layer, TapeRecorder recorder) {
            super(layer.conf(), layer.getDataType());
            slices = new SlicePass(this, recorder);
        }

        @Override
        public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
            return slices.backprop(
                    epsilon, workspaceMgr, () -> super.backpropGradient(epsilon, workspaceMgr), () -> input, maskArray);
        }
    }
}
