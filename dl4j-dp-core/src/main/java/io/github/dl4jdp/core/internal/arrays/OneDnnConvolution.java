// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.dnnl_convolution_desc_t;
import org.bytedeco.dnnl.dnnl_exec_arg_t;
import org.bytedeco.dnnl.dnnl_memory;
import org.bytedeco.dnnl.dnnl_memory_desc_t;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.dnnl_stream;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.FloatPointer;
import org.jspecify.annotations.Nullable;

/**
 * A convolution of single examples by oneDNN: the forward pass, the input gradient and the weight gradient of one. Everything about an example stays in the
 * cache: images are arranged for the kernels, and back, one at a time, and weights once a pass.
 */
@SuppressWarnings("ReachabilityFenceUsage") // a call that fails reads nothing afterwards
public final class OneDnnConvolution {
    private static final Cleaner CLEANER = Cleaner.create();

    private final OneDnn library;
    private final PatchGeometry geometry;
    private final dnnl_memory_desc_t image;
    private final dnnl_memory_desc_t result;
    private final dnnl_memory_desc_t kernels;
    private final Kernel forward;
    private final Kernel inputGradient;
    private final Kernel weightGradient;
    private final int[] places;
    private final Worker[] workers;
    private final Handles handles = new Handles();

    private OneDnnConvolution(
            OneDnn library,
            PatchGeometry geometry,
            int height,
            int width,
            boolean hasBias,
            dnnl_primitive_desc forward,
            dnnl_primitive_desc inputGradient,
            dnnl_primitive_desc weightGradient,
            ParallelRanges ranges) {
        this.library = library;
        this.geometry = geometry;
        image = OneDnn.floats(dnnl.dnnl_nchw, 1, geometry.inChannels(), height, width);
        result = OneDnn.floats(dnnl.dnnl_nchw, 1, geometry.outChannels(), geometry.out()[0], geometry.out()[1]);
        kernels = kernels(geometry, dnnl.dnnl_oihw);
        CLEANER.register(this, handles);
        this.forward = new Kernel(forward, dnnl.dnnl_query_src_md, dnnl.dnnl_query_weights_md, dnnl.dnnl_query_dst_md);
        this.inputGradient = new Kernel(
                inputGradient, dnnl.dnnl_query_diff_dst_md, dnnl.dnnl_query_weights_md, dnnl.dnnl_query_diff_src_md);
        this.weightGradient = new Kernel(
                weightGradient, dnnl.dnnl_query_src_md, dnnl.dnnl_query_diff_dst_md, dnnl.dnnl_query_diff_weights_md);
        places = placesOfWeights();
        workers = new Worker[ranges.threads()];
        for (int i = 0; i < workers.length; i++) {
            workers[i] = new Worker(hasBias);
        }
    }

    /** For one layer; null where oneDNN is absent, or has no fast kernels for these shapes. */
    public static @Nullable OneDnnConvolution find(
            PatchGeometry g, int height, int width, boolean hasBias, ParallelRanges ranges) {
        OneDnn library = OneDnn.find();
        return library == null ? null : Nd4jThreads.alone(() -> create(library, g, height, width, hasBias, ranges));
    }

    private static @Nullable OneDnnConvolution create(
            OneDnn library, PatchGeometry g, int height, int width, boolean hasBias, ParallelRanges ranges) {
        int any = dnnl.dnnl_format_tag_any;
        dnnl_memory_desc_t image = OneDnn.floats(any, 1, g.inChannels(), height, width);
        dnnl_memory_desc_t result = OneDnn.floats(any, 1, g.outChannels(), g.out()[0], g.out()[1]);
        dnnl_memory_desc_t kernels = kernels(g, any);
        dnnl_memory_desc_t bias = hasBias ? OneDnn.floats(dnnl.dnnl_a, g.outChannels()) : null;
        int[] in = {height, width};
        long[] strides = {g.strides()[0], g.strides()[1]};
        long[] holes = {g.dilation()[0] - 1, g.dilation()[1] - 1};
        long[] before = {g.pad()[0], g.pad()[1]};
        long[] after = new long[2];
        for (int d = 0; d < 2; d++) {
            int reach = (g.out()[d] - 1) * g.strides()[d] + (g.kernel()[d] - 1) * g.dilation()[d] + 1;
            after[d] = Math.max(0, reach - in[d] - g.pad()[d]);
        }
        var forward = new dnnl_convolution_desc_t();
        var input = new dnnl_convolution_desc_t();
        var weight = new dnnl_convolution_desc_t();
        int direct = dnnl.dnnl_convolution_direct;
        if (dnnl.dnnl_dilated_convolution_forward_desc_init(
                                forward,
                                dnnl.dnnl_forward_inference,
                                direct,
                                image,
                                kernels,
                                bias,
                                result,
                                strides,
                                holes,
                                before,
                                after)
                        != dnnl.dnnl_success
                || dnnl.dnnl_dilated_convolution_backward_data_desc_init(
                                input, direct, image, kernels, result, strides, holes, before, after)
                        != dnnl.dnnl_success
                || dnnl.dnnl_dilated_convolution_backward_weights_desc_init(
                                weight, direct, image, kernels, null, result, strides, holes, before, after)
                        != dnnl.dnnl_success) {
            return null;
        }
        dnnl_primitive_desc f = library.describe(forward);
        dnnl_primitive_desc i = library.describe(input);
        dnnl_primitive_desc w = library.describe(weight);
        return f == null || i == null || w == null
                ? null
                : new OneDnnConvolution(library, g, height, width, hasBias, f, i, w, ranges);
    }

