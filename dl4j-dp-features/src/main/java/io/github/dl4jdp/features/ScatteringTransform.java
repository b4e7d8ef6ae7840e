// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.Locale;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Scattering coefficients of images, by two scales and eight orientations of Morlet wavelets: 81 maps a channel, of a quarter
 * of the height and width.
 *
 * <p>\( S x = \{ x * \phi, \; |x * \psi_{j,\theta}| * \phi, \; ||x * \psi_{0,\theta}| * \psi_{1,\theta'}| * \phi \} \), sampled
 * every four pixels, after padding by reflection. The maps of a channel come in this order: 1 of order zero; 8 orientations of
 * the fine and 8 of the coarse scale; 64 of order two, the fine scale's orientation first. Values are those of Kymatio's {@code
 * Scattering2D(J=2, L=8)} up to rounding.
 *
 * <p>Source: S. Mallat, Group Invariant Scattering, CPAM 2012; E. Oyallon and S. Mallat, Deep Roto-Translation Scattering for
 * Object Classification, CVPR 2015; for private training F. Tramer and D. Boneh, Differentially Private Learning Needs Better
 * Features (or Much More Data), ICLR 2021.
 */
public final class ScatteringTransform implements FeatureExtractor {
    /** Maps a channel: 1 + 2 x 8 + 8 x 8. */
    public static final int PATHS = 81;

    /** Reflection needs more pixels than it pads (up to six). */
    private static final int MIN_SIDE = 8;

    /** Larger images would need a transform that works in tiles: filters are built by plain sums over the whole plane. */
    private static final int MAX_SIDE = 512;

    private final int channels;
    private final ScatteringPlan plan;
    private final ConcurrentLinkedQueue<ScatteringWorker> idleWorkers = new ConcurrentLinkedQueue<>();

    private ScatteringTransform(int channels, ScatteringPlan plan) {
        this.channels = channels;
        this.plan = plan;
    }

    /**
     * Prepares the transform of images of one size.
     *
     * @throws IllegalArgumentException if {@code channels < 1}, or {@code height} or {@code width} is not in [8, 512]
     */
    public static ScatteringTransform of(int channels, int height, int width) {
        if (channels < 1) {
            throw new IllegalArgumentException("channels must be >= 1, was " + channels);
        }
        requireSide("height", height);
        requireSide("width", width);
        return new ScatteringTransform(channels, new ScatteringPlan(height, width));
    }

    private static void requireSide(String name, int side) {
        if (side < MIN_SIDE || side > MAX_SIDE) {
            throw new IllegalArgumentException(name + " must be in [" + MIN_SIDE + ", " + MAX_SIDE + "], was " + side);
        }
    }

    @Override
    public long[] inputShape() {
        return new long[] {channels, plan.height, plan.width};
    }

    @Override
    public long[] outputShape() {
        return new long[] {(long) channels * PATHS, plan.outHeight, plan.outWidth};
    }

    @Override
    public String identity() {
        return String.format(
                Locale.ROOT,
                "scattering Morlet J=%d L=%d order=2 pad=reflect input=%dx%dx%d version=1",
                MorletFilters.SCALES,
                MorletFilters.ORIENTATIONS,
                channels,
                plan.height,
                plan.width);
    }

    /**
     * {@inheritDoc}
     *
     * @param examples images [count, channels, height, width]
     * @return coefficients [count, channels x 81, height / 4, width / 4]
     */
    @Override
    public float[] extract(float[] examples) {
        int plane = plan.height * plan.width;
        if (examples.length % (channels * plane) != 0) {
            throw new IllegalArgumentException(
                    "length of examples must be a multiple of " + channels * plane + ", was " + examples.length);
        }
        int planes = examples.length / plane;
        float[] features = new float[Math.multiplyExact(planes * PATHS, plan.outHeight * plan.outWidth)];
        ScatteringWorker idle = idleWorkers.poll();
        ScatteringWorker worker = idle != null ? idle : new ScatteringWorker(plan);
        for (int start = 0; start < planes; start += ScatteringPlan.LANES) {
            worker.scatter(examples, start, Math.min(ScatteringPlan.LANES, planes - start), features);
        }
        idleWorkers.add(worker);
        return features;
    }
}
