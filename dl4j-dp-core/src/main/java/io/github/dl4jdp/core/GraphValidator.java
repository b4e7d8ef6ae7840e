// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.gradient.GradientRules;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.graph.FrozenVertex;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.graph.L2NormalizeVertex;
import org.deeplearning4j.nn.conf.graph.L2Vertex;
import org.deeplearning4j.nn.conf.graph.LayerVertex;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.graph.PoolHelperVertex;
import org.deeplearning4j.nn.conf.graph.PreprocessorVertex;
import org.deeplearning4j.nn.conf.graph.ReshapeVertex;
import org.deeplearning4j.nn.conf.graph.ScaleVertex;
import org.deeplearning4j.nn.conf.graph.ShiftVertex;
import org.deeplearning4j.nn.conf.graph.StackVertex;
import org.deeplearning4j.nn.conf.graph.SubsetVertex;
import org.deeplearning4j.nn.conf.graph.UnstackVertex;
import org.deeplearning4j.nn.conf.graph.rnn.DuplicateToTimeSeriesVertex;
import org.deeplearning4j.nn.conf.graph.rnn.LastTimeStepVertex;
import org.deeplearning4j.nn.conf.graph.rnn.ReverseTimeSeriesVertex;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.jspecify.annotations.Nullable;

/** Finds everything that stands in the way of training a {@link ComputationGraph} with privacy. */
final class GraphValidator {
    /** Vertices without parameters whose output row for an example depends on that example's rows alone. */
    private static final Set<Class<? extends GraphVertex>> EXAMPLE_WISE = Set.of(
            MergeVertex.class,
            ElementWiseVertex.class,
            SubsetVertex.class,
            ReshapeVertex.class,
            L2Vertex.class,
            L2NormalizeVertex.class,
            ScaleVertex.class,
            ShiftVertex.class,
            PoolHelperVertex.class,
            PreprocessorVertex.class,
            LastTimeStepVertex.class,
            DuplicateToTimeSeriesVertex.class,
            ReverseTimeSeriesVertex.class);

    private final ComputationGraph network;
    private final GradientRules rules;
    private final @Nullable Truncation truncation;
    private final GraphTopology topology;
    private final List<ModelProblem> problems = new ArrayList<>();

    private GraphValidator(ComputationGraph network, GradientRules rules, @Nullable Truncation truncation) {
        this.network = network;
        this.rules = rules;
        this.truncation = truncation;
        this.topology = new GraphTopology(network);
    }

    /** Every problem of an initialised graph that is its vertices' own. */
    static List<ModelProblem> problems(ComputationGraph network, GradientRules rules, @Nullable Truncation truncation) {
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
                    add(vertex, "it shares its layer with \"" + other + "\"; give each vertex a layer of its own");
                }
                if (!ModelValidator.ownsRange(vertex.getLayer(), network.params(), from)) {
                    add(vertex, ModelValidator.SHARED_PARAMETERS);
                }
            }
            if (truncation != null && vertex.hasLayer()) {
                TruncationValidator.layerProblems(vertex.getLayer()).forEach(reason -> add(vertex, reason));
            }
            from += vertex.numParams();
            if (!GraphTopology.isFrozen(vertex) && !topology.isReached(vertex)) {
                add(
                        vertex,
                        "backpropagation does not come to it, since it leads to frozen layers only, or to no output;"
                                + " freeze it too, or remove it");
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
            problems.add(ModelProblem.ofNetwork(network, ModelValidator.NOTHING_TRAINS));
        }
    }

    private void checkLayer(org.deeplearning4j.nn.graph.vertex.GraphVertex vertex, LayerVertex conf) {
        if (!GraphTopology.isFrozen(vertex)) {
            ModelValidator.layerProblems(vertex.getLayer(), rules).forEach(reason -> add(vertex, reason));
        }
        ModelValidator.preProcessorProblems(conf.getPreProcessor()).forEach(reason -> add(vertex, reason));
    }

    private void checkVertex(org.deeplearning4j.nn.graph.vertex.GraphVertex vertex, GraphVertex conf) {
        if (conf instanceof LayerVertex layerConf) {
            checkLayer(vertex, layerConf);
        } else if (conf instanceof StackVertex || conf instanceof UnstackVertex) {
            add(
                    vertex,
                    "it moves examples along the batch, so that a row is no longer one example; use one branch of layers for each input");
        } else if (!EXAMPLE_WISE.contains(conf.getClass())) {
            add(
                    vertex,
                    conf.numParams(true) > 0
                            ? "there is no per-example gradient rule for its parameters; use layers instead"
                            : "it is not known to treat every example on its own; use DL4J's own vertices");
        } else if (conf instanceof MergeVertex merge && merge.getMergeAxis() < 1) {
            add(vertex, "it may merge along the batch; give it a merge axis from 1 on");
        } else if (conf instanceof L2NormalizeVertex normalize
                && normalize.getDimension() != null
                && Arrays.stream(normalize.getDimension()).anyMatch(dimension -> dimension < 1)) {
            add(vertex, "it normalises over the batch; give it dimensions from 1 on");
        } else if (conf instanceof ReshapeVertex reshape && !keepsFirstDimension(reshape)) {
            add(vertex, "its new shape must begin with -1, so that every example keeps a row of its own");
        } else if (conf instanceof PreprocessorVertex preProcessor) {
            ModelValidator.preProcessorProblems(preProcessor.getPreProcessor()).forEach(reason -> add(vertex, reason));
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
                ? ModelValidator.typeOf(vertex.getLayer())
                : vertex.getClass().getSimpleName();
        problems.add(new ModelProblem(index, vertex.getVertexName(), type, reason));
    }
}
