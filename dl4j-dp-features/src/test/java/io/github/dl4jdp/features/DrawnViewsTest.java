// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class DrawnViewsTest {
    private static final int SIZE = 32;

    private final DrawnViews views = new DrawnViews(SIZE, 16, 16);

    /** The first channel has a pixel's row, the second its column. */
    private static float[] coordinates() {
        float[] out = new float[2 * SIZE * SIZE];
        for (int i = 0; i < SIZE * SIZE; i++) {
            out[i] = Math.floorDiv(i, SIZE);
            out[SIZE * SIZE + i] = i % SIZE;
        }
        return out;
    }

    @Test
    void next_eachPart_showsThePlacesAroundItsMiddle() {
        SplittableRandom random = new SplittableRandom(1);
        for (int part = 0; part < 4; part++) {
            double row = 0;
            double column = 0;
            for (int n = 0; n < 200; n++) {
                float[] view = views.next(coordinates(), part, random);
                assertThat(view).hasSize(2 * 256);
                for (int i = 0; i < 256; i++) {
                    row += view[i] / 256 / 200;
                    column += view[256 + i] / 256 / 200;
                }
            }
            // Shifts of at most 2.5 pixels average to 0.1; what would leave the picture stays at its border.
            assertThat(row).isBetween(part / 2 * 16 + 6.5, part / 2 * 16 + 8.5);
            assertThat(column).isBetween(part % 2 * 16 + 6.5, part % 2 * 16 + 8.5);
        }
    }

    @Test
    void next_neighborsInTheView_areNeighborsInThePictureTurnedAndZoomed() {
        SplittableRandom random = new SplittableRandom(2);
        double least = 10;
        double most = 0;
        for (int n = 0; n < 100; n++) {
            float[] view = views.next(coordinates(), 0, random);
            int middle = 8 * 16 + 8;
            double down = view[middle + 1] - view[middle];
            double across = view[256 + middle + 1] - view[256 + middle];
            double step = Math.hypot(down, across);
            assertThat(step).isBetween(Math.exp(-0.4) - 1e-3, Math.exp(0.4) + 1e-3);
            assertThat(Math.abs(Math.toDegrees(Math.atan2(down, across)))).isLessThan(15.01);
            least = Math.min(least, step);
            most = Math.max(most, step);
        }
        assertThat(most / least).isGreaterThan(1.5);
    }

    @Test
    void next_sameSeed_givesTheSameView() {
        float[] first = views.next(coordinates(), 1, new SplittableRandom(3));

        assertThat(views.next(coordinates(), 1, new SplittableRandom(3))).isEqualTo(first);
        assertThat(views.next(coordinates(), 1, new SplittableRandom(4))).isNotEqualTo(first);
    }
}
