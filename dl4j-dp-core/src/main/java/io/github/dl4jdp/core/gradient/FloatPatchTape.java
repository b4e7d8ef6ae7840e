// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.javacpp.FloatPointer;
import org.deeplearning4j.nn.params.ConvolutionParamInitializer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The tape of {@link FloatConvolution}: norms are known when it is made; the per-example weight gradients are held where they are small, and otherwise
 * the deltas, from which the weighted sum is one more pass over the patches. The same sums as {@link PatchTape}.
 */
final class FloatPatchTape implements LayerTape {
    /** Blocks of examples that are summed by themselves: the same for any number of threads, so that the sum has the same bits. */
    private static final int BLOCKS = 8;
    /** Columns of the held gradients that a thread sums at a time. */
    private static final int COLUMNS = 4096;

    private final CpuBlas blas;
    private final ParallelRanges ranges;
    private final FloatPatches patches;
    private final PatchGeometry geometry;
    private final INDArray x;
    private final @Nullable FloatPointer deltas;
    /** [examples, patchSize, outChannels]. */
    private final @Nullable FloatPointer gradients;

    private final float[] biasGradients;
    private final double[] squaredNorms;
    private final NativeFloats patchMemory;
    private final boolean[] discarded;

    /**
     * Takes over what the backward pass left.
     *
     * @param deltas [examples, outChannels, positions], if the gradients are not held
     * @param gradients [examples, patchSize, outChannels], if they are held
     * @param biasGradients [examples, outChannels]; empty without bias
     * @param squaredNorms of weights and bias together
     */
    FloatPatchTape(
            CpuBlas blas,
            ParallelRanges ranges,
            FloatPatches patches,
            PatchGeometry geometry,
            INDArray x,
            @Nullable FloatPointer deltas,
            @Nullable FloatPointer gradients,
            float[] biasGradients,
            double[] squaredNorms,
            NativeFloats patchMemory) {
        this.blas = blas;
        this.ranges = ranges;
        this.patches = patches;
        this.geometry = geometry;
        this.x = x;
        this.deltas = deltas;
        this.gradients = gradients;
        this.biasGradients = biasGradients;
        this.squaredNorms = squaredNorms;
        this.patchMemory = patchMemory;
        this.discarded = new boolean[squaredNorms.length];
    }

    @Override
    public void addSquaredNorms(double[] into) {
        for (int i = 0; i < squaredNorms.length; i++) {
            into[i] += squaredNorms[i];
        }
    }

    @Override
    public void discard(int example) {
        discarded[example] = true;
        if (gradients != null) {
            int weights = Math.toIntExact(geometry.weights());
            NativeFloats.at(gradients, (long) example * weights).put(new float[weights], 0, weights);
        }
        if (biasGradients.length > 0) {
            int channels = geometry.outChannels();
            Arrays.fill(biasGradients, example * channels, (example + 1) * channels, 0);
        }
    }

    @Override
    public void addWeightedSum(double[] weights, Map<String, INDArray> sums) {
        int count = Math.toIntExact(geometry.weights());
        float[] total = new float[count];
        try (FloatPointer sum = new FloatPointer(count)) {
            if (gradients != null) {
                sumHeld(weights, gradients, sum);
                sum.get(total, 0, count);
            } else {
                sumAgain(weights, total);
            }
        }
        add(total, sums);
        if (biasGradients.length > 0) {
            addBias(weights, OuterProductTape.parameter(sums, ConvolutionParamInitializer.BIAS_KEY));
        }
    }

    private void sumHeld(double[] weights, FloatPointer held, FloatPointer sum) {
        int examples = weights.length;
        int count = Math.toIntExact(geometry.weights());
        try (FloatPointer w = new FloatPointer(examples)) {
            w.put(toFloats(weights), 0, examples);
            blas.withSingleThreadedProducts(() -> ranges.run(
                    count,
                    COLUMNS,
                    (worker, from, to) -> blas.weightedSumOfRows(
                            examples, to - from, NativeFloats.at(held, from), count, w, NativeFloats.at(sum, from))));
        }
    }