    private static dnnl_memory_desc_t kernels(PatchGeometry g, int tag) {
        return OneDnn.floats(tag, g.outChannels(), g.inChannels(), g.kernel()[0], g.kernel()[1]);
    }

    /** Numbers of one weight gradient: those of the weights, in an order of its own, and zeros. */
    public int gradientLength() {
        return OneDnn.length(weightGradient.out);
    }

    /** For every number of a weight gradient its place in [outChannels, inChannels, kernelHeight, kernelWidth], or -1 for zeros. */
    public int[] places() {
        return places;
    }

    /**
     * Takes the weights of a pass; not while another thread convolves.
     *
     * @param weights [outChannels, inChannels, kernelHeight, kernelWidth], c order
     * @param bias [outChannels] if the layer has one
     */
    public void takeForward(FloatPointer weights, @Nullable FloatPointer bias) {
        forward.take(weights);
        if (bias != null) {
            for (Worker worker : workers) {
                worker.takeBias(bias);
            }
        }
    }

    /** As {@link #takeForward}, for input gradients. */
    public void takeBackward(FloatPointer weights) {
        inputGradient.take(weights);
    }

    /**
     * {@code z = W * x + b} of one example.
     *
     * @param worker no two calls at a time have the same
     * @param x [inChannels, height, width]
     * @param z [outChannels, outHeight, outWidth]
     */
    public void forward(int worker, FloatPointer x, FloatPointer z) {
        workers[worker].forward(x, z);
    }

    /**
     * The weight gradient of one example.
     *
     * @param x [inChannels, height, width]
     * @param delta [outChannels, outHeight, outWidth]
     * @param into {@link #gradientLength} numbers
     */
    public void weightGradient(int worker, FloatPointer x, FloatPointer delta, FloatPointer into) {
        workers[worker].weightGradient(x, delta, into);
    }

    /**
     * As {@link #weightGradient}, and the input gradient as well.
     *
     * @param below [inChannels, height, width]; receives the input gradient
     */
    public void gradients(int worker, FloatPointer x, FloatPointer delta, FloatPointer into, FloatPointer below) {
        workers[worker].weightGradient(x, delta, into);
        workers[worker].inputGradient(delta, below);
    }

    /** The order of weight gradients, found by arranging numbers that are the places. */
    private int[] placesOfWeights() {
        int weights = Math.toIntExact(geometry.weights());
        int length = gradientLength();
        float[] numbers = new float[length];
        try (FloatPointer from = new FloatPointer(weights);
                FloatPointer to = new FloatPointer(length)) {
            // In two parts, since floats count to 16 million.
            int[] found = new int[length];
            for (int part : new int[] {0, 1}) {
                float[] values = new float[weights];
                for (int i = 0; i < weights; i++) {
                    values[i] = part == 0 ? (i + 1) & 0xFFFF : (i + 1) >>> 16;
                }
                from.put(values, 0, weights);
                new Reorder(kernels, from, weightGradient.out, to, false).run();
                to.get(numbers, 0, length);
                for (int i = 0; i < length; i++) {
                    found[i] += (int) numbers[i] << (16 * part);
                }
            }
            for (int i = 0; i < length; i++) {
                found[i]--;
            }
            return found;
        }
    }

    private FloatPointer aligned(dnnl_memory_desc_t description) {
        return CpuMemory.aligned(handles.keep(new FloatPointer(OneDnn.length(description) + CpuMemory.VECTOR)));
    }

    private dnnl_memory memory(dnnl_memory_desc_t description, @Nullable FloatPointer place) {
        dnnl_memory memory = handles.keep(library.memory(description));
        if (place != null) {
            OneDnn.place(memory, place);
        }
        return memory;
    }

    private static dnnl_exec_arg_t arguments(int[] names, dnnl_memory... memories) {
        var arguments = new dnnl_exec_arg_t(memories.length);
        for (int i = 0; i < memories.length; i++) {
            arguments.position(i).arg(names[i]).memory(memories[i]);
        }
        return arguments.position(0);
    }

