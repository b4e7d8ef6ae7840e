// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.Partitioner;
import org.apache.spark.api.java.JavaPairRDD;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import scala.Tuple2;

/**
 * Rows with the ids of their owners, brought together so that all rows of an owner are in one partition, one after the other.
 *
 * <p><b>Formal guarantee.</b> The partition of a row is a function of its owner's id and the number of partitions alone: whatever partitions and order the rows came in, no owner is in two, and no other owner has an influence on
 * where one is.
 */
final class OwnerRows {
    private OwnerRows() {}

    /** The id of a row's owner, and the row's place among all rows as they came. */
    private static Tuple2<String, Long> key(@Nullable String id, int partition, int place) {
        if (id == null || id.isBlank()) {
            throw new IllegalArgumentException(
                    "ids must name the owner of every row, one in partition " + partition
                            + " is missing: what its owner adds with other rows could not be bounded. Leave the row out, or find its owner");
        }
        return new Tuple2<>(id, ((long) partition << Integer.SIZE) | place);
    }

    /** By the id alone. */
    private static final class ByOwner extends Partitioner {
        private static final long serialVersionUID = 1L;
        private final int partitions;

        ByOwner(int partitions) {
            this.partitions = partitions;
        }

        @Override
        public int numPartitions() {
            return partitions;
        }

        @Override
        public int getPartition(Object key) {
            return Math.floorMod(((Tuple2<?, ?>) key)._1().hashCode(), partitions);
        }
    }

    /** By the id, then by the place. */
    private static final class Order implements Comparator<Tuple2<String, Long>>, Serializable {
        private static final long serialVersionUID = 1L;

        @Override
        public int compare(Tuple2<String, Long> one, Tuple2<String, Long> other) {
            int byId = one._1().compareTo(other._1());
            return byId != 0 ? byId : Long.compare(one._2(), other._2());
        }
    }

    /**
     * Writes rows as shards, one a partition by owner.
     *
     * @param rows each element one row or several of the owner whose id it has
     */
    static List<ShardStorage.Written> write(
            JavaPairRDD<String, ? extends MultiDataSet> rows, int shards, ShardStorage storage) {
        return rows
                .mapPartitionsWithIndex(
                        (partition, own) -> new Iterator<Tuple2<Tuple2<String, Long>, byte[]>>() {
                            private int place;

                            @Override
                            public boolean hasNext() {
                                return own.hasNext();
                            }

                            @Override
                            public Tuple2<Tuple2<String, Long>, byte[]> next() {
                                Tuple2<String, ? extends MultiDataSet> row = own.next();
                                place = Math.addExact(place, 1);
                                return new Tuple2<>(key(row._1(), partition, place), bytes(row._2()));
                            }
                        },
                        true)
                .mapToPair(row -> row)
                .repartitionAndSortWithinPartitions(new ByOwner(shards), new Order())
                .mapPartitionsWithIndex(
                        (number, sorted) -> {
                            var counted = new Counted(sorted);
                            ShardStorage.Written written = storage.write(number, counted);
                            if (written.layout() != null) {
                                written = written.of(storage.writeOwners(written.name(), counted.counts()));
                            }
                            return List.of(Sent.bytes(written)).iterator();
                        },
                        true)
                .collect()
                .stream()
                .map(bytes -> (ShardStorage.Written) Sent.object(bytes))
                .toList();
    }

    /** Rows in the order of their owners, and how many each owner has. */
    private static final class Counted implements Iterator<MultiDataSet> {
        private final Iterator<Tuple2<Tuple2<String, Long>, byte[]>> sorted;
        private int[] counts = new int[64];
        private int owners;
        private @Nullable String last;

        Counted(Iterator<Tuple2<Tuple2<String, Long>, byte[]>> sorted) {
            this.sorted = sorted;
        }

        @Override
        public boolean hasNext() {
            return sorted.hasNext();
        }

        @Override
        public MultiDataSet next() {
            Tuple2<Tuple2<String, Long>, byte[]> row = sorted.next();
            String owner = row._1()._1();
            if (!owner.equals(last)) {
                if (owners == counts.length) {
                    counts = Arrays.copyOf(counts, 2 * owners);
                }
                owners++;
                last = owner;
            }
            MultiDataSet examples = examples(row._2());
            counts[owners - 1] = Math.addExact(
                    counts[owners - 1], Math.toIntExact(examples.getFeatures(0).size(0)));
            return examples;
        }

        int[] counts() {
            return Arrays.copyOf(counts, owners);
        }
    }

    /** ND4J's own bytes: whatever serializer the application has set, these are read as they were written. */
    private static byte[] bytes(MultiDataSet examples) {
        RowLayout.of(examples); // refuses arrays that lost their values on the way here
        var out = new ByteArrayOutputStream();
        try {
            examples.save(out);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toByteArray();
    }

    private static MultiDataSet examples(byte[] bytes) {
        var examples = new org.nd4j.linalg.dataset.MultiDataSet();
        try {
            examples.load(new ByteArrayInputStream(bytes));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return examples;
    }
}
