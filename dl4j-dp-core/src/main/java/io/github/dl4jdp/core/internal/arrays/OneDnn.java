// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import org.bytedeco.dnnl.const_dnnl_op_desc_t;
import org.bytedeco.dnnl.dnnl_convolution_desc_t;
import org.bytedeco.dnnl.dnnl_engine;
import org.bytedeco.dnnl.dnnl_memory;
import org.bytedeco.dnnl.dnnl_memory_desc_t;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.dnnl_stream;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.jspecify.annotations.Nullable;

/**
 * oneDNN itself, where {@code org.bytedeco:dnnl} and its natives are on the class path: its kernels are made for the processor at run time.
 *
 * <p>ND4J's own build with oneDNN arranges a convolution's arguments anew at every call, and leaves products to OpenBLAS 0.3.19, which is half as fast on
 * processors whose AVX-512 it does not know, and on small or narrow factors everywhere.
 */
final class OneDnn {
    private final dnnl_engine engine = new dnnl_engine();
    private final dnnl_primitive_attr ownScratchpad = new dnnl_primitive_attr();

    private OneDnn() {
        // An environment variable may ask for products of shorter numbers, of which the bounds on rounding know
        // nothing.
        require(dnnl.dnnl_set_default_fpmath_mode(dnnl.dnnl_fpmath_mode_strict));
        require(dnnl.dnnl_engine_create(engine, dnnl.dnnl_cpu, 0));
        // A primitive then has no state, and threads may share it.
        require(dnnl.dnnl_primitive_attr_create(ownScratchpad));
        require(dnnl.dnnl_primitive_attr_set_scratchpad_mode(ownScratchpad, dnnl.dnnl_scratchpad_mode_user));
    }

    /**
     * The library, or null where it has no kernels for this processor.
     *
     * @throws LinkageError if its classes or its native library are absent
     */
    static @Nullable OneDnn find() {
        return Holder.INSTANCE;
    }

    private static final class Holder {
        static final @Nullable OneDnn INSTANCE = create();

        private static @Nullable OneDnn create() {
            if (!Nd4jBuild.isForCpu() || !Nd4jBuild.isForX86()) {
                return null;
            }
            Loader.load(dnnl.class);
            return new OneDnn();
        }
    }

    /**
     * Whether a product of this shape sums its terms before it adds them to what is there: all do, but for those with a vector.
     *
     * @param m rows of the result
     * @param n columns of the result
     */
    static boolean suits(int m, int n) {
        return m > 1 && n > 1;
    }

    /** As {@link CpuBlas#gemm}, on the calling thread alone. */
    void gemm(
            boolean transA,
            boolean transB,
            int m,
            int n,
            int k,
            FloatPointer a,
            int lda,
            FloatPointer b,
            int ldb,
            float beta,
            FloatPointer c,
            int ldc) {
        Nd4jThreads.alone(() ->
                require(dnnl.dnnl_sgemm(letter(transA), letter(transB), m, n, k, 1f, a, lda, b, ldb, beta, c, ldc)));
    }

    private static byte letter(boolean transposed) {
        return (byte) (transposed ? 'T' : 'N');
    }

    /** @throws IllegalStateException if a call did not succeed */
    static void require(int status) {
        if (status != dnnl.dnnl_success) {
            throw new IllegalStateException("oneDNN refused a call with status " + status
                    + "; take org.bytedeco:dnnl off the class path to go on without it");
        }
    }

    /** Floats of these sizes in this order: one of oneDNN's tags, or "any" for the one that a kernel prefers. */
    static dnnl_memory_desc_t floats(int tag, long... sizes) {
        var description = new dnnl_memory_desc_t();
        require(dnnl.dnnl_memory_desc_init_by_tag(description, sizes.length, sizes, dnnl.dnnl_f32, tag));
        return description;
    }

    /** The numbers that an array takes in memory, with those that only fill it up. */
    static int length(dnnl_memory_desc_t description) {
        return Math.toIntExact(dnnl.dnnl_memory_desc_get_size(description) / Float.BYTES);
    }

    /** An array at a place that follows. */
    dnnl_memory memory(dnnl_memory_desc_t description) {
        var memory = new dnnl_memory();
        require(dnnl.dnnl_memory_create(memory, description, engine, null));
        return memory;
    }

    /** Moves an array. */
    static void place(dnnl_memory memory, FloatPointer place) {
        require(dnnl.dnnl_memory_set_data_handle(memory, new Address(place)));
    }

    /** Where a pointer points: a position counts bytes where a pointer of any kind is asked for. */
    private static final class Address extends Pointer {
        Address(FloatPointer pointer) {
            address = pointer.address() + Float.BYTES * pointer.position();
        }
    }

    /** A stream for one thread at a time. */
    dnnl_stream stream() {
        var stream = new dnnl_stream();
        require(dnnl.dnnl_stream_create(stream, engine, dnnl.dnnl_stream_default_flags));
        return stream;
    }

    /** What oneDNN has for a convolution; null if it has no kernel for it, or a plain loop. */
    @Nullable
    dnnl_primitive_desc describe(dnnl_convolution_desc_t convolution) {
        var description = new dnnl_primitive_desc();
        if (dnnl.dnnl_primitive_desc_create(
                        description, new const_dnnl_op_desc_t(convolution), ownScratchpad, engine, null)
                != dnnl.dnnl_success) {
            return null;
        }
        var name = new PointerPointer<BytePointer>(1);
        require(dnnl.dnnl_primitive_desc_query(description, dnnl.dnnl_query_impl_info_str, 0, name));
        if (name.get(BytePointer.class).getString().startsWith("ref")) {
            dnnl.dnnl_primitive_desc_destroy(description);
            return null;
        }
        return description;
    }

    /** The rearrangement from one order to another. */
    dnnl_primitive_desc describeReorder(dnnl_memory_desc_t from, dnnl_memory_desc_t to) {
        var description = new dnnl_primitive_desc();
        require(dnnl.dnnl_reorder_primitive_desc_create(description, from, engine, to, engine, ownScratchpad));
        return description;
    }

    /** The kernel. */
    static dnnl_primitive primitive(dnnl_primitive_desc description) {
        var primitive = new dnnl_primitive();
        require(dnnl.dnnl_primitive_create(primitive, description));
        return primitive;
    }
}
