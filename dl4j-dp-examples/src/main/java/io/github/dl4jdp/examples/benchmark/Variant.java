// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.benchmark;

import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.api.NeuralNetwork;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.convolution.ConvolutionLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;

/** A way to make one training step. */
enum Variant {
    /** DL4J as it comes. */
    PLAIN("plain DL4J") {
        @Override
        Runnable pass(Workload workload, DataSet data) {
            Model network = workload.network();
            return () -> fit(network, data);
        }
    },
    /** DL4J with its oneDNN layer helpers, which 1.0.0-M2.1 keeps from working: see {@code docs/performance.md}. */
    HELPED("plain DL4J with oneDNN") {
        @Override
        Runnable pass(Workload workload, DataSet data) {
            System.setProperty(HELPERS_DISABLED, "false");
            try {
                Model network = workload.network();
                requireHelpers(network);
                return () -> fit(network, data);
            } finally {
                System.clearProperty(HELPERS_DISABLED);
            }
        }
    },
    /** This library: clipping to 1, noise multiplier 1, noise from the secure generator. */
    PRIVATE("private") {
        @Override
        Runnable pass(Workload workload, DataSet data) {
            Model network = workload.network();
            int batch = data.numExamples();
            // Every lot is the whole batch, so that all variants do the same work.
            var plan = DpSgdPlan.fixedSize((long) PASS * batch, batch)
                    .withSteps(Integer.MAX_VALUE)
                    .withClippingNorm(1)
                    .withNoiseMultiplier(1)
                    .withDelta(1e-5);
            var engine = PrivacyEngine.attach(network, plan);
            DataSetIterator lots = engine.lots(new BatchInPlace(data, PASS));
            // When a pass is over, ND4J gets its threads back for the other variants.
            return () -> ((NeuralNetwork) network).fit(lots);
        }

        @Override
        int steps() {
            return PASS;
        }
    },
    /** The textbook way with plain DL4J: batches of one, each gradient clipped by itself. */
    NAIVE("private, batches of one") {
        @Override
        Runnable pass(Workload workload, DataSet data) {
            return new BatchesOfOne(workload.network(), data)::step;
        }
    };

    /** Steps of a pass: few, so that blocks are short, and enough that its beginning and end, which a pass over real data has once, do not count for much. */
    private static final int PASS = 8;

    private static final String HELPERS_DISABLED = "org.eclipse.deeplearning4j.helpers.disable";

    private final String title;

    Variant(String title) {
        this.title = title;
    }

    /** Builds a network; each run of the result is {@link #steps} steps on {@code data}. */
    abstract Runnable pass(Workload workload, DataSet data);

    /** Where a pass costs nothing besides its steps, it has one. */
    int steps() {
        return 1;
    }

    String title() {
        return title;
    }

    private static void fit(Model network, DataSet data) {
        ((NeuralNetwork) network).fit(data);
    }

    /** A baseline that is called helped must be. */
    private static void requireHelpers(Model network) {
        Layer[] layers = network instanceof ComputationGraph graph
                ? graph.getLayers()
                : ((MultiLayerNetwork) network).getLayers();
        for (Layer layer : List.of(layers)) {
            if (layer instanceof ConvolutionLayer && layer.getHelper() == null) {
                throw new IllegalStateException(
                        "DL4J's oneDNN helpers are not on: run with the Maven profile benchmark");
            }
        }
    }
}
