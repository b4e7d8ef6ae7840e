// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.CpuBlas;
import io.github.dl4jdp.core.internal.arrays.CpuMemory;
import io.github.dl4jdp.core.internal.arrays.CpuPatches;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.Norms;
import io.github.dl4jdp.core.internal.arrays.OneDnnConvolution;
import io.github.dl4jdp.core.internal.arrays.ParallelRanges;
import io.github.dl4jdp.core.internal.arrays.PatchGeometry;
import io.github.dl4jdp.core.internal.arrays.RowSums;
import io.github.dl4jdp.core.internal.arrays.Sums;
import io.github.dl4jdp.core.internal.arrays.WeightedSteps;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.bytedeco.javacpp.FloatPointer;
import org.deeplearning4j.nn.params.ConvolutionParamInitializer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The tape of {@link CpuConvolution}: norms are known when it is made; the per-example weight gradients are held where they are small, and otherwise
 * the deltas, from which they are made once more. Either way what is summed are rows, whose norms were taken. The same sums as {@link PatchTape}.
 *
 * <p>Of a batch of several copies of each example, row {@code k * examples + i} is copy k of example i. Their gradients are summed by
 * {@link #sumOfCopies}: where they are held, in place; where they are not, by one more pass, after which the sums are held if they are small enough.
 */
final class CpuPatchTape implements BoundedTape {
    /** Blocks of examples, each summed by itself and then added in order, that are under way at a time: for any number of threads, so that the sum has the same bits. */
    private static final int BLOCKS = 8;
    /** Examples of several copies that a thread takes at a time. */
    private static final int EXAMPLES = 1;

    private final CpuBlas blas;
    private final ParallelRanges ranges;
    private final @Nullable OneDnnConvolution library;
    private final CpuPatches patches;
    private final PatchGeometry geometry;
    private final INDArray x;
    private final @Nullable FloatPointer deltas;
    /** [examples, {@link #rowLength}]. */
    private final @Nullable FloatPointer gradients;

    /** [examples, outChannels]; empty without bias. */
    private final float[] biasGradients;

    private final double[] norms;
    private final CpuMemory patchMemory;
    private final CpuMemory gradientMemory;
    /** Numbers of one weight gradient as it is held. */
    private final int rowLength;

    private final int copies;
    private final boolean[] discarded;

    /**
     * Takes over what the backward pass left.
     *
     * @param library makes weight gradients in an order of its own; null where they are products of gathered patches [patchSize, outChannels]
     * @param deltas [examples, outChannels, positions], if the gradients are not held
     * @param gradients [examples, numbers of a weight gradient], if they are held
     * @param biasGradients [examples, outChannels]; empty without bias
     * @param norms of weights and bias together
     * @param gradientMemory of which {@code gradients} are a part if they are held
     * @param copies of each example in the batch
     */
    CpuPatchTape(
            CpuBlas blas,
            ParallelRanges ranges,
            @Nullable OneDnnConvolution library,
            CpuPatches patches,
            PatchGeometry geometry,
            INDArray x,
            @Nullable FloatPointer deltas,
            @Nullable FloatPointer gradients,
            float[] biasGradients,
            double[] norms,
            CpuMemory patchMemory,
            CpuMemory gradientMemory,
            int copies) {
        this.blas = blas;
        this.ranges = ranges;
        this.library = library;
        this.patches = patches;
        this.geometry = geometry;
        this.x = x;
        this.deltas = deltas;
        this.gradients = gradients;
        this.biasGradients = biasGradients;
        this.norms = norms;
        this.patchMemory = patchMemory;
        this.gradientMemory = gradientMemory;
        this.rowLength = library == null ? Math.toIntExact(geometry.weights()) : library.gradientLength();
        this.copies = copies;
        this.discarded = new boolean[norms.length];
    }

    @Override
    public void addNorms(double[] into) {
        for (int i = 0; i < norms.length; i++) {
            into[i] = Norms.together(into[i], norms[i]);
        }
    }

    @Override
    public void discard(int example) {
        discarded[example] = true;
        if (gradients != null) {
            CpuMemory.at(gradients, (long) example * rowLength).put(new float[rowLength], 0, rowLength);
        }
        if (biasGradients.length > 0) {
            int channels = geometry.outChannels();
            Arrays.fill(biasGradients, example * channels, (example + 1) * channels, 0);
        }
    }

    @Override
    public Optional<LayerTape> sumOfCopies(int copies) {
        int examples = norms.length / copies;
        int weights = rowLength;
        float[] biasSums = sumOfCopies(biasGradients, copies);
        double[] sumNorms = new double[examples];
        boolean hold = gradients != null || (long) examples * weights <= TapeRecorder.MOST_HELD;
        FloatPointer sums = gradients != null
                ? gradients
                : gradientMemory.ensure((long) (hold ? examples : ranges.threads()) * weights);
        var products = new @Nullable Products[ranges.threads()];
        var totals = new ParallelRanges.Floats(ranges);
        var ones = new ParallelRanges.Floats(ranges);
        if (gradients == null) {
            FloatPointer scratch = patchMemory.ensure((long) ranges.threads() * scratchSize());
            Arrays.setAll(products, worker -> new Products(worker, scratch));
        }
        blas.withSingleThreadedProducts(() -> ranges.run(examples, EXAMPLES, (worker, from, to) -> {
            for (int i = from; i < to; i++) {
                FloatPointer into = CpuMemory.at(sums, (long) (hold ? i : worker) * weights);
                Products remade = products[worker];
                if (remade != null) {
                    remade.sumOfCopies(i, copies, examples, into);
                } else {
                    addCopies(i, copies, examples, into, totals.get(worker, weights), ones.get(worker, weights));
                }
                int channels = biasSums.length / examples;
                sumNorms[i] = Norms.together(
                        Norms.of(blas, into, weights), Norms.of(biasSums, i * channels, (i + 1) * channels));
            }
        }));
        return Optional.of(new CpuPatchTape(
                blas,
                ranges,
                library,
                patches,
                geometry,
                x,
                hold ? null : deltas,
                hold ? sums : null,
                biasSums,
                sumNorms,
                patchMemory,
                gradientMemory,
                copies));
    }

    /** Adds the held gradients of the other copies of an example to that of the first. */
    private void addCopies(int example, int copies, int examples, FloatPointer first, float[] total, float[] one) {
        first.get(total, 0, total.length);
        for (int k = 1; k < copies; k++) {
            CpuMemory.at(Objects.requireNonNull(gradients), (long) (k * examples + example) * one.length)
                    .get(one, 0, one.length);
            for (int j = 0; j < one.length; j++) {
                total[j] += one[j];
            }
        }
        first.put(total, 0, total.length);
    }

    /** The sums of the copies of each row [examples, ...]. */
    private static float[] sumOfCopies(float[] rows, int copies) {
        float[] sums = Arrays.copyOf(rows, rows.length / copies);
        for (int j = sums.length; j < rows.length; j++) {
            sums[j % sums.length] += rows[j];
        }
        return sums;
    }

    @Override
    public double addWeightedSum(double[] weights, Map<String, INDArray> sums, double allowance) {
        double[] total = new double[rowLength];
        double bound = gradients != null
                ? RowSums.add(blas, gradients, weights, norms, total, allowance, ranges)
                : sumAgain(weights, total, allowance);
        add(total, sums);
        if (biasGradients.length > 0) {
            addBias(weights, Sums.parameter(sums, ConvolutionParamInitializer.BIAS_KEY));
        }
        return bound + RowSums.doubleBound(RowSums.total(weights, norms), weights.length);
    }

    private int deltaSize() {
        return geometry.outChannels() * geometry.positions();
    }

    private int scratchSize() {
        return library == null ? patches.size() + deltaSize() : rowLength;
    }

    /** The weight gradients of single rows, with the memory of one worker. */
    private final class Products {
        private final int worker;
        private final FloatPointer scratch;
        /** This and the next two: where patches are gathered. */
        private final float[] image = new float[library == null ? patches.imageSize() : 0];

        private final float[] gathered = new float[library == null ? patches.size() : 0];
        private final float[] delta = new float[library == null ? deltaSize() : 0];

        /** @param memory {@link #scratchSize} numbers for every worker */
        Products(int worker, FloatPointer memory) {
            this.worker = worker;
            this.scratch = CpuMemory.at(memory, (long) worker * scratchSize());
        }

        /** Writes the gradient of a row, or adds it to what is there. */
        private void take(int row, boolean adds, FloatPointer into) {
            FloatPointer d = CpuMemory.at(Objects.requireNonNull(deltas), (long) row * deltaSize());
            if (library != null) {
                FloatPointer xRow = CpuMemory.at(HostArrays.floats(x), (long) row * patches.imageSize());
                library.weightGradient(worker, xRow, d, adds ? scratch : into);
                if (adds) {
                    addScratch(into);
                }
                return;
            }
            HostArrays.read(x, (long) row * image.length, image, image.length);
            patches.gather(image, gathered);
            scratch.put(gathered, 0, gathered.length);
            d.get(delta, 0, delta.length);
            FloatPointer own = CpuMemory.at(scratch, patches.size());
            own.put(delta, 0, delta.length);
            CpuConvolution.weightGradient(blas, geometry, scratch, own, adds ? 1 : 0, into);
        }

        private void addScratch(FloatPointer into) {
            var sum = new float[rowLength];
            var one = new float[rowLength];
            into.get(sum, 0, rowLength);
            scratch.get(one, 0, rowLength);
            for (int j = 0; j < rowLength; j++) {
                sum[j] += one[j];
            }
            into.put(sum, 0, rowLength);
        }

        /** {@code into} = the sum of the gradients of the copies of an example. */
        void sumOfCopies(int example, int copies, int examples, FloatPointer into) {
            for (int k = 0; k < copies; k++) {
                take(k * examples + example, k > 0, into);
            }
        }
    }

    /** Each block sums its rows in memory of its own, in single precision if that is allowed; the blocks are added in order, in double precision. */
    private double sumAgain(double[] weights, double[] total, double allowance) {
        int examples = weights.length;
        double norm = RowSums.total(weights, norms);
        double bound = RowSums.floatBound(norm, examples, total.length);
        int block = bound <= allowance ? RowSums.BLOCK : 1;
        int round = BLOCKS * block;
        FloatPointer scratch = patchMemory.ensure((long) ranges.threads() * scratchSize());
        float[][] partial = new float[BLOCKS][total.length];
        var rows = new ParallelRanges.Floats(ranges);
        for (int start = 0; start < examples; start += round) {
            int first = start;
            int count = Math.min(round, examples - first);
            blas.withSingleThreadedProducts(() -> ranges.run(count, block, (worker, from, to) -> {
                var products = new Products(worker, scratch);
                float[] own = partial[from / block];
                Arrays.fill(own, 0);
                float[] row = rows.get(worker, own.length);
                try (FloatPointer memory = new FloatPointer(own.length)) {
                    for (int i = first + from; i < first + to; i++) {
                        if (!discarded[i] && weights[i] != 0) {
                            products.sumOfCopies(i, copies, examples, memory);
                            memory.get(row, 0, row.length);
                            addTo(own, row, weights[i]);
                        }
                    }
                }
            }));
            for (int k = 0; k * block < count; k++) {
                for (int j = 0; j < total.length; j++) {
                    total[j] += partial[k][j];
                }
            }
        }
        return block == 1 ? RowSums.doubleBound(norm, examples) : bound;
    }

    private static void addTo(float[] sum, float[] row, double weight) {
        WeightedSteps.scale(row, 0, row.length, weight);
        for (int j = 0; j < sum.length; j++) {
            sum[j] += row[j];
        }
    }

    /** Adds a gradient as it is held to the weights' part [outChannels, patchSize] of a gradient. */
    private void add(double[] gradient, Map<String, INDArray> parameters) {
        double[] turned = new double[Math.toIntExact(geometry.weights())];
        if (library != null) {
            int[] places = library.places();
            for (int j = 0; j < places.length; j++) {
                if (places[j] >= 0) {
                    turned[places[j]] = gradient[j];
                }
            }
        } else {
            int outs = geometry.outChannels();
            int size = geometry.patchSize();
            for (int o = 0; o < outs; o++) {
                for (int k = 0; k < size; k++) {
                    turned[o * size + k] = gradient[k * outs + o];
                }
            }
        }
        Sums.add(Sums.parameter(parameters, ConvolutionParamInitializer.WEIGHT_KEY), turned, 0);
    }

    private void addBias(double[] weights, INDArray bias) {
        int channels = geometry.outChannels();
        double[] sum = new double[channels];
        for (int i = 0; i < weights.length; i++) {
            if (weights[i] != 0) {
                for (int c = 0; c < channels; c++) {
                    sum[c] += weights[i] * biasGradients[i * channels + c];
                }
            }
        }
        Sums.add(bias, sum, 0);
    }

    @Override
    public void addRow(int example, Map<String, INDArray> row) {
        var gradient = new float[rowLength];
        if (gradients != null) {
            CpuMemory.at(gradients, (long) example * gradient.length).get(gradient, 0, gradient.length);
        } else if (!discarded[example]) {
            try (FloatPointer sum = new FloatPointer(gradient.length)) {
                new Products(0, patchMemory.ensure(scratchSize())).sumOfCopies(example, copies, norms.length, sum);
                sum.get(gradient, 0, gradient.length);
            }
        }
        double[] values = new double[gradient.length];
        for (int j = 0; j < values.length; j++) {
            values[j] = gradient[j];
        }
        add(values, row);
        if (biasGradients.length > 0) {
            var weights = new double[norms.length];
            weights[example] = 1;
            addBias(weights, Sums.parameter(row, ConvolutionParamInitializer.BIAS_KEY));
        }
    }
}
