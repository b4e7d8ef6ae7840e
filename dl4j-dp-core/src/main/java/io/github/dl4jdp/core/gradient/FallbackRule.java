// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.layers.IOutputLayer;
import org.deeplearning4j.nn.api.layers.RecurrentLayer;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A user's own layer, one example at a time, see {@link SliceTape}: opted in to after {@link FallbackCheck} has found that it keeps examples
 * apart.
 *
 * @param layerClass the implementation
 * @param configurations the configuration classes that were checked with it
 */
record FallbackRule(Class<? extends Layer> layerClass, Set<Class<?>> configurations) implements PerExampleGradientRule {
    FallbackRule {
        configurations = Set.copyOf(configurations);
    }

    @Override
    public List<String> problems(Layer layer) {
        var problems = new ArrayList<String>(cannotTake(layer));
        Class<?> configuration = layer.conf().getLayer().getClass();
        if (!configurations.contains(configuration)) {
            problems.add("its configuration " + configuration.getName()
                    + " was not checked for the fallback; opt in to it (GradientRules.withFallback)");
        }
        return problems;
    }

    /** What keeps a layer from the fallback, whatever its examples do. */
    static List<String> cannotTake(Layer layer) {
        var problems = new ArrayList<String>();
        if (layer instanceof IOutputLayer || layer instanceof RecurrentLayer || layer instanceof BaseWrapperLayer) {
            problems.add("the fallback does not support output, recurrent and wrapper layers, which control DL4J's"
                    + " backward pass; write a rule (GradientRules.with)");
        }
        if (layer.conf().getLayer() instanceof BaseLayer conf && conf.getIDropout() != null) {
            problems.add("the fallback would draw its dropout anew for every example; put a DropoutLayer before it");
        }
        problems.addAll(SlicePass.problems(layer));
        return problems;
    }

    @Override
    public String path() {
        return "slices";
    }

    @Override
    public Layer hook(Layer layer, TapeRecorder recorder) {
        return layer.numParams() == 0 ? layer : new Hooked(layer, recorder);
    }

    /** The user's layer with DL4J's own wrapper around it: its class cannot be extended here. */
    private static final class Hooked extends BaseWrapperLayer {
        private static final long serialVersionUID = 1L;
        private final transient SlicePass slices;

        Hooked(Layer layer, TapeRecorder recorder) {
            super(layer);
            slices = new SlicePass(this, recorder, true, false);
        }

        @Override
        public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
            if (underlying.getMaskArray() != null) {
                throw new IllegalStateException("layer \"" + conf().getLayer().getLayerName()
                        + "\" has a mask, but its fallback was checked without masks; train it without masks, or"
                        + " write a rule (GradientRules.with)");
            }
            return slices.backprop(
                    epsilon,
                    workspaceMgr,
                    () -> super.backpropGradient(epsilon, workspaceMgr),
                    underlying::input,
                    null);
        }
    }
}
