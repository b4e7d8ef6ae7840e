// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The tape of a layer whose parameters are recorded by several tapes, no element by two of them. */
record CompositeTape(List<BoundedTape> parts) implements BoundedTape {
    CompositeTape {
        parts = List.copyOf(parts);
    }

    @Override
    public void addNorms(double[] norms) {
        parts.forEach(part -> part.addNorms(norms));
    }

    /** An allowance may be spent on every part: errors of different elements add up by their squares. */
    @Override
    public double addWeightedSum(double[] weights, Map<String, INDArray> sums, double allowance) {
        double bound = 0;
        for (BoundedTape part : parts) {
            bound = Math.hypot(
                    bound, part.addWeightedSum(weights.clone(), sums, allowance / Math.sqrt((double) parts.size())));
        }
        return bound;
    }

    @Override
    public void addRow(int example, Map<String, INDArray> row) {
        parts.forEach(part -> part.addRow(example, row));
    }

    @Override
    public void discard(int example) {
        parts.forEach(part -> part.discard(example));
    }

    /** Every part has the sums of copies. */
    @Override
    public Optional<LayerTape> sumOfCopies(int copies) {
        return Optional.of(new CompositeTape(parts.stream()
                .map(part -> BoundedTape.require(part.sumOfCopies(copies).orElseThrow()))
                .toList()));
    }
}
