// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.data;

import io.github.dl4jdp.features.FeatureFile;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * Labeled images held as bytes: a quarter of the memory of floats, which matters for 60,000 color images.
 *
 * <p>Pixels are in [n, channels, height, width] order; color channels are red, green, blue.
 *
 * @param channels number of color channels: 1 or 3
 * @param height rows of an image
 * @param width columns of an image
 * @param classes number of classes
 * @param pixels of all images
 * @param labels the class of every image
 */
@SuppressWarnings("ArrayRecordComponent") // hundreds of megabytes, never compared
public record ImageSet(int channels, int height, int width, int classes, byte[] pixels, byte[] labels) {
    /**
     * Takes over the arrays, without a copy: they may be hundreds of megabytes.
     *
     * @throws IllegalArgumentException if the number of pixels is not labels x channels x height x width, or a label
     *     is outside [0, classes)
     */
    public ImageSet {
        long expected = (long) labels.length * channels * height * width;
        if (pixels.length != expected) {
            throw new IllegalArgumentException("pixels must hold " + labels.length + " images of " + channels + "x"
                    + height + "x" + width + " = " + expected + " bytes, was " + pixels.length);
        }
        for (byte label : labels) {
            if (label < 0 || label >= classes) {
                throw new IllegalArgumentException("labels must be in [0, " + classes + "), was " + (label & 0xff));
            }
        }
    }

    /** Number of images. */
    public int size() {
        return labels.length;
    }

    /** Class of image {@code i}, in [0, classes). */
    public int label(int i) {
        return labels[i];
    }

    /**
     * Copies images {@code from} (inclusive) to {@code to} (exclusive) as numbers from 0 to 1.
     *
     * @return the pixels, in [to - from, channels, height, width] order
     * @throws IndexOutOfBoundsException if the range is not within [0, size]
     */
    public float[] pixels(int from, int to) {
        if (from < 0 || to < from || to > size()) {
            throw new IndexOutOfBoundsException("range [" + from + ", " + to + ") is not within [0, " + size() + "]");
        }
        int each = channels * height * width;
        float[] out = new float[(to - from) * each];
        for (int i = 0; i < out.length; i++) {
            out[i] = (pixels[from * each + i] & 0xff) / 255f;
        }
        return out;
    }

    /**
     * Keeps the first images only, for a quick run.
     *
     * @throws IllegalArgumentException if {@code count} is not in [1, size]
     */
    public ImageSet first(int count) {
        if (count >= 1 && count <= size()) {
            int each = channels * height * width;
            return new ImageSet(
                    channels,
                    height,
                    width,
                    classes,
                    Arrays.copyOf(pixels, count * each),
                    Arrays.copyOf(labels, count));
        }
        throw new IllegalArgumentException("count must be in [1, " + size() + "], was " + count);
    }

    /**
     * The images of the classes {@code from} (inclusive) to {@code to} (exclusive), labeled from 0 on.
     *
     * @throws IllegalArgumentException if the range is empty or not within [0, classes]
     */
    public ImageSet ofClasses(int from, int to) {
        if (from < 0 || to <= from || to > classes) {
            throw new IllegalArgumentException(
                    "range [" + from + ", " + to + ") must not be empty and be within [0, " + classes + "]");
        }
        int[] chosen = IntStream.range(0, size())
                .filter(i -> labels[i] >= from && labels[i] < to)
                .toArray();
        int each = channels * height * width;
        byte[] chosenPixels = new byte[chosen.length * each];
        byte[] chosenLabels = new byte[chosen.length];
        for (int i = 0; i < chosen.length; i++) {
            System.arraycopy(pixels, chosen[i] * each, chosenPixels, i * each, each);
            chosenLabels[i] = (byte) (labels[chosen[i]] - from);
        }
        return new ImageSet(channels, height, width, to - from, chosenPixels, chosenLabels);
    }

    /** The images as what features are computed from. */
    public FeatureFile.Examples asExamples() {
        return new FeatureFile.Examples() {
            @Override
            public int size() {
                return ImageSet.this.size();
            }

            @Override
            public float[] read(int from, int to) {
                return pixels(from, to);
            }
        };
    }

    /** One-hot labels, of shape [size, classes]. */
    public INDArray oneHotLabels() {
        float[] out = new float[size() * classes];
        for (int i = 0; i < size(); i++) {
            out[i * classes + labels[i]] = 1;
        }
        return Nd4j.createFromArray(out).reshape(size(), classes);
    }

    /** The images as DL4J takes them: features of shape [size, channels, height, width] from 0 to 1, one-hot labels. */
    public DataSet toDataSet() {
        INDArray features = Nd4j.createUninitialized(DataType.FLOAT, new long[] {size(), channels, height, width}, 'c');
        int chunk = 1000;
        for (int from = 0; from < size(); from += chunk) {
            int to = Math.min(size(), from + chunk);
            INDArray part = Nd4j.createFromArray(pixels(from, to)).reshape(to - from, channels, height, width);
            features.get(NDArrayIndex.interval(from, to)).assign(part);
        }
        return new DataSet(features, oneHotLabels());
    }
}
