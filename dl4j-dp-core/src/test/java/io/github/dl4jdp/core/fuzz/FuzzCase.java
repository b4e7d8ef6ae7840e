// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.fuzz;

import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.ExecutionOptions;
import io.github.dl4jdp.core.mechanism.Clipping;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A network, a data set and a neighbor of it, and the ways in which it is trained.
 *
 * @param changed the example in which the neighbor differs
 * @param replacement what stands in its place in the neighbor; null where it is removed
 * @param plain whether the numbers are of ordinary size, so that DL4J's own gradients are exact
 */
record FuzzCase(
        long seed,
        FuzzNetwork network,
        Examples data,
        int changed,
        @Nullable Examples replacement,
        boolean plain,
        Run run) {
    /** How many lots are trained on: in the second one, what was kept of the first shows. */
    static final int LOTS = 2;

    enum Kind {
        FLAT,
        PER_LAYER,
        AUTOMATIC,
        ADAPTIVE
    }

    /**
     * How it is trained.
     *
     * @param norm the clipping norm
     * @param physicalBatch of the first run
     * @param otherBatch of the second run, on the same data
     * @param threads of the second run
     * @param prefetch of the second run
     * @param copies that augmentation makes of each example
     * @param segment length of the segments of truncated backpropagation, 0 for none
     * @param maximumLength of the sequences, as the plan declares it with truncated backpropagation or where sequences are padded; 0 if it does not
     * @param pads whether sequences are as long as the longest of their physical batch, see {@link PaddedExamples}
     */
    record Run(
            Kind kind,
            double norm,
            int physicalBatch,
            int otherBatch,
            int threads,
            boolean prefetch,
            int copies,
            int segment,
            int maximumLength,
            boolean pads) {
        Clipping clipping() {
            return switch (kind) {
                case FLAT -> Clipping.flat(norm);
                case PER_LAYER -> Clipping.perLayer(norm);
                case AUTOMATIC -> Clipping.automatic(norm);
                case ADAPTIVE -> Clipping.adaptive(norm);
            };
        }

        String clippingCode() {
            return switch (kind) {
                case FLAT -> "Clipping.flat(" + norm + ")";
                case PER_LAYER -> "Clipping.perLayer(" + norm + ")";
                case AUTOMATIC -> "Clipping.automatic(" + norm + ")";
                case ADAPTIVE -> "Clipping.adaptive(" + norm + ")";
            };
        }

        DpSgdPlan plan(long examples) {
            DpSgdPlan plan = DpSgdPlan.poisson(examples, examples)
                    .withSteps(LOTS)
                    .withClipping(clipping())
                    .withoutNoise()
                    .withDelta(1e-5)
                    .withSeed(7);
            if (segment > 0) {
                plan = plan.withTruncatedBackprop(maximumLength, segment);
            }
            if (pads && maximumLength > 0) {
                plan = plan.withSequenceLength(maximumLength);
            }
            return copies > 1 ? plan.withAugmentationMultiplicity(copies) : plan;
        }

        String planCode() {
            return "DpSgdPlan.poisson(n, n).withSteps(" + LOTS + ").withClipping(" + clippingCode()
                    + ").withoutNoise().withDelta(1e-5).withSeed(7)"
                    + (segment > 0 ? ".withTruncatedBackprop(" + maximumLength + ", " + segment + ")" : "")
                    + (pads && maximumLength > 0 ? ".withSequenceLength(" + maximumLength + ")" : "")
                    + (copies > 1 ? ".withAugmentationMultiplicity(" + copies + ")" : "");
        }

        ExecutionOptions options() {
            return ExecutionOptions.defaults()
                    .withPhysicalBatchSize(physicalBatch)
                    .withThreads(1);
        }

        ExecutionOptions otherOptions() {
            return ExecutionOptions.defaults()
                    .withPhysicalBatchSize(otherBatch)
                    .withThreads(threads)
                    .withPrefetch(prefetch);
        }

        List<Run> smaller() {
            var all = new ArrayList<Run>();
            all.add(new Run(
                    Kind.FLAT,
                    norm,
                    physicalBatch,
                    otherBatch,
                    threads,
                    prefetch,
                    copies,
                    segment,
                    maximumLength,
                    pads));
            all.add(new Run(
                    kind, 1, physicalBatch, otherBatch, threads, prefetch, copies, segment, maximumLength, pads));
            all.add(new Run(kind, norm, 1000, otherBatch, threads, prefetch, copies, segment, maximumLength, pads));
            all.add(new Run(kind, norm, physicalBatch, 1, threads, prefetch, copies, segment, maximumLength, pads));
            all.add(new Run(kind, norm, physicalBatch, 1000, threads, prefetch, copies, segment, maximumLength, pads));
            all.add(new Run(kind, norm, physicalBatch, otherBatch, 1, prefetch, copies, segment, maximumLength, pads));
            all.add(new Run(
                    kind, norm, physicalBatch, otherBatch, threads, false, copies, segment, maximumLength, pads));
            all.add(new Run(kind, norm, physicalBatch, otherBatch, threads, prefetch, 1, segment, maximumLength, pads));
            all.removeIf(this::equals);
            return all;
        }
    }

    Examples neighbor() {
        return replacement == null ? data.without(changed) : data.replaced(changed, replacement);
    }

    /** How many clipping norms the sums may be apart. */
    int bound() {
        return replacement == null ? 1 : 2;
    }

    NeighboringRelation relation() {
        return replacement == null ? NeighboringRelation.ADD_OR_REMOVE_ONE : NeighboringRelation.REPLACE_ONE;
    }

    FuzzCase with(FuzzNetwork other) {
        return new FuzzCase(seed, other, data, changed, replacement, plain, run);
    }

    FuzzCase with(Run other) {
        return new FuzzCase(seed, network, data, changed, replacement, plain, other);
    }

    FuzzCase with(Examples other, int row, @Nullable Examples instead) {
        return new FuzzCase(seed, network, other, row, instead, plain, run);
    }

    @Override
    public String toString() {
        return "seed " + seed + ": " + (network.graph() ? "graph" : "list") + network.parts() + ", " + data.size()
                + " examples, number " + changed + (replacement == null ? " removed, " : " replaced, ") + run;
    }
}
