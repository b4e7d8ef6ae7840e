// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import javax.imageio.ImageIO;
import org.datavec.api.records.reader.impl.collection.ListStringRecordReader;
import org.datavec.api.records.reader.impl.csv.CSVRecordReader;
import org.datavec.api.records.reader.impl.transform.TransformProcessRecordReader;
import org.datavec.api.split.FileSplit;
import org.datavec.api.split.ListStringSplit;
import org.datavec.api.transform.TransformProcess;
import org.datavec.api.transform.schema.Schema;
import org.deeplearning4j.datasets.datavec.RecordReaderDataSetIterator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.NullSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;

class GroupedExamplesTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static RandomAccessExamples rows(int count) {
        return RandomAccessExamples.of(data(count));
    }

    private static DataSet data(int count) {
        return new DataSet(Nd4j.arange(count).reshape(count, 1), Nd4j.zeros(count, 2));
    }

    private static List<List<Long>> owners(GroupedExamples examples) {
        var owners = new ArrayList<List<Long>>();
        for (long unit = 0; unit < examples.units(); unit++) {
            var rows = new ArrayList<Long>();
            for (long place = 0; place < examples.rowCount(unit); place++) {
                rows.add(examples.row(unit, place));
            }
            owners.add(rows);
        }
        return owners;
    }

    /** In the order of their first rows; ids far apart, negative or in any order, numbers or words. */
    @Test
    void of_ids_groupsRowsByEqualOnes() {
        var expected = List.of(List.of(0L, 3L, 4L), List.of(1L), List.of(2L, 5L));
        long[] numbers = {Long.MAX_VALUE, -7, 0, Long.MAX_VALUE, Long.MAX_VALUE, 0};
        String[] words = {"z", "Z", " z", "z", "z", " z"};
        assertThat(owners(GroupedExamples.of(rows(6), numbers))).isEqualTo(expected);
        assertThat(owners(GroupedExamples.of(rows(6), words))).isEqualTo(expected);
        assertThat(owners(GroupedExamples.of(rows(6), Arrays.asList(words)))).isEqualTo(expected);
        assertThat(owners(GroupedExamples.of(data(6), numbers))).isEqualTo(expected);
        assertThat(owners(GroupedExamples.of(data(6), words))).isEqualTo(expected);
        assertThat(owners(GroupedExamples.of(data(6).toMultiDataSet(), numbers)))
                .isEqualTo(expected);
        assertThat(owners(GroupedExamples.of(data(6).toMultiDataSet(), words))).isEqualTo(expected);
    }

    @ParameterizedTest
    @NullSource
    @ValueSource(strings = {"", "  ", "\t"})
    void of_missingId_isRefusedByTheNumberOfItsRow(String missing) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GroupedExamples.of(rows(3), new String[] {"secret", "b", missing}))
                .withMessageContaining("that of row 2 is missing")
                .withMessageNotContaining("secret");
    }

    @Test
    void of_otherNumberOfIds_isRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GroupedExamples.of(rows(3), new long[] {1, 2}))
                .withMessageContaining("one value for each of the 3 rows, had 2");
    }

    @Test
    void of_groupedExamples_isRefused() {
        var grouped = GroupedExamples.of(rows(2), new long[] {1, 1});
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GroupedExamples.of(grouped, new long[] {1, 2}))
                .withMessageContaining("must not have owners already");
    }

    @Test
    void of_images_groupsByTheirFiles() throws IOException {
        for (String name : new String[] {"ann_1", "ann_2", "bob_1"}) {
            Path label = Files.createDirectories(folder.resolve(name.endsWith("2") ? "cat" : "dog"));
            ImageIO.write(
                    new BufferedImage(4, 4, BufferedImage.TYPE_INT_RGB),
                    "png",
                    label.resolve(name + ".png").toFile());
        }
        var images = ImageFolderExamples.of(folder, 4, 4, 1);
        assertThat(images.files()).hasSize(3);
        var people =
                GroupedExamples.of(images, file -> file.getFileName().toString().split("_", -1)[0]);
        // In the order of the paths: cat/ann_2, dog/ann_1, dog/bob_1.
        assertThat(owners(people)).containsExactly(List.of(0L, 1L), List.of(2L));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GroupedExamples.of(images, file -> ""))
                .withMessageContaining("row 0");
    }

    /** An owner that is another one every time would make several of one. */
    @Test
    void of_imagesWhoseOwnerChanges_isRefused() throws IOException {
        Path label = Files.createDirectories(folder.resolve("dog"));
        for (String name : new String[] {"ann_1", "ann_2"}) {
            ImageIO.write(
                    new BufferedImage(4, 4, BufferedImage.TYPE_INT_RGB),
                    "png",
                    label.resolve(name + ".png").toFile());
        }
        var images = ImageFolderExamples.of(folder, 4, 4, 1);
        var asked = new AtomicInteger();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GroupedExamples.of(images, file -> "ann" + asked.incrementAndGet()))
                .withMessageContaining("owner must be a function of the file alone");
    }

    /** Between passes nobody becomes another owner: ids are taken once. */
    @Test
    void of_idsThatAreChangedAfterwards_keepsTheFirst() {
        long[] numbers = {1, 2, 1};
        String[] words = {"a", "b", "a"};
        var byNumber = GroupedExamples.of(rows(3), numbers);
        var byWord = GroupedExamples.of(rows(3), words);
        numbers[2] = 3;
        words[2] = "c";
        assertThat(owners(byNumber)).containsExactly(List.of(0L, 2L), List.of(1L));
        assertThat(owners(byWord)).containsExactly(List.of(0L, 2L), List.of(1L));
    }

    /** A column of ids beside the features, which the reader of the features drops. */
    @Test
    void of_columnOfRecords_groupsByIt() throws Exception {
        Path file = Files.writeString(folder.resolve("visits.csv"), "p7,0.5,0\np8,0.25,1\np7,0.75,1\n");
        var ids = new CSVRecordReader();
        ids.initialize(new FileSplit(file.toFile()));
        var all = new Schema.Builder()
                .addColumnString("patient")
                .addColumnDouble("pressure")
                .addColumnInteger("label")
                .build();
        var features = new TransformProcessRecordReader(
                new CSVRecordReader(),
                new TransformProcess.Builder(all).removeColumns("patient").build());
        features.initialize(new FileSplit(file.toFile()));
        RandomAccessExamples visits = RecordExamples.inMemory(new RecordReaderDataSetIterator(features, 10, 1, 2));
        var patients = GroupedExamples.of(visits, RecordExamples.ids(ids, 0));
        assertThat(owners(patients)).containsExactly(List.of(0L, 2L), List.of(1L));
        assertThat(patients.get(new long[] {2}).getFeatures(0).toDoubleMatrix()).isEqualTo(new double[][] {{0.75}});
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RecordExamples.ids(ids, 3))
                .withMessageContaining("column must be in [0, 3)");
    }

    @Test
    void ids_emptyField_isMissing() throws Exception {
        var reader = new ListStringRecordReader();
        reader.initialize(new ListStringSplit(List.of(List.of("a", "1"), List.of("", "2"))));
        List<String> ids = RecordExamples.ids(reader, 0);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GroupedExamples.of(rows(2), ids))
                .withMessageContaining("that of row 1 is missing");
    }
}
