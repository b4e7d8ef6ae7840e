// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import java.util.Arrays;
import java.util.Objects;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.openblas.global.openblas_nolapack;
import org.jspecify.annotations.Nullable;

/**
 * Matrix products on raw memory, by oneDNN where it is there, else through the library that ND4J's CPU backend itself uses: about a microsecond a call instead
 * of ND4J's ten, which is what makes a product for each example affordable.
 *
 * <p>All matrices are row-major.
 */
public final class CpuBlas {
    private static final int ROW_MAJOR = 101;
    private static final int NO_TRANS = 111;
    private static final int TRANS = 112;
    private static final int LOWER = 122;
    /** Of a block of {@link #rowsTimes}. */
    private static final int ROWS = 64;

    /** Numbers whose squares are summed in single precision. */
    private static final int PIECE = 4096;

    private final @Nullable OneDnn oneDnn = findOneDnn();

    private CpuBlas() {}

    /** The instance for the CPU backend, or null on any other: the caller then goes through ND4J. */
    public static @Nullable CpuBlas find() {
        return Holder.INSTANCE;
    }

    private static @Nullable OneDnn findOneDnn() {
        try {
            return OneDnn.find();
        } catch (LinkageError e) {
            // Without its classes, or its native library for this platform.
            return null;
        }
    }

    private static final class Holder {
        static final @Nullable CpuBlas INSTANCE = create();

        private static @Nullable CpuBlas create() {
            if (!Nd4jBuild.isForCpu()) {
                return null;
            }
            try {
                // Fails where the backend's BLAS is not the one whose classes are known here.
                openblas_nolapack.blas_get_num_threads();
                return new CpuBlas();
            } catch (LinkageError e) {
                return null;
            }
        }
    }

    /**
     * {@code c = op(a) op(b) + beta c} with {@code op(a)} [m, k], {@code op(b)} [k, n] and {@code c} [m, n].
     *
     * @param lda row length of {@code a} as it is stored; likewise {@code ldb}, {@code ldc}
     */
    public void gemm(
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
        OneDnn library = oneDnn;
        if (library != null && OneDnn.suits(m, n)) {
            library.gemm(transA, transB, m, n, k, a, lda, b, ldb, beta, c, ldc);
            return;
        }
        openblas_nolapack.cblas_sgemm(
                ROW_MAJOR,
                transA ? TRANS : NO_TRANS,
                transB ? TRANS : NO_TRANS,
                m,
                n,
                k,
                1f,
                a,
                lda,
                b,
                ldb,
                beta,
                c,
                ldc);
    }

    /**
     * {@code c = a op(b) + beta c}, in blocks of so many rows that each row has the same bits in any place and beside any others, where oneDNN makes the products: its kernels add the terms of all rows of a
     * block in the same order, and those of blocks of other lengths in other orders ({@code RowPlacesTest}). OpenBLAS adds in other orders within a block too.
     *
     * @param rows of {@code a} and {@code c}
     * @param lda row length of {@code a} as it is stored; likewise {@code ldb}, {@code ldc}
     */
    public void rowsTimes(
            boolean transB,
            int rows,
            int n,
            int k,
            FloatPointer a,
            int lda,
            FloatPointer b,
            int ldb,
            float beta,
            FloatPointer c,
            int ldc) {
        int block = usesOneDnn() ? ROWS : rows;
        for (int at = 0; at < rows; at += block) {
            FloatPointer left = CpuMemory.at(a, (long) at * lda);
            FloatPointer into = CpuMemory.at(c, (long) at * ldc);
            if (at + block <= rows) {
                gemm(false, transB, block, n, k, left, lda, b, ldb, beta, into, ldc);
            } else {
                lastRows(transB, rows - at, n, k, left, lda, b, ldb, beta, into, ldc);
            }
        }
    }

    /** A block that is filled up with zeros. */
    private void lastRows(
            boolean transB,
            int rows,
            int n,
            int k,
            FloatPointer a,
            int lda,
            FloatPointer b,
            int ldb,
            float beta,
            FloatPointer c,
            int ldc) {
        try (FloatPointer left = new FloatPointer((long) ROWS * k);
                FloatPointer result = new FloatPointer((long) ROWS * n)) {
            left.put(new float[ROWS * k], 0, ROWS * k);
            float[] row = new float[Math.max(k, n)];
            for (int i = 0; i < rows; i++) {
                copy(CpuMemory.at(a, (long) i * lda), CpuMemory.at(left, (long) i * k), row, k);
            }
            if (beta != 0) {
                result.put(new float[ROWS * n], 0, ROWS * n);
                for (int i = 0; i < rows; i++) {
                    copy(CpuMemory.at(c, (long) i * ldc), CpuMemory.at(result, (long) i * n), row, n);
                }
            }
            gemm(false, transB, ROWS, n, k, left, k, b, ldb, beta, result, n);
            for (int i = 0; i < rows; i++) {
                copy(CpuMemory.at(result, (long) i * n), CpuMemory.at(c, (long) i * ldc), row, n);
            }
        }
    }

