// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.check;

import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.gradient.NetworkParts;
import io.github.dl4jdp.core.gradient.TimeDistributedRule;
import io.github.dl4jdp.core.internal.network.GraphTopology;
import io.github.dl4jdp.core.internal.network.NetworkConfiguration;
import io.github.dl4jdp.core.internal.plan.Truncation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.graph.FrozenVertex;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.graph.L2NormalizeVertex;
import org.deeplearning4j.nn.conf.graph.LayerVertex;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.graph.ReshapeVertex;
import org.deeplearning4j.nn.conf.graph.StackVertex;
import org.deeplearning4j.nn.conf.graph.UnstackVertex;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.jspecify.annotations.Nullable;

/** Finds everything that stands in the way of training a {@link ComputationGraph} with privacy. */
public final class GraphValidator {
    private final ComputationGraph network;
    private final GradientRules rules;
    private final @Nullable Truncation truncation;
    private final GraphTopology topology;
    private final List<Problem> problems = new ArrayList<>();

    private GraphValidator(ComputationGraph network, GradientRules rules, @Nullable Truncation truncation) {
        this.network = network;
        this.rules = rules;
        this.truncation = truncation;
        this.topology = new GraphTopology(network);
    }

    /** Every problem of an initialized graph that is its vertices' own. */
    static List<Problem> problems(ComputationGraph network, GradientRules rules, @Nullable Truncation truncation) {
        var validator = new GraphValidator(network, rules, truncation);
        validator.check();
        return validator.problems;
    }

    private void check() {
        var layers = new IdentityHashMap<Layer, String>();
        Map<String, GraphVertex> configurations = network.getConfiguration().getVertices();
        boolean trains = false;
        long from = 0;
        for (var vertex : topology.ordered()) {
            trains |= topology.trains(vertex);
            GraphVertex conf = Objects.requireNonNull(configurations.get(vertex.getVertexName()));
            if (vertex.hasLayer()) {
                String other = layers.put(vertex.getLayer(), vertex.getVertexName());
                if (other != null) {
                    add(vertex, "it shares its layer with \"" + other + "\"; give each vertex its own layer");
                }
                String name = vertex.getLayer().getConfig().getLayerName();
                if (topology.trains(vertex) && !vertex.getVertexName().equals(name)) {
                    add(
                            vertex,
                            "its layer's configuration is called \"" + name
                                    + "\": one configuration was added to several vertices, and DL4J's updater finds layers by name;"
                                    + " build a configuration for each vertex");
                }
                if (!ModelValidator.ownsRange(vertex.getLayer(), network.params(), from)) {
                    add(vertex, ModelValidator.SHARED_PARAMETERS);
                }
            }
            if (truncation != null && vertex.hasLayer()) {
                TruncationValidator.layerProblems(vertex.getLayer(), truncation).forEach(reason -> add(vertex, reason));
            }
            from += vertex.numParams();
            if (!GraphTopology.isFrozen(vertex) && !topology.isReached(vertex)) {
                add(
                        vertex,
                        "no gradient reaches it: it leads only to frozen layers, or to no output; freeze it too, or remove it");
            }
            if (conf instanceof LayerVertex layerConf) {
                checkLayer(vertex, layerConf);
            } else {
                checkVertex(vertex, conf instanceof FrozenVertex frozen ? frozen.getUnderlying() : conf);
            }
        }
        for (String output : network.getConfiguration().getNetworkOutputs()) {
            var vertex = network.getVertex(output);
            if (GraphTopology.lossOf(vertex) == null) {
                add(vertex, "it is an output of the network without a loss; use an output or loss layer");
            }
        }
        if (!trains) {
            problems.add(Problem.ofNetwork(network, ModelValidator.NOTHING_TRAINS));
        }
    }

    private void checkLayer(org.deeplearning4j.nn.graph.vertex.GraphVertex vertex, LayerVertex conf) {
        var layerConf = conf.getLayerConf().getLayer();
        ModelValidator.layerProblems(layerConf, vertex.getLayer(), rules, topology.isReached(vertex))
                .forEach(reason -> add(vertex, reason));
        if (GraphTopology.isFrozen(vertex)
                && TimeDistributedRule.isIn(vertex.getLayer())
                && !(vertex.getLayer() instanceof FrozenLayer)) {
            add(vertex, "in a FrozenVertex, DL4J mixes up the examples' masks for TimeDistributed; use a FrozenLayer");
        }
        ModelValidator.preProcessorProblems(conf.getPreProcessor(), rules).forEach(reason -> add(vertex, reason));
    }

    private void checkVertex(org.deeplearning4j.nn.graph.vertex.GraphVertex vertex, GraphVertex conf) {
        if (conf instanceof LayerVertex layerConf) {
            checkLayer(vertex, layerConf);
        } else if (conf instanceof StackVertex || conf instanceof UnstackVertex) {
            add(
                    vertex,
                    "it moves examples along the batch, so that a row is no longer one example; use one branch of layers for each input");
        } else if (conf.numParams(true) > 0) {
            add(vertex, "there is no per-example gradient rule for its parameters; use layers instead");
        } else if (!NetworkParts.problems(conf, rules).isEmpty()) {
            NetworkParts.problems(conf, rules).forEach(reason -> add(vertex, reason));
        } else if (conf instanceof MergeVertex merge && merge.getMergeAxis() < 1) {
            add(vertex, "it may merge along the batch; give it a merge axis from 1 on");
        } else if (conf instanceof L2NormalizeVertex normalize
                && normalize.getDimension() != null
                && Arrays.stream(normalize.getDimension()).anyMatch(dimension -> dimension < 1)) {
            add(vertex, "it normalizes over the batch; give it dimensions from 1 on");
        } else if (conf instanceof ReshapeVertex reshape && !keepsFirstDimension(reshape)) {
            add(vertex, "its new shape must begin with -1, so that every example keeps its own row");
        }
    }

    /** Whether it can keep the first dimension: that it did is checked in every pass. */
    private static boolean keepsFirstDimension(ReshapeVertex reshape) {
        int[] mask = reshape.getMaskShape();
        return reshape.getNewShape()[0] == -1 && (mask == null || mask[0] == -1);
    }

    private void add(org.deeplearning4j.nn.graph.vertex.GraphVertex vertex, String reason) {
        int index = vertex.hasLayer() ? topology.layerIndex(vertex) : -1;
        String type = vertex.hasLayer()
                ? NetworkConfiguration.typeOf(vertex.getLayer())
                : vertex.getClass().getSimpleName();
        problems.add(new Problem(index, vertex.getVertexName(), type, reason));
    }
}
