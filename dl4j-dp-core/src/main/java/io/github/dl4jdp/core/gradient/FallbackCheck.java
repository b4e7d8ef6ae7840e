// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.Norms;
import io.github.dl4jdp.core.internal.arrays.ParameterViews;
import io.github.dl4jdp.core.internal.arrays.Slices;
import io.github.dl4jdp.core.internal.arrays.TimeMajor;
import java.util.SplittableRandom;
import java.util.function.IntPredicate;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Looks, on one batch, whether a layer treats every example on its own, so that its backward pass over single examples is exact.
 *
 * <p>With inputs x and gradients from above e, it compares
 * <ul>
 *   <li>the output and the input gradient of every example before and after another one is exchanged;
 *   <li>the output of an example in the batch with its output alone;
 *   <li>the parameters' gradient of the batch, and that with all but one row of e zero, with the slices' own;
 *   <li>the output and the parameters at the end with those at the beginning: nothing may be carried from batch to batch.
 * </ul>
 *
 * <p>It finds what shows on the batch; it proves nothing about other inputs.
 */
final class FallbackCheck {
    /** Products over other batch sizes round differently: by some ulps of the largest value. */
    private static final double FLOAT_TOLERANCE = 1e-5;

    private static final double DOUBLE_TOLERANCE = 1e-10;

    /** Examples that are exchanged or singled out; the cost grows with their number, not what they show. */
    private static final int LOOKED_AT = 8;

    private final String name;
    private final Layer layer;
    private final INDArray params;
    private final INDArray before;
    private final int examples;
    private final double tolerance;
    private double largest;
    private String worst = "";

    private FallbackCheck(String name, Layer original, int examples) {
        this.name = name;
        this.examples = examples;
        this.params =
                original.numParams() == 0 ? Nd4j.empty() : original.params().dup();
        this.before = params.dup();
        this.layer = SlicePass.worker(original, params);
        this.tolerance = original.numParams() > 0 && original.params().dataType() == DataType.DOUBLE
                ? DOUBLE_TOLERANCE
                : FLOAT_TOLERANCE;
    }

