// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.Norms;
import io.github.dl4jdp.core.internal.arrays.Slices;
import io.github.dl4jdp.core.internal.arrays.TimeMajor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntUnaryOperator;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.impl.LayerVertex;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Looks, on batches, whether a network with a part of the user's in it treats every example on its own, forward and backward, in training.
 *
 * <p>The network is copied to double precision, and what DL4J draws at random is left out of the copy. Compared are, of a batch,
 *
 * <ul>
 *   <li>every activation of the other examples before and after one is exchanged for another, and after it leaves;
 *   <li>every activation of an example in the batch with that of the example alone;
 *   <li>the parameters' gradient of the batch, of the batch without one, and of the batch with one exchanged, with the sums of those of the examples alone;
 *   <li>everything at the end with the beginning.
 * </ul>
 *
 * <p>It finds what shows on the batches; it proves nothing about other inputs.
 */
final class PartCheck {
    /** Products over other batch sizes round differently, in double precision. */
    private static final double TOLERANCE = 1e-8;

    /** Examples that are exchanged or singled out; the cost grows with their number, not what they show. */
    private static final int LOOKED_AT = 8;

    private final String called;
    private final Model network;
    private final INDArray before;
    private double largest;
    private String worst = "";

    private PartCheck(String called, Model network) {
        this.called = called;
        this.network = network;
        this.before = network.params() == null ? Nd4j.empty() : network.params().dup();
    }

    /** What a pass over a batch gives: the activations of all layers by name, first dimension as in {@link TimeMajor#ofRows}, and the gradient. */
    private record Pass(int examples, Map<String, INDArray> activations, INDArray gradient) {}

