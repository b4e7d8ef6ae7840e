// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.Map;
import java.util.Optional;
import org.deeplearning4j.nn.params.ConvolutionParamInitializer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * The tape of a convolution: with the patches {@code P_i} [positions, patchSize] and the delta {@code D_i} [outChannels, positions] of
 * example {@code i},
 *
 * <pre>
 *   dW_i = D_i P_i,  db_i = D_i 1,  sum w_i dW_i = [w_1 D_1 ... w_B D_B] [P_1; ...; P_B]
 * </pre>
 *
 * <p>Where the batch holds several copies of each example, {@code P_i} and {@code D_i} are those of all of them. The per-example weight
 * gradients of this one layer are kept when they are small, and the sum is then one matrix-vector product. Otherwise they are made a few
 * examples at a time for their norms, and the sum is a second product.
 */
final class PatchTape implements LayerTape {
    /** [rows, inChannels, height, width]; belongs to the network, so it is copied before it is changed. */
    private INDArray x;
    /** [rows, outChannels, positions]; our own. */
    private final INDArray delta;

    private final PatchGeometry geometry;
    private final boolean hasBias;
    /** Row {@code k * examples + i} is copy k of example i. */
    private final int copies;

    private final int examples;
    private boolean ownsInput;
    /** [examples, weights], if held. */
    private @Nullable INDArray held;

    /**
     * @param x the layer's input [examples, inChannels, height, width], alive until the backward pass ends
     * @param delta [examples, outChannels, outHeight, outWidth]; copied, since it dies with its workspace
     */
    PatchTape(INDArray x, INDArray delta, PatchGeometry geometry, boolean hasBias) {
        this(
                x,
                Detached.copy(delta).reshape('c', x.size(0), geometry.outChannels(), geometry.positions()),
                geometry,
                hasBias,
                1);
    }

    private PatchTape(INDArray x, INDArray delta, PatchGeometry geometry, boolean hasBias, int copies) {
        this.x = x;
        this.delta = delta;
        this.geometry = geometry;
        this.hasBias = hasBias;
        this.copies = copies;
        this.examples = (int) (x.size(0) / copies);
    }

    @Override
    public Optional<LayerTape> sumOfCopies(int copies) {
        return Optional.of(new PatchTape(x, delta, geometry, hasBias, copies));
    }

    @Override
    public void addSquaredNorms(double[] squaredNorms) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            int group = (int) Math.min(examples, Math.max(1, TapeRecorder.MOST_HELD / geometry.weights()));
            for (int from = 0; from < examples; from += group) {
                int to = Math.min(examples, from + group);
                INDArray gradients = weightGradients(from, to);
                double[] norms = SquaredNorms.ofRows(gradients);
                for (int i = from; i < to; i++) {
                    squaredNorms[i] += norms[i - from];
                }
                held = group == examples ? gradients : null;
            }
            if (hasBias) {
                double[] norms = SquaredNorms.ofRows(biasGradients());
                for (int i = 0; i < examples; i++) {
                    squaredNorms[i] += norms[i];
                }
            }
        }
    }

    /** dW_i of the examples from (inclusive) to (exclusive): [to - from, weights]. */
    private INDArray weightGradients(int from, int to) {
        INDArray sum = weightGradientsOfRows(from, to);
        for (int k = 1; k < copies; k++) {
            sum.addi(weightGradientsOfRows(k * examples + from, k * examples + to));
        }
        return sum;
    }

    private INDArray weightGradientsOfRows(int from, int to) {
        INDArray patches = geometry.patches(rowsOf(x, from, to));
        INDArray d = rowsOf(delta, from, to);
        INDArray out = Nd4j.createUninitialized(
                delta.dataType(), new long[] {to - from, geometry.outChannels(), geometry.patchSize()}, 'c');
        Nd4j.matmul(d, patches, out, false, false, false);
        return out.reshape('c', to - from, geometry.weights());
    }

    /** db_i of every example: [examples, outChannels]. */
    private INDArray biasGradients() {
        return delta.sum(2)
                .reshape('c', copies, (long) examples * geometry.outChannels())
                .sum(0)
                .reshape('c', examples, geometry.outChannels());
    }

    private static INDArray rowsOf(INDArray array, int from, int to) {
        return from == 0 && to == array.size(0) ? array : array.get(NDArrayIndex.interval(from, to));
    }

    @Override
    public void addWeightedSum(double[] weights, Map<String, INDArray> sums) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray w = Nd4j.createFromArray(weights).castTo(delta.dataType());
            INDArray weightSum = OuterProductTape.parameter(sums, ConvolutionParamInitializer.WEIGHT_KEY)
                    .reshape('c', geometry.outChannels(), geometry.patchSize());
            if (held != null) {
                INDArray row = weightSum.reshape('c', 1, geometry.weights());
                row.addi(w.reshape(1, examples).mmul(held));
                if (hasBias) {
                    addBias(w.reshape(1, examples).mmul(biasGradients()), sums);
                }
                return;
            }
            int rows = copies * examples;
            delta.muli(Nd4j.tile(w, copies).reshape(rows, 1, 1).broadcast(delta.shape()));
            int group = Math.max(1, (int)
                    Math.min(rows, TapeRecorder.MOST_HELD / ((long) geometry.positions() * geometry.patchSize())));
            for (int from = 0; from < rows; from += group) {
                int to = Math.min(rows, from + group);
                INDArray patches = geometry.patches(rowsOf(x, from, to))
                        .reshape('c', (long) (to - from) * geometry.positions(), geometry.patchSize());
                INDArray d = rowsOf(delta, from, to)
                        .permute(1, 0, 2)
                        .reshape('c', geometry.outChannels(), (long) (to - from) * geometry.positions());
                weightSum.addi(d.mmul(patches));
            }
            if (hasBias) {
                addBias(delta.sum(0, 2), sums);
            }
        }
    }

    private static void addBias(INDArray sum, Map<String, INDArray> sums) {
        INDArray bias = OuterProductTape.parameter(sums, ConvolutionParamInitializer.BIAS_KEY);
        bias.addi(sum.reshape(bias.shape()));
    }

    @Override
    public void addRow(int example, Map<String, INDArray> row) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            OuterProductTape.parameter(row, ConvolutionParamInitializer.WEIGHT_KEY)
                    .reshape('c', geometry.outChannels(), geometry.patchSize())
                    .addi(weightGradients(example, example + 1)
                            .reshape('c', geometry.outChannels(), geometry.patchSize()));
            if (hasBias) {
                addBias(biasGradients().getRow(example), row);
            }
        }
    }

    @Override
    public void discard(int example) {
        if (!ownsInput) {
            x = Detached.copy(x);
            ownsInput = true;
        }
        for (int k = 0; k < copies; k++) {
            x.get(NDArrayIndex.point(k * examples + example)).assign(0);
            delta.get(NDArrayIndex.point(k * examples + example)).assign(0);
        }
        if (held != null) {
            held.getRow(example).assign(0);
        }
    }
}
