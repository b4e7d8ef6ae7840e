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

/** Convolution by oneDNN, where ND4J's CPU backend was built with it. It is one ND4J operation there, and a slow one elsewhere. */
public final class OneDnn {
    /** Checks of the operation: weights come as [outChannels, inChannels, height, width], images as NCHW. */
    private static final long NCHW = 0;

    private static final long OUT_FIRST = 1;

    /** The most examples that a thread takes at a time, if there are several threads. */
    private static final int BLOCK = 32;

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
     * {@code z = W * x + b}.
     *
     * @param x [examples, inChannels, height, width], c order
     * @param weights [outChannels, inChannels, kernelHeight, kernelWidth]
     * @param bias [1, outChannels] or null
     * @param z [examples, outChannels, outHeight, outWidth], c order
     */
    public void convolve(
            INDArray x,
            INDArray weights,
            @Nullable INDArray bias,
            INDArray z,
            int[] strides,
            int[] pad,
            int[] dilation,
            boolean same) {
        int examples = (int) x.size(0);
        if (ranges.threads() == 1) {
            convolve(contexts[0], x, weights, bias, z, strides, pad, dilation, same);
            return;
        }
        // An even number of blocks of nearly the same size: a short last one would leave one of two threads idle.
        int pairs = (examples + 2 * BLOCK - 1) / (2 * BLOCK);
        int block = (examples + 2 * pairs - 1) / (2 * pairs);
        ranges.run(
                examples,
                block,
                (worker, from, to) -> Nd4jThreads.alone(() -> convolve(
                        contexts[worker],
                        Slices.range(x, 0, from, to),
                        weights,
                        bias,
                        Slices.range(z, 0, from, to),
                        strides,
                        pad,
                        dilation,
                        same)));
    }

    private static void convolve(
            OpContext context,
            INDArray x,
            INDArray weights,
            @Nullable INDArray bias,
            INDArray z,
            int[] strides,
            int[] pad,
            int[] dilation,
            boolean same) {
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
        context.setInputArray(0, x);
        context.setInputArray(1, weights);
        if (bias != null) {
            context.setInputArray(2, bias);
        }
        context.setOutputArray(0, z);
        Nd4j.exec(new Conv2D(), context);
    }
}
