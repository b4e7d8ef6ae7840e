// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import io.github.dl4jdp.core.data.GroupedExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.gradient.DataPreProcessors;
import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.mechanism.LotSums;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.OptionalLong;
import java.util.PrimitiveIterator;
import java.util.stream.LongStream;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.rdd.RDD;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A training set on storage that driver and executors reach, cut into shards once and for all: file:, hdfs:, s3a: and what else Hadoop's {@code FileSystem} knows.
 *
 * <p>Each shard holds the examples of a range of numbers. A manifest names the shards, their ranges and the SHA-256 of their bytes; it is written last, so that a directory
 * without it is no set of shards. Afterwards nothing is shuffled, sampled or numbered by Spark: a task's input is a shard's name, and an example has the same number at every attempt.
 *
 * <p>The files hold what the examples tell, unprotected: keep them where the examples may be kept.
 */
public final class ShardedExamples {
    private static final Logger log = LoggerFactory.getLogger(ShardedExamples.class);
    private static final int ROWS_AT_A_TIME = 256;

    private final ShardStorage storage;
    private final ShardManifest manifest;

    private ShardedExamples(ShardStorage storage, ShardManifest manifest) {
        this.storage = storage;
        this.manifest = manifest;
    }

    /**
     * Writes each partition of an RDD as a shard. Its empty partitions have none.
     *
     * <p><b>Assumed.</b> The partition of an example does not depend on the other examples: neighboring data sets have the same partitions, one of them with an example more. Partitions by a hash of a
     * public identifier are so; those of {@code parallelize} and {@code repartition} are so if the number of examples is public.
     *
     * @param examples each element one example or several
     * @param directory without a set of shards
     * @throws IllegalArgumentException if the directory has a set of shards, the RDD has no example, examples have different shapes, or a partition that is computed again may hold other
     *     rows
     * @throws UncheckedIOException if the directory cannot be written to
     */
    public static ShardedExamples write(JavaRDD<DataSet> examples, String directory) {
        return writeMulti(examples.map(ShardedExamples::multi), directory);
    }

    /** As {@link #write(JavaRDD, String)}, for networks of several inputs or outputs. */
    public static ShardedExamples writeMulti(JavaRDD<? extends MultiDataSet> examples, String directory) {
        requireSameAgain(examples.rdd());
        JavaSparkContext spark = JavaSparkContext.fromSparkContext(examples.context());
        ShardStorage storage = emptyStorage(spark, directory);
        List<ShardStorage.Written> written = examples
                .mapPartitionsWithIndex(
                        (number, rows) -> {
                            var all = new Iterator<MultiDataSet>() {
                                @Override
                                public boolean hasNext() {
                                    return rows.hasNext();
                                }

                                @Override
                                public MultiDataSet next() {
                                    return rows.next();
                                }
                            };
                            return List.of(Sent.bytes(storage.write(number, all)))
                                    .iterator();
                        },
                        true)
                .collect()
                .stream()
                .map(bytes -> (ShardStorage.Written) Sent.object(bytes))
                .toList();
        return finish(storage, written, OptionalLong.empty(), List.of());
    }

    /**
     * Writes rows that have owners, for plans by {@code DpSgdPlan.withUnit}: the visits of patients by their ids. Spark brings the rows of an owner together, from whatever partitions, in the shard that a hash of the id names.
     *
     * <p>Ids are compared exactly, so that " 7" is not "7"; an owner whose rows have different ids is several owners to the guarantee. Ids are not written. Owners are numbered shard by shard, in the order of their ids, and their rows keep the
     * order of the RDD. Until they are written, rows and ids cross the network and local disks by Spark's shuffle: protect these as for any job on the same data.
     *
     * <p>The shard of an owner depends on the id and the number of shards alone, so that nothing has to be assumed about the partitions of the RDD.
     *
     * @param rowsById each element one row or several of one owner, with the owner's id, neither null nor blank
     * @param shards at least 1, a public constant; a shard that gets no owner is left out
     * @param directory without a set of shards
     * @throws IllegalArgumentException as for {@link #write(JavaRDD, String)}, or if {@code shards < 1}. Spark throws if an id is missing
     * @throws UncheckedIOException if the directory cannot be written to
     */
    public static ShardedExamples writeByOwner(JavaPairRDD<String, DataSet> rowsById, int shards, String directory) {
        return writeMultiByOwner(rowsById.mapValues(ShardedExamples::multi), shards, directory);
    }

