// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.gradient.HostArrays;
import io.github.dl4jdp.core.gradient.LayerTape;
import io.github.dl4jdp.core.gradient.ParameterViews;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The sums over the copies of each example, for a tape that has no way of its own to make them: for the norms, gradients are made one row at a time,
 * summed, and forgotten. Exact for every tape, and slow; it holds one gradient of the layer.
 */
final class SummedRowsTape implements LayerTape {
    private final LayerTape rows;
    private final TrainableLayer layer;
    private final DataType dataType;
    private final int examples;
    private final int copies;

    /** @param rows its row {@code k * examples + i} is copy k of example i */
    SummedRowsTape(LayerTape rows, TrainableLayer layer, DataType dataType, int examples, int copies) {
        this.rows = rows;
        this.layer = layer;
        this.dataType = dataType;
        this.examples = examples;
        this.copies = copies;
    }

    @Override
    public void addSquaredNorms(double[] squaredNorms) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray flat = Nd4j.create(dataType, layer.length());
            Map<String, INDArray> sum = ParameterViews.of(layer.conf(), flat);
            var values = new double[Math.toIntExact(layer.length())];
            for (int i = 0; i < examples; i++) {
                flat.assign(0);
                addRow(i, sum);
                HostArrays.read(flat, 0, values, values.length);
                double square = 0;
                for (double value : values) {
                    square += value * value;
                }
                squaredNorms[i] += square;
            }
        }
    }

    @Override
    public void addWeightedSum(double[] weights, Map<String, INDArray> sums) {
        var ofRows = new double[copies * examples];
        for (int row = 0; row < ofRows.length; row++) {
            ofRows[row] = weights[row % examples];
        }
        rows.addWeightedSum(ofRows, sums);
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