    /**
     * Checks a layer; it and its parameters stay as they are.
     *
     * @param name how to call it
     * @param original an initialized layer
     * @param input its input for a batch, first dimension as in {@link TimeMajor#ofRows}
     * @param examples number of examples of the batch
     * @throws IllegalArgumentException if it does not keep them apart, or the batch has no two different examples
     */
    static void require(String name, Layer original, INDArray input, int examples) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            var check = new FallbackCheck(name, original, examples);
            check.run(input);
            check.conclude();
        }
    }

    private void run(INDArray x) {
        requireDifferentExamples(x);
        INDArray out = forward(x);
        if (out.size(0) % examples != 0) {
            throw new IllegalArgumentException("layer " + name + " must return one row for each example, returned "
                    + out.size(0) + " rows for " + examples + " examples");
        }
        // Values that depend on nothing but the shape: a check is to give the same answer again.
        double[] values = new SplittableRandom(5).doubles(out.length(), -1, 1).toArray();
        INDArray e = Nd4j.createFromArray(values).castTo(out.dataType()).reshape(out.shape());
        note("the output of the same batch changed between two passes", difference(out, forward(x)), out);

        INDArray below = backward(x, e);
        INDArray whole = gradient();
        INDArray sum = whole.like();
        for (int i = 0; i < examples; i++) {
            INDArray slice = slice(x, e, i);
            sum.addi(slice);
            if (i < LOOKED_AT) {
                lookAt(i, x, e, out, below, slice);
            }
        }
        note(
                "the gradients of single examples do not add up to the batch's: they differ",
                difference(whole, sum),
                whole);
        note("the output changed after other batches", difference(out, forward(x)), out);
        note("the parameters changed without an update", difference(before, params), before);
    }

    private void lookAt(int i, INDArray x, INDArray e, INDArray out, INDArray below, INDArray slice) {
        int other = differentFrom(x, i);
        INDArray exchangedX = exchanged(x, i, other);
        INDArray exchangedE = exchanged(e, i, other);
        IntPredicate others = j -> j != i;
        note(
                "the output of other examples changed when example " + i + " was exchanged",
                difference(out, forward(exchangedX), others),
                out);
        note(
                "the input gradient of other examples changed when example " + i + " was exchanged",
                difference(below, backward(exchangedX, exchangedE), others),
                below);
        note(
                "the output of example " + i + " alone differs from that in its batch",
                difference(rows(out, i), forward(rows(x, i))),
                out);
        INDArray only = e.like();
        rows(only, i).assign(rows(e, i));
        backward(x, only);
        note(
                "the gradient of example " + i + " alone differs from that in its batch",
                difference(gradient(), slice),
                slice);
    }

    private void conclude() {
        if (!(largest <= tolerance)) {
            throw new IllegalArgumentException("layer " + name
                    + " must compute every example independently to be trained with privacy, but " + worst + " by "
                    + largest
                    + " of the largest value; change the layer, or use one of DL4J's");
        }
    }

    private void note(String what, double difference, INDArray reference) {
        double scale = Norms.largest(reference);
        double relative = scale > 0 ? difference / scale : difference;
        // NaN is as bad as can be.
        if (!(relative <= largest)) {
            largest = Double.isNaN(relative) ? Double.POSITIVE_INFINITY : relative;
            worst = what;
        }
    }

    private INDArray forward(INDArray x) {
        var workspaceMgr = LayerWorkspaceMgr.noWorkspaces();
        layer.setInput(x.dup(x.ordering()), workspaceMgr);
        INDArray out = layer.activate(true, workspaceMgr).dup();
        layer.clear();
        return out;
    }

    /** The input gradient; the parameters' is in {@link #gradient()} then. */
    private INDArray backward(INDArray x, INDArray e) {
        var workspaceMgr = LayerWorkspaceMgr.noWorkspaces();
        if (layer.numParams() > 0) {
            layer.getGradientsViewArray().assign(0);
        }
        layer.setInput(x.dup(x.ordering()), workspaceMgr);
        layer.activate(true, workspaceMgr);
        INDArray below = layer.backpropGradient(e.dup(e.ordering()), workspaceMgr)
                .getSecond()
                .dup();
        layer.clear();
        return below;
    }

    private INDArray gradient() {
        return layer.numParams() == 0 ? Nd4j.zeros(1) : flat(layer.getGradientsViewArray());
    }

    private static INDArray flat(INDArray view) {
        return view.reshape(view.length()).dup();
    }

    /** The gradient of one example, by the tape that training uses. */
    private INDArray slice(INDArray x, INDArray e, int example) {
        if (layer.numParams() == 0) {
            return Nd4j.zeros(1);
        }
        INDArray row = Nd4j.create(e.dataType(), layer.numParams());
        new SliceTape(layer, x, null, e, examples, true).addRow(example, ParameterViews.of(layer.conf(), row));
        return row;
    }

    private INDArray rows(INDArray array, int example) {
        return Slices.ofExample(array, example, examples);
    }

    private INDArray exchanged(INDArray array, int example, int other) {
        INDArray copy = array.dup(array.ordering());
        rows(copy, example).assign(rows(array, other));
        return copy;
    }

    private double difference(INDArray a, INDArray b) {
        return a.isEmpty() ? 0 : Norms.largest(a.sub(b));
    }

    private double difference(INDArray a, INDArray b, IntPredicate of) {
        double most = 0;
        for (int i = 0; i < examples; i++) {
            if (of.test(i)) {
                double one = difference(rows(a, i), rows(b, i));
                most = one <= most ? most : one;
            }
        }
        return most;
    }

    private void requireDifferentExamples(INDArray x) {
        if (x.size(0) % examples != 0) {
            throw new IllegalArgumentException("the input of layer " + name
                    + " must have the same number of rows for each of " + examples + " examples, has " + x.size(0));
        }
        differentFrom(x, 0);
    }

    private int differentFrom(INDArray x, int example) {
        for (int j = 1; j < examples; j++) {
            int other = (example + j) % examples;
            if (difference(rows(x, example), rows(x, other)) > 0) {
                return other;
            }
        }
        throw new IllegalArgumentException("realBatches must have examples that differ at the input of layer " + name
                + ", example " + example + " of " + examples + " does not differ from any other");
    }
}
