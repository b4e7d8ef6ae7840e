// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.core.data.RandomCropAndFlip.Border;
import io.github.dl4jdp.core.random.RandomStreams;
import java.util.HashMap;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

class RandomCropAndFlipTest {
    private static final int HEIGHT = 4;
    private static final int WIDTH = 7;
    private static final int MARGIN = 2;

    private static RandomGenerator random(int seed) {
        return RandomStreams.seeded(seed).stream("test", 0);
    }

    /** Pixels 1, 2, 3 ...: none is zero, no two are the same. */
    private static INDArray picture(DataType type) {
        return Nd4j.arange(1, 2 * HEIGHT * WIDTH + 1).castTo(type).reshape(1, 2, HEIGHT, WIDTH);
    }

    /** The pixel at a place that may lie outside. */
    private static double pixel(INDArray picture, Border border, int channel, int y, int x) {
        if (border == Border.ZEROS && (y < 0 || y >= HEIGHT || x < 0 || x >= WIDTH)) {
            return 0;
        }
        return picture.getDouble(0, channel, reflected(y, HEIGHT), reflected(x, WIDTH));
    }

    private static int reflected(int at, int size) {
        return at < 0 ? -at : at >= size ? 2 * size - 2 - at : at;
    }

    private static boolean isCrop(INDArray crop, INDArray of, Border border, int down, int right, boolean flip) {
        for (int c = 0; c < 2; c++) {
            for (int y = 0; y < HEIGHT; y++) {
                for (int x = 0; x < WIDTH; x++) {
                    double expected = pixel(of, border, c, y + down, (flip ? WIDTH - 1 - x : x) + right);
                    if (crop.getDouble(0, c, y, x) != expected) {
                        return false;
                    }
                }
            }
        }
        return true;
    }

    /**
     * Every shift and flip, each as often as the others: 50 of them, 5000 crops, each count binomial of mean 100 and deviation 9.9. Beyond 60 or
     * 150: less than once in 10,000 seeds for all of them together.
     */
    @ParameterizedTest
    @EnumSource
    void augment_manyTimes_givesEveryCropEquallyOften(Border border) {
        var augmentation = new RandomCropAndFlip(MARGIN).withBorder(border);
        RandomGenerator random = random(1);
        INDArray picture = picture(DataType.FLOAT);
        var counts = new HashMap<String, Integer>();
        for (int i = 0; i < 5000; i++) {
            INDArray crop = augmentation.augment(picture.dup(), random);
            counts.merge(crop.reshape(crop.length()).toString(), 1, Integer::sum);
        }
        assertThat(counts.values()).hasSize(50).allSatisfy(count -> assertThat(count)
                .isBetween(60, 150));
    }

    @ParameterizedTest
    @EnumSource
    void augment_everyCrop_isAShiftedPictureWithItsBorder(Border border) {
        for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
            RandomGenerator random = random(2);
            INDArray picture = picture(type);
            for (int i = 0; i < 50; i++) {
                INDArray crop = new RandomCropAndFlip(MARGIN).withBorder(border).augment(picture.dup(), random);
                int matches = 0;
                for (int down = -MARGIN; down <= MARGIN; down++) {
                    for (int right = -MARGIN; right <= MARGIN; right++) {
                        matches += isCrop(crop, picture, border, down, right, false) ? 1 : 0;
                        matches += isCrop(crop, picture, border, down, right, true) ? 1 : 0;
                    }
                }
                assertThat(matches).isOne();
            }
        }
    }

    @Test
    void augment_partOfABatch_leavesTheOthersAlone() {
        INDArray batch = Nd4j.concat(0, picture(DataType.FLOAT), picture(DataType.FLOAT), picture(DataType.FLOAT));
        INDArray own = batch.get(NDArrayIndex.interval(1, 2));
        assertThat(new RandomCropAndFlip(1).augment(own, random(5))).isSameAs(own);
        assertThat(batch.get(NDArrayIndex.interval(0, 1))).isEqualTo(picture(DataType.FLOAT));
        assertThat(batch.get(NDArrayIndex.interval(2, 3))).isEqualTo(picture(DataType.FLOAT));
        assertThat(own).isNotEqualTo(picture(DataType.FLOAT));
    }

    @Test
    void augment_noMarginNoFlip_changesNothing() {
        INDArray picture = picture(DataType.DOUBLE);
        var still = new RandomCropAndFlip(0).withoutFlips();
        for (int i = 0; i < 10; i++) {
            assertThat(still.augment(picture.dup(), random(i))).isEqualTo(picture);
        }
        assertThat(new RandomCropAndFlip(4)).isEqualTo(new RandomCropAndFlip(4, Border.REFLECTION, true));
    }

    @Test
    void augment_sameStream_givesTheSameCopy() {
        var augmentation = new RandomCropAndFlip(1);
        INDArray one = augmentation.augment(picture(DataType.DOUBLE), random(3));
        assertThat(augmentation.augment(picture(DataType.DOUBLE), random(3)).distance2(one))
                .isCloseTo(0, within(0.0));
    }

    @Test
    void augment_whatIsNoPicture_isRefused() {
        assertThatThrownBy(() -> new RandomCropAndFlip(-1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("margin must be at least 0, was -1");
        var augmentation = new RandomCropAndFlip(4);
        assertThatThrownBy(() -> augmentation.augment(Nd4j.zeros(1, 16), random(1)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("images [1, channels, height, width], were of the shape [1, 16]");
        assertThatThrownBy(() -> augmentation.augment(picture(DataType.FLOAT), random(1)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("margin must be below height and width")
                .hasMessageContaining("was 4 for images of 4 x 7");
    }
}
