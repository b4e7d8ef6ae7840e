// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.gradient.HostArrays;
import io.github.dl4jdp.core.random.GaussianNoise;
import io.github.dl4jdp.core.random.RandomStreams;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Adds its noise to a clipped sum and writes it into the network's gradient view: the only way out for data of the training set. */
final class NoisyRelease {
    private static final String STREAM = "noise";

    /** Coordinates that a thread adds noise to at a time; whole segments of the noise's keystream. */
    private static final int PIECE = 1 << 16;

    /** Coordinates from (inclusive) to (exclusive). */
    private record Piece(int from, int to) {}

    private final List<Piece> pieces;
    private final int threads;
    private final RandomStreams streams;
    private final UnusedStreams unused;
    private final long dimension;
    private final double rounding;
    /** Holds one noised sum after the other. */
    private double[] buffer = new double[0];
    /** Of the noise of the last release, in every coordinate. */
    private double deviation;

    /** @param rounding by what part rounding in the sum may enlarge the sensitivity */
    NoisyRelease(List<TrainableLayer> layers, RandomStreams streams, int threads, double rounding) {
        this.pieces = pieces(layers);
        this.threads = threads;
        this.rounding = rounding;
        this.streams = streams;
        this.unused = new UnusedStreams(streams);
        this.dimension = layers.stream().mapToLong(TrainableLayer::length).sum();
    }

    /** The layers' parameters, neighbours together, cut at multiples of {@link #PIECE}. */
    private static List<Piece> pieces(List<TrainableLayer> layers) {
        var pieces = new ArrayList<Piece>();
        for (int k = 0; k < layers.size(); ) {
            long from = layers.get(k).from();
            long to = from;
            for (; k < layers.size() && layers.get(k).from() == to; k++) {
                to += layers.get(k).length();
            }
            while (from < to) {
                long end = Math.min(to, (from / PIECE + 1) * PIECE);
                pieces.add(new Piece(Math.toIntExact(from), Math.toIntExact(end)));
                from = end;
            }
        }
        return List.copyOf(pieces);
    }

    /** The noise of a coordinate does not depend on the thread that adds it, nor on the piece. */
    private void forEachPiece(Consumer<Piece> action) {
        int workers = Math.min(threads, pieces.size());
        if (workers <= 1) {
            pieces.forEach(action);
            return;
        }
        var next = new AtomicInteger();
        IntStream.range(0, workers).parallel().forEach(worker -> {
            for (int i = next.getAndIncrement(); i < pieces.size(); i = next.getAndIncrement()) {
                action.accept(pieces.get(i));
            }
        });
    }

    /** A noised sum that waits for its charge: it is written to where others see it only then. */
    interface Noised {
        /** Writes it to the network's flattened gradient [1, numParams]. */
        void writeTo(INDArray view);
    }

    /**
     * {@code sum + N(0, sigma^2 C^2 I)} on the parameters that train, and zero on the others.
     *
     * @param sum the clipped sum [numParams], in double precision
     * @param clippingNorm {@code C} in force for this lot
     * @param noiseMultiplier {@code sigma} of this lot
     * @param step number of this release, from 1: the noise of a step is drawn from a stream of its own
     */
    Noised prepare(INDArray sum, double clippingNorm, double noiseMultiplier, long step) {
        var release = noiseMultiplier == 0
                ? null
                : new GaussianNoise(noiseMultiplier, clippingNorm, dimension, rounding)
                        .release(streams, STREAM, unused.next(step));
        int length = Math.toIntExact(sum.length());
        double scale = noiseMultiplier * clippingNorm;
        if (buffer.length != length) {
            buffer = new double[length];
        }
        double[] values = buffer;
        HostArrays.read(sum, 0, values, length);
        if (release != null) {
            forEachPiece(piece -> release.addTo(values, piece.from(), piece.to()));
        }
        requireComplete(release);
        return view -> {
            deviation = scale;
            HostArrays.write(values, view, 0, length);
        };
    }

    private static void requireComplete(GaussianNoise.@Nullable Release release) {
        if (release != null && !release.isComplete()) {
            throw new IllegalStateException("not every trainable parameter got noise; nothing was released");
        }
    }

    /** The number of parameters that get noise. */
    long dimension() {
        return dimension;
    }

    /**
     * The squared length of the sum against that of its noise, estimated from what was released: post-processing. Unbiased, and therefore
     * negative now and then.
     */
    double signalToNoisePower(INDArray released) {
        double noise = dimension * deviation * deviation;
        double norm = released.norm2Number().doubleValue();
        return norm * norm / noise - 1;
    }
}
