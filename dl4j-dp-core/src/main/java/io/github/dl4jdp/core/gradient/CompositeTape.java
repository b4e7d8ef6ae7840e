// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The tape of a layer whose parameters are recorded by several tapes, no element by two of them. */
record CompositeTape(List<LayerTape> parts) implements LayerTape {
    CompositeTape {
        parts = List.copyOf(parts);
    }

    @Override
    public void addSquaredNorms(double[] squaredNorms) {
        parts.forEach(part -> part.addSquaredNorms(squaredNorms));
    }

    @Override
    public void addWeightedSum(double[] weights, Map<String, INDArray> sums) {
        parts.forEach(part -> part.addWeightedSum(weights, sums));
    }

    @Override
    public void addRow(int example, Map<String, INDArray> row) {
        parts.forEach(part -> part.addRow(example, row));
    }

    @Override
    public void discard(int example) {
        parts.forEach(part -> part.discard(example));
    }

    /** Every part is a tape of the library's own, and has the sums of copies. */
    @Override
    public Optional<LayerTape> sumOfCopies(int copies) {
        return Optional.of(new CompositeTape(parts.stream()
                .map(part -> part.sumOfCopies(copies).orElseThrow())
                .toList()));
    }
}