    /**
     * Checks a part; the network stays as it is.
     *
     * @param words what the part is
     * @throws IllegalArgumentException if the network has no such part, or it does not keep examples apart, or a batch has no two different examples
     */
    static void require(Class<?> part, String words, Model original, MultiDataSet... batches) {
        if (configurations(original).stream().noneMatch(conf -> NetworkParts.contains(conf, part))) {
            throw new IllegalArgumentException(
                    "network must have a " + words + " of the class " + part.getName() + ", has none");
        }
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            var check = new PartCheck("the " + words + " " + part.getName(), copy(original));
            for (MultiDataSet batch : batches) {
                try {
                    check.run(batch);
                } catch (IllegalArgumentException e) {
                    throw e;
                } catch (RuntimeException e) {
                    throw new IllegalArgumentException(
                            "network must accept the given batches, and each of their examples alone, in double precision, but failed: "
                                    + e.getMessage(),
                            e);
                }
            }
            check.conclude();
        }
    }

    /** Everything between features and score that has a configuration. */
    private static List<Object> configurations(Model network) {
        var all = new ArrayList<Object>();
        if (network instanceof MultiLayerNetwork multiLayer) {
            var conf = multiLayer.getLayerWiseConfigurations();
            conf.getConfs().forEach(layer -> all.add(layer.getLayer()));
            all.addAll(conf.getInputPreProcessors().values());
        } else if (network instanceof ComputationGraph graph) {
            all.addAll(graph.getConfiguration().getVertices().values());
        } else {
            throw new IllegalArgumentException("network must be a MultiLayerNetwork or a ComputationGraph, was "
                    + network.getClass().getName());
        }
        return all;
    }

    private static Model copy(Model original) {
        INDArray params = original.params() == null ? null : original.params().castTo(DataType.DOUBLE);
        if (params != null && params == original.params()) {
            params = params.dup();
        }
        if (original instanceof MultiLayerNetwork network) {
            var conf = network.getLayerWiseConfigurations().clone();
            conf.setDataType(DataType.DOUBLE);
            var copy = new MultiLayerNetwork(conf);
            copy.init(params, false);
            copy.initGradientsView();
            Layer[] layers = copy.getLayers();
            Arrays.setAll(layers, i -> settled(layers[i]));
            return copy;
        }
        var graph = (ComputationGraph) original;
        var conf = graph.getConfiguration().clone();
        conf.setTopologicalOrder(graph.getConfiguration().getTopologicalOrder());
        conf.setTopologicalOrderStr(graph.getConfiguration().getTopologicalOrderStr());
        conf.setDataType(DataType.DOUBLE);
        var copy = new ComputationGraph(conf);
        copy.init(params, false);
        copy.initGradientsView();
        Layer[] layers = copy.getLayers();
        for (var vertex : copy.getVertices()) {
            if (vertex instanceof LayerVertex layerVertex) {
                int index = Arrays.asList(layers).indexOf(layerVertex.getLayer());
                layers[index] = settled(layers[index]);
                layerVertex.setLayer(layers[index]);
            }
        }
        return copy;
    }

    /** A layer without DL4J's own randomness, its masks in their order. */
    private static Layer settled(Layer layer) {
        NeuralNetConfiguration conf = layer.conf();
        if (conf != null && conf.getLayer() != null) {
            NeuralNetConfiguration own = conf.clone();
            var dropout = own.getLayer().getIDropout();
            if (dropout != null && NetworkParts.isKnown(dropout.getClass())) {
                own.getLayer().setIDropout(null);
            }
            if (own.getLayer() instanceof BaseLayer base) {
                base.setWeightNoise(null);
            }
            layer.setConf(own);
        }
        return TimeDistributedRule.inOrder(layer);
    }

    private void run(MultiDataSet given) {
        MultiDataSet batch = unambiguous(given);
        int examples = (int) batch.getFeatures(0).size(0);
        int[] all = IntStream.range(0, examples).toArray();
        Pass whole = pass(batch, all);
        same("the same batch gave different results in two passes", whole, pass(batch, all), i -> i);
        var alone = new Pass[examples];
        INDArray sum = whole.gradient().like();
        for (int i = 0; i < examples; i++) {
            int only = i;
            alone[i] = pass(batch, new int[] {i});
            sum.addi(alone[i].gradient());
            same("example " + i + " alone differs from that in its batch", alone[i], whole, zero -> only);
        }
        note(
                "the gradients of single examples do not add up to the batch's: they differ",
                whole.gradient().sub(sum),
                whole.gradient());
        for (int i = 0; i < Math.min(examples, LOOKED_AT); i++) {
            lookAt(i, batch, whole, alone);
        }
        same("the same batch gave different results after other batches", whole, pass(batch, all), i -> i);
        note("the parameters changed without an update", before.sub(network.params()), before);
    }

    private void lookAt(int i, MultiDataSet batch, Pass whole, Pass[] alone) {
        int examples = whole.examples();
        int other = differentFrom(batch, i);
        int[] exchanged =
                IntStream.range(0, examples).map(j -> j == i ? other : j).toArray();
        Pass with = pass(batch, exchanged);
        same("other examples changed when example " + i + " was exchanged", with, whole, j -> j == i ? -1 : j);
        note(
                "the gradient of other examples changed when example " + i + " was exchanged",
                with.gradient().sub(whole.gradient()).addi(alone[i].gradient()).subi(alone[other].gradient()),
                whole.gradient());
        int[] rest = IntStream.range(0, examples).filter(j -> j != i).toArray();
        Pass without = pass(batch, rest);
        same("other examples changed when example " + i + " left", without, whole, j -> rest[j]);
        note(
                "the gradient of other examples changed when example " + i + " left",
                without.gradient().sub(whole.gradient()).addi(alone[i].gradient()),
                whole.gradient());
        sameConstraints(batch, i, rest);
    }

    /** What constraints make of the parameters must not depend on what the layers saw last. */
    private void sameConstraints(MultiDataSet batch, int i, int[] rest) {
        pass(batch, new int[] {i});
        INDArray afterOne = constrained();
        pass(batch, rest);
        note("a constraint depends on the batch: the parameters", afterOne.sub(constrained()), before);
    }

    private INDArray constrained() {
        Layer[] layers = network instanceof MultiLayerNetwork multiLayer
                ? multiLayer.getLayers()
                : ((ComputationGraph) network).getLayers();
        for (Layer layer : layers) {
            layer.applyConstraints(0, 0);
        }
        INDArray constrained = network.params().dup();
        network.params().assign(before);
        return constrained;
    }

    private void conclude() {
        if (!(largest <= TOLERANCE)) {
            throw new IllegalArgumentException(called
                    + " must compute every example independently to be trained with privacy, but in this network "
                    + worst
                    + " by " + largest + " of the largest value; change it, or use one of DL4J's");
        }
    }

    /** Compares the activations of the examples of one pass with those of another: {@code in} says which is which, -1 for none. */
    private void same(String what, Pass pass, Pass other, IntUnaryOperator in) {
        pass.activations().forEach((name, array) -> {
            INDArray reference = other.activations().get(name);
            if (reference == null
                    || array.size(0) % pass.examples() != 0
                    || reference.size(0) % other.examples() != 0) {
                note(what + ", at " + name + " the number of rows", Nd4j.ones(1), Nd4j.ones(1));
                return;
            }
            for (int i = 0; i < pass.examples(); i++) {
                int j = in.applyAsInt(i);
                if (j >= 0) {
                    INDArray own = Slices.ofExample(array, i, pass.examples());
                    INDArray others = Slices.ofExample(reference, j, other.examples());
                    boolean comparable = Arrays.equals(own.shape(), others.shape());
                    note(what + ", at " + name, comparable ? own.sub(others) : Nd4j.ones(1), reference);
                }
            }
        });
    }

    private void note(String what, INDArray difference, INDArray reference) {
        if (difference.isEmpty()) {
            return;
        }
        double scale = Norms.largest(reference);
        double most = Norms.largest(difference);
        double relative = scale > 0 ? most / scale : most;
        // NaN is as bad as can be.
        if (!(relative <= largest)) {
            largest = Double.isNaN(relative) ? Double.POSITIVE_INFINITY : relative;
            worst = what;
        }
    }

    private Pass pass(MultiDataSet batch, int[] members) {
        MultiDataSet part = map(batch, array -> rows(array, members));
        var activations = new LinkedHashMap<String, INDArray>();
        if (network instanceof MultiLayerNetwork multiLayer) {
            multiLayer.setLayerMaskArrays(first(part.getFeaturesMaskArrays()), first(part.getLabelsMaskArrays()));
            multiLayer.setInput(part.getFeatures(0).dup());
            List<INDArray> all = multiLayer.feedForward(true, false);
            for (int i = 1; i < all.size(); i++) {
                activations.put("layer " + (i - 1), all.get(i).dup());
            }
            multiLayer.setInput(part.getFeatures(0).dup());
            multiLayer.setLabels(part.getLabels(0).dup());
            multiLayer.computeGradientAndScore();
            multiLayer.clearLayerMaskArrays();
            return new Pass(
                    members.length,
                    activations,
                    multiLayer.getFlattenedGradients().dup());
        }
        var graph = (ComputationGraph) network;
        graph.setLayerMaskArrays(part.getFeaturesMaskArrays(), part.getLabelsMaskArrays());
        graph.feedForward(copies(part.getFeatures()), true, false)
                .forEach((name, array) -> activations.put("vertex \"" + name + '"', array.dup()));
        graph.setInputs(copies(part.getFeatures()));
        graph.setLabels(copies(part.getLabels()));
        graph.computeGradientAndScore();
        graph.clearLayerMaskArrays();
        return new Pass(
                members.length, activations, graph.getFlattenedGradients().dup());
    }

    private static INDArray[] copies(INDArray[] arrays) {
        return Arrays.stream(arrays).map(INDArray::dup).toArray(INDArray[]::new);
    }

    private static @Nullable INDArray first(INDArray @Nullable [] masks) {
        return masks == null ? null : masks[0];
    }

    /** In double precision, without masks of one number for each example: the engine takes those as weights itself. */
    private static MultiDataSet unambiguous(MultiDataSet batch) {
        INDArray[] masks = batch.getLabelsMaskArrays();
        @Nullable INDArray @Nullable [] kept = masks == null ? null : masks.clone();
        for (int i = 0; kept != null && i < kept.length; i++) {
            if (kept[i] != null && kept[i].length() == batch.getLabels(i).size(0)) {
                kept[i] = null;
            }
        }
        return map(
                new org.nd4j.linalg.dataset.MultiDataSet(
                        batch.getFeatures(), batch.getLabels(), batch.getFeaturesMaskArrays(), kept),
                array -> array.castTo(DataType.DOUBLE));
    }

    /** A new data set of what the function makes of every array that is there. */
    static MultiDataSet map(MultiDataSet batch, UnaryOperator<INDArray> function) {
        return new org.nd4j.linalg.dataset.MultiDataSet(
                map(batch.getFeatures(), function),
                map(batch.getLabels(), function),
                map(batch.getFeaturesMaskArrays(), function),
                map(batch.getLabelsMaskArrays(), function));
    }

    private static INDArray @Nullable [] map(INDArray @Nullable [] arrays, UnaryOperator<INDArray> function) {
        return arrays == null
                ? null
                : Arrays.stream(arrays)
                        .map(array -> array == null ? null : function.apply(array))
                        .toArray(INDArray[]::new);
    }

    /** The rows of some examples, in that order: a copy. */
    static INDArray rows(INDArray array, int[] members) {
        INDArray[] rows = Arrays.stream(members)
                .mapToObj(i -> Slices.range(array, 0, i, i + 1))
                .toArray(INDArray[]::new);
        return Nd4j.concat(0, rows);
    }

    private static int differentFrom(MultiDataSet batch, int example) {
        int examples = (int) batch.getFeatures(0).size(0);
        for (int j = 1; j < examples; j++) {
            int other = (example + j) % examples;
            for (INDArray array : batch.getFeatures()) {
                if (!rows(array, new int[] {example}).equals(rows(array, new int[] {other}))) {
                    return other;
                }
            }
        }
        throw new IllegalArgumentException("realBatches must have examples that differ, example " + example + " of "
                + examples + " does not differ from any other");
    }
}
