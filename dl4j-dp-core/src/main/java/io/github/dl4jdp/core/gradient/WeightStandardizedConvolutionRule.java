// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.Sums;
import io.github.dl4jdp.core.internal.layers.WeightStandardization;
import io.github.dl4jdp.core.internal.layers.WeightStandardizedConvolutionLayer;
import java.util.Map;
import java.util.Objects;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.convolution.ConvolutionLayer;
import org.deeplearning4j.nn.params.ConvolutionParamInitializer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The convolution with standardized weights: a plain convolution of the weights once they are standardized, whose per-example gradients are pulled
 * back one by one, see {@link StandardizedTape}.
 */
final class WeightStandardizedConvolutionRule extends WeightStandardizedConvolutionLayer {
    private static final long serialVersionUID = 1L;
    static final LayerRule RULE = LayerRule.of(
            WeightStandardizedConvolutionLayer.class,
            "per-example gradients of the convolution, each pulled back through the standardization",
            WeightStandardizedConvolutionRule::new);

    private final transient ConvolutionLayer convolution;
    private final transient INDArray weights;
    private final transient Pullback pullback;

    private WeightStandardizedConvolutionRule(WeightStandardizedConvolutionLayer layer, TapeRecorder recorder) {
        super(layer);
        // Room for all parameters, the gains among them, so that it may share the layer's gradient views.
        INDArray own;
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            own = Nd4j.create(dataType, 1, layer.numParams());
        }
        Map<String, INDArray> views = conf.getLayer().initializer().getGradientsFromFlattened(conf, own);
        this.pullback = new Pullback(recorder, views);
        var plain = new ConvolutionLayer(conf, dataType);
        plain.setParamTable(views);
        plain.setParamsViewArray(own);
        LayerRule.place(layer, plain);
        this.weights = Sums.parameter(views, ConvolutionParamInitializer.WEIGHT_KEY);
        this.convolution = (ConvolutionLayer) ConvolutionRule.RULE.hook(plain, pullback);
    }

    @Override
    public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
        assertInputSet(false);
        WeightStandardization standardization = standardization();
        double[] values = standardization.weights();
        HostArrays.write(values, weights, 0, values.length);
        if (hasBias()) {
            convolution
                    .getParam(ConvolutionParamInitializer.BIAS_KEY)
                    .assign(getParam(ConvolutionParamInitializer.BIAS_KEY));
        }
        pullback.standardization = standardization;
        convolution.setIterationCount(getIterationCount());
        convolution.setEpochCount(getEpochCount());
        convolution.allowInputModification(inputModificationAllowed);
        convolution.setInput(input, workspaceMgr);
        return convolution.activate(training, workspaceMgr);
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilonAbove, LayerWorkspaceMgr workspaceMgr) {
        assertInputSet(true);
        return convolution.backpropGradient(epsilonAbove, workspaceMgr);
    }

    @Override
    public void setBackpropGradientsViewArray(INDArray gradients) {
        super.setBackpropGradientsViewArray(gradients);
        // Only for the views that it returns; it writes nothing into them.
        convolution.setBackpropGradientsViewArray(gradients);
    }

    @Override
    public void clear() {
        super.clear();
        convolution.clear();
    }

    /** Hands on the convolution's tapes with the pull-back added. */
    private static final class Pullback extends ForwardingRecorder {
        private final TapeRecorder recorder;
        private final Map<String, INDArray> parameters;
        private @Nullable WeightStandardization standardization;

        Pullback(TapeRecorder recorder, Map<String, INDArray> parameters) {
            super(recorder);
            this.recorder = recorder;
            this.parameters = parameters;
        }

        /** Twice as many: those that were pulled back are in double precision. */
        @Override
        public void holds(long numbers) {
            recorder.holds(2 * numbers);
        }

        @Override
        public void record(LayerTape tape) {
            WeightStandardization forward =
                    Objects.requireNonNull(standardization, "the backward pass needs a forward pass before it");
            recorder.record(new StandardizedTape(tape, forward, parameters, recorder.examples()));
        }
    }
}
