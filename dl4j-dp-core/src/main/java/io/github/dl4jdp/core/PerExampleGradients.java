// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.data.InMemoryExamples;
import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.gradient.LayerTape;
import io.github.dl4jdp.core.internal.arrays.Slices;
import io.github.dl4jdp.core.internal.check.ModelValidator;
import io.github.dl4jdp.core.internal.network.BackwardPass;
import io.github.dl4jdp.core.internal.network.DpNetwork;
import io.github.dl4jdp.core.internal.network.ExampleWeights;
import io.github.dl4jdp.core.internal.plan.Segment;
import io.github.dl4jdp.core.mechanism.ClippedSum;
import io.github.dl4jdp.core.mechanism.Clipping;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiFunction;
import org.deeplearning4j.nn.api.Model;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.NoOp;

/**
 * The gradient of each example's loss alone: to look for outliers, to measure influence, to audit.
 *
 * <p>The gradient of an example is what DL4J computes for a batch of that example alone, before regularization and before any division.
 * Parameters that do not train (frozen layers and what lies below them) have gradient zero. One forward and one backward pass in training mode;
 * the model's parameters, updater, counts and score stay as they were.
 *
 * <p>Dropout, weight noise and other random parts draw as in DL4J, from ND4J's generator: one call gives all examples of the batch draws that depend on
 * their position in it. Only a network that is attached draws for each example by itself.
 *
 * <p>Nothing here is private: these are statistics of the data.
 */
public final class PerExampleGradients {
    private PerExampleGradients() {}

    /**
     * The L2 norm of every example's gradient.
     *
     * @param data a batch of B examples
     * @return [B], in the model's data type; not finite where a gradient is not
     * @throws UnsupportedModelException if a layer that trains has no per-example gradient rule
     */
    public static INDArray norms(Model model, DataSet data) {
        return norms(model, InMemoryExamples.toMultiDataSet(data));
    }

    /** As {@link #norms(Model, DataSet)}, with rules for your own layers and parts. */
    public static INDArray norms(Model model, DataSet data, GradientRules rules) {
        return norms(model, InMemoryExamples.toMultiDataSet(data), rules);
    }

    /** As {@link #norms(Model, DataSet)}. */
    public static INDArray norms(Model model, MultiDataSet data) {
        return norms(model, data, GradientRules.builtIn());
    }

    /** As {@link #norms(Model, DataSet)}, with rules for your own layers and parts. */
    public static INDArray norms(Model model, MultiDataSet data, GradientRules rules) {
        return run(model, data, rules, (network, tapes) -> {
            double[] norms = ClippedSum.norms(tapes, network.trainable(), dataType(network), rows(data));
            return Nd4j.createFromArray(norms).castTo(dataType(network));
        });
    }

    /**
     * Every example's gradient: B times the memory of the model, so for small batches.
     *
     * @param data a batch of B examples
     * @return [B, numParams], columns in the order of {@code model.params()}
     * @throws UnsupportedModelException if a layer that trains has no per-example gradient rule
     */
    public static INDArray materialize(Model model, DataSet data) {
        return materialize(model, InMemoryExamples.toMultiDataSet(data));
    }

    /** As {@link #materialize(Model, DataSet)}, with rules for your own layers and parts. */
    public static INDArray materialize(Model model, DataSet data, GradientRules rules) {
        return materialize(model, InMemoryExamples.toMultiDataSet(data), rules);
    }

    /** As {@link #materialize(Model, DataSet)}. */
    public static INDArray materialize(Model model, MultiDataSet data) {
        return materialize(model, data, GradientRules.builtIn());
    }

    /** As {@link #materialize(Model, DataSet)}, with rules for your own layers and parts. */
    public static INDArray materialize(Model model, MultiDataSet data, GradientRules rules) {
        return run(model, data, rules, (network, tapes) -> {
            int rows = rows(data);
            INDArray all = Nd4j.create(dataType(network), rows, network.model().numParams());
            for (int i = 0; i < rows; i++) {
                INDArray row = Slices.at(all, 0, i);
                for (int layer = 0; layer < tapes.size(); layer++) {
                    tapes.get(layer).addRow(i, network.trainable().get(layer).views(row));
                }
            }
            return all;
        });
    }

