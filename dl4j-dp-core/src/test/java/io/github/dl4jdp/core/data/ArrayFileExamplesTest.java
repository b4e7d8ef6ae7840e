// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

class ArrayFileExamplesTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    /** The numbers 0, 1, 2, ... as {@code numpy.save} writes them: the header is padded to a multiple of 64 bytes. */
    private Path npy(String name, int version, String descr, long... shape) throws IOException {
        String dictionary = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': ("
                + Arrays.stream(shape).mapToObj(Long::toString).collect(Collectors.joining(", "))
                + (shape.length == 1 ? ",), }" : "), }");
        int fixed = version == 1 ? 10 : 12;
        int padding = 64 - (fixed + dictionary.length() + 1) % 64;
        String header = dictionary + " ".repeat(padding) + "\n";
        var out = new ByteArrayOutputStream();
        out.writeBytes(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', (byte) version, 0});
        out.write(header.length() & 0xFF);
        out.write(header.length() >> 8);
        if (version > 1) {
            out.writeBytes(new byte[2]);
        }
        out.writeBytes(header.getBytes(StandardCharsets.US_ASCII));
        int count = (int) Arrays.stream(shape).reduce(1, (a, b) -> a * b);
        ByteOrder order = descr.startsWith(">") ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
        ByteBuffer numbers = ByteBuffer.allocate(8 * count).order(order);
        for (int i = 0; i < count; i++) {
            switch (descr.substring(1)) {
                case "f4" -> numbers.putFloat(i);
                case "f8" -> numbers.putDouble(i);
                case "u1" -> numbers.put((byte) i);
                case "i4" -> numbers.putInt(i);
                default -> numbers.putLong(i);
            }
        }
        out.write(numbers.array(), 0, numbers.position());
        return Files.write(folder.resolve(name), out.toByteArray());
    }

    @ParameterizedTest
    @CsvSource({"<f4, 1", "<f8, 1", "|u1, 1", "<i4, 2", "<i8, 3", ">f4, 1", ">i8, 1"})
    void get_numpyArray_givesTheRowsAskedFor(String descr, int version) throws IOException {
        var examples = ArrayFileExamples.numpy(npy("x.npy", version, descr, 7, 2, 3), npy("y.npy", 1, "<f4", 7, 2));
        assertThat(examples.size()).isEqualTo(7);

        MultiDataSet rows = examples.get(new long[] {4, 0, 6});

        INDArray all = Nd4j.arange(42).castTo(DataType.DOUBLE).reshape(7, 2, 3);
        INDArray expected = Nd4j.stack(0, all.slice(4), all.slice(0), all.slice(6));
        assertThat(rows.getFeatures(0).dataType()).isEqualTo(descr.equals("<f8") ? DataType.DOUBLE : DataType.FLOAT);
        assertThat(rows.getFeatures(0).castTo(DataType.DOUBLE)).isEqualTo(expected);
        assertThat(rows.getLabels(0)).isEqualTo(Nd4j.createFromArray(new float[][] {{8, 9}, {0, 1}, {12, 13}}));
    }

    @Test
    void get_classNumbers_areOneHot() throws IOException {
        var examples = ArrayFileExamples.numpy(npy("x.npy", 1, "<f4", 3, 2), npy("y.npy", 1, "<i8", 3), 3);
        assertThat(examples.get(new long[] {2, 1}).getLabels(0))
                .isEqualTo(Nd4j.createFromArray(new float[][] {{0, 0, 1}, {0, 1, 0}}));

        var fewer = ArrayFileExamples.numpy(npy("x.npy", 1, "<f4", 3, 2), npy("y.npy", 1, "<i8", 3), 2);
        assertThatThrownBy(() -> fewer.get(new long[] {2}))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("from 0 to 1, was 2.0");
    }

    @Test
    void get_rawFloats_givesTheRowsAskedFor() throws IOException {
        ByteBuffer numbers = ByteBuffer.allocate(4 * 12).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < 12; i++) {
            numbers.putFloat(i / 2f);
        }
        Path file = Files.write(folder.resolve("raw"), numbers.array());
        var examples = ArrayFileExamples.floats(file, new long[] {4, 3}, file, new long[] {4, 3});
        assertThat(examples.get(new long[] {3}).getFeatures(0))
                .isEqualTo(Nd4j.createFromArray(new float[][] {{4.5f, 5, 5.5f}}));
        assertThatThrownBy(() -> examples.get(new long[] {4})).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> ArrayFileExamples.floats(file, new long[] {5, 3}, file, new long[] {5, 3}))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("must have 60 bytes")
                .hasMessageContaining("has 48");
    }

    @Test
    void numpy_otherFiles_areRefusedWithTheReason() throws IOException {
        Path features = npy("x.npy", 1, "<f4", 3, 2);
        Path text = Files.writeString(folder.resolve("text"), "no array at all");
        assertThatThrownBy(() -> ArrayFileExamples.numpy(text, features)).hasMessageContaining(".npy file");
        Path complex = npy("c.npy", 1, "<c8", 3, 2);
        assertThatThrownBy(() -> ArrayFileExamples.numpy(complex, features)).hasMessageContaining("astype");
        Path fewer = npy("z.npy", 1, "<f4", 2, 2);
        assertThatThrownBy(() -> ArrayFileExamples.numpy(features, fewer)).hasMessageContaining("one row for each");
        Path flat = npy("f.npy", 1, "<f4", 3);
        assertThatThrownBy(() -> ArrayFileExamples.numpy(features, flat)).hasMessageContaining("two dimensions");
        byte[] bytes = Files.readAllBytes(features);
        String header = new String(bytes, StandardCharsets.ISO_8859_1).replace("False", "True ");
        Path fortran = Files.write(folder.resolve("fortran.npy"), header.getBytes(StandardCharsets.ISO_8859_1));
        assertThatThrownBy(() -> ArrayFileExamples.numpy(fortran, features)).hasMessageContaining("C order");
        Path torn = Files.write(folder.resolve("torn.npy"), Arrays.copyOf(bytes, bytes.length - 1));
        assertThatThrownBy(() -> ArrayFileExamples.numpy(torn, features)).hasMessageContaining("bytes");
    }
}
