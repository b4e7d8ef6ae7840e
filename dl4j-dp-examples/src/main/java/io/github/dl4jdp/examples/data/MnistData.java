// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.data;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.GZIPInputStream;
import org.deeplearning4j.common.resources.DL4JResources;
import org.deeplearning4j.datasets.iterator.impl.MnistDataSetIterator;
import org.eclipse.deeplearning4j.resources.DataSetResource;
import org.eclipse.deeplearning4j.resources.ResourceDataSets;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;

/** MNIST: 60,000 training and 10,000 test images of handwritten digits, 1x28x28. */
public final class MnistData {
    private static final int CLASSES = 10;
    private static final int SIDE = 28;
    private static final String TRAIN_IMAGES = "train-images-idx3-ubyte";
    private static final String TRAIN_LABELS = "train-labels-idx1-ubyte";
    private static final String TEST_IMAGES = "t10k-images-idx3-ubyte";
    private static final String TEST_LABELS = "t10k-labels-idx1-ubyte";
    private static final List<String> FILES = List.of(TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS);

    private MnistData() {}

    /**
     * Loads the images from a folder, or by DL4J's own {@link MnistDataSetIterator}.
     *
     * @param folder where the four idx files are, plain or as {@code .gz}; null for DL4J's resources folder, into which
     *     DL4J downloads them if they are not there
     * @throws MissingDataException if the files are not there, and (without a folder) cannot be downloaded either
     * @throws IOException if a file cannot be read or is not an idx file of 28x28 images or their labels
     */
    public static TrainTest<ImageSet> load(@Nullable Path folder) throws IOException {
        if (folder != null) {
            return new TrainTest<>(
                    readIdx(folder, TRAIN_IMAGES, TRAIN_LABELS), readIdx(folder, TEST_IMAGES, TEST_LABELS));
        }
        requireDl4jCopy();
        return new TrainTest<>(readIterator(true), readIterator(false));
    }

    private static void requireDl4jCopy() throws MissingDataException {
        for (DataSetResource resource : List.of(
                ResourceDataSets.mnistTrain(),
                ResourceDataSets.mnistTrainLabels(),
                ResourceDataSets.mnistTest(),
                ResourceDataSets.mnistTestLabels())) {
            if (!resource.existsLocally()) {
                Downloads.requireReachable(
                        resource.rootUrl() + "/" + resource.archiveFileName(),
                        remedy(resource.localPath() + " does not exist"));
            }
        }
    }

    private static String remedy(String what) {
        return "No MNIST: " + what + ". Put " + String.join(", ", FILES)
                + " (plain, or .gz) into a folder and pass it with --data, or into "
                + DL4JResources.getBaseDirectory() + " (plain), where DL4J looks by default.";
    }

    private static ImageSet readIterator(boolean train) throws IOException {
        int count = train ? 60_000 : 10_000;
        byte[] pixels = new byte[count * SIDE * SIDE];
        byte[] labels = new byte[count];
        // Neither binarised nor shuffled: the order of the files, which is the order of every other reader.
        var iterator = new MnistDataSetIterator(1000, count, false, train, false, 0);
        int read = 0;
        while (iterator.hasNext()) {
            DataSet batch = iterator.next();
            float[] values = batch.getFeatures().data().asFloat();
            INDArray classes = batch.getLabels().argMax(1);
            for (int i = 0; i < values.length; i++) {
                pixels[read * SIDE * SIDE + i] = (byte) Math.round(values[i] * 255);
            }
            for (int i = 0; i < batch.numExamples(); i++) {
                labels[read + i] = (byte) classes.getInt(i);
            }
            read += batch.numExamples();
        }
        iterator.close();
        if (read != count) {
            throw new IOException("DL4J's MnistDataSetIterator gave " + read + " images instead of " + count);
        }
        return new ImageSet(1, SIDE, SIDE, CLASSES, pixels, labels);
    }

    private static ImageSet readIdx(Path folder, String imageFile, String labelFile) throws IOException {
        try (DataInputStream images = open(folder, imageFile);
                DataInputStream labels = open(folder, labelFile)) {
            requireHeader(images.readInt(), 0x803, "magic number", imageFile);
            int count = images.readInt();
            requireHeader(images.readInt(), SIDE, "number of rows", imageFile);
            requireHeader(images.readInt(), SIDE, "number of columns", imageFile);
            requireHeader(labels.readInt(), 0x801, "magic number", labelFile);
            requireHeader(labels.readInt(), count, "number of labels", labelFile);
            return new ImageSet(
                    1,
                    SIDE,
                    SIDE,
                    CLASSES,
                    readExactly(images, count * SIDE * SIDE, imageFile),
                    readExactly(labels, count, labelFile));
        }
    }

    private static byte[] readExactly(InputStream in, int length, String file) throws IOException {
        byte[] bytes = in.readNBytes(length);
        if (bytes.length != length) {
            throw new IOException(file + " ends after " + bytes.length + " of its " + length + " values");
        }
        return bytes;
    }

    private static void requireHeader(int actual, int expected, String what, String file) throws IOException {
        if (actual != expected) {
            throw new IOException(file + " is not an MNIST file: " + what + " must be " + expected + ", was " + actual);
        }
    }

    private static DataInputStream open(Path folder, String name) throws IOException {
        Path plain = folder.resolve(name);
        if (Files.isRegularFile(plain)) {
            return new DataInputStream(new BufferedInputStream(Files.newInputStream(plain)));
        }
        Path zipped = folder.resolve(name + ".gz");
        if (Files.isRegularFile(zipped)) {
            return new DataInputStream(new GZIPInputStream(Files.newInputStream(zipped), 1 << 16));
        }
        throw new MissingDataException(remedy("neither " + plain + " nor " + zipped.getFileName() + " exists"));
    }
}
