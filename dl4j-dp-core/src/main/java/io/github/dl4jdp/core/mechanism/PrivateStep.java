// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.core.gradient.LayerTape;
import io.github.dl4jdp.core.internal.Require;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.ParallelRanges;
import io.github.dl4jdp.core.internal.arrays.Rounding;
import io.github.dl4jdp.core.random.GaussianNoise;
import io.github.dl4jdp.core.random.NoiseMixer;
import io.github.dl4jdp.core.random.RandomStreams;
import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.LongUnaryOperator;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The one door: the training data reach anything that others see through {@link Lot#release} alone.
 *
 * <h2>Formal guarantee</h2>
 *
 * A lot of number t, drawn by {@link #draw}, releases
 *
 * <pre>
 *   (1/L) ( sum over i in the lot of r_i  +  N(0, sigma^2 C^2 (1 + a)^2 I) ),     ||r_i|| &lt;= C (1 + own)
 * </pre>
 *
 * (with correlated noise, {@code ( sum r_i + n_t ) / L}, {@code n_t} mixed from draws of that deviation by the coefficients of {@link io.github.dl4jdp.accountant.CorrelationMatrix}) on the coordinates that train and zero on the others, {@code r_i} depending on example i, the parameters and the lot's key alone; and with adaptive clipping the noised count
 * that moves C. {@link ClippedSum} bounds the {@code r_i} and what rounding adds, {@link GaussianNoise} pays for both. Every release is paid for by a {@link Charge}, which is recorded before
 * anything is written: a crash in between over-counts.
 */
public final class PrivateStep {
    private static final String NOISE = "noise";
    private static final String COUNT_NOISE = "clipping norm";
    /** Coordinates that a thread adds noise to at a time; whole segments of the noise's keystream. */
    private static final int PIECE = 1 << 14;
    /** More than rounding ever adds to what one example contributes, as a part of C. */
    private static final double LARGEST_ALLOWANCE = 0.125;
    /** Lots that can be asked for again without drawing them again: the one at hand, and one that is read ahead. */
    private static final int DRAWN = 2;
    /** How far an adaptive norm may wander from where it began: numbers beyond are of no use. A public bound, so applying it is post-processing. */
    private static final double LARGEST_CHANGE = 1e12;
    /** Of the grid of a sum without noise: a lot of 256 times the expected size still keeps below the largest number of units. */
    private static final int NOISELESS_BITS = 44;

    private final Mechanism mechanism;
    private final RandomStreams streams;
    private final UnusedStreams noiseStreams;
    private final UnusedStreams countStreams;
    private final List<Piece> pieces;
    private final int threads;
    private final long dimension;
    private final double rounding;
    private final int length;
    private final @Nullable ClippedSum local;
    private final @Nullable NoiseMixer mixer;
    private final Map<Drawn, long[]> drawn = new LinkedHashMap<>();
    private double clippingNorm;
    /** Holds one noised sum after the other. */
    private double[] buffer = new double[0];
    /** Of the noise of the last release, in every coordinate. */
    private double deviation;

    /** Coordinates from (inclusive) to (exclusive). */
    private record Piece(int from, int to) {}

    private record Drawn(long lot, long examples) {}

    /**
     * The door of one run of a network.
     *
     * @param clippingNorm C of the next lot: the mechanism's own, or where adaptive clipping had come to
     * @param layers the layers that train, in the order of the parameters
     * @param numParams of the network, frozen ones included
     * @param dataType the network's
     * @param threads the most that add noise
     */
    public PrivateStep(
            Mechanism mechanism,
            RandomStreams streams,
            double clippingNorm,
            List<TrainableLayer> layers,
            long numParams,
            DataType dataType,
            int threads) {
        this(
                mechanism,
                streams,
                clippingNorm,
                pieces(layers),
                numParams,
                Rounding.allowance(dataType, mechanism.lotSize()),
                new ClippedSum(
                        mechanism.clipping(), mechanism.copies(), mechanism.lotSize(), layers, numParams, dataType),
                threads);
    }

    /**
     * The door of one run whose sums are all computed elsewhere.
     *
     * @param numParams the length of the sums
     * @param allowance by what part of C rounding may enlarge what one example adds to a sum, in [0, 0.125]
     */
    public PrivateStep(Mechanism mechanism, RandomStreams streams, long numParams, double allowance) {
        this(mechanism, streams, mechanism.clipping().norm(), pieces(0, numParams), numParams, allowance, null, 1);
    }

    private PrivateStep(
            Mechanism mechanism,
            RandomStreams streams,
            double clippingNorm,
            List<Piece> pieces,
            long numParams,
            double rounding,
            @Nullable ClippedSum local,
            int threads) {
        this.mechanism = mechanism;
        this.streams = streams;
        this.noiseStreams = new UnusedStreams(streams);
        this.countStreams = new UnusedStreams(streams);
        this.pieces = pieces;
        this.threads = threads;
        this.dimension =
                pieces.stream().mapToLong(piece -> piece.to() - piece.from()).sum();
        this.rounding = rounding;
        this.length = Math.toIntExact(numParams);
        this.local = local;
        this.clippingNorm = Require.positive("clippingNorm", clippingNorm);
        this.mixer = mechanism.correlation().isEmpty() || mechanism.noiseMultiplier() == 0
                ? null
                : new NoiseMixer(
                        mechanism.matrix().weights(),
                        mechanism.correlation().get().noise().isBanded());
    }

    /**
     * Continues the correlated noise of a seeded run that has released so many lots: what later noise is mixed with is drawn again. Without a seed, the keys are gone, and the noise begins anew: {@link Charges} charge for that.
     */
    public void continueAfter(long lots) {
        if (mixer == null || streams.isSecure()) {
            return;
        }
        GaussianNoise noise = noise(mechanism, mechanism.noiseMultiplier(), clippingNorm, dimension, rounding);
        for (long lot = 1; lot <= lots; lot++) {
            var release = noise.release(streams, NOISE, lot);
            mixer.begin(length);
            long[] nothing = new long[length];
            double[] dropped = new double[length];
            forEachPiece(piece -> release.addTo(nothing, dropped, piece.from(), piece.to(), mixer));
            mixer.keep(release);
        }
    }

    /** The releases that later noise is mixed from, or would be if the matrix looked back as far: the charges since it began. */
    public long mixed() {
        return mixer == null ? 0 : mixer.kept();
    }

    /**
     * Writes all that the noise of later lots is mixed with, as secret as the data; nothing where noise is independent.
     *
     * @throws IOException if it cannot be written
     */
    public void writeNoise(DataOutput out) throws IOException {
        if (mixer != null) {
            mixer.write(out);
        }
    }

    /**
     * Goes on with the correlated noise of a run of this mechanism that stopped. Each lot to come gets draws of this run's own key: what was drawn before is taken back, and never given to another sum.
     *
     * @param in what that run wrote
     * @throws IOException if it cannot be read
     * @throws IllegalStateException if a lot was released, or the noise is independent
     */
    public void readNoise(DataInput in) throws IOException {
        if (mixer == null) {
            throw new IllegalStateException("noise must be correlated to go on, was independent");
        }
        mixer.read(in, noise(mechanism, mechanism.noiseMultiplier(), clippingNorm, dimension, rounding));
    }

    /** The draws of one release. */
    private static GaussianNoise noise(
            Mechanism mechanism, double sigma, double norm, long dimension, double allowance) {
        return new GaussianNoise(sigma, norm, dimension, allowance, mechanism.mixingRounding());
    }

    /**
     * Refuses what cannot be carried out, before anything is changed: every noise of the run must be one that can be drawn.
     *
     * @param layers how many layers train
     * @param dimension how many parameters train
     * @throws IllegalArgumentException if a noise cannot be drawn, or the clipping norms are those of another number of layers
     */
    public static void requireFeasible(Mechanism mechanism, int layers, long dimension) {
        double change = 1;
        if (mechanism.clipping() instanceof Clipping.PerLayer perLayer) {
            LotClipping.bounds(perLayer, layers);
        }
        if (mechanism.noiseMultiplier() == 0) {
            return;
        }
        if (mechanism.clipping() instanceof Clipping.Adaptive adaptive) {
            countNoise(adaptive, mechanism);
            change = LARGEST_CHANGE;
        }
        for (NoiseSchedule.Stage stage : mechanism.noiseSchedule().stages()) {
            if (stage.from() <= mechanism.chargesFor(mechanism.steps())) {
                double sigma = mechanism.noiseMultiplier(stage.from());
                requireNoise(mechanism, sigma, mechanism.clipping().norm() / change, dimension);
                requireNoise(mechanism, sigma, mechanism.clipping().norm() * change, dimension);
            }
        }
    }

    private static void requireNoise(Mechanism mechanism, double noiseMultiplier, double norm, long dimension) {
        try {
            noise(mechanism, noiseMultiplier, norm, dimension, LARGEST_ALLOWANCE);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "the plan's noise cannot be drawn: " + e.getMessage() + "; the network trains " + dimension
                            + " parameters, use a noise multiplier below "
                            + 0x1p25 / Math.sqrt((double) dimension) / (1 + mechanism.mixingRounding() / 2)
                            + " and a clipping norm near the norms of the gradients",
                    e);
        }
    }

    /** The layers' parameters, neighbors together, cut at multiples of {@link #PIECE}. */
    private static List<Piece> pieces(List<TrainableLayer> layers) {
        var pieces = new ArrayList<Piece>();
        for (int k = 0; k < layers.size(); ) {
            long from = layers.get(k).from();
            long to = from;
            for (; k < layers.size() && layers.get(k).from() == to; k++) {
                to += layers.get(k).length();
            }
            pieces.addAll(pieces(from, to));
        }
        return List.copyOf(pieces);
    }

    private static List<Piece> pieces(long first, long to) {
        var pieces = new ArrayList<Piece>();
        for (long from = first; from < to; ) {
            long end = Math.min(to, (from / PIECE + 1) * PIECE);
            pieces.add(new Piece(Math.toIntExact(from), Math.toIntExact(end)));
            from = end;
        }
        return pieces;
    }

    /** The noise of a coordinate does not depend on the thread that adds it, nor on the piece. */
    private void forEachPiece(Consumer<Piece> action) {
        new ParallelRanges(threads).run(pieces.size(), 1, (worker, from, to) -> action.accept(pieces.get(from)));
    }

    /** The clipping norm {@code C} of the next lot; released, and therefore public. */
    public double clippingNorm() {
        return clippingNorm;
    }

    /**
     * The members of a lot, ascending.
     *
     * @param lot its number, from 1
     * @param size of the data set
     */
    public long[] draw(long lot, long size) {
        long[] members = drawn.computeIfAbsent(new Drawn(lot, size), key -> drawAnew(lot, size));
        if (drawn.size() > DRAWN) {
            drawn.remove(drawn.keySet().iterator().next());
        }
        return members.clone();
    }

    private long[] drawAnew(long lot, long size) {
        return mechanism.sampling() == Sampling.RANDOM_ALLOCATION
                ? mechanism.drawOfPass(streams.passKey(mechanism.passOf(lot)), lot, 0, size)
                : mechanism.draw(streams.lotKey(lot), lot, 0, size, size);
    }

    /**
     * The rows of members of a lot that are in it, see {@link Mechanism#drawRows}.
     *
     * @param lot its number, from 1
     * @param members of the lot
     * @param rows how many rows a member has, by its number
     */
    public long[][] drawRows(long lot, long[] members, LongUnaryOperator rows) {
        return mechanism.drawRows(streams.lotKey(lot), members, rows);
    }

    /**
     * Opens the sum of one release. Another one that is open and was not released is dropped.
     *
     * @param charge what it is paid with
     * @param lot number of the lot, from 1
     * @param release number of the release about this lot, from 0
     */
    public Lot open(Charge charge, long lot, long release) {
        return new Lot(charge, lot, release);
    }

    /** One release on its way: the sum of a lot or of one of its segments, until it is noised. */
    public final class Lot {
        private final Charge charge;
        private final long lot;
        private final long release;
        private final double norm = clippingNorm;
        private final @Nullable GaussianNoise noise;
        private final double gridStep;
        /** The parts that are complete, on the grid; empty while there is none. */
        private long[] units = {};

        private long shiftedCount;
        private long examples;
        private boolean isSpent;
        private GaussianNoise.@Nullable Release draws;

        private Lot(Charge charge, long lot, long release) {
            this.charge = charge;
            this.lot = lot;
            this.release = release;
            double sigma = charge.noiseMultiplier();
            this.noise = sigma == 0 ? null : noise(mechanism, sigma, norm, dimension, rounding);
            this.gridStep = noise == null
                    ? Math.scalb(norm, 64 - Long.numberOfLeadingZeros(mechanism.lotSize()) - NOISELESS_BITS)
                    : noise.gridStep();
            if (local != null) {
                local.begin(norm);
            }
        }

        private ClippedSum sum() {
            if (local == null) {
                throw new IllegalStateException("the sums of this run are computed elsewhere");
            }
            return local;
        }

        /** What parts of this lot are computed from. */
        public LotTask task(int iteration, int epoch) {
            return new LotTask(streams.lotKey(lot), lot, norm, gridStep, iteration, epoch);
        }

        /** The unit of the grid that parts of this lot must be summed on. */
        public double gridStep() {
            return gridStep;
        }

        /**
         * Clips and adds the gradients of one physical batch.
         *
         * @param tapes one for each layer that trains, of all copies of the examples
         * @param counted how many of the batch's examples count: the rest pad an empty lot and contribute nothing, whatever they hold
         * @param rows number of examples of the batch
         */
        public void add(List<LayerTape> tapes, int counted, int rows) {
            add(tapes, counted, rows, 1);
        }

        /**
         * As {@link #add(List, int, int)}, for members of several rows.
         *
         * @param each how many rows every member in the batch has
         */
        public void add(List<LayerTape> tapes, int counted, int rows, int each) {
            sum().add(tapes, counted, rows, each);
        }

        /** Ends a part of the lot: what was added since the last one is brought to the grid. */
        public void endShard() {
            add(sum().onGrid(gridStep));
            sum().begin(norm);
        }

        /**
         * Adds a part that was summed elsewhere.
         *
         * @throws IllegalArgumentException if it is on another grid, was clipped to another norm, or is not of as many parameters
         * @throws IllegalStateException if the sum leaves the range of 64 bits: the noise multiplier is far too small for the lot size
         */
        public void add(ShardSum part) {
            Require.that(
                    part.gridStep() == gridStep && part.clippingNorm() == norm,
                    "a part of lot " + lot + " must be clipped to " + norm + " and on the grid of step " + gridStep
                            + ", was clipped to " + part.clippingNorm() + " and on that of step " + part.gridStep());
            long[] more = part.units();
            Require.that(
                    more.length == length,
                    "a part of lot " + lot + " must have a value for each of the " + length + " parameters, had "
                            + more.length);
            requireBounded(part);
            if (units.length == 0) {
                units = more.clone();
            } else {
                try {
                    for (int i = 0; i < more.length; i++) {
                        units[i] = Math.addExact(units[i], more[i]);
                    }
                } catch (ArithmeticException e) {
                    throw new IllegalStateException(
                            "the sum of lot " + lot + " must stay below 2^63 grid steps; raise the noise multiplier",
                            e);
                }
            }
            shiftedCount += part.shiftedCount();
            examples += part.examples();
        }

        /** No part is longer than its examples can make it: one that is was not clipped, or is not of this lot. */
        private void requireBounded(ShardSum part) {
            double squares = 0;
            for (long value : part.units()) {
                double length = value * gridStep;
                squares += length * length;
            }
            double most = part.examples() * norm * (1 + LARGEST_ALLOWANCE) + gridStep * Math.sqrt((double) length);
            Require.that(
                    Math.sqrt(squares) <= most,
                    "a part of lot " + lot + " must have a norm of at most " + most + ", for " + part.examples()
                            + " examples clipped to " + norm + ", had a larger one; nothing of this lot was released");
        }

        /**
         * Adds the noise, divides by L, has the charge recorded, and writes the result. Everything that can fail comes before the record; after it, numbers are copied.
         *
         * @param view the network's flattened gradient [1, numParams], which is overwritten
         * @throws IllegalStateException if it was released before, or the charge does not pay for it
         */
        public void release(INDArray view) {
            Require.that(
                    view.length() == length,
                    "view must have " + length + " values, had " + view.length() + "; nothing was released");
            double[] values = release();
            new ParallelRanges(threads)
                    .run(length, PIECE, (worker, from, to) -> HostArrays.write(values, from, view, from, to - from));
        }

        /** As {@link #release(INDArray)}, to an array [numParams] that the next release fills again. */
        public double[] release() {
            Require.state(!isSpent, "lot " + lot + " was already released, or its release failed: open it again");
            isSpent = true;
            boolean isFirst = release == 0;
            long number = (lot - 1) * mechanism.releasesPerLot() + release + 1;
            double[] values = noised(number);
            double next = isFirst ? nextNorm() : norm;
            charge.pay(isFirst, lot, examples + (local == null ? 0 : local.examples()));
            if (mixer != null && draws != null) {
                mixer.keep(draws);
            }
            deviation = charge.noiseMultiplier() * norm / mechanism.lotSize();
            clippingNorm = next;
            return values;
        }

        private double[] noised(long number) {
            if (buffer.length != length) {
                buffer = new double[length]; // zero where nothing trains
            }
            double[] values = buffer;
            if (mixer != null) {
                mixer.begin(length);
                if (units.length == 0) {
                    units = new long[length];
                }
            }
            boolean hasParts = units.length > 0;
            var release = noise == null ? null : noise.release(streams, NOISE, noiseStreams.next(number));
            double divisor = mechanism.lotSize();
            forEachPiece(piece -> {
                int from = piece.from();
                int to = piece.to();
                if (local == null) {
                    Arrays.fill(values, from, to, 0);
                } else {
                    HostArrays.read(local.sum(), from, values, from, to - from);
                }
                if (hasParts) {
                    for (int i = from; i < to; i++) {
                        units[i] = Math.addExact(units[i], GaussianNoise.units(values[i], gridStep));
                        values[i] = units[i] * gridStep;
                    }
                }
                if (release != null && mixer != null) {
                    release.addTo(units, values, from, to, mixer);
                } else if (release != null && hasParts) {
                    release.addTo(units, values, from, to);
                } else if (release != null) {
                    release.addTo(values, from, to);
                }
                for (int i = from; i < to; i++) {
                    values[i] /= divisor;
                }
            });
            draws = release;
            Require.state(
                    release == null || release.isComplete(),
                    "not every trainable parameter received noise; nothing was released");
            return values;
        }

        /** {@code C} of the next lot: the count with its noise decides on it. */
        private double nextNorm() {
            if (!(mechanism.clipping() instanceof Clipping.Adaptive adaptive)) {
                return norm;
            }
            double[] count = {(shiftedCount + (local == null ? 0 : local.shiftedCount())) * LotClipping.COUNT_STEP};
            if (noise != null) {
                countNoise(adaptive, mechanism)
                        .release(streams, COUNT_NOISE, countStreams.next(lot))
                        .addTo(count, 0, 1);
            }
            double fraction = 0.5 + count[0] / mechanism.lotSize();
            double moved = norm * Math.exp(-adaptive.learningRate() * (fraction - adaptive.quantile()));
            return Math.min(Math.max(moved, adaptive.norm() / LARGEST_CHANGE), adaptive.norm() * LARGEST_CHANGE);
        }
    }

    /** The noise of an adaptive norm's count; it pays for the places of examples in FLOAT networks, which is more than in others. */
    private static GaussianNoise countNoise(Clipping.Adaptive adaptive, Mechanism mechanism) {
        return new GaussianNoise(
                adaptive.requireCountNoise() / LotClipping.COUNT_SENSITIVITY,
                LotClipping.COUNT_SENSITIVITY,
                1,
                LotClipping.countAllowance(Rounding.rows(DataType.FLOAT, mechanism.lotSize())));
    }

    /**
     * The squared length of the sum against that of its noise, estimated from what was released: post-processing. Unbiased, and therefore
     * negative now and then.
     *
     * @param released the gradient view after {@link Lot#release}
     */
    public double signalToNoisePower(INDArray released) {
        double noise = dimension * deviation * deviation;
        double norm = released.norm2Number().doubleValue();
        return norm * norm / noise - 1;
    }

    /** The share of the last lot's examples whose gradient was made smaller, NaN for an empty lot. Private data. */
    public double clippedFraction() {
        return local == null ? Double.NaN : local.clippedFraction();
    }
}
