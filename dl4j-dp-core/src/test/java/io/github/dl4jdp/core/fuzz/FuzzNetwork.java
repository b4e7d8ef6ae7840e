// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.fuzz;

import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;

/**
 * A network that can be built, printed and made smaller.
 *
 * @param graph whether it is a ComputationGraph
 * @param builder a {@code NeuralNetConfiguration.Builder}
 * @param inputTypes those of the inputs in0, in1, ...
 * @param nodes the layers and vertices, in an order in which they can run; of a MultiLayerNetwork each one's input is the one before
 * @param outputs names of nodes
 * @param settings what is called last on the list or graph builder
 */
record FuzzNetwork(
        boolean graph,
        Expression builder,
        List<Expression> inputTypes,
        List<Node> nodes,
        List<String> outputs,
        List<Expression.Call> settings) {
    /** A layer or vertex. */
    record Node(String name, Expression part, List<String> inputs) {}

    static String input(int i) {
        return "in" + i;
    }

    private Expression configuration() {
        Expression all = builder;
        if (graph) {
            all = all.then("graphBuilder");
            for (int i = 0; i < inputTypes.size(); i++) {
                all = all.then("addInputs", input(i));
            }
            for (Node node : nodes) {
                var arguments = new ArrayList<Object>(List.of(node.name(), node.part()));
                arguments.add(new Names(node.inputs().toArray(String[]::new)));
                all = all.then(isVertex(node.part()) ? "addVertex" : "addLayer", arguments.toArray());
            }
            all = all.then("setOutputs", new Names(outputs.toArray(String[]::new)));
            all = all.then("setInputTypes", new Types(inputTypes));
        } else {
            all = all.then("list");
            for (Node node : nodes) {
                all = all.then("layer", node.part());
            }
            all = all.then("setInputType", inputTypes.get(0));
        }
        for (Expression.Call call : settings) {
            all = all.plus(call);
        }
        return all.then("build");
    }

    /** Strings for a variable number of arguments. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Names(String[] names) {}

    /** Input types for a variable number of arguments. */
    record Types(List<Expression> types) {}

    static boolean isVertex(Expression part) {
        return GraphVertex.class.isAssignableFrom(part.type());
    }

    /** The network with its initial parameters: the same ones at every call. */
    Model build() {
        Object configuration = configuration().value();
        if (graph) {
            var network = new ComputationGraph((ComputationGraphConfiguration) configuration);
            network.init();
            return network;
        }
        var network = new MultiLayerNetwork((MultiLayerConfiguration) configuration);
        network.init();
        return network;
    }

    /** Everything that is one step smaller. */
    List<FuzzNetwork> smaller() {
        var all = new ArrayList<FuzzNetwork>();
        for (int i = 0; i < nodes.size(); i++) {
            Node node = nodes.get(i);
            if (!outputs.contains(node.name())) {
                for (String in : node.inputs()) {
                    all.add(without(i, in));
                }
            } else if (outputs.size() > 1) {
                var fewer = new ArrayList<>(nodes);
                fewer.remove(i);
                var rest = new ArrayList<>(outputs);
                rest.remove(node.name());
                all.add(new FuzzNetwork(graph, builder, inputTypes, leading(fewer, rest), rest, settings));
            }
        }
        for (int i = 0; i < nodes.size(); i++) {
            for (Expression less : nodes.get(i).part().smaller()) {
                var changed = new ArrayList<>(nodes);
                changed.set(i, new Node(nodes.get(i).name(), less, nodes.get(i).inputs()));
                all.add(new FuzzNetwork(graph, builder, inputTypes, changed, outputs, settings));
            }
            if (nodes.get(i).part().arguments().size() == 1
                    && nodes.get(i).part().arguments().get(0) instanceof Expression inner
                    && org.deeplearning4j.nn.conf.layers.Layer.class.isAssignableFrom(
                            inner.type().getEnclosingClass() == null
                                    ? inner.type()
                                    : inner.type().getEnclosingClass())) {
                var changed = new ArrayList<>(nodes);
                changed.set(i, new Node(nodes.get(i).name(), inner, nodes.get(i).inputs()));
                all.add(new FuzzNetwork(graph, builder, inputTypes, changed, outputs, settings));
            }
        }
        for (Expression less : builder.smaller()) {
            all.add(new FuzzNetwork(graph, less, inputTypes, nodes, outputs, settings));
        }
        for (int i = 0; i < settings.size(); i++) {
            if (settings.get(i).optional()) {
                var fewer = new ArrayList<>(settings);
                fewer.remove(i);
                all.add(new FuzzNetwork(graph, builder, inputTypes, nodes, outputs, fewer));
            }
        }
        return all;
    }

    /** The nodes from which an output is reached. */
    static List<Node> leading(List<Node> nodes, List<String> outputs) {
        var used = new java.util.HashSet<>(outputs);
        var kept = new ArrayList<Node>();
        for (int i = nodes.size() - 1; i >= 0; i--) {
            if (used.contains(nodes.get(i).name())) {
                used.addAll(nodes.get(i).inputs());
                kept.add(0, nodes.get(i));
            }
        }
        return kept;
    }

    /** Without one node: who took its output takes one of its inputs. */
    private FuzzNetwork without(int removed, String instead) {
        String name = nodes.get(removed).name();
        var rest = new ArrayList<Node>();
        for (int i = 0; i < nodes.size(); i++) {
            if (i != removed) {
                rest.add(new Node(
                        nodes.get(i).name(),
                        nodes.get(i).part(),
                        nodes.get(i).inputs().stream()
                                .map(in -> in.equals(name) ? instead : in)
                                .toList()));
            }
        }
        return new FuzzNetwork(graph, builder, inputTypes, graph ? leading(rest, outputs) : rest, outputs, settings);
    }

    /** The names of the parts. */
    List<String> parts() {
        return nodes.stream().map(node -> node.part().name()).toList();
    }

    /** All classes that the configuration names. */
    List<Class<?>> types() {
        var all = new ArrayList<Class<?>>(builder.types());
        nodes.forEach(node -> all.addAll(node.part().types()));
        inputTypes.forEach(type -> all.addAll(type.types()));
        settings.forEach(call -> call.arguments().forEach(argument -> {
            if (argument instanceof Enum<?> constant) {
                all.add(constant.getDeclaringClass());
            }
        }));
        return all;
    }

    String code() {
        return configuration()
                .code()
                .replace(".list()", "\n            .list()")
                .replace(".graphBuilder()", "\n            .graphBuilder()")
                .replaceAll("\\.(layer|addLayer|addVertex|setInputTypes?|addInputs)\\(", "\n            .$1(");
    }
}
