// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.deeplearning4j.datasets.iterator.impl.MnistDataSetIterator;
import org.eclipse.deeplearning4j.resources.ResourceDataSets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MnistDataTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    @Test
    void load_plainFiles_givesTheirImages() throws IOException {
        writeAll(28, 5, 3);

        TrainTest<ImageSet> mnist = MnistData.load(folder);

        assertThat(mnist.train().size()).isEqualTo(5);
        assertThat(mnist.test().size()).isEqualTo(3);
        assertThat(mnist.train().label(4)).isEqualTo(4);
        assertThat(mnist.train().pixels(4, 5)[7]).isEqualTo(((4 * 28 * 28 + 7) & 0xff) / 255f);
    }

    @Test
    void load_zippedFiles_givesTheSameImages() throws IOException {
        writeAll(28, 5, 3);
        TrainTest<ImageSet> plain = MnistData.load(folder);
        for (String name : names()) {
            byte[] content = Files.readAllBytes(folder.resolve(name));
            Files.delete(folder.resolve(name));
            try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(folder.resolve(name + ".gz")))) {
                out.write(content);
            }
        }

        TrainTest<ImageSet> zipped = MnistData.load(folder);

        assertThat(zipped.train().pixels(0, 5)).containsExactly(plain.train().pixels(0, 5));
        assertThat(zipped.test().pixels(0, 3)).containsExactly(plain.test().pixels(0, 3));
    }

    @Test
    void load_missingFile_saysWhatToDo() throws IOException {
        writeAll(28, 5, 3);
        Files.delete(folder.resolve("t10k-labels-idx1-ubyte"));

        assertThatThrownBy(() -> MnistData.load(folder))
                .isInstanceOf(MissingDataException.class)
                .hasMessageContaining("t10k-labels-idx1-ubyte")
                .hasMessageContaining("--data");
    }

    @Test
    void load_otherFiles_areRefused() throws IOException {
        writeAll(32, 5, 3);
        assertThatThrownBy(() -> MnistData.load(folder)).hasMessageContaining("number of rows must be 28, was 32");

        writeAll(28, 5, 3);
        Path images = folder.resolve("train-images-idx3-ubyte");
        Files.write(images, Arrays.copyOf(Files.readAllBytes(images), 1000));
        assertThatThrownBy(() -> MnistData.load(folder))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("ends after 984");
    }

    /** Needs MNIST where DL4J keeps it; skipped otherwise, since tests do not download. */
    @Test
    void load_dl4jCopy_givesThePixelsOfItsIterator() throws IOException {
        SharedData.assumePresent(ResourceDataSets.mnistTrain().localPath().toPath());
        SharedData.assumePresent(ResourceDataSets.mnistTest().localPath().toPath());

        TrainTest<ImageSet> mnist = MnistData.load(null);

        assertThat(mnist.train().size()).isEqualTo(60_000);
        assertThat(mnist.test().size()).isEqualTo(10_000);
        var iterator = new MnistDataSetIterator(100, 60_000, false, true, false, 0);
        assertThat(mnist.train().pixels(0, 100))
                .containsExactly(iterator.next().getFeatures().ravel().toFloatVector());
        iterator.close();
    }

    private static List<String> names() {
        return List.of(
                "train-images-idx3-ubyte",
                "train-labels-idx1-ubyte",
                "t10k-images-idx3-ubyte",
                "t10k-labels-idx1-ubyte");
    }

    private void writeAll(int side, int train, int test) throws IOException {
        writeImages("train-images-idx3-ubyte", side, train);
        writeLabels("train-labels-idx1-ubyte", train);
        writeImages("t10k-images-idx3-ubyte", side, test);
        writeLabels("t10k-labels-idx1-ubyte", test);
    }

    private void writeImages(String name, int side, int count) throws IOException {
        var bytes = new ByteArrayOutputStream();
        var out = new DataOutputStream(bytes);
        for (int header : new int[] {0x803, count, side, side}) {
            out.writeInt(header);
        }
        for (int i = 0; i < count * side * side; i++) {
            out.writeByte(i);
        }
        Files.write(folder.resolve(name), bytes.toByteArray());
    }

    private void writeLabels(String name, int count) throws IOException {
        var bytes = new ByteArrayOutputStream();
        var out = new DataOutputStream(bytes);
        out.writeInt(0x801);
        out.writeInt(count);
        for (int i = 0; i < count; i++) {
            out.writeByte(i % 10);
        }
        Files.write(folder.resolve(name), bytes.toByteArray());
    }
}
