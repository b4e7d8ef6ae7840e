// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.data;

import io.github.dl4jdp.core.internal.arrays.HostArrays;
import java.util.Arrays;
import java.util.Objects;
import java.util.random.RandomGenerator;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Shifts a picture by up to {@code margin} pixels in each direction, and mirrors it left to right in half of all cases: it is surrounded by a border of
 * {@code margin} pixels, and a picture of the old size is cut out at a uniformly drawn place.
 *
 * <p>Source: the augmentation of De et al., Unlocking High-Accuracy Differentially Private Image Classification through Scale, 2022 (arXiv 2204.13650), section 3.3,
 * with a margin of 4.
 *
 * @param margin pixels on each side, at least 0
 * @param border what the border holds
 * @param flips whether pictures are mirrored
 */
public record RandomCropAndFlip(int margin, Border border, boolean flips) implements Augmentation {
    /** What lies around a picture. */
    public enum Border {
        /** Zeros: gray, where pixels are centered. */
        ZEROS,
        /** The picture itself, mirrored at its outermost pixels, which are not repeated. */
        REFLECTION
    }

    /** @throws IllegalArgumentException if {@code margin < 0} */
    public RandomCropAndFlip {
        if (margin < 0) {
            throw new IllegalArgumentException("margin must be at least 0, was " + margin);
        }
        Objects.requireNonNull(border, "border");
    }

    /** Crops with a reflected border, and flips. */
    public RandomCropAndFlip(int margin) {
        this(margin, Border.REFLECTION, true);
    }

    /** This augmentation with another border. */
    public RandomCropAndFlip withBorder(Border border) {
        return new RandomCropAndFlip(margin, border, flips);
    }

    /** This augmentation without mirroring, for what reads in one direction: digits, text. */
    public RandomCropAndFlip withoutFlips() {
        return new RandomCropAndFlip(margin, border, false);
    }

    /**
     * Crops and flips in place.
     *
     * @param features [1, channels, height, width] in c order, FLOAT or DOUBLE
     * @throws IllegalArgumentException if {@code features} has another rank, or the border is a reflection and {@code margin} is not below height and width
     */
    @Override
    public INDArray augment(INDArray features, RandomGenerator random) {
        if (features.rank() != 4) {
            throw new IllegalArgumentException(
                    "features must be images [1, channels, height, width], were of the shape "
                            + Arrays.toString(features.shape()));
        }
        int height = (int) features.size(2);
        int width = (int) features.size(3);
        if (border == Border.REFLECTION && margin >= Math.min(height, width)) {
            throw new IllegalArgumentException("margin must be below height and width to be filled by reflection, was "
                    + margin + " for images of " + height + " x " + width);
        }
        int down = random.nextInt(2 * margin + 1) - margin;
        int right = random.nextInt(2 * margin + 1) - margin;
        boolean flip = flips && random.nextBoolean();
        var from = new double[(int) features.length()];
        var to = new double[from.length];
        HostArrays.read(features, 0, from, from.length);
        int[] columns = new int[width];
        for (int x = 0; x < width; x++) {
            columns[x] = source((flip ? width - 1 - x : x) + right, width);
        }
        int at = 0;
        for (int plane = 0; plane < to.length; plane += height * width) {
            for (int y = 0; y < height; y++) {
                int row = source(y + down, height);
                for (int x = 0; x < width; x++, at++) {
                    if (row >= 0 && columns[x] >= 0) {
                        to[at] = from[plane + row * width + columns[x]];
                    }
                }
            }
        }
        HostArrays.write(to, features, 0, to.length);
        return features;
    }

    /** The pixel that is seen at a place, or -1 for a zero of the border. */
    private int source(int place, int size) {
        if (place >= 0 && place < size) {
            return place;
        }
        if (border == Border.ZEROS) {
            return -1;
        }
        return place < 0 ? -place : 2 * (size - 1) - place;
    }
}
