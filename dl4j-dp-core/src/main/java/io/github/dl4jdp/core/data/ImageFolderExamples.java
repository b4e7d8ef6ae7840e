// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.data;

import io.github.dl4jdp.core.internal.arrays.Slices;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.datavec.image.loader.NativeImageLoader;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The images in a folder of folders, each read when a lot has it: {@code folder/label/image}.
 *
 * <p>Images are read, scaled and laid out as by DataVec's {@code ImageRecordReader} with {@code ParentPathLabelGenerator}: [channels, height,
 * width], values from 0 to 255, colors in the order blue, green, red; the labels are one-hot rows, folders in alphabetical order. Scale the
 * values with {@code lots.setPreProcessor(new ImagePreProcessingScaler())}.
 *
 * <p>The names of the folders and the number of files are public. The files must not change while they are in use.
 */
public final class ImageFolderExamples implements RandomAccessExamples {
    private final List<Path> images;
    private final List<String> labels;
    private final NativeImageLoader loader;
    private final int height;
    private final int width;
    private final int channels;

    private ImageFolderExamples(List<Path> images, List<String> labels, int height, int width, int channels) {
        this.images = List.copyOf(images);
        this.labels = labels;
        this.height = height;
        this.width = width;
        this.channels = channels;
        this.loader = new NativeImageLoader(height, width, channels);
    }

    /**
     * The images below a folder, in alphabetical order of their paths.
     *
     * @param channels 1 for gray values, 3 for colors, 4 for colors and opacity
     * @throws IOException if the folder cannot be read
     * @throws IllegalArgumentException if there is no image of a format known in any folder below it, or {@code height}, {@code width} or
     *     {@code channels} is below 1
     */
    public static ImageFolderExamples of(Path folder, int height, int width, int channels) throws IOException {
        if (height < 1 || width < 1 || channels < 1) {
            throw new IllegalArgumentException(
                    "height, width and channels must be at least 1, were " + height + ", " + width + ", " + channels);
        }
        List<String> formats = List.of(NativeImageLoader.ALLOWED_FORMATS);
        List<Path> images;
        try (Stream<Path> files = Files.walk(folder)) {
            images = files.filter(file -> formats.contains(extension(file)))
                    .filter(file -> !folder.equals(file.getParent()))
                    .filter(Files::isRegularFile)
                    .sorted()
                    .toList();
        }
        if (images.isEmpty()) {
            throw new IllegalArgumentException(
                    "there must be images in folder/label/ below " + folder + ", of the formats " + formats);
        }
        var labels = new TreeSet<String>();
        images.forEach(image -> labels.add(label(image)));
        return new ImageFolderExamples(images, List.copyOf(labels), height, width, channels);
    }

    private static String extension(Path file) {
        String name = file.getFileName().toString();
        return name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
    }

    private static String label(Path image) {
        // Only files in a folder below the given one are taken.
        return Objects.requireNonNull(image.getParent()).getFileName().toString();
    }

    /** The labels, in the order of the columns. */
    public List<String> labels() {
        return labels;
    }

    /** The files of the images, in the order of the examples. */
    public List<Path> files() {
        return images;
    }

    @Override
    public boolean hasFixedShapes() {
        return true;
    }

    @Override
    public long size() {
        return images.size();
    }

    /**
     * @throws UncheckedIOException if an image cannot be read; nothing of the lot is released then
     */
    @Override
    public synchronized MultiDataSet get(long[] indices) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray features = Nd4j.create(DataType.FLOAT, indices.length, channels, height, width);
            INDArray oneHot = Nd4j.create(DataType.FLOAT, indices.length, labels.size());
            for (int i = 0; i < indices.length; i++) {
                Path image = images.get(Math.toIntExact(indices[i]));
                Slices.range(features, 0, i, i + 1).assign(read(image));
                oneHot.putScalar(i, labels.indexOf(label(image)), 1);
            }
            return new org.nd4j.linalg.dataset.MultiDataSet(features, oneHot);
        }
    }

    private INDArray read(Path image) {
        try {
            return loader.asMatrix(image.toFile());
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read the image " + image, e);
        }
    }
}