    /** A kernel and the orders in which it wants its arguments. */
    private final class Kernel {
        private final dnnl_primitive primitive;
        private final dnnl_memory_desc_t in;
        private final dnnl_memory_desc_t second;
        private final dnnl_memory_desc_t out;
        private final dnnl_memory_desc_t scratch;
        /** The weights as it wants them; null for the weight gradient, whose second argument is no weight. */
        private @Nullable Reorder weights;

        Kernel(dnnl_primitive_desc description, int in, int second, int out) {
            this.in = query(description, in);
            this.second = query(description, second);
            this.out = query(description, out);
            this.scratch = query(description, dnnl.dnnl_query_scratchpad_md);
            this.primitive = handles.keep(OneDnn.primitive(description));
            dnnl.dnnl_primitive_desc_destroy(description);
        }

        private static dnnl_memory_desc_t query(dnnl_primitive_desc description, int what) {
            // What the query returns dies with the description.
            return new dnnl_memory_desc_t(1).put(dnnl.dnnl_primitive_desc_query_md(description, what, 0));
        }

        void take(FloatPointer values) {
            Reorder own = weights();
            own.run(values, null);
        }

        Reorder weights() {
            Reorder own = weights;
            if (own == null) {
                own = new Reorder(kernels, null, second, aligned(second), false);
                weights = own;
            }
            return own;
        }
    }

    /** A rearrangement between two places. Where the order is the same already and the place may be shared, nothing is done, and the first place is the second as well. */
    private final class Reorder {
        private final dnnl_memory from;
        private final dnnl_memory to;
        private final @Nullable dnnl_primitive primitive;
        private final dnnl_exec_arg_t arguments;
        private final dnnl_stream stream;
        private final int count;

        Reorder(
                dnnl_memory_desc_t from,
                @Nullable FloatPointer source,
                dnnl_memory_desc_t to,
                @Nullable FloatPointer target,
                boolean mayShare) {
            this.from = memory(from, source);
            stream = handles.keep(library.stream());
            if (mayShare && dnnl.dnnl_memory_desc_equal(from, to) != 0) {
                this.to = this.from;
                primitive = null;
                arguments = new dnnl_exec_arg_t(0);
                count = 0;
                return;
            }
            this.to = memory(to, target);
            dnnl_primitive_desc description = library.describeReorder(from, to);
            dnnl_memory_desc_t scratch = Kernel.query(description, dnnl.dnnl_query_scratchpad_md);
            primitive = handles.keep(OneDnn.primitive(description));
            dnnl.dnnl_primitive_desc_destroy(description);
            arguments = arguments(
                    new int[] {dnnl.DNNL_ARG_FROM, dnnl.DNNL_ARG_TO, dnnl.DNNL_ARG_SCRATCHPAD},
                    this.from,
                    this.to,
                    memory(scratch, aligned(scratch)));
            count = 3;
        }

        /** With the ends that change from call to call. */
        void run(@Nullable FloatPointer source, @Nullable FloatPointer target) {
            if (source != null) {
                OneDnn.place(from, source);
            }
            if (target != null) {
                OneDnn.place(to, target);
            }
            run();
            Reference.reachabilityFence(source);
            Reference.reachabilityFence(target);
        }

        void run() {
            if (primitive != null) {
                OneDnn.require(dnnl.dnnl_primitive_execute(primitive, stream, count, arguments));
            }
        }
    }

    /** The memory of one thread. */
    private final class Worker {
        private final dnnl_stream stream = handles.keep(library.stream());
        private final @Nullable FloatPointer bias;
        private final Reorder forwardIn;
        private final Reorder forwardOut;
        private final dnnl_exec_arg_t forwardArguments;
        private final int forwardCount;
        private final Reorder deltaIn;
        /** Whether both gradients want the delta in one order. */
        private final boolean sharesDelta;

        private final Reorder belowOut;
        private final dnnl_exec_arg_t inputArguments;
        private final Reorder imageIn;
        private final Reorder weightDeltaIn;
        private final dnnl_memory gradient;
        private final dnnl_exec_arg_t weightArguments;