    private static void copy(FloatPointer from, FloatPointer to, float[] through, int length) {
        from.get(through, 0, length);
        to.put(through, 0, length);
    }

    /**
     * A length of parts for {@link #rowsTimes}, so that only the last one has to be filled up.
     *
     * @param block about so many rows
     */
    public int wholeBlocks(int block) {
        return usesOneDnn() ? (block + ROWS - 1) / ROWS * ROWS : block;
    }

    /**
     * Whether a product sums its own terms before it adds them to what {@code c} holds, for matrices of many sizes: the libraries known do, since the terms
     * are summed in registers. Looked at once, with terms each of which would be lost if it were added to c by itself.
     */
    boolean sumsBeforeItAdds() {
        return Probe.PASSED;
    }

    private static final class Probe {
        private static final int TERMS = 128;
        private static final int[] SIZES = {1, 2, 3, 4, 5, 7, 8, 10, 12, 16, 17, 24, 31, 32, 48, 64, 100, 129, 300};

        static final boolean PASSED = passes();

        private static boolean passes() {
            CpuBlas blas = Objects.requireNonNull(Holder.INSTANCE);
            for (int m : SIZES) {
                for (int n : SIZES) {
                    if (!passes(blas, m, n, true) || !passes(blas, m, n, false)) {
                        return false;
                    }
                }
            }
            return true;
        }

        private static boolean passes(CpuBlas blas, int m, int n, boolean transA) {
            float[] a = new float[m * TERMS];
            float[] b = new float[n * TERMS];
            float[] c = new float[m * n];
            Arrays.fill(a, 0x1p-24f);
            Arrays.fill(b, 1);
            Arrays.fill(c, 1);
            try (var pa = new FloatPointer(a);
                    var pb = new FloatPointer(b);
                    var pc = new FloatPointer(c)) {
                blas.gemm(transA, false, m, n, TERMS, pa, transA ? m : TERMS, pb, n, 1f, pc, n);
                pc.get(c, 0, c.length);
            }
            for (float value : c) {
                if (value != 1 + TERMS * 0x1p-24f) {
                    return false;
                }
            }
            return true;
        }
    }

    /**
     * {@code c = a a^T + beta c}, on and below the diagonal; what lies above is left alone.
     *
     * @param a [n, k], each row {@code lda} after the one before
     * @param c [n, n], each row {@code ldc} after the one before
     */
    public void gram(int n, int k, FloatPointer a, int lda, float beta, FloatPointer c, int ldc) {
        openblas_nolapack.cblas_ssyrk(ROW_MAJOR, LOWER, NO_TRANS, n, k, 1f, a, lda, beta, c, ldc);
    }

    /** {@code y = w A} with {@code a} [rows, columns], each row {@code lda} after the one before, and {@code w} [rows]. */
    void weightedSumOfRows(int rows, int columns, FloatPointer a, int lda, FloatPointer w, FloatPointer y) {
        openblas_nolapack.cblas_sgemv(ROW_MAJOR, TRANS, rows, columns, 1f, a, lda, w, 1, 0f, y, 1);
    }

    /**
     * The squared norm of {@code n} numbers. Pieces are summed in single precision, on 32 places at a time, and the pieces in double: the relative
     * error is below 128 units in the last place of a float whatever the numbers, and a few units as a rule.
     *
     * @return infinite where squares are too large for a float
     */
    double squaredNorm(FloatPointer x, long n) {
        double sum = 0;
        for (long from = 0; from < n; from += PIECE) {
            FloatPointer piece = CpuMemory.at(x, from);
            sum += openblas_nolapack.cblas_sdot((int) Math.min(PIECE, n - from), piece, 1, piece, 1);
        }
        return sum;
    }

    /**
     * Runs {@code body} with products that use one thread each, so that it can run them on several threads of its own: multi-threaded products
     * from several threads at once bring each other to a crawl.
     */
    public void withSingleThreadedProducts(Runnable body) {
        int threads = threads();
        setThreads(1);
        try {
            body.run();
        } finally {
            setThreads(threads);
        }
    }

    /** Whether oneDNN is there; only then may its other classes be used. */
    public boolean usesOneDnn() {
        return oneDnn != null;
    }

    /** The number of threads that a product uses. */
    int threads() {
        return openblas_nolapack.blas_get_num_threads();
    }

    /** Sets {@link #threads}, for the whole process. */
    void setThreads(int threads) {
        // A third of a millisecond: the library's symbols are looked up each time.
        if (threads != threads()) {
            openblas_nolapack.blas_set_num_threads(threads);
        }
    }
}
