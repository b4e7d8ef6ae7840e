// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class ResamplingTest {
    @Test
    void apply_sameSize_returnsTheImage() {
        float[] image = {1, 2, 3, 4};

        assertThat(new Resampling(2, 2, 2, 2).apply(image)).isSameAs(image);
    }

    @Test
    void apply_halfTheSize_weighsTheOldPixelsByDistance() {
        float[] image = {8, 16, 24, 48};

        // The new pixels are at 0.5 and 2.5 old ones: weights of 3, 3 and 1 quarters, of what is inside.
        assertThat(new Resampling(1, 4, 1, 2).apply(image))
                .containsExactly(new float[] {(3 * 8 + 3 * 16 + 24) / 7f, (16 + 3 * 24 + 3 * 48) / 7f}, within(1e-5f));
    }

    @Test
    void apply_twiceTheSize_interpolatesBetweenNeighbors() {
        float[] image = {0, 4, 0, 4};

        float[] out = new Resampling(2, 2, 4, 4).apply(image);

        assertThat(Arrays.copyOfRange(out, 0, 4)).containsExactly(new float[] {0, 1, 3, 4}, within(1e-5f));
        assertThat(Arrays.copyOfRange(out, 12, 16)).containsExactly(new float[] {0, 1, 3, 4}, within(1e-5f));
    }

    @Test
    void apply_channels_areResampledEachAlone() {
        float[] image = {1, 1, 1, 1, 5, 5, 5, 5};

        float[] out = new Resampling(2, 2, 3, 3).apply(image);

        assertThat(Arrays.copyOfRange(out, 0, 9)).containsOnly(new float[] {1}, within(1e-6f));
        assertThat(Arrays.copyOfRange(out, 9, 18)).containsOnly(new float[] {5}, within(1e-6f));
    }

    @Test
    void apply_mirroredImage_isTheMirroredResult() {
        float[] image = {1, 7, 3, 9, 2};
        float[] mirrored = {2, 9, 3, 7, 1};

        float[] out = new Resampling(1, 5, 1, 8).apply(image);
        float[] other = new Resampling(1, 5, 1, 8).apply(mirrored);

        for (int i = 0; i < 8; i++) {
            assertThat(other[i]).isCloseTo(out[7 - i], within(1e-5f));
        }
    }
}
