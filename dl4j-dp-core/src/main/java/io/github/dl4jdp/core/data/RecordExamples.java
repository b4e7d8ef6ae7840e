// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import org.datavec.api.records.metadata.RecordMetaData;
import org.datavec.api.records.reader.RecordReader;
import org.datavec.api.writable.NullWritable;
import org.datavec.api.writable.Writable;
import org.deeplearning4j.datasets.datavec.RecordReaderDataSetIterator;
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
        return new RecordExamples(iterator, records);
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
                batches.add(iterator.next());
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
     * @param reader over the same records in the same order, reset before and afterwards
     * @param column number of the column, from 0
     * @return the texts of the column, blank where the record has nothing there
     * @throws IllegalArgumentException if a record has no such column
     */
    public static List<String> ids(RecordReader reader, int column) {
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
        var wanted = new ArrayList<RecordMetaData>();
        for (long index : indices) {
            wanted.add(records.get(Math.toIntExact(index)));
        }
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            return iterator.loadFromMetaData(wanted).toMultiDataSet();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + indices.length + " records", e);
        }
    }
}
