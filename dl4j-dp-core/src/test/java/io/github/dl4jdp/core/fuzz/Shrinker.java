// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.fuzz;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Makes a case smaller as long as the same check fails. */
final class Shrinker {
    private final Finding.Kind kind;
    private int left;

    private Shrinker(Finding.Kind kind, int tries) {
        this.kind = kind;
        this.left = tries;
    }

    /** The smallest case found within a number of tries. */
    static FuzzCase shrink(FuzzCase one, Finding finding, int tries) {
        return new Shrinker(finding.kind(), tries).shrink(one);
    }

    private FuzzCase shrink(FuzzCase one) {
        FuzzCase smallest = one;
        boolean smaller = true;
        while (smaller && left > 0) {
            smaller = false;
            for (Supplier<@Nullable FuzzCase> candidate : candidates(smallest)) {
                FuzzCase next = left > 0 ? fails(candidate) : null;
                if (next != null) {
                    smallest = next;
                    smaller = true;
                    break;
                }
            }
        }
        return smallest;
    }

    private @Nullable FuzzCase fails(Supplier<@Nullable FuzzCase> candidate) {
        left--;
        try {
            FuzzCase one = candidate.get();
            return one != null && Checks.of(one).kind() == kind ? one : null;
        } catch (RuntimeException e) {
            return null; // DL4J cannot build it
        }
    }

    private static List<Supplier<@Nullable FuzzCase>> candidates(FuzzCase one) {
        List<Supplier<@Nullable FuzzCase>> all = new ArrayList<>();
        for (FuzzNetwork network : one.network().smaller()) {
            all.add(() -> refitted(one, network));
        }
        for (FuzzCase.Run run : one.run().smaller()) {
            all.add(() -> one.with(run));
        }
        Examples data = one.data();
        for (int i = 0; i < data.size() && data.size() > 2; i++) {
            int row = i;
            if (row != one.changed()) {
                all.add(() -> one.with(
                        data.without(row), row < one.changed() ? one.changed() - 1 : one.changed(), one.replacement()));
            }
        }
        if (data.views() != 0) {
            all.add(() -> one.with(data.withViews(0), one.changed(), one.replacement()));
        }
        if (data.hasMasks()) {
            all.add(() -> one.with(
                    data.withoutMasks(),
                    one.changed(),
                    one.replacement() == null ? null : one.replacement().withoutMasks()));
        }
        Examples rounded = data.map(Values::rounded);
        if (!same(rounded, data)) {
            all.add(() -> one.with(
                    rounded,
                    one.changed(),
                    one.replacement() == null ? null : one.replacement().map(Values::rounded)));
        }
        return all;
    }

    private static boolean same(Examples one, Examples other) {
        for (int i = 0; i < one.features().size(); i++) {
            if (!Arrays.equals(
                    one.features().get(i).numbers(), other.features().get(i).numbers())) {
                return false;
            }
        }
        return true;
    }

    /** The case with a smaller network, its labels and label masks brought to the shapes that come out of it. */
    private static FuzzCase refitted(FuzzCase one, FuzzNetwork network) {
        List<long[]> shapes = Generator.outputShapes(network, one.data().features());
        List<Integer> kept = new ArrayList<>();
        for (String output : network.outputs()) {
            kept.add(one.network().outputs().indexOf(output));
        }
        return one.with(network)
                .with(
                        refitted(one.data(), kept, shapes),
                        one.changed(),
                        one.replacement() == null ? null : refitted(one.replacement(), kept, shapes));
    }

    private static Examples refitted(Examples data, List<Integer> kept, List<long[]> shapes) {
        var labels = new ArrayList<Values>();
        List<@Nullable Values> masks = new ArrayList<>();
        for (int i = 0; i < kept.size(); i++) {
            Values old = data.labels().get(kept.get(i));
            long[] shape = shapes.get(i).clone();
            shape[0] = data.size();
            boolean sameRank = shape.length == old.shape().length;
            for (int d = 1; d < shape.length && sameRank; d++) {
                // Labels of another width than the output, as some losses have them, keep it.
                shape[d] = Math.min(shape[d], old.shape()[d]);
            }
            labels.add(old.fitted(shape));
            Values mask = data.labelsMasks().get(kept.get(i));
            if (mask == null || !sameRank) {
                masks.add(null);
            } else {
                long[] own = mask.shape().clone();
                own[0] = data.size();
                if (own.length == shape.length) {
                    for (int d = 1; d < own.length; d++) {
                        own[d] = own[d] == old.shape()[d] ? shape[d] : own[d];
                    }
                } else if (own.length == 2 && shape.length == 3) {
                    own[1] = own[1] == old.shape()[2] ? shape[2] : shape[1];
                }
                masks.add(mask.fitted(own));
            }
        }
        return new Examples(data.features(), labels, data.featuresMasks(), masks, data.views());
    }
}
