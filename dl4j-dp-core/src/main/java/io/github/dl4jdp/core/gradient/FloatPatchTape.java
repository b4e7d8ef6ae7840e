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
    private final CpuBlas blas;
    private final FloatPatches patches;
    private final PatchGeometry geometry;
    private final INDArray x;
    private final @Nullable FloatPointer deltas;
    private final @Nullable FloatPointer gradients;
    private final float[] biasGradients;
    private final double[] squaredNorms;
    private final NativeFloats patchMemory;
    private final boolean[] discarded;

    /**
     * Takes over what the backward pass left.
     *
     * @param deltas [examples, outChannels, positions], if the gradients are not held
     * @param gradients [examples, weights], if they are held
     * @param biasGradients [examples, outChannels]; empty without bias
     * @param squaredNorms of weights and bias together
     */
    FloatPatchTape(
            CpuBlas blas,
            FloatPatches patches,
            PatchGeometry geometry,
            INDArray x,
            @Nullable FloatPointer deltas,
            @Nullable FloatPointer gradients,
            float[] biasGradients,
            double[] squaredNorms,
            NativeFloats patchMemory) {
        this.blas = blas;
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
        FloatPointer sum = HostArrays.floats(OuterProductTape.parameter(sums, ConvolutionParamInitializer.WEIGHT_KEY));
        if (gradients != null) {
            int examples = squaredNorms.length;
            int count = Math.toIntExact(geometry.weights());
            try (FloatPointer w = new FloatPointer(examples)) {
                w.put(toFloats(weights), 0, examples);
                blas.gemm(false, false, 1, count, examples, w, examples, gradients, count, 1f, sum, count);
            }
        } else {
            sumAgain(weights, sum);
        }
        if (biasGradients.length > 0) {
            addBias(weights, OuterProductTape.parameter(sums, ConvolutionParamInitializer.BIAS_KEY));
        }
    }

    /** Each part sums its examples in memory of its own; the parts are added in order. */
    private void sumAgain(double[] weights, FloatPointer sum) {
        FloatPointer all = Objects.requireNonNull(deltas);
        int count = Math.toIntExact(geometry.weights());
        int parts = ParallelRanges.parts();
        FloatPointer scratch = patchMemory.ensure((long) parts * patches.size());
        try (FloatPointer partial = new FloatPointer((long) parts * count)) {
            partial.zero();
            blas.withSingleThreadedProducts(() -> ParallelRanges.run(weights.length, (part, from, to) -> {
                FloatPointer p = NativeFloats.at(scratch, (long) part * patches.size());
                FloatPointer own = NativeFloats.at(partial, (long) part * count);
                for (int i = from; i < to; i++) {
                    if (!discarded[i] && weights[i] != 0) {
                        addExample(i, (float) weights[i], all, p, own);
                    }
                }
            }));
            float[] total = new float[count];
            float[] one = new float[count];
            sum.get(total, 0, count);
            for (int part = 0; part < parts; part++) {
                NativeFloats.at(partial, (long) part * count).get(one, 0, count);
                for (int j = 0; j < count; j++) {
                    total[j] += one[j];
                }
            }
            sum.put(total, 0, count);
        }
    }

    /** Adds {@code weight * D_i P_i^T} to {@code into}. */
    private void addExample(int i, float weight, FloatPointer all, FloatPointer scratch, FloatPointer into) {
        int deltaSize = geometry.outChannels() * geometry.positions();
        float[] image = new float[patches.imageSize()];
        float[] gathered = new float[patches.size()];
        HostArrays.read(x, (long) i * image.length, image, image.length);
        patches.gather(image, gathered);
        for (int j = 0; j < gathered.length; j++) {
            gathered[j] *= weight;
        }
        scratch.put(gathered, 0, gathered.length);
        blas.gemm(
                false,
                true,
                geometry.outChannels(),
                geometry.patchSize(),
                geometry.positions(),
                NativeFloats.at(all, (long) i * deltaSize),
                geometry.positions(),
                scratch,
                geometry.positions(),
                1f,
                into,
                geometry.patchSize());
    }

    private void addBias(double[] weights, INDArray bias) {
        int channels = geometry.outChannels();
        float[] sum = new float[channels];
        HostArrays.read(bias, 0, sum, channels);
        for (int i = 0; i < weights.length; i++) {
            float weight = (float) weights[i];
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
        addWeightedSum(weights, row);
    }

    private static float[] toFloats(double[] values) {
        var floats = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            floats[i] = (float) values[i];
        }
        return floats;
    }
}
