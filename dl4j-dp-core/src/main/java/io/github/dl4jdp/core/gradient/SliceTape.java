// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.Norms;
import io.github.dl4jdp.core.internal.arrays.ParameterViews;
import io.github.dl4jdp.core.internal.arrays.RowSums;
import io.github.dl4jdp.core.internal.arrays.Slices;
import io.github.dl4jdp.core.internal.arrays.Sums;
import io.github.dl4jdp.core.internal.arrays.TimeMajor;
import java.util.Map;
import java.util.Optional;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The tape of a layer that has no formula here: DL4J's own backward pass over the rows of one example, with that example's part of the
 * gradient from above. Exact for every layer that treats its examples apart, and slow.
 *
 * <p>The gradients are kept while they are small, and made a second time for the weighted sum otherwise.
 */
final class SliceTape implements BoundedTape {
    private final Layer worker;
    private final INDArray input;
    private final @Nullable INDArray mask;
    private final INDArray epsilon;
    private final int examples;
    private final boolean forwardFirst;
    private final boolean[] discarded;
    private final double[] norms;
    /** [examples, parameters], if held. */
    private @Nullable INDArray held;

    /**
     * @param worker a plain layer over the same parameters, its gradient view its own
     * @param input [rows, ...], alive until the backward pass ends; rows as in {@link TimeMajor#ofRows}
     * @param epsilon [rows, ...], the tape's own
     * @param forwardFirst whether the worker's backward pass needs what its forward pass keeps besides the input
     */
    SliceTape(
            Layer worker,
            INDArray input,
            @Nullable INDArray mask,
            INDArray epsilon,
            int examples,
            boolean forwardFirst) {
        this.worker = worker;
        this.input = input;
        this.mask = mask;
        this.epsilon = epsilon;
        this.examples = examples;
        this.forwardFirst = forwardFirst;
        this.discarded = new boolean[examples];
        this.norms = new double[examples];
    }

    @Override
    public void addNorms(double[] into) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            long parameters = worker.numParams();
            INDArray rows = parameters * examples <= TapeRecorder.MOST_HELD
                    ? Nd4j.createUninitialized(epsilon.dataType(), new long[] {examples, parameters}, 'c')
                    : null;
            for (int i = 0; i < examples; i++) {
                INDArray gradient = gradient(i);
                norms[i] = Norms.ofRows(gradient.reshape('c', 1, parameters))[0];
                into[i] = Norms.together(into[i], norms[i]);
                if (rows != null) {
                    Slices.at(rows, 0, i).assign(gradient);
                }
            }
            held = rows;
        }
    }

    /** The input gradient of every example, made from it alone: shaped as the input. */
    INDArray inputGradient() {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray all = Nd4j.create(epsilon.dataType(), input.shape(), 'c');
            for (int i = 0; i < examples; i++) {
                INDArray below = backward(i);
                Slices.ofExample(all, i, examples).assign(below);
            }
            return all;
        }
    }

    /** The gradient of one example [parameters], valid until the next call. */
    private INDArray gradient(int example) {
        INDArray view = worker.getGradientsViewArray();
        view.assign(0);
        if (!discarded[example]) {
            backward(example);
        }
        return view.reshape(view.length());
    }

    /** Leaves the gradient of one example in the worker's view, and gives its input gradient. */
    private INDArray backward(int example) {
        var workspaceMgr = LayerWorkspaceMgr.noWorkspaces();
        worker.setInput(copyOfRows(input, example), workspaceMgr);
        worker.setMaskArray(mask == null ? null : copyOfRows(mask, example));
        if (forwardFirst) {
            worker.activate(true, workspaceMgr);
        }
        INDArray below = worker.backpropGradient(copyOfRows(epsilon, example), workspaceMgr)
                .getSecond();
        worker.clear();
        return below;
    }

    private INDArray copyOfRows(INDArray array, int example) {
        return Slices.ofExample(array, example, examples).dup(array.ordering());
    }

    @Override
    public double addWeightedSum(double[] weights, Map<String, INDArray> sums, double allowance) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray rows = held;
            var sum = new double[Math.toIntExact(worker.numParams())];
            double bound;
            if (rows != null) {
                bound = RowSums.add(rows, weights, norms, sum, allowance);
            } else {
                var row = new double[sum.length];
                for (int i = 0; i < examples; i++) {
                    if (weights[i] != 0) {
                        HostArrays.read(gradient(i).dup('c'), 0, row, row.length);
                        Sums.addMeasured(sum, row, weights[i], norms[i]);
                    }
                }
                bound = RowSums.doubleBound(RowSums.total(weights, norms), examples);
            }
            add(Sums.vector(sum), sums);
            return bound;
        }
    }

    @Override
    public void addRow(int example, Map<String, INDArray> row) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            add(gradient(example), row);
        }
    }

    private void add(INDArray flat, Map<String, INDArray> into) {
        ParameterViews.of(worker.conf(), flat).forEach((name, part) -> Sums.add(Sums.parameter(into, name), part));
    }

    @Override
    public void discard(int example) {
        discarded[example] = true;
        if (held != null) {
            Slices.at(held, 0, example).assign(0);
        }
    }

    /** The copies of an example are rows of its slice, as time steps are. */
    @Override
    public Optional<LayerTape> sumOfCopies(int copies) {
        return Optional.of(new SliceTape(worker, input, mask, epsilon, examples / copies, forwardFirst));
    }
}
