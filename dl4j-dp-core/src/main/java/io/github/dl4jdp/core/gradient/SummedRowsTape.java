// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.Norms;
import io.github.dl4jdp.core.internal.arrays.ParameterViews;
import io.github.dl4jdp.core.internal.arrays.RowSums;
import io.github.dl4jdp.core.internal.arrays.Sums;
import java.util.Map;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The gradients of each example, or their sums over its copies, for a tape that has no way of its own to measure and sum the same numbers: gradients are made
 * one row at a time, measured, and forgotten, and made once more for the sum. Right for every tape, and slow; it holds one gradient of the layer.
 */
public final class SummedRowsTape implements BoundedTape {
    private final LayerTape rows;
    private final NeuralNetConfiguration conf;
    private final long length;
    private final DataType dataType;
    private final int examples;
    private final int copies;
    private final double[] norms;

    /**
     * The tape of the sums.
     *
     * @param rows its row {@code k * examples + i} is copy k of example i
     * @param conf the layer's configuration
     * @param length number of the layer's parameters
     * @param dataType the network's
     */
    public SummedRowsTape(
            LayerTape rows, NeuralNetConfiguration conf, long length, DataType dataType, int examples, int copies) {
        this.rows = rows;
        this.conf = conf;
        this.length = length;
        this.dataType = dataType;
        this.examples = examples;
        this.copies = copies;
        this.norms = new double[examples];
    }

    @Override
    public void addNorms(double[] into) {
        for (int i = 0; i < examples; i++) {
            double[] row = row(i);
            norms[i] = Norms.of(row, 0, row.length);
            into[i] = Norms.together(into[i], norms[i]);
        }
    }

    /** One gradient, in the order of the layer's parameters. */
    private double[] row(int example) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray flat = Nd4j.create(dataType, length);
            addRow(example, ParameterViews.of(conf, flat));
            var values = new double[Math.toIntExact(length)];
            HostArrays.read(flat, 0, values, values.length);
            return values;
        }
    }

    @Override
    public double addWeightedSum(double[] weights, Map<String, INDArray> sums, double allowance) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            var sum = new double[Math.toIntExact(length)];
            double total = 0;
            for (int i = 0; i < examples; i++) {
                if (weights[i] != 0) {
                    Sums.addMeasured(sum, row(i), weights[i], norms[i]);
                    total += weights[i] * norms[i];
                }
            }
            ParameterViews.of(conf, Sums.vector(sum))
                    .forEach((name, part) -> Sums.add(Sums.parameter(sums, name), part));
            return RowSums.doubleBound(total, examples);
        }
    }

    @Override
    public void addRow(int example, Map<String, INDArray> row) {
        for (int k = 0; k < copies; k++) {
            rows.addRow(k * examples + example, row);
        }
    }

    @Override
    public void discard(int example) {
        for (int k = 0; k < copies; k++) {
            rows.discard(k * examples + example);
        }
    }
}