    /**
     * The sum of the examples' gradients, each scaled down to norm {@code clippingNorm} where it is longer: the sum of DP-SGD before noise. An
     * example whose gradient is not finite contributes zero.
     *
     * @param data a batch of B examples
     * @param clippingNorm the bound C on each gradient's L2 norm, finite and positive
     * @return [numParams], in the order of {@code model.params()}
     * @throws IllegalArgumentException if {@code clippingNorm} is not finite and positive
     * @throws UnsupportedModelException if a layer that trains has no per-example gradient rule
     */
    public static INDArray clippedSum(Model model, DataSet data, double clippingNorm) {
        return clippedSum(model, InMemoryExamples.toMultiDataSet(data), clippingNorm);
    }

    /** As {@link #clippedSum(Model, DataSet, double)}, with rules for your own layers and parts. */
    public static INDArray clippedSum(Model model, DataSet data, double clippingNorm, GradientRules rules) {
        return clippedSum(model, InMemoryExamples.toMultiDataSet(data), clippingNorm, rules);
    }

    /** As {@link #clippedSum(Model, DataSet, double)}. */
    public static INDArray clippedSum(Model model, MultiDataSet data, double clippingNorm) {
        return clippedSum(model, data, clippingNorm, GradientRules.builtIn());
    }

    /** As {@link #clippedSum(Model, DataSet, double)}, with rules for your own layers and parts. */
    public static INDArray clippedSum(Model model, MultiDataSet data, double clippingNorm, GradientRules rules) {
        Clipping clipping = Clipping.flat(clippingNorm);
        return run(model, data, rules, (network, tapes) -> {
            var sum = new ClippedSum(
                    clipping,
                    1,
                    rows(data),
                    network.trainable(),
                    network.model().numParams(),
                    dataType(network));
            sum.begin(clippingNorm);
            sum.add(tapes, rows(data), rows(data));
            return sum.sum().castTo(dataType(network));
        });
    }

    private static int rows(MultiDataSet data) {
        return (int) data.getFeatures(0).size(0);
    }

    private static DataType dataType(DpNetwork network) {
        return network.model().params().dataType();
    }

    private static INDArray run(
            Model model,
            MultiDataSet data,
            GradientRules rules,
            BiFunction<DpNetwork, List<LayerTape>, INDArray> result) {
        if (DpNetwork.isAttached(model)) {
            // The hooks of an attached network belong to its engine: a copy has the same gradients.
            return run(DpNetwork.of(model).copy(updater -> new NoOp()), data, rules, result);
        }
        var problems = ModelValidator.problems(model, rules, 0, null);
        if (!problems.isEmpty()) {
            throw UnsupportedModelException.of(problems);
        }
        var pass = new BackwardPass(ExecutionOptions.defaults().resolved().threads());
        DpNetwork network = DpNetwork.of(model).hook(rules, pass);
        try {
            // Some losses write on the labels that they are given.
            var own = new org.nd4j.linalg.dataset.MultiDataSet(
                    data.getFeatures(),
                    Arrays.stream(data.getLabels()).map(INDArray::dup).toArray(INDArray[]::new),
                    data.getFeaturesMaskArrays(),
                    data.getLabelsMaskArrays());
            var weighted = ExampleWeights.of(own, dataType(network));
            var collector = new Collector(network, weighted.batch(), result);
            pass.open(rows(data), weighted.weights(), collector);
            network.forwardAndBackward(weighted.batch());
            return collector.value();
        } finally {
            network.unhook();
        }
    }

    private static final class Collector implements BackwardPass.Observer {
        private final DpNetwork network;
        private final MultiDataSet data;
        private final BiFunction<DpNetwork, List<LayerTape>, INDArray> result;
        private @Nullable INDArray value;

        Collector(DpNetwork network, MultiDataSet data, BiFunction<DpNetwork, List<LayerTape>, INDArray> result) {
            this.network = network;
            this.data = data;
            this.result = result;
        }

        @Override
        public void starting() {}

        @Override
        public void complete(List<LayerTape> tapes) {
            network.requirePassOver(data, Segment.WHOLE);
            try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
                value = result.apply(network, tapes);
            }
        }

        INDArray value() {
            if (value == null) {
                throw new IllegalStateException("not every layer reported its gradients");
            }
            return value;
        }
    }
}