    /** Each block sums its examples in memory of its own; the blocks are added in order. */
    private void sumAgain(double[] weights, float[] total) {
        FloatPointer all = Objects.requireNonNull(deltas);
        int deltaSize = geometry.outChannels() * geometry.positions();
        int block = (weights.length + BLOCKS - 1) / BLOCKS;
        FloatPointer scratch = patchMemory.ensure((long) ranges.threads() * (patches.size() + deltaSize));
        try (FloatPointer partial = new FloatPointer((long) BLOCKS * total.length)) {
            partial.zero();
            blas.withSingleThreadedProducts(() -> ranges.run(weights.length, block, (worker, from, to) -> {
                FloatPointer p = NativeFloats.at(scratch, (long) worker * (patches.size() + deltaSize));
                FloatPointer own = NativeFloats.at(partial, (long) from / block * total.length);
                float[] image = new float[patches.imageSize()];
                float[] gathered = new float[patches.size()];
                float[] delta = new float[deltaSize];
                for (int i = from; i < to; i++) {
                    if (discarded[i] || weights[i] == 0) {
                        continue;
                    }
                    HostArrays.read(x, (long) i * image.length, image, image.length);
                    patches.gather(image, gathered);
                    p.put(gathered, 0, gathered.length);
                    NativeFloats.at(all, (long) i * deltaSize).get(delta, 0, deltaSize);
                    float weight = (float) weights[i];
                    for (int j = 0; j < deltaSize; j++) {
                        delta[j] *= weight;
                    }
                    FloatPointer d = NativeFloats.at(p, patches.size());
                    d.put(delta, 0, deltaSize);
                    FloatConvolution.weightGradient(blas, geometry, p, d, 1f, own);
                }
            }));
            float[] one = new float[total.length];
            for (int k = 0; k * block < weights.length; k++) {
                NativeFloats.at(partial, (long) k * total.length).get(one, 0, one.length);
                for (int j = 0; j < one.length; j++) {
                    total[j] += one[j];
                }
            }
        }
    }

    /** Adds [patchSize, outChannels] to the weights' part [outChannels, patchSize] of a gradient. */
    private void add(float[] gradient, Map<String, INDArray> parameters) {
        INDArray view = OuterProductTape.parameter(parameters, ConvolutionParamInitializer.WEIGHT_KEY);
        float[] sum = new float[gradient.length];
        HostArrays.read(view, 0, sum, sum.length);
        int outs = geometry.outChannels();
        int size = geometry.patchSize();
        for (int o = 0; o < outs; o++) {
            for (int k = 0; k < size; k++) {
                sum[o * size + k] += gradient[k * outs + o];
            }
        }
        HostArrays.write(sum, view, 0, sum.length);
    }

    private void addBias(double[] weights, INDArray bias) {
        int channels = geometry.outChannels();
        float[] sum = new float[channels];
        HostArrays.read(bias, 0, sum, channels);
        for (int i = 0; i < weights.length; i++) {
            float weight = (float) weights[i];
            if (weight == 0) {
                continue;
            }
            for (int c = 0; c < channels; c++) {
                sum[c] += weight * biasGradients[i * channels + c];
            }
        }
        HostArrays.write(sum, bias, 0, channels);
    }

    @Override
    public void addRow(int example, Map<String, INDArray> row) {
        var weights = new double[squaredNorms.length];
        weights[example] = 1;
        var gradient = new float[Math.toIntExact(geometry.weights())];
        if (gradients != null) {
            NativeFloats.at(gradients, (long) example * gradient.length).get(gradient, 0, gradient.length);
        } else {
            sumAgain(weights, gradient);
        }
        add(gradient, row);
        if (biasGradients.length > 0) {
            addBias(weights, OuterProductTape.parameter(row, ConvolutionParamInitializer.BIAS_KEY));
        }
    }

    private static float[] toFloats(double[] values) {
        var floats = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            floats[i] = (float) values[i];
        }
        return floats;
    }
}
