// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.Arrays;
import org.bytedeco.javacpp.FloatPointer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The convolution of FLOAT, NCHW networks on the CPU backend: everything about one example is done while it is in the cache, examples spread over
 * the threads.
 *
 * <p>DL4J's own layer gathers the patches of the whole batch in a permuted layout, twice a step, which takes more than half of its
 * time.
 */
final class FloatConvolution {
    /** Numbers of per-example weight gradients that may be held: 64 MiB. */
    private static final long MAX_HELD = 16L << 20;
    /** Numbers of patches that the backward pass may take over from the forward pass: 32 MiB. */
    private static final long MAX_PATCHES = 8L << 20;

    private final CpuBlas blas;
    private final NativeFloats patchMemory = new NativeFloats();
    private final NativeFloats gradientPatchMemory = new NativeFloats();
    private final NativeFloats deltaMemory = new NativeFloats();
    private final NativeFloats gradientMemory = new NativeFloats();
    private boolean patchesKept;

    FloatConvolution(CpuBlas blas) {
        this.blas = blas;
    }

    /**
     * {@code z = W * x + b}, before the activation.
     *
     * @param x [examples, inChannels, height, width], c order
     * @param weights [outChannels, inChannels, kernelHeight, kernelWidth], c order
     * @param bias [1, outChannels] or null
     * @param z [examples, outChannels, outHeight, outWidth], c order
     */
    void forward(INDArray x, INDArray weights, @Nullable INDArray bias, INDArray z, PatchGeometry g) {
        int examples = (int) x.size(0);
        var patches = new FloatPatches(g, (int) x.size(2), (int) x.size(3));
        patchesKept = (long) examples * patches.size() <= MAX_PATCHES;
        FloatPointer kept = patchMemory.ensure(
                patchesKept ? (long) examples * patches.size() : (long) ParallelRanges.parts() * patches.size());
        FloatPointer w = HostArrays.floats(weights);
        FloatPointer zMemory = HostArrays.floats(z);
        float[] start = new float[g.outChannels() * g.positions()];
        if (bias != null) {
            float[] b = new float[g.outChannels()];
            HostArrays.read(bias, 0, b, b.length);
            for (int c = 0; c < b.length; c++) {
                Arrays.fill(start, c * g.positions(), (c + 1) * g.positions(), b[c]);
            }
        }
        blas.withSingleThreadedProducts(() -> ParallelRanges.run(examples, (part, from, to) -> {
            float[] image = new float[patches.imageSize()];
            float[] gathered = new float[patches.size()];
            for (int i = from; i < to; i++) {
                HostArrays.read(x, (long) i * image.length, image, image.length);
                patches.gather(image, gathered);
                FloatPointer p = NativeFloats.at(kept, (long) (patchesKept ? i : part) * gathered.length);
                p.put(gathered, 0, gathered.length);
                FloatPointer zi = NativeFloats.at(zMemory, (long) i * start.length);
                zi.put(start, 0, start.length);
                blas.gemm(
                        false,
                        false,
                        g.outChannels(),
                        g.positions(),
                        g.patchSize(),
                        w,
                        g.patchSize(),
                        p,
                        g.positions(),
                        1f,
                        zi,
                        g.positions());
            }
        }));
    }

