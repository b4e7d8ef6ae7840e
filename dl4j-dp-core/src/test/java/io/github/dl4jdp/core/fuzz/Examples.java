// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.fuzz;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/**
 * A data set. Masks are null where there are none.
 *
 * @param views which kind of view its arrays are given as, see {@link Values#view}
 */
record Examples(
        List<Values> features,
        List<Values> labels,
        List<@Nullable Values> featuresMasks,
        List<@Nullable Values> labelsMasks,
        int views) {
    int size() {
        return features.get(0).examples();
    }

    Examples map(UnaryOperator<Values> function) {
        return new Examples(
                mapped(features, function),
                mapped(labels, function),
                mappedMasks(featuresMasks, function),
                mappedMasks(labelsMasks, function),
                views);
    }

    private static List<Values> mapped(List<Values> all, UnaryOperator<Values> function) {
        return all.stream().map(function).toList();
    }

    private static List<@Nullable Values> mappedMasks(List<@Nullable Values> all, UnaryOperator<Values> function) {
        List<@Nullable Values> changed = new ArrayList<>();
        all.forEach(one -> changed.add(one == null ? null : function.apply(one)));
        return changed;
    }

    Examples rows(int... rows) {
        return map(values -> values.rows(rows));
    }

    Examples without(int row) {
        int[] rest = new int[size() - 1];
        for (int i = 0; i < rest.length; i++) {
            rest[i] = i < row ? i : i + 1;
        }
        return rows(rest);
    }

    Examples replaced(int row, Examples by) {
        return new Examples(
                replaced(features, row, by.features),
                replaced(labels, row, by.labels),
                replacedMasks(featuresMasks, row, by.featuresMasks),
                replacedMasks(labelsMasks, row, by.labelsMasks),
                views);
    }

    private static List<Values> replaced(List<Values> all, int row, List<Values> by) {
        var changed = new ArrayList<Values>();
        for (int i = 0; i < all.size(); i++) {
            changed.add(all.get(i).replaced(row, by.get(i)));
        }
        return changed;
    }

    private static List<@Nullable Values> replacedMasks(
            List<@Nullable Values> all, int row, List<@Nullable Values> by) {
        List<@Nullable Values> changed = new ArrayList<>();
        for (int i = 0; i < all.size(); i++) {
            Values mask = all.get(i);
            Values other = by.get(i);
            changed.add(mask == null || other == null ? mask : mask.replaced(row, other));
        }
        return changed;
    }

    Examples withViews(int kind) {
        return new Examples(features, labels, featuresMasks, labelsMasks, kind);
    }

    Examples withoutMasks() {
        return new Examples(features, labels, mappedMasksToNull(featuresMasks), mappedMasksToNull(labelsMasks), views);
    }

    private static List<@Nullable Values> mappedMasksToNull(List<@Nullable Values> all) {
        List<@Nullable Values> none = new ArrayList<>();
        all.forEach(one -> none.add(null));
        return none;
    }

    boolean hasMasks() {
        return featuresMasks.stream().anyMatch(mask -> mask != null)
                || labelsMasks.stream().anyMatch(mask -> mask != null);
    }

    MultiDataSet dataSet(DataType type) {
        return new org.nd4j.linalg.dataset.MultiDataSet(
                arrays(features, type), arrays(labels, type), masks(featuresMasks, type), masks(labelsMasks, type));
    }

    private INDArray[] arrays(List<Values> all, DataType type) {
        return all.stream().map(values -> values.view(type, views)).toArray(INDArray[]::new);
    }

    private @Nullable INDArray @Nullable [] masks(List<@Nullable Values> all, DataType type) {
        if (all.stream().allMatch(mask -> mask == null)) {
            return null;
        }
        @Nullable INDArray[] arrays = new @Nullable INDArray[all.size()];
        for (int i = 0; i < arrays.length; i++) {
            Values mask = all.get(i);
            arrays[i] = mask == null ? null : mask.view(type, views);
        }
        return arrays;
    }

    String code() {
        return "new MultiDataSet(\n            " + code(features) + ",\n            " + code(labels) + ",\n            "
                + codeOfMasks(featuresMasks) + ",\n            " + codeOfMasks(labelsMasks) + ")";
    }

    private String code(List<Values> all) {
        return "new INDArray[] {"
                + String.join(", ", all.stream().map(this::code).toList()) + "}";
    }

    private String code(Values values) {
        return values.code()
                + (views == 0
                        ? ""
                        : views == 1
                                ? ".transpose().dup('c').transpose()"
                                : views == 2 ? ".dup('f')" : "/* as a view */");
    }

    private String codeOfMasks(List<@Nullable Values> all) {
        if (all.stream().allMatch(mask -> mask == null)) {
            return "null";
        }
        var parts = new ArrayList<String>();
        all.forEach(mask -> parts.add(mask == null ? "null" : code(mask)));
        return "new INDArray[] {" + String.join(", ", parts) + "}";
    }
}
