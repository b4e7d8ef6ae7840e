// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.data.Augmentation;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.mechanism.LotSums;
import java.util.List;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.dataset.api.iterator.MultiDataSetIterator;

/** A network under audit: DL4J's own calls on either of its two kinds, and what they leave for everyone to see. */
final class AuditedNetwork {
    /** Copies of an example that are all the same have the gradient of the example, by which the attack knows its canary. */
    private static final Augmentation SAME = (features, random) -> features;

    private final Model model;
    private final int length;
    private final double[] gradient;
    private boolean seen;

    AuditedNetwork(Model model) {
        if (!(model instanceof MultiLayerNetwork) && !(model instanceof ComputationGraph)) {
            throw new IllegalArgumentException(
                    "network must supply a MultiLayerNetwork or a ComputationGraph, supplied "
                            + model.getClass().getName());
        }
        this.model = model;
        this.length = Math.toIntExact(model.numParams());
        this.gradient = new double[length];
    }

    /** Looks at the gradient from now on. Listeners see it in the order in which they were added, so this one sees it last. */
    void listen() {
        var listener = new BaseTrainingListener() {
            @Override
            public void onGradientCalculation(Model ignored) {
                read(model.getGradientsViewArray(), gradient);
                seen = true;
            }
        };
        if (model instanceof MultiLayerNetwork network) {
            network.addListeners(listener);
        } else {
            ((ComputationGraph) model).addListeners(listener);
        }
    }

    private void read(INDArray from, double[] into) {
        HostArrays.read(from.reshape(length), 0, into, length);
    }

    double[] parameters() {
        var values = new double[length];
        read(model.params(), values);
        return values;
    }

    /** The gradient that the listener saw last. */
    double[] gradient() {
        if (!seen) {
            throw new IllegalStateException("the network computed no gradient in a step");
        }
        seen = false;
        return gradient;
    }

    void setParameters(INDArray parameters) {
        model.setParams(parameters);
    }

    /** The mean of the gradients of all rows, by plain DL4J. */
    double[] meanGradientOf(MultiDataSet rows) {
        double[] mean = gradientOf(rows);
        long count = rows.getFeatures(0).size(0);
        for (int i = 0; i < mean.length; i++) {
            mean[i] /= count;
        }
        return mean;
    }

    /** The sum of the gradients of all examples, by plain DL4J. */
    private double[] gradientOf(MultiDataSet example) {
        var values = new double[length];
        if (model instanceof MultiLayerNetwork network) {
            if (network.getFlattenedGradients() == null) {
                network.initGradientsView();
            }
            network.setInput(example.getFeatures(0));
            network.setLabels(example.getLabels(0));
            network.setLayerMaskArrays(first(example.getFeaturesMaskArrays()), first(example.getLabelsMaskArrays()));
            network.computeGradientAndScore();
            read(network.getFlattenedGradients(), values);
            network.clearLayerMaskArrays();
            network.setInput(null);
            network.setLabels(null);
        } else if (model instanceof ComputationGraph graph) {
            if (graph.getFlattenedGradients() == null) {
                graph.initGradientsView();
            }
            graph.setInputs(example.getFeatures());
            graph.setLabels(example.getLabels());
            graph.setLayerMaskArrays(example.getFeaturesMaskArrays(), example.getLabelsMaskArrays());
            graph.computeGradientAndScore();
            read(graph.getFlattenedGradients(), values);
            graph.clearLayerMaskArrays();
            graph.clearLayersStates();
            graph.clear();
        }
        return values;
    }

    private static @Nullable INDArray first(@Nullable INDArray @Nullable [] masks) {
        return masks == null ? null : masks[0];
    }

    /** One lot after the other, by DL4J's own fit. */
    Runnable steps(PrivacyEngine engine, RandomAccessExamples data) {
        boolean copies = engine.plan().augmentationMultiplicity() > 1;
        return model instanceof MultiLayerNetwork network
                ? steps(network, copies ? engine.lots(data, SAME) : engine.lots(data))
                : steps((ComputationGraph) model, copies ? engine.multiLots(data, SAME) : engine.multiLots(data));
    }

    /** One lot after the other that is summed elsewhere. */
    Runnable steps(PrivacyEngine engine, LotSums sums) {
        return model instanceof MultiLayerNetwork network
                ? steps(network, engine.lots(sums))
                : steps((ComputationGraph) model, engine.multiLots(sums));
    }

    private static Runnable steps(MultiLayerNetwork network, DataSetIterator lots) {
        return () -> {
            if (!lots.hasNext()) {
                lots.reset();
            }
            network.fit(lots.next());
        };
    }

    private static Runnable steps(ComputationGraph graph, MultiDataSetIterator lots) {
        return () -> {
            if (!lots.hasNext()) {
                lots.reset();
            }
            graph.fit(lots.next());
        };
    }

    /** One batch of an iterator after the other, by DL4J's own fit. */
    Runnable steps(PrivacyEngine engine, MultiDataSetIterator batches) {
        MultiDataSetIterator lots = engine.lots(batches);
        return () -> {
            if (!lots.hasNext()) {
                lots.reset();
            }
            if (model instanceof MultiLayerNetwork network) {
                network.fit(lots.next());
            } else {
                ((ComputationGraph) model).fit(lots.next());
            }
        };
    }

    /** The examples of {@code data} and, as the last one, the canary. */
    static MultiDataSet join(MultiDataSet data, MultiDataSet canary) {
        return org.nd4j.linalg.dataset.MultiDataSet.merge(List.of(data, canary));
    }
}
