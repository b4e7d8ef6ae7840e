// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.Norms;
import io.github.dl4jdp.core.internal.arrays.RowSums;
import io.github.dl4jdp.core.internal.arrays.Slices;
import io.github.dl4jdp.core.internal.arrays.Sums;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The tape of a parameter with few elements: its per-example gradients themselves, and the weighted sum is {@code w G}. */
final class RowsTape implements BoundedTape {
    /** Where a gradient of the parameter goes. */
    interface Target {
        /** Adds a gradient [elements] to the layer's part of a gradient. */
        void add(Map<String, INDArray> parameters, INDArray gradient);
    }

    private final INDArray rows;
    private final Target target;
    private double[] norms = new double[0];

    /** @param rows [examples, elements], c order, the tape's own */
    RowsTape(INDArray rows, Target target) {
        this.rows = rows;
        this.target = target;
    }

    /**
     * The tape of a whole parameter.
     *
     * @param rows [examples, ...], elements in the c order of the parameter's shape; copied
     */
    static RowsTape of(String parameter, INDArray rows) {
        INDArray own = HostArrays.detached(rows);
        return new RowsTape(
                own.reshape('c', own.size(0), own.length() / own.size(0)),
                (parameters, gradient) -> Sums.add(parameters, parameter, gradient));
    }

    @Override
    public void addNorms(double[] into) {
        norms = Norms.ofRows(rows);
        for (int i = 0; i < norms.length; i++) {
            into[i] = Norms.together(into[i], norms[i]);
        }
    }

    @Override
    public double addWeightedSum(double[] weights, Map<String, INDArray> sums, double allowance) {
        var sum = new double[Math.toIntExact(rows.size(1))];
        double bound = RowSums.add(rows, weights, norms, sum, allowance);
        target.add(sums, Sums.vector(sum));
        return bound;
    }

    @Override
    public void addRow(int example, Map<String, INDArray> row) {
        target.add(row, Slices.at(rows, 0, example));
    }

    @Override
    public void discard(int example) {
        Slices.at(rows, 0, example).assign(0);
    }

    @Override
    public Optional<LayerTape> sumOfCopies(int copies) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            long examples = rows.size(0) / copies;
            INDArray sums = rows.reshape('c', copies, examples * rows.size(1)).sum(0);
            return Optional.of(new RowsTape(sums.reshape('c', examples, rows.size(1)), target));
        }
    }
}