    /** As {@link #writeByOwner(JavaPairRDD, int, String)}, for networks of several inputs or outputs. */
    public static ShardedExamples writeMultiByOwner(
            JavaPairRDD<String, ? extends MultiDataSet> rowsById, int shards, String directory) {
        if (shards < 1) {
            throw new IllegalArgumentException("shards must be at least 1, was " + shards);
        }
        requireSameAgain(rowsById.rdd());
        ShardStorage storage = emptyStorage(JavaSparkContext.fromSparkContext(rowsById.context()), directory);
        return finish(storage, OwnerRows.write(rowsById, shards, storage), OptionalLong.empty(), List.of());
    }

    private static void requireSameAgain(RDD<?> rdd) {
        if (String.valueOf(rdd.outputDeterministicLevel()).equals("INDETERMINATE")) {
            throw new IllegalArgumentException(
                    "a partition of the RDD that is computed again, after a failure say, may hold other rows, so that examples would be lost or repeated"
                            + " (SPARK-23207): checkpoint() the RDD, or sort it before repartition");
        }
    }

    /**
     * Writes examples that the driver has, in memory or in array files, as {@code shards} shards of equal length. For a data set whose size is the number of examples of the plan: {@link
     * #write(JavaSparkContext, RandomAccessExamples, long, int, String)} takes others.
     *
     * @param shards at least 1 and at most the number of examples
     * @throws IllegalArgumentException if {@code shards} is out of its range, the directory has a set of shards, examples have different shapes, or went through a preprocessor that may mix them or a private release
     * @throws UncheckedIOException if the directory cannot be written to
     */
    public static ShardedExamples write(
            JavaSparkContext spark, RandomAccessExamples examples, int shards, String directory) {
        return write(spark, examples, units(examples), shards, directory);
    }

