// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.List;
import java.util.Set;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.layers.CapsuleLayer;
import org.deeplearning4j.nn.conf.layers.CapsuleStrengthLayer;
import org.deeplearning4j.nn.conf.layers.LocallyConnected1D;
import org.deeplearning4j.nn.conf.layers.LocallyConnected2D;
import org.deeplearning4j.nn.conf.layers.PrimaryCapsules;
import org.deeplearning4j.nn.conf.layers.RecurrentAttentionLayer;
import org.deeplearning4j.nn.conf.layers.SelfAttentionLayer;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.samediff.SameDiffLayer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * DL4J's own layers that are defined by a SameDiff graph, one example at a time, see {@link SliceTape}. A SameDiff layer of the user's may mix
 * examples and is refused, unless it was opted in to.
 *
 * <p>DL4J 1.0.0-M2.1 makes every gradient that passes such a layer twice the derivative of the loss; so do the rows here, and clipping
 * bounds them all the same.
 */
final class SameDiffRule extends SameDiffLayer {
    private static final long serialVersionUID = 1L;
    private static final Set<Class<?>> EXAMPLE_WISE = Set.of(
            CapsuleLayer.class,
            CapsuleStrengthLayer.class,
            LocallyConnected1D.class,
            LocallyConnected2D.class,
            PrimaryCapsules.class,
            RecurrentAttentionLayer.class,
            SelfAttentionLayer.class);

    private final transient SlicePass slices;

    private SameDiffRule(SameDiffLayer layer, TapeRecorder recorder) {
        super(layer.conf(), layer.params().dataType());
        setParamTable(layer.paramTable());
        setParamsViewArray(layer.params());
        if (layer.getGradientsViewArray() != null) {
            setBackpropGradientsViewArray(layer.getGradientsViewArray());
        }
        setIndex(layer.getIndex());
        setListeners(layer.getListeners());
        setIterationCount(layer.getIterationCount());
        setEpochCount(layer.getEpochCount());
        // Of a batch, LocallyConnected1D and 2D with one input number a place hand the gradients of one example to
        // another.
        slices = new SlicePass(this, recorder, false, true);
    }

    /** @param optedIn configurations of the user's that were opted in to and checked */
    static LayerRule rule(Set<Class<?>> optedIn) {
        return new LayerRule(
                SameDiffLayer.class,
                LayerRule.SLICES,
                layer -> problems(layer, optedIn),
                (layer, recorder) ->
                        layer.numParams() == 0 ? layer : new SameDiffRule((SameDiffLayer) layer, recorder));
    }

    private static List<String> problems(Layer layer, Set<Class<?>> optedIn) {
        Class<?> conf = layer.conf().getLayer().getClass();
        return EXAMPLE_WISE.contains(conf) || optedIn.contains(conf)
                ? List.of()
                : List.of("the SameDiff layer " + conf.getName()
                        + " is not known to compute every example independently; opt in to it"
                        + " (GradientRules.builtIn().withFallback), or use DL4J's layers");
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
        return slices.backprop(
                epsilon, workspaceMgr, () -> super.backpropGradient(epsilon, workspaceMgr), () -> input, maskArray);
    }
}
