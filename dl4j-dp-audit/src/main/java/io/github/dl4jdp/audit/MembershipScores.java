// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import java.util.Arrays;
import java.util.function.ObjIntConsumer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/**
 * Scores of a trained network for examples, by which an attacker infers whether it was trained on them.
 *
 * <p>The network may be attached, restored or exported; it is evaluated and not changed. Nothing here is private: these are statistics of the
 * examples.
 */
public final class MembershipScores {
    /** Examples that pass through the network at a time. */
    private static final int BATCH = 512;

    /** The smallest probability told from 0: that of a float. */
    private static final double LEAST_PROBABILITY = Float.MIN_NORMAL;

    private MembershipScores() {}

    /**
     * The loss-threshold attack: minus the loss of each example, without regularization. What the network has been trained on, it fits better.
     *
     * <p>Source: Yeom et al., Privacy Risk in Machine Learning, CSF 2018.
     *
     * @param model a {@code MultiLayerNetwork}, or a {@code ComputationGraph} of one input and one output
     * @return one score an example, higher where it seems to be a member
     * @throws IllegalArgumentException if the model is of another class
     */
    public static double[] negativeLosses(Model model, DataSet data) {
        var losses = new double[data.numExamples()];
        forEachBatch(data, (batch, from) -> {
            INDArray loss = losses(model, batch);
            for (int i = 0; i < loss.length(); i++) {
                losses[from + i] = -loss.getDouble(i);
            }
        });
        return losses;
    }

    private static INDArray losses(Model model, DataSet batch) {
        if (model instanceof MultiLayerNetwork network) {
            return network.scoreExamples(batch, false);
        }
        if (model instanceof ComputationGraph graph) {
            return graph.scoreExamples(batch, false);
        }
        throw unknown(model);
    }

    /**
     * The logit-scaled confidence {@code ln(p / (1 - p))} of a classifier in each example's own label, for {@link Lira}. {@code 1 - p} is summed
     * over the other classes, so that a very sure network is told from a surer one.
     *
     * @param model a classifier with a softmax output, or with a single sigmoid output
     * @param data examples with one-hot labels [B, classes], or [B, 1] labels of 0 and 1
     * @return one finite number an example
     * @throws IllegalArgumentException if the model is of another class, or the labels have another shape
     */
    public static double[] logitConfidences(Model model, DataSet data) {
        if (data.getLabels().rank() != 2) {
            throw new IllegalArgumentException("data must have labels of shape [examples, classes], has "
                    + Arrays.toString(data.getLabels().shape()));
        }
        var confidences = new double[data.numExamples()];
        forEachBatch(data, (batch, from) -> {
            double[][] probabilities =
                    output(model, batch).castTo(DataType.DOUBLE).toDoubleMatrix();
            double[][] labels = batch.getLabels().castTo(DataType.DOUBLE).toDoubleMatrix();
            for (int i = 0; i < labels.length; i++) {
                confidences[from + i] = logitConfidence(probabilities[i], labels[i]);
            }
        });
        return confidences;
    }

    private static double logitConfidence(double[] probabilities, double[] labels) {
        double own = 0;
        double others = 0;
        if (labels.length == 1) {
            own = labels[0] > 0.5 ? probabilities[0] : 1 - probabilities[0];
            others = labels[0] > 0.5 ? 1 - probabilities[0] : probabilities[0];
        } else {
            for (int c = 0; c < labels.length; c++) {
                own += labels[c] * probabilities[c];
                others += (1 - labels[c]) * probabilities[c];
            }
        }
        return Math.log(Math.max(own, LEAST_PROBABILITY)) - Math.log(Math.max(others, LEAST_PROBABILITY));
    }

    private static INDArray output(Model model, DataSet batch) {
        if (model instanceof MultiLayerNetwork network) {
            return network.output(batch.getFeatures(), false, batch.getFeaturesMaskArray(), batch.getLabelsMaskArray());
        }
        if (model instanceof ComputationGraph graph) {
            MultiDataSet multi = batch.toMultiDataSet();
            return graph.output(false, multi.getFeatures(), multi.getFeaturesMaskArrays(), multi.getLabelsMaskArrays())[
                    0];
        }
        throw unknown(model);
    }

    private static IllegalArgumentException unknown(Model model) {
        return new IllegalArgumentException("model must be a MultiLayerNetwork or a ComputationGraph, was "
                + model.getClass().getName());
    }

    /** With each batch goes the number of its first example. */
    private static void forEachBatch(DataSet data, ObjIntConsumer<DataSet> consumer) {
        int examples = data.numExamples();
        for (int from = 0; from < examples; from += BATCH) {
            int to = Math.min(examples, from + BATCH);
            consumer.accept(examples <= BATCH ? data : (DataSet) data.getRange(from, to), from);
        }
    }
}
