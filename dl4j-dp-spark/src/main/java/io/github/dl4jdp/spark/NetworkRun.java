// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import io.github.dl4jdp.core.internal.plan.MechanismJson;
import io.github.dl4jdp.core.internal.training.ExampleShapes;
import io.github.dl4jdp.core.mechanism.Mechanism;
import java.io.IOException;
import java.io.Serializable;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.shade.jackson.core.type.TypeReference;
import org.nd4j.shade.jackson.databind.ObjectMapper;

/**
 * What is the same in every step of a run and crosses the network once: text and numbers.
 *
 * @param id of the run on executors
 * @param isGraph whether the network is a {@code ComputationGraph}
 * @param network its configuration as DL4J's JSON
 * @param mechanism as JSON, without a seed
 * @param physicalBatchSize the user's, or 0
 * @param threads of a task
 * @param sequenceLength time steps that sequences are padded to; 0 if the plan declares none
 * @param isLocal whether tasks run in the driver's process, whose settings of ND4J they leave alone
 * @param code the driver's {@link ExecutorCode}; empty if tasks run in its process
 */
record NetworkRun(
        String id,
        boolean isGraph,
        String network,
        String mechanism,
        int physicalBatchSize,
        int threads,
        long sequenceLength,
        boolean isLocal,
        String code)
        implements Serializable {
    /**
     * @throws IllegalArgumentException if the network's configuration does not survive its JSON
     */
    static NetworkRun of(
            Model network,
            Mechanism mechanism,
            int physicalBatchSize,
            int threads,
            long sequenceLength,
            boolean isLocal) {
        boolean isGraph = network instanceof ComputationGraph;
        try {
            var run = new NetworkRun(
                    UUID.randomUUID().toString(),
                    isGraph,
                    configuration(network),
                    toJson(mechanism),
                    physicalBatchSize,
                    threads,
                    sequenceLength,
                    isLocal,
                    isLocal ? "" : ExecutorCode.of(network));
            Model copy = run.newNetwork();
            if (!configuration(copy).equals(run.network) || copy.numParams() != network.numParams()) {
                throw new IllegalArgumentException("it comes back as another one");
            }
            return run;
        } catch (IOException | RuntimeException e) {
            throw new IllegalArgumentException(
                    "the network cannot be sent to executors: its configuration must be the same after it was written as JSON and read again. Give layers and schedules"
                            + " of your own the annotations that Jackson needs, and check that executors have their classes; "
                            + e.getMessage(),
                    e);
        }
    }

    private static String configuration(Model network) {
        return network instanceof ComputationGraph graph
                ? graph.getConfiguration().toJson()
                : ((MultiLayerNetwork) network).getLayerWiseConfigurations().toJson();
    }

    /** What decides on lots and clipping. Nobody on an executor is to know a seed: noise would follow from it. */
    private static String toJson(Mechanism mechanism) throws IOException {
        var map = new LinkedHashMap<String, Object>();
        MechanismJson.put(mechanism, map);
        map.remove("seed");
        return new ObjectMapper().writeValueAsString(map);
    }

    Mechanism readMechanism() {
        try {
            return MechanismJson.read(
                    new ObjectMapper().readValue(mechanism, new TypeReference<Map<String, Object>>() {}));
        } catch (IOException e) {
            throw new IllegalStateException("the plan that the driver sent cannot be read", e);
        }
    }

    /**
     * Refuses to sum by other code than the driver's.
     *
     * @param here a network of this process
     * @throws ShardException if a class of this library, of DL4J's networks or of a layer is another one here
     */
    void requireSameCode(Model here) {
        if (!isLocal && !ExecutorCode.of(here).equals(code)) {
            throw new ShardException(
                    "an executor has other classes than the driver, of dl4j-dp, DL4J or the network's layers: it might draw or clip otherwise than the driver charges"
                            + " for. Give driver and executors the same jars, by a fat jar or --jars, and none in spark.executor.extraClassPath or the jars of"
                            + " Spark before them");
        }
    }

    /** Padding to the declared length. */
    UnaryOperator<MultiDataSet> padding(Model model) {
        return ExampleShapes.padding(model, sequenceLength);
    }

    /** A network of its own, its parameters not yet set. */
    Model newNetwork() {
        if (isGraph) {
            var graph = new ComputationGraph(ComputationGraphConfiguration.fromJson(network));
            graph.init();
            return graph;
        }
        var list = new MultiLayerNetwork(MultiLayerConfiguration.fromJson(network));
        list.init();
        return list;
    }
}
