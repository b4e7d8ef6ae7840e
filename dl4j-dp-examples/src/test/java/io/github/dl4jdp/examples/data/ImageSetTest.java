// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.nd4j.linalg.dataset.DataSet;

class ImageSetTest {
    private static final ImageSet TWO =
            new ImageSet(1, 1, 3, 4, new byte[] {0, 51, (byte) 255, (byte) 204, 102, 0}, new byte[] {3, 1});

    @Test
    void toDataSet_bytes_becomeNumbersFromZeroToOneAndOneHotLabels() {
        DataSet data = TWO.toDataSet();

        assertThat(data.getFeatures().shape()).containsExactly(2, 1, 1, 3);
        assertThat(data.getFeatures().ravel().toFloatVector()).containsExactly(0, 0.2f, 1, 0.8f, 0.4f, 0);
        assertThat(data.getLabels().toFloatMatrix()).isDeepEqualTo(new float[][] {{0, 0, 0, 1}, {0, 1, 0, 0}});
    }

    @Test
    void toDataSet_moreImagesThanOneChunk_keepsTheirOrder() {
        byte[] pixels = new byte[2_500];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (byte) i;
        }
        DataSet data = new ImageSet(1, 1, 1, 1, pixels, new byte[2_500]).toDataSet();

        for (int i = 0; i < pixels.length; i++) {
            assertThat(data.getFeatures().getFloat(i)).isEqualTo((i & 0xff) / 255f);
        }
    }

    @Test
    void first_count_keepsTheFirstImages() {
        ImageSet one = TWO.first(1);

        assertThat(one.size()).isEqualTo(1);
        assertThat(one.label(0)).isEqualTo(3);
        assertThat(one.pixels(0, 1)).containsExactly(0, 0.2f, 1);
        assertThatThrownBy(() -> TWO.first(3)).hasMessageContaining("[1, 2]").hasMessageContaining("3");
        assertThatThrownBy(() -> TWO.first(0)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void constructor_inconsistentArrays_throws() {
        assertThatThrownBy(() -> new ImageSet(1, 2, 2, 2, new byte[7], new byte[2]))
                .hasMessageContaining("= 8 bytes, was 7");
        assertThatThrownBy(() -> new ImageSet(1, 1, 1, 2, new byte[1], new byte[] {2}))
                .hasMessageContaining("[0, 2), was 2");
        assertThatThrownBy(() -> new ImageSet(1, 1, 1, 2, new byte[1], new byte[] {(byte) 200}))
                .hasMessageContaining("was 200");
    }

    @Test
    void pixels_rangeOutside_throws() {
        assertThatThrownBy(() -> TWO.pixels(1, 3)).isInstanceOf(IndexOutOfBoundsException.class);
    }
}
