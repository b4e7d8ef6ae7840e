// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.data;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.api.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/**
 * Examples with the owner of each: the visits of patients, the transactions of accounts. For plans whose unit of privacy is the owner, by {@code DpSgdPlan.withUnit}.
 *
 * <p>Rows with equal ids belong to one owner; ids are compared exactly, so that " 7" is not "7" and "Ann" is not "ann". An owner whose rows have different ids is several owners to the guarantee. Owners are
 * numbered in the order of their first rows. Ids stay in memory, are never shown in a message, and nothing of a run depends on their values.
 */
public final class GroupedExamples implements RandomAccessExamples {
    private final RandomAccessExamples rows;
    /** The rows of owner u are {@code byOwner[first[u]]} to {@code byOwner[first[u + 1] - 1]}, ascending. */
    private final int[] byOwner;

    private final int[] first;

    private GroupedExamples(RandomAccessExamples rows, int ids, IntFunction<@Nullable Object> id) {
        if (rows instanceof GroupedExamples) {
            throw new IllegalArgumentException(
                    "data must not have owners already: a row has one owner; group the rows themselves");
        }
        if (ids != rows.size()) {
            throw new IllegalArgumentException(
                    "ids must have one value for each of the " + rows.size() + " rows, had " + ids);
        }
        this.rows = rows;
        Map<Object, Integer> owners = new HashMap<>();
        int[] owner = new int[ids];
        for (int row = 0; row < ids; row++) {
            Object value = id.apply(row);
            if (value == null || (value instanceof String text && text.isBlank())) {
                throw new IllegalArgumentException(
                        "ids must name the owner of every row, that of row " + row
                                + " is missing: what its owner adds with other rows could not be bounded. Leave the row out, or find its owner");
            }
            Integer known = owners.putIfAbsent(value, owners.size());
            owner[row] = known == null ? owners.size() - 1 : known;
        }
        first = new int[owners.size() + 1];
        for (int of : owner) {
            first[of + 1]++;
        }
        Arrays.parallelPrefix(first, Integer::sum);
        byOwner = new int[ids];
        int[] next = first.clone();
        for (int row = 0; row < ids; row++) {
            byOwner[next[owner[row]]++] = row;
        }
    }

    /**
     * Examples and the ids of their owners, such as a column of numbers.
     *
     * @param ids one for each example, in their order
     * @throws IllegalArgumentException if there are not as many ids as examples
     */
    public static GroupedExamples of(RandomAccessExamples data, long[] ids) {
        return new GroupedExamples(data, ids.length, row -> ids[row]);
    }

    /**
     * Examples and the ids of their owners.
     *
     * @param ids one for each example, in their order, none null or blank
     * @throws IllegalArgumentException if there are not as many ids as examples, or one is missing
     */
    public static GroupedExamples of(RandomAccessExamples data, String[] ids) {
        return new GroupedExamples(data, ids.length, row -> ids[row]);
    }

    /** As {@link #of(RandomAccessExamples, String[])}, for ids from {@link RecordExamples#ids}. */
    public static GroupedExamples of(RandomAccessExamples data, List<String> ids) {
        return of(data, ids.toArray(String[]::new));
    }

    /** As {@link #of(RandomAccessExamples, long[])}, for data in memory. */
    public static GroupedExamples of(DataSet data, long[] ids) {
        return of(RandomAccessExamples.of(data), ids);
    }

    /** As {@link #of(RandomAccessExamples, String[])}, for data in memory. */
    public static GroupedExamples of(DataSet data, String[] ids) {
        return of(RandomAccessExamples.of(data), ids);
    }

    /** As {@link #of(RandomAccessExamples, long[])}, for data in memory. */
    public static GroupedExamples of(MultiDataSet data, long[] ids) {
        return of(RandomAccessExamples.of(data), ids);
    }

    /** As {@link #of(RandomAccessExamples, String[])}, for data in memory. */
    public static GroupedExamples of(MultiDataSet data, String[] ids) {
        return of(RandomAccessExamples.of(data), ids);
    }

    /**
     * Images whose owners follow from their files.
     *
     * @param owner of an image, by its file alone, such as {@code file -> file.getFileName().toString().split("_")[0]}; not null or blank
     * @throws IllegalArgumentException if the owner of an image is missing, or is another one when it is asked for again
     */
    public static GroupedExamples of(ImageFolderExamples images, Function<Path, String> owner) {
        String[] ids = images.files().stream().map(owner).toArray(String[]::new);
        if (!Arrays.equals(ids, images.files().stream().map(owner).toArray(String[]::new))) {
            throw new IllegalArgumentException(
                    "owner must be a function of the file alone, named other owners when it was asked again: images of one owner would count as those of several");
        }
        return of(images, ids);
    }

    /** The number of owners: private data, unless the plan's relation makes it public. */
    public long units() {
        return first.length - 1L;
    }

    /**
     * The number of rows of an owner: private data.
     *
     * @param unit the number of the owner, in {@code [0, units())}
     */
    public long rowCount(long unit) {
        int of = Math.toIntExact(unit);
        return (long) first[of + 1] - first[of];
    }

    /**
     * The number of a row among all examples.
     *
     * @param unit the number of its owner, in {@code [0, units())}
     * @param place of the row among those of its owner, in {@code [0, rowCount(unit))}
     */
    public long row(long unit, long place) {
        return byOwner[Math.toIntExact(first[Math.toIntExact(unit)] + place)];
    }

    /** The number of rows. */
    @Override
    public long size() {
        return rows.size();
    }

    @Override
    public MultiDataSet get(long[] indices) {
        return rows.get(indices);
    }

    @Override
    public MultiDataSet get(long[] indices, MultiDataSet reuse) {
        return rows.get(indices, reuse);
    }

    @Override
    public boolean hasFixedShapes() {
        return rows.hasFixedShapes();
    }
}