    /**
     * As {@link #write(JavaSparkContext, RandomAccessExamples, int, String)}, where the shards are equal parts of a public number of examples: one example more or less in the data moves no other to another
     * shard, so that it changes one part of a sum only. The last shard has what is beyond that number.
     *
     * <p>{@link GroupedExamples} are cut by their owners, for plans by {@code DpSgdPlan.withUnit}: all rows of an owner are in one shard.
     *
     * @param publicSize the number of examples of the plan, or of owners, at least 1
     * @param shards at least 1 and at most the number of examples or owners
     */
    public static ShardedExamples write(
            JavaSparkContext spark, RandomAccessExamples examples, long publicSize, int shards, String directory) {
        if (publicSize < 1) {
            throw new IllegalArgumentException("publicSize must be at least 1, was " + publicSize);
        }
        requireWritable(examples);
        long units = units(examples);
        long most = Math.min(units, publicSize);
        if (shards < 1 || shards > most) {
            throw new IllegalArgumentException("shards must be from 1 to the number of "
                    + (examples instanceof GroupedExamples ? "owners" : "examples") + ", " + most + ", was " + shards);
        }
        ShardStorage storage = emptyStorage(spark, directory);
        var written = new ArrayList<ShardStorage.Written>();
        try {
            for (int shard = 0; shard < shards; shard++) {
                long from = Math.min(units, LotSums.border(publicSize, shards, shard));
                long to = shard + 1 == shards ? units : Math.min(units, LotSums.border(publicSize, shards, shard + 1));
                written.add(
                        examples instanceof GroupedExamples grouped
                                ? write(storage, shard, grouped, from, to)
                                : storage.write(
                                        shard,
                                        rows(
                                                examples,
                                                LongStream.range(from, to).iterator())));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return finish(storage, written, OptionalLong.of(publicSize), DataPreProcessors.assumptions(examples));
    }

    /** Of what the examples went through, only the assumptions are written with them. */
    private static void requireWritable(RandomAccessExamples examples) {
        DataPreProcessors.requireExampleWise(examples, GradientRules.builtIn());
        DataPreProcessors.assumptions(examples).forEach(assumption -> log.warn("Assumed: {}.", assumption));
        Map<String, String> releases = DataPreProcessors.releases(examples);
        if (!releases.isEmpty()) {
            throw new IllegalArgumentException(
                    "examples that are written must not be changed by private releases, were by " + releases
                            + ": shards do not keep what they cost, and a plan could forget it. Write a copy, RandomAccessExamples.of(examples.get(rows)), and charge each plan that trains on it with the release");
        }
    }

    private static long units(RandomAccessExamples examples) {
        return examples instanceof GroupedExamples grouped ? grouped.units() : examples.size();
    }

    /** Writes all rows of the owners from one number to before another. */
    private static ShardStorage.Written write(
            ShardStorage storage, int shard, GroupedExamples examples, long from, long to) throws IOException {
        PrimitiveIterator.OfLong rows = LongStream.range(from, to)
                .flatMap(
                        owner -> LongStream.range(0, examples.rowCount(owner)).map(place -> examples.row(owner, place)))
                .iterator();
        ShardStorage.Written written = storage.write(shard, rows(examples, rows));
        int[] counts = LongStream.range(from, to)
                .mapToInt(owner -> Math.toIntExact(examples.rowCount(owner)))
                .toArray();
        return counts.length == 0 ? written : written.of(storage.writeOwners(written.name(), counts));
    }

    private static Iterator<MultiDataSet> rows(RandomAccessExamples examples, PrimitiveIterator.OfLong numbers) {
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return numbers.hasNext();
            }

            @Override
            public MultiDataSet next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                var some = LongStream.builder();
                for (int i = 0; i < ROWS_AT_A_TIME && numbers.hasNext(); i++) {
                    some.add(numbers.nextLong());
                }
                return examples.get(some.build().toArray());
            }
        };
    }

    private static MultiDataSet multi(DataSet data) {
        return new org.nd4j.linalg.dataset.MultiDataSet(
                new INDArray[] {data.getFeatures()},
                new INDArray[] {data.getLabels()},
                data.getFeaturesMaskArray() == null ? null : new INDArray[] {data.getFeaturesMaskArray()},
                data.getLabelsMaskArray() == null ? null : new INDArray[] {data.getLabelsMaskArray()});
    }

    private static ShardStorage emptyStorage(JavaSparkContext spark, String directory) {
        try {
            var storage = new ShardStorage(directory, spark.hadoopConfiguration());
            if (storage.hasManifest()) {
                throw new IllegalArgumentException("directory must have no set of shards, " + storage.directory()
                        + " has one: open it, or write to another directory");
            }
            return storage;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static ShardedExamples finish(
            ShardStorage storage, List<ShardStorage.Written> written, OptionalLong cutBy, List<String> assumptions) {
        var shards = new ArrayList<ShardManifest.Shard>();
        long first = 0;
        long firstOwner = 0;
        RowLayout layout = null;
        for (ShardStorage.Written shard : written) {
            RowLayout here = shard.layout();
            if (here == null) {
                continue;
            }
            if (layout == null) {
                layout = here;
            }
            if (!layout.equals(here)) {
                throw new IllegalArgumentException(
                        "all shards must have examples of the same arrays and shapes: one has "
                                + here.describe() + ", others have " + layout.describe()
                                + ". Pad them to a public length before they are written");
            }
            ShardStorage.WrittenOwners of = shard.owners();
            var owners = of == null ? null : new ShardManifest.Owners(of.name(), firstOwner, of.count(), of.sha256());
            shards.add(new ShardManifest.Shard(shard.name(), first, shard.count(), shard.sha256(), owners));
            first += shard.count();
            firstOwner += of == null ? 0 : of.count();
        }
        if (layout == null) {
            throw new IllegalArgumentException("a set of shards must have at least one example, the RDD has none");
        }
        var manifest = new ShardManifest(layout, shards, cutBy, assumptions);
        try {
            storage.write(manifest);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return new ShardedExamples(storage, manifest);
    }

    /**
     * Opens a set of shards.
     *
     * @throws IllegalArgumentException if the directory has none
     * @throws UncheckedIOException if it cannot be read
     */
    public static ShardedExamples open(JavaSparkContext spark, String directory) {
        try {
            var storage = new ShardStorage(directory, spark.hadoopConfiguration());
            return new ShardedExamples(storage, storage.manifest());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The number of examples: of rows, where these have owners. */
    public long size() {
        return manifest.size();
    }

    /** Whether rows have owners, for plans by {@code DpSgdPlan.withUnit}: all rows of one are in one shard. */
    public boolean hasOwners() {
        return manifest.hasOwners();
    }

    /** The number of owners of rows, or of examples where these have none. Private data, unless the plan's relation makes it public. */
    public long units() {
        return manifest.units();
    }

    /** The number of shards. */
    public int shards() {
        return manifest.shards().size();
    }

    /** Where they are, with the file system's scheme. */
    public String directory() {
        return storage.directory();
    }

    ShardStorage storage() {
        return storage;
    }

    ShardManifest manifest() {
        return manifest;
    }

    /** One row of zeros, its masks ones. */
    MultiDataSet standIn() {
        MultiDataSet row =
                manifest.layout().examples(Nd4j.zeros(1, manifest.layout().length()));
        for (INDArray[] masks : new INDArray[][] {row.getFeaturesMaskArrays(), row.getLabelsMaskArrays()}) {
            for (int i = 0; masks != null && i < masks.length; i++) {
                if (masks[i] != null) {
                    masks[i].assign(1);
                }
            }
        }
        return row;
    }
}
