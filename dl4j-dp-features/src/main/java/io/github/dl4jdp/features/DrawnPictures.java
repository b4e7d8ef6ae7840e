// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import io.github.dl4jdp.core.internal.Require;
import java.util.SplittableRandom;

/**
 * Pictures that are drawn by a formula: public examples, for use where private ones must not be used.
 *
 * <p>Pictures of equal sizes and seed are equal, on every machine.
 */
public final class DrawnPictures {
    private DrawnPictures() {}

    /**
     * Discs and rectangles of all sizes that hide one another: edges, corners and spectra are those of photographs.
     *
     * @param channels 1 (gray) or 3 (red, green, blue)
     * @param seed public
     * @return [count, channels, height, width], from 0 to 1
     * @throws IllegalArgumentException if {@code channels} is neither 1 nor 3, or another size is below 1
     */
    public static float[] leaves(int channels, int height, int width, int count, long seed) {
        if (channels != 1 && channels != 3) {
            throw new IllegalArgumentException("channels must be 1 or 3, was " + channels);
        }
        Require.positive("height", height);
        Require.positive("width", width);
        Require.positive("count", count);
        int size = Math.max(height, width);
        DeadLeaves leaves = new DeadLeaves(new SplittableRandom(seed), size);
        int each = channels * height * width;
        float[] out = new float[Math.multiplyExact(count, each)];
        for (int i = 0; i < count; i++) {
            float[] picture = PatchFilters.asChannels(leaves.next(), channels);
            for (int line = 0; line < channels * height; line++) {
                int source = (line / height * size + line % height) * size;
                System.arraycopy(picture, source, out, i * each + line * width, width);
            }
        }
        return out;
    }

    /**
     * One to three curved strokes of a pen, white on black: what handwriting has in common before it means anything.
     *
     * @param seed public
     * @return [count, 1, height, width], from 0 to 1
     * @throws IllegalArgumentException if {@code height}, {@code width} or {@code count} is below 1
     */
    public static float[] strokes(int height, int width, int count, long seed) {
        Require.positive("height", height);
        Require.positive("width", width);
        Require.positive("count", count);
        int each = height * width;
        float[] out = new float[Math.multiplyExact(count, each)];
        PenStrokes pen = new PenStrokes(new SplittableRandom(seed), height, width);
        for (int i = 0; i < count; i++) {
            System.arraycopy(pen.next(), 0, out, i * each, each);
        }
        return out;
    }
}