        Worker(boolean hasBias) {
            forwardIn = new Reorder(image, null, forward.in, aligned(forward.in), true);
            forwardOut = new Reorder(forward.out, aligned(forward.out), result, null, true);
            dnnl_memory_desc_t biases = OneDnn.floats(dnnl.dnnl_a, geometry.outChannels());
            bias = hasBias ? aligned(biases) : null;
            forwardCount = bias == null ? 4 : 5; // the last one is not looked at without bias
            forwardArguments = arguments(
                    new int[] {
                        dnnl.DNNL_ARG_SRC,
                        dnnl.DNNL_ARG_WEIGHTS,
                        dnnl.DNNL_ARG_DST,
                        dnnl.DNNL_ARG_SCRATCHPAD,
                        dnnl.DNNL_ARG_BIAS
                    },
                    forwardIn.to,
                    forward.weights().to,
                    forwardOut.from,
                    memory(forward.scratch, aligned(forward.scratch)),
                    memory(biases, bias));

            imageIn = new Reorder(image, null, weightGradient.in, aligned(weightGradient.in), true);
            weightDeltaIn = new Reorder(result, null, weightGradient.second, aligned(weightGradient.second), true);
            sharesDelta = dnnl.dnnl_memory_desc_equal(weightGradient.second, inputGradient.in) != 0;
            deltaIn = sharesDelta
                    ? weightDeltaIn
                    : new Reorder(result, null, inputGradient.in, aligned(inputGradient.in), true);
            belowOut = new Reorder(inputGradient.out, aligned(inputGradient.out), image, null, true);
            inputArguments = arguments(
                    new int[] {
                        dnnl.DNNL_ARG_DIFF_DST, dnnl.DNNL_ARG_WEIGHTS, dnnl.DNNL_ARG_DIFF_SRC, dnnl.DNNL_ARG_SCRATCHPAD
                    },
                    deltaIn.to,
                    inputGradient.weights().to,
                    belowOut.from,
                    memory(inputGradient.scratch, aligned(inputGradient.scratch)));
            gradient = memory(weightGradient.out, null);
            weightArguments = arguments(
                    new int[] {
                        dnnl.DNNL_ARG_SRC, dnnl.DNNL_ARG_DIFF_DST, dnnl.DNNL_ARG_DIFF_WEIGHTS, dnnl.DNNL_ARG_SCRATCHPAD
                    },
                    imageIn.to,
                    weightDeltaIn.to,
                    gradient,
                    memory(weightGradient.scratch, aligned(weightGradient.scratch)));
        }

        void takeBias(FloatPointer values) {
            float[] copy = new float[geometry.outChannels()];
            values.get(copy, 0, copy.length);
            if (bias != null) {
                bias.put(copy, 0, copy.length);
            }
        }

        void forward(FloatPointer x, FloatPointer z) {
            Nd4jThreads.alone(() -> {
                forwardIn.run(x, null);
                if (forwardOut.primitive == null) {
                    OneDnn.place(forwardOut.from, z);
                }
                execute(forward, forwardCount, forwardArguments);
                forwardOut.run(null, forwardOut.primitive == null ? null : z);
                Reference.reachabilityFence(x); // the library has addresses alone
                Reference.reachabilityFence(z);
            });
        }

        /** After {@link #weightGradient} of the same example. */
        void inputGradient(FloatPointer delta, FloatPointer below) {
            Nd4jThreads.alone(() -> {
                if (!sharesDelta) {
                    deltaIn.run(delta, null);
                }
                if (belowOut.primitive == null) {
                    OneDnn.place(belowOut.from, below);
                }
                execute(inputGradient, 4, inputArguments);
                belowOut.run(null, belowOut.primitive == null ? null : below);
                Reference.reachabilityFence(delta);
                Reference.reachabilityFence(below);
            });
        }

        void weightGradient(FloatPointer x, FloatPointer delta, FloatPointer into) {
            Nd4jThreads.alone(() -> {
                imageIn.run(x, null);
                weightDeltaIn.run(delta, null);
                OneDnn.place(gradient, into);
                execute(weightGradient, 4, weightArguments);
                Reference.reachabilityFence(x);
                Reference.reachabilityFence(delta);
                Reference.reachabilityFence(into);
            });
        }

        private void execute(Kernel kernel, int count, dnnl_exec_arg_t arguments) {
            OneDnn.require(dnnl.dnnl_primitive_execute(kernel.primitive, stream, count, arguments));
        }
    }

    /** What has to be given back to the library. */
    private static final class Handles implements Runnable {
        private final List<Runnable> releases = new ArrayList<>();

        dnnl_primitive keep(dnnl_primitive primitive) {
            releases.add(() -> dnnl.dnnl_primitive_destroy(primitive));
            return primitive;
        }

        dnnl_memory keep(dnnl_memory memory) {
            releases.add(() -> dnnl.dnnl_memory_destroy(memory));
            return memory;
        }

        dnnl_stream keep(dnnl_stream stream) {
            releases.add(() -> dnnl.dnnl_stream_destroy(stream));
            return stream;
        }

        FloatPointer keep(FloatPointer memory) {
            releases.add(memory::close);
            return memory;
        }

        @Override
        public void run() {
            releases.forEach(Runnable::run);
        }
    }
}
