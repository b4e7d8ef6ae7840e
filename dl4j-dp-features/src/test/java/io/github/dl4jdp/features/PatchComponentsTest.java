// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class PatchComponentsTest {
    /** Two groups of two numbers: deviations from (1, 2) by 3 and 1, and from (0, 4) by 2 and 0.1; one number at a time. */
    private static float[][][] drawn() {
        return new float[][][] {
            {{4, 2}, {0, 4}},
            {{-2, 2}, {0, 4}},
            {{1, 3}, {0, 4}},
            {{1, 1}, {0, 4}},
            {{1, 2}, {2, 4}},
            {{1, 2}, {-2, 4}},
            {{1, 2}, {0, 4.1f}},
            {{1, 2}, {0, 3.9f}},
        };
    }

    @Test
    void project_knownDeviations_keepsTheLargestOfAllGroupsAndScalesThem() {
        PatchComponents components = new PatchComponents(drawn(), 3);

        float[] out = components.project(new float[][][] {{{4, 3}, {2, 104}}})[0];

        assertThat(out).hasSize(3);
        assertThat(components.sizes()).containsExactly(2, 1);
        // Sums of squares are 18, 2 and 8 (and 0.02); a direction's sign is free.
        double damping = 0.0005 * 18;
        assertThat(Math.abs(out[0])).isCloseTo((float) (3 / Math.sqrt(18 + damping)), within(1e-5f));
        assertThat(Math.abs(out[1])).isCloseTo((float) (1 / Math.sqrt(2 + damping)), within(1e-5f));
        assertThat(Math.abs(out[2])).isCloseTo((float) (2 / Math.sqrt(8 + damping)), within(1e-5f));
    }

    @Test
    void project_means_givesZero() {
        PatchComponents components = new PatchComponents(drawn(), 4);

        float[] out = components.project(new float[][][] {{{1, 2}, {0, 4}}})[0];

        assertThat(out).containsOnly(new float[] {0}, within(1e-6f));
    }
}
