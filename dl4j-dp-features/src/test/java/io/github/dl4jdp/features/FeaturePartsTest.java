// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class FeaturePartsTest {
    private static final int SIDE = 16;
    private static final PatchOptions SMALL = new PatchOptions(24, 10, 8, 40, 0).withNetwork();
    private static final FeatureParts parts = new FeatureParts(SMALL, 3, SIDE, SIDE, new SplittableRandom(5));

    private final SplittableRandom random = new SplittableRandom(8);
    private final DeadLeaves leaves = new DeadLeaves(random, 2 * SIDE);
    private final DrawnViews views = new DrawnViews(2 * SIDE, SIDE, SIDE);

    @Test
    void options_shares_addUpToOne() {
        for (PatchOptions options : new PatchOptions[] {SMALL, PatchOptions.standard()}) {
            assertThat(Arrays.stream(options.shares()).sum()).isCloseTo(1, within(1e-9));
        }
        assertThat(SMALL.shares()).hasSize(4);
        assertThat(PatchOptions.standard().shares()).hasSize(3);
        assertThat(SMALL.scales().get(0).zoom()).isEqualTo(1);
        assertThat(PatchOptions.standard().at(SMALL.scales().get(0))).isEqualTo(PatchOptions.standard());
    }

    @Test
    void groups_newDrawings_haveTheSharesOfTheSquaredNorm() {
        float[][] images = new float[200][];
        for (int n = 0; n < images.length; n++) {
            images[n] = views.next(leaves.next(), 0, random);
        }

        float[][][] groups = parts.groups(images, new double[SMALL.shares().length]);

        int[] from = new int[groups.length];
        for (int part = 0; part < SMALL.shares().length; part++) {
            int[] sizes = parts.parts.get(part).sizes();
            double squares = 0;
            for (int group = 0; group < groups.length; group++) {
                for (float[] row : groups[group]) {
                    for (int i = from[group]; i < from[group] + sizes[group]; i++) {
                        squares += (double) row[i] * row[i] / images.length;
                    }
                }
                from[group] += sizes[group];
            }
            double share = SMALL.shares()[part];
            assertThat(squares).isBetween(0.8 * share, 1.25 * share);
        }
    }

    @Test
    void extract_viewsOfADrawing_areNearerThanBeforeWhitening() {
        double before = 0;
        double after = 0;
        double allBefore = 0;
        double allAfter = 0;
        float[] previousBefore = null;
        float[] previousAfter = null;
        int length = SMALL.features();
        for (int n = 0; n < 200; n++) {
            float[] picture = leaves.next();
            float[][] pair = {views.next(picture, 0, random), views.next(picture, 0, random)};
            float[] whitened = new float[2 * length];
            parts.extract(pair, length, whitened, 0);
            float[] firstAfter = Arrays.copyOfRange(whitened, 0, length);
            float[] firstBefore = unwhitened(pair[0]);
            before += squaredDistance(firstBefore, unwhitened(pair[1]));
            after += squaredDistance(firstAfter, Arrays.copyOfRange(whitened, length, 2 * length));
            if (previousBefore != null && previousAfter != null) {
                allBefore += squaredDistance(firstBefore, previousBefore);
                allAfter += squaredDistance(firstAfter, previousAfter);
            }
            previousBefore = firstBefore;
            previousAfter = firstAfter;
        }

        assertThat(after / allAfter).isLessThan(before / allBefore);
    }

    private static float[] unwhitened(float[] image) {
        float[][][] groups = parts.groups(new float[][] {image}, new double[SMALL.shares().length]);
        float[] out = new float[SMALL.features()];
        int next = 0;
        for (float[][] group : groups) {
            System.arraycopy(group[0], 0, out, next, group[0].length);
            next += group[0].length;
        }
        return out;
    }

    private static double squaredDistance(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (double) (a[i] - b[i]) * (a[i] - b[i]);
        }
        return sum;
    }
}
