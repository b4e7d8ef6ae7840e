// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.datavec.api.io.labels.ParentPathLabelGenerator;
import org.datavec.api.records.Record;
import org.datavec.api.records.metadata.RecordMetaData;
import org.datavec.api.records.reader.impl.collection.CollectionRecordReader;
import org.datavec.api.records.reader.impl.csv.CSVRecordReader;
import org.datavec.api.split.FileSplit;
import org.datavec.api.writable.IntWritable;
import org.datavec.api.writable.Writable;
import org.datavec.image.recordreader.ImageRecordReader;
import org.deeplearning4j.datasets.datavec.RecordReaderDataSetIterator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

class RecordExamplesTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private RecordReaderDataSetIterator csv() throws IOException, InterruptedException {
        Path file = folder.resolve("data.csv");
        if (!Files.exists(file)) {
            Files.writeString(file, "0.5,1,0\n2,3,1\n4,5,2\n6,7,0\n8,9,1\n");
        }
        var reader = new CSVRecordReader();
        reader.initialize(new FileSplit(file.toFile()));
        return new RecordReaderDataSetIterator(reader, 2, 2, 3);
    }

    private static void assertRows(RandomAccessExamples examples) {
        MultiDataSet rows = examples.get(new long[] {3, 0, 4});
        assertThat(rows.getFeatures(0).castTo(DataType.FLOAT))
                .isEqualTo(Nd4j.createFromArray(new float[][] {{6, 7}, {0.5f, 1}, {8, 9}}));
        assertThat(rows.getLabels(0).castTo(DataType.FLOAT))
                .isEqualTo(Nd4j.createFromArray(new float[][] {{1, 0, 0}, {1, 0, 0}, {0, 1, 0}}));
    }

    @Test
    void get_indexedCsv_readsTheRecordsAskedForInTheirOrder() throws Exception {
        var examples = RecordExamples.indexed(csv());
        assertThat(examples.size()).isEqualTo(5);
        assertRows(examples);
        assertRows(examples);
    }

    /** DataVec's reader of collections gives the records in its own order. */
    @Test
    void get_indexedCollection_readsTheRecordsAskedForInTheirOrder() {
        List<List<Writable>> rows = IntStream.range(0, 9)
                .mapToObj(i -> List.<Writable>of(new IntWritable(i), new IntWritable(i % 3)))
                .toList();
        var examples =
                RecordExamples.indexed(new RecordReaderDataSetIterator(new CollectionRecordReader(rows), 2, 1, 3));
        for (long[] asked : new long[][] {{5, 0, 3, 1}, {8, 7, 6}, {2, 2, 0, 2}, {0, 1, 2}}) {
            assertThat(examples.get(asked).getFeatures(0).toLongVector()).containsExactly(asked);
        }
    }

    @Test
    void indexed_readerThatGivesOtherRecords_isRefused() {
        List<List<Writable>> rows = IntStream.range(0, 9)
                .mapToObj(i -> List.<Writable>of(new IntWritable(i), new IntWritable(i % 3)))
                .toList();
        var reader = new CollectionRecordReader(rows) {
            @Override
            public List<Record> loadFromMetaData(List<RecordMetaData> asked) throws IOException {
                var found = new ArrayList<>(super.loadFromMetaData(asked));
                Collections.reverse(found);
                return found;
            }
        };
        assertThatThrownBy(() -> RecordExamples.indexed(new RecordReaderDataSetIterator(reader, 2, 1, 3)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("in their order")
                .hasMessageContaining("RecordExamples.inMemory");
    }

    @Test
    void ids_readerThatShuffles_isRefused() throws Exception {
        for (int file = 0; file < 20; file++) {
            Files.writeString(folder.resolve("part" + file + ".csv"), file + ",1\n");
        }
        var shuffled = new CSVRecordReader();
        shuffled.initialize(new FileSplit(folder.toFile(), new Random(1)));
        assertThatThrownBy(() -> RecordExamples.ids(shuffled, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("in the same order every time");
        var inOrder = new CSVRecordReader();
        inOrder.initialize(new FileSplit(folder.toFile()));
        assertThat(RecordExamples.ids(inOrder, 0)).hasSize(20).doesNotHaveDuplicates();
    }

    @Test
    void get_inMemoryCsv_givesTheRecordsAskedFor() throws Exception {
        var examples = RecordExamples.inMemory(csv());
        assertThat(examples.size()).isEqualTo(5);
        assertRows(examples);
        var exhausted = csv();
        while (exhausted.hasNext()) {
            exhausted.next();
        }
        assertThatThrownBy(() -> RecordExamples.inMemory(exhausted)).hasMessageContaining("returned none");
    }

    private void image(String label, String name, int seed) throws IOException {
        var image = new BufferedImage(6, 5, BufferedImage.TYPE_INT_RGB);
        var random = new Random(seed);
        for (int x = 0; x < 6; x++) {
            for (int y = 0; y < 5; y++) {
                image.setRGB(x, y, new Color(random.nextInt(256), random.nextInt(256), random.nextInt(256)).getRGB());
            }
        }
        Path file = folder.resolve("images").resolve(label).resolve(name);
        Files.createDirectories(file.getParent());
        ImageIO.write(image, "png", file.toFile());
    }

    /** The same as DataVec's reader makes of the same file. */
    @Test
    void get_imageFolder_equalsImageRecordReader() throws Exception {
        image("dog", "a.png", 1);
        image("cat", "b.png", 2);
        image("dog", "c.PNG", 3);
        image("cat", "d.png", 4);
        Files.writeString(folder.resolve("images").resolve("cat").resolve("notes.txt"), "not an image");
        var examples = ImageFolderExamples.of(folder.resolve("images"), 4, 4, 3);
        assertThat(examples.size()).isEqualTo(4);
        assertThat(examples.labels()).containsExactly("cat", "dog");

        MultiDataSet rows = examples.get(new long[] {2, 1});
        assertThat(rows.getFeatures(0).shape()).containsExactly(2, 3, 4, 4);
        assertThat(rows.getFeatures(0).slice(0)).isEqualTo(byDataVec("dog/a.png"));
        assertThat(rows.getFeatures(0).slice(1)).isEqualTo(byDataVec("cat/d.png"));
        assertThat(rows.getLabels(0)).isEqualTo(Nd4j.createFromArray(new float[][] {{0, 1}, {1, 0}}));
    }

    private INDArray byDataVec(String image) throws IOException {
        var reader = new ImageRecordReader(4, 4, 3, new ParentPathLabelGenerator());
        reader.initialize(new FileSplit(folder.resolve("images").resolve(image).toFile()));
        return new RecordReaderDataSetIterator(reader, 1, 1, 1)
                .next()
                .getFeatures()
                .slice(0);
    }

    @Test
    void get_imageBroken_saysWhich() throws IOException {
        image("cat", "b.png", 2);
        Path broken = folder.resolve("images").resolve("cat").resolve("z.png");
        Files.writeString(broken, "not an image");
        var examples = ImageFolderExamples.of(folder.resolve("images"), 4, 4, 1);
        assertThatThrownBy(() -> examples.get(new long[] {1}))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining(broken.toString());
        assertThatThrownBy(() -> ImageFolderExamples.of(folder.resolve("images").resolve("cat"), 4, 4, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("folder/label/");
    }
}
