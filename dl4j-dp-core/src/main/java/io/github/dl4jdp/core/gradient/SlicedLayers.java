// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.List;
import java.util.Set;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.convolution.Convolution3DLayer;
import org.deeplearning4j.nn.layers.convolution.Deconvolution3DLayer;
import org.deeplearning4j.nn.layers.recurrent.GravesBidirectionalLSTM;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The layers that take the slice-wise path: those tested against it, and no others. */
@SuppressWarnings("deprecation") // DL4J calls GravesBidirectionalLSTM deprecated, and networks with it exist
final class SlicedLayers {
    private SlicedLayers() {}

    /**
     * Their rules.
     *
     * @param optedInSameDiff configurations of SameDiff layers of the user's
     */
    static List<PerExampleGradientRule> rules(Set<Class<?>> optedInSameDiff) {
        return List.of(
                new SliceRule(
                        Convolution3DLayer.class,
                        (layer, recorder) -> new Volume((Convolution3DLayer) layer, recorder)),
                new SliceRule(
                        Deconvolution3DLayer.class,
                        (layer, recorder) -> new TransposedVolume((Deconvolution3DLayer) layer, recorder)),
                new SliceRule(
                        GravesBidirectionalLSTM.class,
                        (layer, recorder) -> new BothDirections((GravesBidirectionalLSTM) layer, recorder)),
                new SameDiffRule(optedInSameDiff));
    }

    private static final class Volume extends Convolution3DLayer {
        private static final long serialVersionUID = 1L;
        private final transient SlicePass slices;

        Volume(Convolution3DLayer layer, TapeRecorder recorder) {
            super(layer.conf(), layer.getDataType());
            LayerState.share(layer, this);
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
            LayerState.share(layer, this);
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
            LayerState.share(layer, this);
            slices = new SlicePass(this, recorder);
        }

        @Override
        public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
            return slices.backprop(
                    epsilon, workspaceMgr, () -> super.backpropGradient(epsilon, workspaceMgr), () -> input, maskArray);
        }
    }
}
