// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.data;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.deeplearning4j.common.resources.DL4JResources;
import org.deeplearning4j.common.resources.ResourceType;
import org.deeplearning4j.datasets.fetchers.Cifar10Fetcher;
import org.deeplearning4j.datasets.fetchers.DataSetType;
import org.deeplearning4j.datasets.iterator.impl.Cifar10DataSetIterator;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;

/** CIFAR-10: 50,000 training and 10,000 test photographs of ten kinds of things, 3x32x32. */
public final class CifarData {
    private static final int CLASSES = 10;
    private static final int CHANNELS = 3;
    private static final int SIDE = 32;
    private static final int PLANE = SIDE * SIDE;
    private static final int RECORD = 1 + CHANNELS * PLANE;
    private static final List<String> TRAIN_FILES =
            List.of("data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin");
    private static final List<String> TEST_FILES = List.of("test_batch.bin");

    private CifarData() {}

    /**
     * Loads the images from the binary version of CIFAR-10, or by DL4J's own {@link Cifar10DataSetIterator}.
     *
     * @param folder where {@code data_batch_1.bin} to {@code data_batch_5.bin} and {@code test_batch.bin} are; null
     *     for DL4J's resources folder, into which DL4J downloads its copy if it is not there
     * @throws MissingDataException if the files are not there, and (without a folder) cannot be downloaded either
     * @throws IOException if a file cannot be read or has not the layout of CIFAR-10
     */
    public static TrainTest<ImageSet> load(@Nullable Path folder) throws IOException {
        if (folder != null) {
            return new TrainTest<>(readBinary(folder, TRAIN_FILES), readBinary(folder, TEST_FILES));
        }
        File copy = DL4JResources.getDirectory(ResourceType.DATASET, "cifar10");
        String[] content = copy.list();
        if (content == null || content.length == 0) {
            Downloads.requireReachable(
                    new Cifar10Fetcher().remoteDataUrl(DataSetType.TRAIN),
                    remedy(copy + " does not exist or is empty"));
        }
        return new TrainTest<>(readIterator(DataSetType.TRAIN), readIterator(DataSetType.TEST));
    }

    private static String remedy(String what) {
        return "No CIFAR-10: " + what + ". Put the binary version (data_batch_1.bin to data_batch_5.bin and "
                + "test_batch.bin, in cifar-10-binary.tar.gz of www.cs.toronto.edu/~kriz/cifar.html) into a folder and "
                + "pass it with --data.";
    }

    private static ImageSet readBinary(Path folder, List<String> files) throws IOException {
        byte[][] contents = new byte[files.size()][];
        int count = 0;
        for (int f = 0; f < contents.length; f++) {
            Path file = folder.resolve(files.get(f));
            if (!Files.isRegularFile(file)) {
                throw new MissingDataException(remedy(file + " does not exist"));
            }
            contents[f] = Files.readAllBytes(file);
            if (contents[f].length == 0 || contents[f].length % RECORD != 0) {
                throw new IOException(file + " is not a CIFAR-10 file: its length must be a positive multiple of "
                        + RECORD + ", was " + contents[f].length);
            }
            count += contents[f].length / RECORD;
        }
        byte[] pixels = new byte[count * (RECORD - 1)];
        byte[] labels = new byte[count];
        int read = 0;
        for (byte[] content : contents) {
            for (int start = 0; start < content.length; start += RECORD, read++) {
                labels[read] = content[start];
                System.arraycopy(content, start + 1, pixels, read * (RECORD - 1), RECORD - 1);
            }
        }
        return new ImageSet(CHANNELS, SIDE, SIDE, CLASSES, pixels, labels);
    }

    private static ImageSet readIterator(DataSetType type) throws IOException {
        int count = type == DataSetType.TRAIN ? 50_000 : 10_000;
        byte[] pixels = new byte[count * (RECORD - 1)];
        byte[] labels = new byte[count];
        var iterator = new Cifar10DataSetIterator(500, type);
        int read = 0;
        while (iterator.hasNext()) {
            DataSet batch = iterator.next();
            if (read + batch.numExamples() > count) {
                throw new IOException("DL4J's Cifar10DataSetIterator gives more than " + count + " images");
            }
            float[] values = batch.getFeatures().dup('c').data().asFloat();
            INDArray classes = batch.getLabels().argMax(1);
            for (int i = 0; i < batch.numExamples(); i++, read++) {
                labels[read] = (byte) classes.getInt(i);
                copyReversingChannels(values, i * (RECORD - 1), pixels, read * (RECORD - 1));
            }
        }
        if (read != count) {
            throw new IOException("DL4J's Cifar10DataSetIterator gave " + read + " images instead of " + count);
        }
        return new ImageSet(CHANNELS, SIDE, SIDE, CLASSES, pixels, labels);
    }

    /** DL4J reads images as blue, green, red, from 0 to 255; everyone else as red, green, blue. */
    private static void copyReversingChannels(float[] from, int fromStart, byte[] to, int toStart) {
        for (int c = 0; c < CHANNELS; c++) {
            for (int p = 0; p < PLANE; p++) {
                to[toStart + (CHANNELS - 1 - c) * PLANE + p] = (byte) Math.round(from[fromStart + c * PLANE + p]);
            }
        }
    }
}
