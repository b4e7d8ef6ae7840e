// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.Map;
import java.util.Optional;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.INDArrayIndex;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * The tape of a layer that has no formula here: DL4J's own backward pass over the rows of one example, with that example's part of the
 * gradient from above. Exact for every layer that treats its examples apart, and slow.
 *
 * <p>The gradients are kept while they are small, and made a second time for the weighted sum otherwise.
 */
final class SliceTape implements LayerTape {
    private final Layer worker;
    private final INDArray input;
    private final @Nullable INDArray mask;
    private final INDArray epsilon;
    private final int examples;
    private final boolean forwardFirst;
    private final boolean[] discarded;
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
    }

    @Override
    public void addSquaredNorms(double[] squaredNorms) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            long parameters = worker.numParams();
            INDArray rows = parameters * examples <= TapeRecorder.MOST_HELD
                    ? Nd4j.createUninitialized(epsilon.dataType(), new long[] {examples, parameters}, 'c')
                    : null;
            for (int i = 0; i < examples; i++) {
                INDArray gradient = gradient(i);
                squaredNorms[i] += SquaredNorms.ofRows(gradient.reshape('c', 1, parameters))[0];
                if (rows != null) {
                    rows.getRow(i).assign(gradient);
                }
            }
            held = rows;
        }
    }

    /** The gradient of one example [parameters], valid until the next call. */
    private INDArray gradient(int example) {
        INDArray view = worker.getGradientsViewArray();
        view.assign(0);
        if (!discarded[example]) {
            var workspaceMgr = LayerWorkspaceMgr.noWorkspaces();
            worker.setInput(copyOfRows(input, example), workspaceMgr);
            worker.setMaskArray(mask == null ? null : copyOfRows(mask, example));
            if (forwardFirst) {
                worker.activate(true, workspaceMgr);
            }
            worker.backpropGradient(copyOfRows(epsilon, example), workspaceMgr);
            worker.clear();
        }
        return view.reshape(view.length());
    }

    private INDArray copyOfRows(INDArray array, int example) {
        return rows(array, example, examples).dup(array.ordering());
    }

    /** The rows of one example, in their order: a view. */
    static INDArray rows(INDArray array, int example, int examples) {
        INDArrayIndex every = array.size(0) == examples
                ? NDArrayIndex.interval(example, example + 1)
                : NDArrayIndex.interval(example, examples, array.size(0));
        return array.get(every);
    }

    @Override
    public void addWeightedSum(double[] weights, Map<String, INDArray> sums) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray rows = held;
            if (rows != null) {
                INDArray w =
                        Nd4j.createFromArray(weights).castTo(rows.dataType()).reshape(1, examples);
                add(w.mmul(rows).reshape(rows.size(1)), sums);
                return;
            }
            INDArray sum = Nd4j.create(epsilon.dataType(), worker.numParams());
            for (int i = 0; i < examples; i++) {
                if (weights[i] != 0) {
                    sum.addi(gradient(i).mul(weights[i]));
                }
            }
            add(sum, sums);
        }
    }

    @Override
    public void addRow(int example, Map<String, INDArray> row) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            add(gradient(example), row);
        }
    }

    private void add(INDArray flat, Map<String, INDArray> into) {
        ParameterViews.of(worker.conf(), flat)
                .forEach((name, part) -> OuterProductTape.parameter(into, name).addi(part));
    }

    @Override
    public void discard(int example) {
        discarded[example] = true;
        if (held != null) {
            held.getRow(example).assign(0);
        }
    }

    /** The copies of an example are rows of its slice, as time steps are. */
    @Override
    public Optional<LayerTape> sumOfCopies(int copies) {
        return Optional.of(new SliceTape(worker, input, mask, epsilon, examples / copies, forwardFirst));
    }
}