    /**
     * The backward pass: deltas, per-example gradients with their norms, and the gradient with respect to the input.
     *
     * @param epsilon the loss's derivative with respect to the layer's output, c order
     * @param output the layer's output, c order; null if {@code epsilon} is the derivative with respect to {@code z} already
     * @param below receives the derivative with respect to {@code x}; null to leave it out
     */
    FloatPatchTape backward(
            INDArray x,
            INDArray weights,
            boolean hasBias,
            INDArray epsilon,
            @Nullable INDArray output,
            ActivationSlope slope,
            @Nullable INDArray below,
            PatchGeometry g) {
        int examples = (int) x.size(0);
        var patches = new FloatPatches(g, (int) x.size(2), (int) x.size(3));
        int deltaSize = g.outChannels() * g.positions();
        int weightCount = Math.toIntExact(g.weights());
        boolean held = examples * g.weights() <= MAX_HELD;
        int parts = ParallelRanges.parts();
        FloatPointer kept =
                patchMemory.ensure(patchesKept ? (long) examples * patches.size() : (long) parts * patches.size());
        FloatPointer below2d = below == null ? null : gradientPatchMemory.ensure((long) parts * patches.size());
        FloatPointer deltas = deltaMemory.ensure((long) (held ? parts : examples) * deltaSize);
        FloatPointer gradients = gradientMemory.ensure((long) (held ? examples : parts) * weightCount);
        FloatPointer w = HostArrays.floats(weights);
        float[] biasGradients = new float[hasBias ? examples * g.outChannels() : 0];
        double[] squaredNorms = new double[examples];
        boolean reuse = patchesKept;
        blas.withSingleThreadedProducts(() -> ParallelRanges.run(examples, (part, from, to) -> {
            float[] image = new float[patches.imageSize()];
            float[] gathered = new float[patches.size()];
            float[] delta = new float[deltaSize];
            float[] out = new float[output == null ? 0 : deltaSize];
            float[] gradient = new float[weightCount];
            for (int i = from; i < to; i++) {
                HostArrays.read(epsilon, (long) i * deltaSize, delta, deltaSize);
                if (output != null) {
                    HostArrays.read(output, (long) i * deltaSize, out, deltaSize);
                    slope.multiply(delta, out, deltaSize);
                }
                if (hasBias) {
                    sumPositions(delta, g, biasGradients, i * g.outChannels());
                }
                FloatPointer d = NativeFloats.at(deltas, (long) (held ? part : i) * deltaSize);
                d.put(delta, 0, deltaSize);
                FloatPointer p = NativeFloats.at(kept, (long) (reuse ? i : part) * gathered.length);
                if (!reuse) {
                    HostArrays.read(x, (long) i * image.length, image, image.length);
                    patches.gather(image, gathered);
                    p.put(gathered, 0, gathered.length);
                }
                FloatPointer dw = NativeFloats.at(gradients, (long) (held ? i : part) * weightCount);
                blas.gemm(
                        false,
                        true,
                        g.patchSize(),
                        g.outChannels(),
                        g.positions(),
                        p,
                        g.positions(),
                        d,
                        g.positions(),
                        0f,
                        dw,
                        g.outChannels());
                dw.get(gradient, 0, weightCount);
                squaredNorms[i] = SquaredNorms.sum(gradient, weightCount)
                        + (hasBias
                                ? SquaredNorms.sum(biasGradients, i * g.outChannels(), (i + 1) * g.outChannels())
                                : 0);
                if (below2d != null && below != null) {
                    FloatPointer bp = NativeFloats.at(below2d, (long) part * gathered.length);
                    blas.gemm(
                            true,
                            false,
                            g.patchSize(),
                            g.positions(),
                            g.outChannels(),
                            w,
                            g.patchSize(),
                            d,
                            g.positions(),
                            0f,
                            bp,
                            g.positions());
                    bp.get(gathered, 0, gathered.length);
                    Arrays.fill(image, 0);
                    patches.scatter(gathered, image);
                    HostArrays.write(image, below, (long) i * image.length, image.length);
                }
            }
        }));
        return new FloatPatchTape(
                blas,
                patches,
                g,
                x,
                held ? null : deltas,
                held ? gradients : null,
                biasGradients,
                squaredNorms,
                patchMemory);
    }

    private static void sumPositions(float[] delta, PatchGeometry g, float[] into, int at) {
        for (int c = 0; c < g.outChannels(); c++) {
            float sum = 0;
            for (int p = c * g.positions(); p < (c + 1) * g.positions(); p++) {
                sum += delta[p];
            }
            into[at + c] = sum;
        }
    }
}
