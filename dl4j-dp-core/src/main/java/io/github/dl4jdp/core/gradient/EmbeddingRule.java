// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.InputGradients;
import io.github.dl4jdp.core.internal.arrays.TimeMajor;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.feedforward.embedding.EmbeddingLayer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The embedding of one token, see {@link EmbeddingTape}. */
final class EmbeddingRule extends EmbeddingLayer {
    private static final long serialVersionUID = 1L;
    static final LayerRule RULE = LayerRule.of(EmbeddingLayer.class, LayerRule.TOKENS, EmbeddingRule::new);

    private final transient TapeRecorder recorder;

    private EmbeddingRule(EmbeddingLayer layer, TapeRecorder recorder) {
        super(layer.conf(), layer.getDataType());
        this.recorder = recorder;
        recorder.sharesWork(); // there is next to none
        recorder.keepsBitsOfRows();
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
        assertInputSet(true);
        INDArray z = preOutput(true, workspaceMgr);
        INDArray delta = layerConf().getActivationFn().backprop(z, epsilon).getFirst();
        if (maskArray != null) {
            delta.muliColumnVector(maskArray.castTo(dataType));
        }
        int examples = recorder.examples();
        INDArray tokens = TimeMajor.ofRows(input.castTo(DataType.INT32), examples);
        INDArray byExample =
                HostArrays.detached(TimeMajor.ofRows(delta, examples).permute(1, 0, 2));
        recorder.record(new EmbeddingTape(
                HostArrays.detached(tokens.permute(1, 0, 2)).data().asInt(), byExample, hasBias()));
        return new Pair<>(InputGradients.views(gradientViews), InputGradients.placeholder(input, workspaceMgr));
    }
}
