// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.datavec.api.records.metadata.RecordMetaData;
import org.datavec.api.records.reader.RecordReader;
import org.datavec.api.writable.NullWritable;
import org.datavec.api.writable.Writable;
import org.deeplearning4j.datasets.datavec.RecordReaderDataSetIterator;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Records read through DataVec, as examples that lots can be drawn from.
 *
 * <p>{@link #indexed} reads every record when a lot has it, for data that do not fit into memory. {@link #inMemory} reads everything once.
 */
public final class RecordExamples implements RandomAccessExamples {
    private final RecordReaderDataSetIterator iterator;
    private final List<RecordMetaData> records;

    private RecordExamples(RecordReaderDataSetIterator iterator, List<RecordMetaData> records) {
        this.iterator = iterator;
        this.records = List.copyOf(records);
    }

    /**
     * Goes through the records once to note where each one is. Every lot then reads its records from there: a file of lines is gone through
     * up to the last line of the lot, so use it for many files, or {@link #inMemory}.
     *
     * @param iterator over a reader that can go back to a record ({@code RecordReader.loadFromMetaData}), as those for lines of text, images and
     *     files can, without a preprocessor: set it on the lots
     * @throws IllegalArgumentException if there is no record, or the iterator has a preprocessor
     * @throws UnsupportedOperationException if the reader cannot go back to a record
     * @throws IllegalStateException if it goes back to other records than it is asked for
     */
    public static RecordExamples indexed(RecordReaderDataSetIterator iterator) {
        requireNoPreProcessor(iterator);
        RecordReader reader = iterator.getRecordReader();
        var records = new ArrayList<RecordMetaData>();
        reader.reset();
        while (reader.hasNext()) {
            records.add(reader.nextRecord().getMetaData());
        }
        reader.reset();
        if (records.isEmpty()) {
            throw new IllegalArgumentException("the record reader must have at least one record, has none");
        }
        requireSameRecords(reader, records);
        return new RecordExamples(iterator, records);
    }

    /** Of the first, the middle and the last record: another one in its place would be another example. */
    private static void requireSameRecords(RecordReader reader, List<RecordMetaData> records) {
        List<RecordMetaData> asked = IntStream.of(0, records.size() / 2, records.size() - 1)
                .distinct()
                .mapToObj(records::get)
                .toList();
        List<String> found;
        try {
            found = reader.loadFromMetaData(asked).stream()
                    .map(record -> place(record.getMetaData()))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read records again", e);
        }
        List<String> places = asked.stream().map(RecordExamples::place).toList();
        if (!found.equals(places)) {
            throw new IllegalStateException(
                    "the record reader must give the records that it is asked for, in their order, but "
                            + reader.getClass().getName()
                            + " was asked for " + places + " and gave " + found
                            + ": use RecordExamples.inMemory, or another reader");
        }
    }

    private static String place(@Nullable RecordMetaData of) {
        return of == null ? "an unknown place" : of.getURI() + " " + of.getLocation();
    }

    /** DL4J would apply it to the records of a physical batch together. */
    private static void requireNoPreProcessor(RecordReaderDataSetIterator iterator) {
        DataStage.within(iterator).stream()
                .filter(DataStage::isPreProcessor)
                .findFirst()
                .ifPresent(one -> {
                    throw new IllegalArgumentException(
                            "the iterator of indexed records must have no preprocessor, has "
                                    + one.getClass().getName()
                                    + ": call iterator.setPreProcessor(null), and set it on the lots, engine.lots(examples).setPreProcessor, where it is checked and in the report");
                });
    }

    /**
     * All that an iterator gives until its end, held in memory.
     *
     * @param iterator any of DL4J's; its preprocessor is applied. It must compute every example on its own and use no statistics of these data: {@code engine.lots} refuses one that is not known to, or names it in the report
     * @throws IllegalArgumentException if it gives nothing
     */
    public static RandomAccessExamples inMemory(DataSetIterator iterator) {
        var batches = new ArrayList<DataSet>();
        List<Object> stages = DataStage.within(iterator).stream()
                .filter(one -> one instanceof DataStage || DataStage.isPreProcessor(one))
                .toList();
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            while (iterator.hasNext()) {
                DataSet batch = iterator.next();
                // Iterators that read ahead return batches in a workspace, which later batches overwrite.
                batch.detach();
                batches.add(batch);
            }
            if (batches.isEmpty()) {
                throw new IllegalArgumentException("the iterator must return at least one batch, returned none");
            }
            return new InMemoryExamples(InMemoryExamples.toMultiDataSet(DataSet.merge(batches)), stages);
        }
    }

    /**
     * A column of records: the owners of the examples, for {@link GroupedExamples#of(RandomAccessExamples, List)}. The reader that the examples are read through must not have the column, or must drop it by a
     * {@code TransformProcess}: an id among the features is learned.
     *
     * @param reader over the same records in the same order, which is read twice, and reset before and afterwards
     * @param column number of the column, from 0
     * @return the texts of the column, blank where the record has nothing there
     * @throws IllegalArgumentException if a record has no such column, or the reader shuffles its records
     */
    public static List<String> ids(RecordReader reader, int column) {
        List<String> ids = column(reader, column);
        if (!ids.equals(column(reader, column))) {
            throw new IllegalArgumentException(
                    "reader must give its records in the same order every time, gave others after reset(): the ids would be those of other examples. Use an input split that does not shuffle");
        }
        return ids;
    }

    private static List<String> column(RecordReader reader, int column) {
        var ids = new ArrayList<String>();
        reader.reset();
        while (reader.hasNext()) {
            List<Writable> record = reader.next();
            if (column < 0 || column >= record.size()) {
                throw new IllegalArgumentException("column must be in [0, " + record.size()
                        + "), the columns of record " + ids.size() + ", was " + column);
            }
            Writable id = record.get(column);
            ids.add(id instanceof NullWritable ? "" : id.toString());
        }
        reader.reset();
        return ids;
    }

    @Override
    public long size() {
        return records.size();
    }

    /**
     * @throws UncheckedIOException if a record cannot be read; nothing of the lot is released then
     */
    @Override
    public synchronized MultiDataSet get(long[] indices) {
        requireNoPreProcessor(iterator);
        // Some readers give the records in their own order, whatever order they are asked in.
        long[] ascending = LongStream.of(indices).sorted().distinct().toArray();
        List<RecordMetaData> wanted = LongStream.of(ascending)
                .mapToObj(index -> records.get(Math.toIntExact(index)))
                .toList();
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            MultiDataSet read = iterator.loadFromMetaData(wanted).toMultiDataSet();
            if (read.getFeatures(0).size(0) != ascending.length) {
                throw new IllegalStateException("the record reader must give a row for each of the "
                        + ascending.length + " records that it is asked for, gave "
                        + read.getFeatures(0).size(0));
            }
            return Arrays.equals(ascending, indices)
                    ? read
                    : RandomAccessExamples.of(read)
                            .get(LongStream.of(indices)
                                    .map(index -> Arrays.binarySearch(ascending, index))
                                    .toArray());
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + indices.length + " records", e);
        }
    }
}
