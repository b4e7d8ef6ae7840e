// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.CpuActivation;
import io.github.dl4jdp.core.internal.arrays.CpuBlas;
import io.github.dl4jdp.core.internal.arrays.CpuMemory;
import io.github.dl4jdp.core.internal.arrays.CpuPatches;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.Norms;
import io.github.dl4jdp.core.internal.arrays.OneDnnConvolution;
import io.github.dl4jdp.core.internal.arrays.ParallelRanges;
import io.github.dl4jdp.core.internal.arrays.PatchGeometry;
import java.util.Arrays;
import org.bytedeco.javacpp.FloatPointer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The convolution of FLOAT, NCHW networks on the CPU backend: everything about one example is done while it is in the cache, examples spread over
 * the threads. Where oneDNN is there, it makes all three products; otherwise they are products of gathered patches.
 *
 * <p>DL4J's own layer gathers the patches of the whole batch in a permuted layout, twice a step, which takes more than half of its
 * time.
 */
final class CpuConvolution {
    /** Numbers of patches that the backward pass may take over from the forward pass: 32 MiB. */
    private static final long MAX_PATCHES = 8L << 20;
    /** Examples that a thread takes at a time: at the end of every layer the threads wait for each other. */
    private static final int BLOCK = 1;

    private final CpuBlas blas;
    private final CpuActivation activation;
    private final ParallelRanges ranges;
    private final CpuMemory patchMemory = new CpuMemory();
    private final CpuMemory gradientPatchMemory = new CpuMemory();
    private final CpuMemory deltaMemory = new CpuMemory();
    private final CpuMemory gradientMemory = new CpuMemory();
    private final ParallelRanges.Floats images;
    private final ParallelRanges.Floats gathered;
    private final ParallelRanges.Floats deltas;
    private final ParallelRanges.Floats outputs;
    private final ParallelRanges.Floats chunks;
    private @Nullable INDArray wholeDelta;
    /** What oneDNN was asked for last. */
    private @Nullable Images asked;

    /** Null where it has nothing for these images. */
    private @Nullable OneDnnConvolution oneDnn;

    private boolean patchesKept;

    private record Images(PatchGeometry geometry, int height, int width) {}

    CpuConvolution(CpuBlas blas, CpuActivation activation, ParallelRanges ranges) {
        this.blas = blas;
        this.activation = activation;
        this.ranges = ranges;
        images = new ParallelRanges.Floats(ranges);
        gathered = new ParallelRanges.Floats(ranges);
        deltas = new ParallelRanges.Floats(ranges);
        outputs = new ParallelRanges.Floats(ranges);
        chunks = new ParallelRanges.Floats(ranges);
    }

