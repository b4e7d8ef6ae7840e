// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.InputGradients;
import io.github.dl4jdp.core.internal.arrays.TimeMajor;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.recurrent.RnnOutputLayer;
import org.deeplearning4j.nn.params.DefaultParamInitializer;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.util.TimeSeriesUtils;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The output layer in every time step, see {@link SequenceTape}. */
final class RnnOutputRule extends RnnOutputLayer {
    private static final long serialVersionUID = 1L;
    private final transient TapeRecorder recorder;

    private RnnOutputRule(RnnOutputLayer layer, TapeRecorder recorder) {
        super(layer.conf(), layer.getDataType());
        this.recorder = recorder;
    }

    /** @param rules know the losses that were opted in to */
    static LayerRule rule(GradientRules rules) {
        return LayerRule.of(RnnOutputLayer.class, LayerRule.SEQUENCE, RnnOutputRule::new)
                .refusing(layer -> PerExampleLosses.problems(
                        ((RnnOutputLayer) layer).layerConf().getLossFn().getClass(), rules));
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
        assertInputSet(true);
        INDArray series = input;
        boolean nwc = layerConf().getRnnDataFormat() == RNNFormat.NWC;
        input = TimeSeriesUtils.reshape3dTo2d(
                nwc ? series.permute(0, 2, 1) : series, workspaceMgr, ArrayType.BP_WORKING_MEM);
        applyDropOutIfNecessary(true, workspaceMgr);
        INDArray z = preOutput2d(true, workspaceMgr);
        INDArray labels2d = WeightedLosses.forGradient(
                layerConf().getLossFn(), getLabels2d(workspaceMgr, ArrayType.BP_WORKING_MEM));
        INDArray delta = WeightedLosses.weighted(
                recorder,
                layerConf().getLossFn().computeGradient(labels2d, z, layerConf().getActivationFn(), maskArray));
        INDArray weights = getParamWithNoise(DefaultParamInitializer.WEIGHT_KEY, true, workspaceMgr);
        INDArray below = InputGradients.dense(recorder.needsInputGradient(), weights, delta, input, workspaceMgr);
        if (recorder.needsInputGradient()) {
            below = backpropDropOutIfPresent(below);
        }
        int examples = recorder.examples();
        LayerTape tape = SequenceTape.ofDense(
                TimeMajor.ofRows(input.castTo(dataType), examples),
                TimeMajor.ofRows(delta, examples),
                DefaultParamInitializer.WEIGHT_KEY,
                hasBias() ? DefaultParamInitializer.BIAS_KEY : null);
        input = series;
        INDArray below3d =
                TimeSeriesUtils.reshape2dTo3d(below, series.size(0), workspaceMgr, ArrayType.ACTIVATION_GRAD);
        recorder.record(tape);
        weightNoiseParams.clear();
        return new Pair<>(InputGradients.views(gradientViews), nwc ? below3d.permute(0, 2, 1) : below3d);
    }
}
