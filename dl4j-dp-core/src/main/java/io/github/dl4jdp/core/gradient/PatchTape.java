// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.Norms;
import io.github.dl4jdp.core.internal.arrays.PatchGeometry;
import io.github.dl4jdp.core.internal.arrays.RowSums;
import io.github.dl4jdp.core.internal.arrays.Slices;
import io.github.dl4jdp.core.internal.arrays.Sums;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import org.deeplearning4j.nn.params.ConvolutionParamInitializer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The tape of a convolution: with the patches {@code P_i} [positions, patchSize] and the delta {@code D_i} [outChannels, positions] of
 * example {@code i},
 *
 * <pre>
 *   dW_i = D_i P_i,  db_i = D_i 1,  sum w_i dW_i = [w_1 D_1 ... w_B D_B] [P_1; ...; P_B]
 * </pre>
 *
 * <p>Where the batch holds several copies of each example, {@code P_i} and {@code D_i} are those of all of them. The per-example weight
 * gradients of this one layer are kept when they are small. Otherwise they are made a few examples at a time for their norms, and once more for the sum:
 * what is summed are rows, whose norms were taken.
 */
final class PatchTape implements BoundedTape {
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
    /** Of the weights' gradients, and of the biases'. */
    private double[] weightNorms = new double[0];

    private double[] biasNorms = new double[0];
    /** [examples, weights], if held. */
    private @Nullable INDArray held;

    /**
     * @param x the layer's input [examples, inChannels, height, width], alive until the backward pass ends
     * @param delta [examples, outChannels, outHeight, outWidth]; copied, since it dies with its workspace
     */
    PatchTape(INDArray x, INDArray delta, PatchGeometry geometry, boolean hasBias) {
        this(
                x,
                HostArrays.detached(delta).reshape('c', x.size(0), geometry.outChannels(), geometry.positions()),
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
    public void addNorms(double[] into) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            int group = group();
            weightNorms = new double[examples];
            for (int from = 0; from < examples; from += group) {
                int to = Math.min(examples, from + group);
                INDArray gradients = weightGradients(from, to);
                System.arraycopy(Norms.ofRows(gradients), 0, weightNorms, from, to - from);
                held = group == examples ? gradients : null;
            }
            biasNorms = hasBias ? Norms.ofRows(biasGradients()) : new double[examples];
            for (int i = 0; i < examples; i++) {
                into[i] = Norms.together(into[i], Norms.together(weightNorms[i], biasNorms[i]));
            }
        }
    }

    /** Examples whose gradients are made at a time: the same for the norms and for the sum. */
    private int group() {
        return (int) Math.min(examples, Math.max(1, TapeRecorder.MOST_HELD / geometry.weights()));
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
        return from == 0 && to == array.size(0) ? array : Slices.range(array, 0, from, to);
    }

    @Override
    public double addWeightedSum(double[] weights, Map<String, INDArray> sums, double allowance) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            var sum = new double[Math.toIntExact(geometry.weights())];
            int group = group();
            double bound = 0;
            for (int from = 0; from < examples; from += group) {
                int to = Math.min(examples, from + group);
                INDArray rows = held == null ? weightGradients(from, to) : held;
                double share = allowance * (to - from) / examples / 2;
                bound += RowSums.add(
                        rows,
                        Arrays.copyOfRange(weights, from, to),
                        Arrays.copyOfRange(weightNorms, from, to),
                        sum,
                        share);
            }
            Sums.add(sums, ConvolutionParamInitializer.WEIGHT_KEY, Sums.vector(sum));
            if (hasBias) {
                var biasSum = new double[geometry.outChannels()];
                bound += RowSums.add(biasGradients(), weights, biasNorms, biasSum, allowance / 2);
                addBias(Sums.vector(biasSum), sums);
            }
            return bound + RowSums.doubleBound(RowSums.total(weights, weightNorms), examples);
        }
    }

    private static void addBias(INDArray sum, Map<String, INDArray> sums) {
        INDArray bias = Sums.parameter(sums, ConvolutionParamInitializer.BIAS_KEY);
        Sums.add(bias, sum.reshape(bias.shape()));
    }

    @Override
    public void addRow(int example, Map<String, INDArray> row) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            Sums.add(row, ConvolutionParamInitializer.WEIGHT_KEY, weightGradients(example, example + 1));
            if (hasBias) {
                addBias(Slices.at(biasGradients(), 0, example), row);
            }
        }
    }

    @Override
    public void discard(int example) {
        if (!ownsInput) {
            x = HostArrays.detached(x);
            ownsInput = true;
        }
        for (int k = 0; k < copies; k++) {
            Slices.at(x, 0, (long) k * examples + example).assign(0);
            Slices.at(delta, 0, (long) k * examples + example).assign(0);
        }
        if (held != null) {
            Slices.at(held, 0, example).assign(0);
        }
    }
}