    /**
     * {@code z = act(W * x + b)}.
     *
     * @param x [examples, inChannels, height, width], c order
     * @param weights [outChannels, inChannels, kernelHeight, kernelWidth], c order
     * @param bias [1, outChannels] or null
     * @param z [examples, outChannels, outHeight, outWidth], c order
     */
    void forward(INDArray x, INDArray weights, @Nullable INDArray bias, INDArray z, PatchGeometry g) {
        int examples = (int) x.size(0);
        int size = g.outChannels() * g.positions();
        FloatPointer zMemory = HostArrays.floats(z);
        OneDnnConvolution library = library(x, bias != null, g);
        if (library != null) {
            patchesKept = false;
            int imageSize = (int) (x.length() / examples);
            INDArray b = bias == null ? null : HostArrays.contiguous(bias);
            library.takeForward(HostArrays.floats(weights), b == null ? null : HostArrays.floats(b));
            ranges.run(examples, BLOCK, (worker, from, to) -> {
                // Here, so that x lives as long as its memory is read.
                FloatPointer xMemory = HostArrays.floats(x);
                for (int i = from; i < to; i++) {
                    FloatPointer zi = CpuMemory.at(zMemory, (long) i * size);
                    library.forward(worker, CpuMemory.at(xMemory, (long) i * imageSize), zi);
                    activate(zi, size, worker);
                }
            });
            return;
        }
        var patches = new CpuPatches(g, (int) x.size(2), (int) x.size(3));
        patchesKept = (long) examples * patches.size() <= MAX_PATCHES;
        FloatPointer kept = patchMemory.ensure((long) (patchesKept ? examples : ranges.threads()) * patches.size());
        FloatPointer w = HostArrays.floats(weights);
        float[] start = bias == null ? null : biasPlanes(bias, g);
        blas.withSingleThreadedProducts(() -> ranges.run(examples, BLOCK, (worker, from, to) -> {
            float[] image = images.get(worker, patches.imageSize());
            float[] gather = gathered.get(worker, patches.size());
            for (int i = from; i < to; i++) {
                HostArrays.read(x, (long) i * image.length, image, image.length);
                patches.gather(image, gather);
                FloatPointer p = CpuMemory.at(kept, (long) (patchesKept ? i : worker) * gather.length);
                p.put(gather, 0, gather.length);
                FloatPointer zi = CpuMemory.at(zMemory, (long) i * size);
                if (start != null) {
                    zi.put(start, 0, size);
                }
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
                        start == null ? 0f : 1f,
                        zi,
                        g.positions());
                activate(zi, size, worker);
            }
        }));
    }

    /** oneDNN's convolution of such images, if it has one: images mostly keep their size. */
    private @Nullable OneDnnConvolution library(INDArray x, boolean hasBias, PatchGeometry g) {
        int height = (int) x.size(2);
        int width = (int) x.size(3);
        if (!blas.usesOneDnn()) {
            return null;
        }
        var images = new Images(g, height, width);
        if (!images.equals(asked)) {
            oneDnn = OneDnnConvolution.find(g, height, width, hasBias, ranges);
            asked = images;
        }
        return oneDnn;
    }

    private static float[] biasPlanes(INDArray bias, PatchGeometry g) {
        float[] planes = new float[g.outChannels() * g.positions()];
        float[] b = new float[g.outChannels()];
        HostArrays.read(bias, 0, b, b.length);
        for (int c = 0; c < b.length; c++) {
            Arrays.fill(planes, c * g.positions(), (c + 1) * g.positions(), b[c]);
        }
        return planes;
    }

    private void activate(FloatPointer z, int size, int worker) {
        if (activation == CpuActivation.IDENTITY) {
            return;
        }
        float[] chunk = chunks.get(worker, CpuActivation.CHUNK);
        for (int from = 0; from < size; from += chunk.length) {
            int n = Math.min(chunk.length, size - from);
            FloatPointer part = CpuMemory.at(z, from);
            part.get(chunk, 0, n);
            activation.apply(chunk, 0, n);
            part.put(chunk, 0, n);
        }
    }

    /**
     * The backward pass: deltas, per-example gradients with their norms, and the gradient with respect to the input.
     *
     * @param epsilon the loss's derivative with respect to the layer's output, c order
     * @param output the layer's output, c order
     * @param below receives the derivative with respect to {@code x}; null to leave it out
     */
    CpuPatchTape backward(
            INDArray x,
            INDArray weights,
            boolean hasBias,
            INDArray epsilon,
            INDArray output,
            @Nullable INDArray below,
            PatchGeometry g) {
        int examples = (int) x.size(0);
        var patches = new CpuPatches(g, (int) x.size(2), (int) x.size(3));
        int deltaSize = g.outChannels() * g.positions();
        OneDnnConvolution library = library(x, hasBias, g);
        int rowLength = library == null ? Math.toIntExact(g.weights()) : library.gradientLength();
        boolean held = examples * g.weights() <= TapeRecorder.MOST_HELD;
        boolean reuse = patchesKept;
        int threads = ranges.threads();
        FloatPointer kept =
                library != null ? null : patchMemory.ensure((long) (reuse ? examples : threads) * patches.size());

        // What comes from above is the delta, and lives as long as it is needed here.
        boolean given = held && activation == CpuActivation.IDENTITY;
        boolean wholeBatch = !held || given;
        INDArray all = given ? epsilon : !wholeBatch ? null : ownDelta(epsilon.shape());
        FloatPointer deltaOf = all == null ? deltaMemory.ensure((long) threads * deltaSize) : HostArrays.floats(all);
        boolean folds = below != null && library == null;
        FloatPointer below2d = folds ? gradientPatchMemory.ensure((long) threads * patches.size()) : null;
        FloatPointer xMemory = HostArrays.floats(x);
        FloatPointer belowMemory = below == null ? null : HostArrays.floats(below);
        if (library != null && below != null) {
            library.takeBackward(HostArrays.floats(weights));
        }
        FloatPointer gradientOf = gradientMemory.ensure((long) (held ? examples : threads) * rowLength);
        FloatPointer w = HostArrays.floats(weights);
        float[] biasGradients = new float[hasBias ? examples * g.outChannels() : 0];
        double[] norms = new double[examples];
        blas.withSingleThreadedProducts(() -> ranges.run(examples, BLOCK, (worker, from, to) -> {
            float[] image = images.get(worker, patches.imageSize());
            float[] gather = gathered.get(worker, patches.size());
            float[] delta = deltas.get(worker, deltaSize);
            for (int i = from; i < to; i++) {
                if (!given || hasBias) {
                    HostArrays.read(epsilon, (long) i * deltaSize, delta, deltaSize);
                }
                if (activation != CpuActivation.IDENTITY) {
                    float[] out = outputs.get(worker, deltaSize);
                    HostArrays.read(output, (long) i * deltaSize, out, deltaSize);
                    activation.multiplySlope(delta, out, deltaSize);
                }
                if (hasBias) {
                    sumPositions(delta, g, biasGradients, i * g.outChannels());
                }
                FloatPointer d = CpuMemory.at(deltaOf, (long) (wholeBatch ? i : worker) * deltaSize);
                if (!given) {
                    d.put(delta, 0, deltaSize);
                }
                FloatPointer dw = CpuMemory.at(gradientOf, (long) (held ? i : worker) * rowLength);
                if (library != null) {
                    FloatPointer xi = CpuMemory.at(xMemory, (long) i * image.length);
                    if (belowMemory == null) {
                        library.weightGradient(worker, xi, d, dw);
                    } else {
                        library.gradients(worker, xi, d, dw, CpuMemory.at(belowMemory, (long) i * image.length));
                    }
                } else if (kept != null) {
                    FloatPointer p = CpuMemory.at(kept, (long) (reuse ? i : worker) * gather.length);
                    if (!reuse) {
                        HostArrays.read(x, (long) i * image.length, image, image.length);
                        patches.gather(image, gather);
                        p.put(gather, 0, gather.length);
                    }
                    weightGradient(blas, g, p, d, 0f, dw);
                }
                norms[i] = Norms.together(
                        Norms.of(blas, dw, rowLength),
                        hasBias ? Norms.of(biasGradients, i * g.outChannels(), (i + 1) * g.outChannels()) : 0);
                if (below2d != null && below != null) {
                    FloatPointer bp = CpuMemory.at(below2d, (long) worker * gather.length);
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
                    bp.get(gather, 0, gather.length);
                    Arrays.fill(image, 0);
                    patches.scatter(gather, image);
                    HostArrays.write(image, below, (long) i * image.length, image.length);
                }
            }
        }));
        return new CpuPatchTape(
                blas,
                ranges,
                library,
                patches,
                g,
                x,
                held ? null : deltaOf,
                held ? gradientOf : null,
                biasGradients,
                norms,
                patchMemory,
                gradientMemory,
                1);
    }

    /**
     * {@code into = P D^T + beta into} [patchSize, outChannels]: this way round the product is up to a third faster than its transpose, since the
     * longer side comes first.
     *
     * @param p patches [patchSize, positions]
     * @param d delta [outChannels, positions]
     */
    static void weightGradient(
            CpuBlas blas, PatchGeometry g, FloatPointer p, FloatPointer d, float beta, FloatPointer into) {
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
                beta,
                into,
                g.outChannels());
    }

    private INDArray ownDelta(long[] shape) {
        INDArray own = wholeDelta;
        if (own == null || !Arrays.equals(own.shape(), shape)) {
            try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
                own = Nd4j.createUninitialized(DataType.FLOAT, shape, 'c');
            }
            wholeDelta = own;
        }
        return own;
    }

    private static void sumPositions(float[] delta, PatchGeometry g, float[] into, int at) {
        for (int c = 0; c < g.outChannels(); c++) {
            int from = c * g.positions();
            int to = from + g.positions();
            // Four partial sums break the chain of dependent additions.
            float s0 = 0;
            float s1 = 0;
            float s2 = 0;
            float s3 = 0;
            int p = from;
            for (; p + 3 < to; p += 4) {
                s0 += delta[p];
                s1 += delta[p + 1];
                s2 += delta[p + 2];
                s3 += delta[p + 3];
            }
            for (; p < to; p++) {
                s0 += delta[p];
            }
            into[at + c] = (s0 + s1) + (s2 + s3);
        }
    }
}
