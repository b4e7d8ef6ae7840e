// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import java.util.Arrays;
import org.bytedeco.javacpp.Loader;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.OpContext;
import org.nd4j.linalg.api.ops.impl.layers.convolution.Conv2D;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.nativeblas.NativeOpsHolder;

/**
 * Convolution by oneDNN, where ND4J's CPU backend was built with it: one ND4J operation there, and a slow one elsewhere. A product of rows with a matrix is the
 * convolution of a picture whose pixels are the rows.
 */
public final class OneDnn {
    /** Arguments of the operation: the order of images, and of weights. */
    private static final long NCHW = 0;

    private static final long NHWC = 1;

    /** [height, width, inChannels, outChannels]. */
    private static final long OUT_LAST = 0;

    /** [outChannels, inChannels, height, width]. */
    private static final long OUT_FIRST = 1;

    /**
     * Bytes of the larger side of a convolution's block of examples. The operation arranges both sides anew, which is done in the cache with blocks of this size:
     * 256 pictures of 32x32 with 32 channels take 41 ms so, and 82 ms all at once.
     */
    private static final int BLOCK_BYTES = 2 << 20;

    private final ParallelRanges ranges;
    private final OpContext[] contexts;

    private OneDnn(ParallelRanges ranges) {
        this.ranges = ranges;
        this.contexts = new OpContext[ranges.threads()];
        Arrays.setAll(contexts, worker -> Nd4j.getExecutioner().buildContext());
    }

    /** For one layer; null where the backend is without oneDNN. */
    public static @Nullable OneDnn find(ParallelRanges ranges) {
        return isPresent() ? new OneDnn(ranges) : null;
    }

    /** Whether ND4J's operations go to oneDNN. */
    public static boolean isPresent() {
        return Holder.PRESENT && Nd4j.getEnvironment().helpersAllowed();
    }

    private static final class Holder {
        static final boolean PRESENT = present();

        private static boolean present() {
            if (CpuBlas.find() == null) {
                return false;
            }
            // The builds differ in nothing but the library's name: its own switch says "on" in all of them.
            String library = Loader.load(
                    NativeOpsHolder.getInstance().getDeviceNativeOps().getClass());
            return library != null && library.contains("onednn");
        }
    }

    /**
     * How many examples a call of {@link #convolve} should have: they stay in the cache, and the blocks are of nearly the same size and of an even number, since a
     * short last one would leave one of two threads idle.
     *
     * @param x [examples, inChannels, height, width]
     * @param z [examples, outChannels, outHeight, outWidth]
     */
    public static int block(INDArray x, INDArray z) {
        long examples = x.size(0);
        long bytes = Float.BYTES * Math.max(x.length(), z.length());
        long pairs = Math.max(1, (bytes + 2 * BLOCK_BYTES - 1) / (2 * BLOCK_BYTES));
        return (int) Math.max(1, (examples + 2 * pairs - 1) / (2 * pairs));
    }

    /**
     * {@code z = W * x + b}, for the examples {@code from} (inclusive) to {@code to} (exclusive).
     *
     * @param worker no two calls at a time have the same
     * @param x [examples, inChannels, height, width], c order
     * @param weights [outChannels, inChannels, kernelHeight, kernelWidth]
     * @param bias [1, outChannels] or null
     * @param z [examples, outChannels, outHeight, outWidth], c order
     */
    public void convolve(
            int worker,
            int from,
            int to,
            INDArray x,
            INDArray weights,
            @Nullable INDArray bias,
            INDArray z,
            int[] strides,
            int[] pad,
            int[] dilation,
            boolean same) {
        OpContext context = contexts[worker];
        context.purge();
        context.setIArguments(
                weights.size(2),
                weights.size(3),
                strides[0],
                strides[1],
                pad[0],
                pad[1],
                dilation[0],
                dilation[1],
                same ? 1 : 0,
                NCHW,
                OUT_FIRST);
        context.setInputArray(0, Slices.range(x, 0, from, to));
        context.setInputArray(1, weights);
        if (bias != null) {
            context.setInputArray(2, bias);
        }
        context.setOutputArray(0, Slices.range(z, 0, from, to));
        exec(context);
    }

    private void exec(OpContext context) {
        if (ranges.threads() == 1) {
            Nd4j.exec(new Conv2D(), context);
        } else {
            Nd4jThreads.alone(() -> Nd4j.exec(new Conv2D(), context));
        }
    }

    /**
     * {@code into = rows matrix^T} or {@code rows matrix}.
     *
     * @param worker no two calls at a time have the same
     * @param rows [n, p], c order
     * @param matrix [q, p] if transposed, else [p, q]; c order
     * @param into [n, q], c order
     */
    void multiply(int worker, INDArray rows, INDArray matrix, boolean transposed, INDArray into) {
        long first = matrix.size(0);
        long second = matrix.size(1);
        OpContext context = contexts[worker];
        context.purge();
        context.setIArguments(1, 1, 1, 1, 0, 0, 1, 1, 0, NHWC, transposed ? OUT_FIRST : OUT_LAST);
        context.setInputArray(0, pixels(rows));
        context.setInputArray(
                1, transposed ? matrix.reshape('c', first, second, 1, 1) : matrix.reshape('c', 1, 1, first, second));
        context.setOutputArray(0, pixels(into));
        exec(context);
    }

    private static INDArray pixels(INDArray rows) {
        return rows.reshape('c', 1, rows.size(0), 1, rows.size(1));
    }
}
