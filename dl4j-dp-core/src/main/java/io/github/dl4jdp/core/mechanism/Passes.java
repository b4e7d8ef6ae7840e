// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.core.internal.Require;
import java.util.ArrayList;
import java.util.List;

/**
 * The passes over given batches under correlated noise: it holds what the sensitivity of the matrix assumes about the lots of an example.
 *
 * <p><b>Formal guarantee.</b> Let every pass give its examples in the same order, each at most once. An example is then in at most k lots, k the passes of the plan, and between two of them at least the separation b lots apart: lot t of a pass has as many examples as
 * lot t of every other pass that had one, so that an example is in the same lot of each pass that reaches it, and a pass is begun only after the one before it had at least b lots. (With b = 1 order and sizes may change from pass to pass: an example is in at most
 * one lot of a pass.)
 */
final class Passes {
    private final Mechanism mechanism;
    /** How many examples each lot of a pass has, as far as a pass has come; unused where sizes may change. */
    private final List<Long> sizes = new ArrayList<>();

    private long begun;
    private long lots;
    private long examples;
    /** Whether the next iterator reads the rest of the last pass. */
    private boolean isOpen;

    Passes(Mechanism mechanism) {
        this.mechanism = mechanism;
    }

    /** How many have begun: had a release. */
    long begun() {
        return begun;
    }

    /** How many cannot be begun any more. */
    long used() {
        return isOpen ? begun - 1 : begun;
    }

    /** The pass that the next iterator reads. */
    long next() {
        return isOpen ? begun : begun + 1;
    }

    Charges.Stop stop(long charges, long began) {
        return new Charges.Stop(charges, began, begun, lots, examples, sizes);
    }

    /** Goes on where another run of the mechanism stopped, in the same pass if the data are a stream. */
    void goOn(Charges.Stop stop, boolean isStream) {
        begun = stop.passes();
        lots = stop.lots();
        examples = stop.examples();
        sizes.clear();
        sizes.addAll(stop.sizes());
        isOpen = isStream && begun > 0;
    }

    /** Whether a lot may follow that another iterator reads. */
    boolean canGoOn(boolean isStream) {
        return isStream
                ? examples < mechanism.examples()
                : begun < mechanism.passes() && (begun == 0 || lots >= separation());
    }

    /**
     * Refuses a pass that must not begin yet.
     *
     * @throws IllegalStateException if there are no more, or the last one was too short
     */
    void requireNext() {
        if (isOpen) {
            return;
        }
        Require.state(begun < mechanism.passes(), "the plan is exhausted: all of its " + begun + " passes were begun");
        Require.state(
                begun == 0 || lots >= separation(),
                "a pass must have at least " + separation()
                        + " lots before the next one begins, since the noise of an example's lots is shared by lots that are closer; it had "
                        + lots
                        + ". Read every pass to its end, or declare a smaller separation by withCorrelatedNoise(noise, separation)");
    }

    private long separation() {
        return mechanism.correlation().orElseThrow().separation();
    }

    /**
     * Refuses a release that the plan has no room for.
     *
     * @param pass the pass of the lot, from 1
     * @throws IllegalStateException if the pass must not begin yet, or has more examples than the data set; if the lot is larger than the plan's, or of another size than in the passes before
     */
    void require(long pass, long examplesOfLot) {
        boolean isNew = pass != begun;
        if (isNew) {
            requireNext();
        }
        long examplesSoFar = Math.addExact(isNew ? 0 : examples, examplesOfLot);
        Require.state(
                examplesSoFar <= mechanism.examples(),
                "a pass must be over at most " + mechanism.examples() + " examples, was over " + examplesSoFar
                        + "; nothing of this lot was released");
        Require.state(
                examplesOfLot <= mechanism.lotSize(),
                "with correlated noise, a lot must have at most the plan's batch size, " + mechanism.lotSize()
                        + " examples, had " + examplesOfLot
                        + "; nothing of it was released. Use an iterator of smaller batches, or a plan with a larger batch size");
        int place = (int) (isNew ? 0 : lots);
        if (hasFixedSizes() && place < sizes.size()) {
            Require.state(
                    examplesOfLot == sizes.get(place),
                    "with correlated noise, lot " + (place + 1) + " of pass " + pass + " must have " + sizes.get(place)
                            + " examples, as lot " + (place + 1)
                            + " of an earlier pass, since the noise of an example's lots is shared by lots that are closer than "
                            + separation() + "; it had " + examplesOfLot
                            + ", and nothing of it was released. Use an iterator with the same batches in every pass, withCorrelatedNoise(noise, 1), which holds for any batches, or independent noise");
        }
    }

    /** Whether the plan assumes more of the places of an example than that they are in different lots. */
    private boolean hasFixedSizes() {
        return mechanism.passes() > 1 && separation() > 1;
    }

    /** Counts a release that {@link #require} accepted. */
    void add(long pass, long examplesOfLot) {
        if (pass != begun) {
            begun++;
            lots = 0;
            examples = 0;
        }
        isOpen = false;
        if (hasFixedSizes() && lots == sizes.size()) {
            sizes.add(examplesOfLot);
        }
        lots++;
        examples += examplesOfLot;
    }
}
