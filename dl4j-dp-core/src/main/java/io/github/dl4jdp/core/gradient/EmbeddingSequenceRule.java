// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.InputGradients;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.feedforward.embedding.EmbeddingSequenceLayer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.activations.impl.ActivationIdentity;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The embedding of a sequence of tokens, see {@link EmbeddingTape}. */
final class EmbeddingSequenceRule extends EmbeddingSequenceLayer {
    private static final long serialVersionUID = 1L;
    static final LayerRule RULE =
            LayerRule.of(EmbeddingSequenceLayer.class, LayerRule.TOKENS, EmbeddingSequenceRule::new);

    private final transient TapeRecorder recorder;

    private EmbeddingSequenceRule(EmbeddingSequenceLayer layer, TapeRecorder recorder) {
        super(layer.conf(), layer.getDataType());
        this.recorder = recorder;
        recorder.sharesWork(); // there is next to none
        recorder.keepsBitsOfRows();
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
        assertInputSet(true);
        boolean ncw = layerConf().getOutputFormat() == RNNFormat.NCW;
        INDArray delta = layerConf().getActivationFn() instanceof ActivationIdentity
                ? epsilon
                : layerConf()
                        .getActivationFn()
                        .backprop(preOutput(true, workspaceMgr), epsilon)
                        .getFirst();
        INDArray byExample = HostArrays.detached(ncw ? delta.permute(0, 2, 1) : delta);
        if (maskArray != null) {
            long rows = byExample.size(0) * byExample.size(1);
            byExample
                    .reshape('c', rows, byExample.size(2))
                    .muliColumnVector(
                            HostArrays.detached(maskArray.castTo(dataType)).reshape('c', rows, 1));
        }
        int[] tokens = HostArrays.detached(input.castTo(DataType.INT32)).data().asInt();
        recorder.record(new EmbeddingTape(tokens, byExample, hasBias()));
        return new Pair<>(InputGradients.views(gradientViews), InputGradients.placeholder(input, workspaceMgr));
    }
}
