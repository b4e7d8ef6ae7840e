// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.data;

import io.github.dl4jdp.features.DrawnPictures;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Files in the layout of the real data, with drawn pictures and made-up words in them. */
public final class FakeData {
    private FakeData() {}

    /** The four files of MNIST. */
    public static void mnist(Path folder, int train, int test) throws IOException {
        write(folder, "train", train, 1);
        write(folder, "t10k", test, 2);
    }

    private static void write(Path folder, String name, int count, long seed) throws IOException {
        float[] pixels = DrawnPictures.strokes(28, 28, count, seed);
        try (var out = new DataOutputStream(Files.newOutputStream(folder.resolve(name + "-images-idx3-ubyte")))) {
            for (int header : new int[] {0x803, count, 28, 28}) {
                out.writeInt(header);
            }
            out.write(bytes(pixels, 0, pixels.length));
        }
        try (var out = new DataOutputStream(Files.newOutputStream(folder.resolve(name + "-labels-idx1-ubyte")))) {
            out.writeInt(0x801);
            out.writeInt(count);
            for (int i = 0; i < count; i++) {
                out.write(i % 10);
            }
        }
    }

    /** The six binary files of CIFAR-10. */
    public static void cifar(Path folder, int eachBatch, int test) throws IOException {
        for (int batch = 1; batch <= 5; batch++) {
            write(folder.resolve("data_batch_" + batch + ".bin"), eachBatch, batch);
        }
        write(folder.resolve("test_batch.bin"), test, 9);
    }

    private static void write(Path file, int count, long seed) throws IOException {
        float[] pixels = DrawnPictures.leaves(3, 32, 32, count, seed);
        int each = pixels.length / count;
        try (var out = new DataOutputStream(Files.newOutputStream(file))) {
            for (int i = 0; i < count; i++) {
                out.write(i % 10);
                out.write(bytes(pixels, i * each, (i + 1) * each));
            }
        }
    }

    private static byte[] bytes(float[] pixels, int from, int to) {
        byte[] out = new byte[to - from];
        for (int i = from; i < to; i++) {
            out[i - from] = (byte) Math.round(255 * pixels[i]);
        }
        return out;
    }

    /** Reviews of both kinds, {@code each} of a kind, a tenth of them to test on. */
    public static void reviews(Path folder, int each) throws IOException {
        for (String polarity : new String[] {"pos", "neg"}) {
            Path texts = Files.createDirectories(folder.resolve("txt_sentoken").resolve(polarity));
            for (int i = 0; i < each; i++) {
                String name = (i < each - each / 10 ? "cv0" : "cv9") + String.format("%02d_1.txt", i);
                Files.writeString(
                        texts.resolve(name),
                        "the film was ".repeat(1 + i % 30) + (polarity.equals("pos") ? "fine" : "bad"));
            }
        }
    }
}
