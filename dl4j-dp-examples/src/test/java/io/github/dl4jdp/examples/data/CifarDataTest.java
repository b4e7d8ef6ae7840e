// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.deeplearning4j.common.resources.DL4JResources;
import org.deeplearning4j.common.resources.ResourceType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CifarDataTest {
    private static final int RECORD = 3073;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    @Test
    void load_binaryFiles_givesRecordsInOrder() throws IOException {
        for (int f = 1; f <= 5; f++) {
            write("data_batch_" + f + ".bin", f, 2);
        }
        write("test_batch.bin", 9, 3);

        TrainTest<ImageSet> cifar = CifarData.load(folder);

        assertThat(cifar.train().size()).isEqualTo(10);
        assertThat(cifar.test().size()).isEqualTo(3);
        assertThat(cifar.train().label(6)).isEqualTo(4);
        float[] seventh = cifar.train().pixels(6, 7);
        assertThat(seventh[0]).isEqualTo(40 / 255f);
        assertThat(seventh[1024]).isEqualTo(41 / 255f);
        assertThat(seventh[2048]).isEqualTo(42 / 255f);
    }

    @Test
    void load_missingFile_saysWhatToDo() {
        assertThatThrownBy(() -> CifarData.load(folder))
                .isInstanceOf(MissingDataException.class)
                .hasMessageContaining("data_batch_1.bin")
                .hasMessageContaining("--data");
    }

    @Test
    void load_truncatedFile_isRefused() throws IOException {
        Files.write(folder.resolve("data_batch_1.bin"), new byte[RECORD - 1]);

        assertThatThrownBy(() -> CifarData.load(folder))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("multiple of 3073, was 3072");
    }

    /**
     * Needs CIFAR-10 where DL4J keeps it and, beside it, the same images as binary files in plain/cifar-10-batches-bin;
     * skipped otherwise. DL4J's order of images and of colors is its own, so images are matched by content.
     */
    @Test
    @Tag("slow")
    void load_dl4jCopy_givesTheImagesOfTheBinaryFiles() throws IOException {
        Path binary = DL4JResources.getBaseDirectory().toPath().resolve("plain/cifar-10-batches-bin");
        SharedData.assumePresent(binary);
        SharedData.assumePresent(DL4JResources.getDirectory(ResourceType.DATASET, "cifar10")
                .toPath()
                .resolve("train"));

        assertThat(byContent(CifarData.load(null).test()))
                .isEqualTo(byContent(CifarData.load(binary).test()));
    }

    private static Map<Integer, Integer> byContent(ImageSet images) {
        Map<Integer, Integer> labels = new HashMap<>();
        for (int i = 0; i < images.size(); i++) {
            labels.merge(Arrays.hashCode(images.pixels(i, i + 1)), images.label(i), Integer::sum);
        }
        return labels;
    }

    private void write(String name, int label, int count) throws IOException {
        byte[] bytes = new byte[count * RECORD];
        for (int r = 0; r < count; r++) {
            bytes[r * RECORD] = (byte) label;
            for (int i = 1; i < RECORD; i++) {
                bytes[r * RECORD + i] = (byte) (10 * label + (i - 1) / 1024);
            }
        }
        Files.write(folder.resolve(name), bytes);
    }
}
