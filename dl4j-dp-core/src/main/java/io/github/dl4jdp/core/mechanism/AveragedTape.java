// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.core.gradient.BoundedTape;
import io.github.dl4jdp.core.gradient.LayerTape;
import io.github.dl4jdp.core.gradient.SummedRowsTape;
import io.github.dl4jdp.core.internal.arrays.Norms;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The tape of examples of which a batch holds several copies: the gradient of an example is the mean of its copies' gradients.
 *
 * <p><b>Formal guarantee.</b> What is clipped is the mean itself, so that one example moves the sum by the clipping norm at most, however many copies
 * of it there are; its norm includes the products of different copies,
 *
 * <pre>
 *   || (1/K) sum over k of g_k ||^2 = (1/K^2) sum over k, l of g_k . g_l
 * </pre>
 *
 * <p>Source: De et al., Unlocking High-Accuracy Differentially Private Image Classification through Scale, 2022 (arXiv 2204.13650), section 3.3.
 *
 * @param sums the tape of the sums over the copies
 * @param copies K, at least 2
 */
record AveragedTape(BoundedTape sums, int copies) implements BoundedTape {
    /**
     * The tapes of the examples.
     *
     * @param rows the tapes of a batch, by layer; row {@code k * examples + i} is copy k of example i
     * @param layers the layers, in the same order
     * @param dataType that of the network
     */
    static List<LayerTape> of(
            List<LayerTape> rows, List<TrainableLayer> layers, DataType dataType, int examples, int copies) {
        if (copies == 1) {
            return rows;
        }
        var averaged = new ArrayList<LayerTape>();
        for (int layer = 0; layer < rows.size(); layer++) {
            LayerTape tape = rows.get(layer);
            TrainableLayer trainable = layers.get(layer);
            LayerTape sums = tape.sumOfCopies(copies)
                    .orElseGet(() ->
                            new SummedRowsTape(tape, trainable.conf(), trainable.length(), dataType, examples, copies));
            averaged.add(new AveragedTape(trainable.bounded(sums, dataType, examples), copies));
        }
        return averaged;
    }

    @Override
    public void addNorms(double[] norms) {
        var ofSums = new double[norms.length];
        sums.addNorms(ofSums);
        for (int i = 0; i < ofSums.length; i++) {
            norms[i] = Norms.together(norms[i], ofSums[i] / copies);
        }
    }

    @Override
    public double addWeightedSum(double[] weights, Map<String, INDArray> into, double allowance) {
        var shares = new double[weights.length];
        for (int i = 0; i < shares.length; i++) {
            shares[i] = weights[i] / copies;
        }
        return sums.addWeightedSum(shares, into, allowance);
    }

    @Override
    public void addRow(int example, Map<String, INDArray> row) {
        var before = new LinkedHashMap<String, INDArray>();
        row.forEach((name, view) -> before.put(name, view.dup()));
        row.values().forEach(view -> view.assign(0));
        sums.addRow(example, row);
        row.forEach((name, view) -> view.divi(copies).addi(before.get(name)));
    }

    @Override
    public void discard(int example) {
        sums.discard(example);
    }
}
