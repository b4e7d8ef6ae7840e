// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.core.DpSgdPlan;
import java.io.File;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.nd4j.shade.jackson.databind.JsonNode;

/** What {@link PrivateScaling#release} released, and what it cost. */
public final class ReleasedScaling {
    private final TableNormalizer normalizer;
    private final ReleaseTerms terms;

    ReleasedScaling(TableNormalizer normalizer, ReleaseTerms terms) {
        this.normalizer = normalizer;
        this.terms = terms;
    }

    /** The normalizer by the released quantiles: for training, for inference, and to be saved with the model. */
    public TableNormalizer normalizer() {
        return normalizer;
    }

    /** What was done, relative to the sensitivity under {@link #relation()}; {@code NonPrivate} if a seed drew the noise. */
    public DpEvent event() {
        return terms.event();
    }

    /** The relation for which {@link #event()} is true. */
    public NeighboringRelation relation() {
        return terms.relation();
    }

    /** What is protected as one: "example", or the name given by {@code withUnit}. */
    public String unit() {
        return terms.unit().name();
    }

    /** The identity of this release: it is charged once under this name, in every plan, model and ledger. */
    public String identity() {
        return terms.identity();
    }

    /**
     * The plan with this release charged to it, calibrated again where it is calibrated. It is charged once, and a release that is made again is charged again: a script that runs more than once should {@link #save} it and {@link
     * #load} it.
     *
     * @throws IllegalArgumentException if the plan has another relation, another unit of privacy or another number of examples, or is calibrated to a guarantee
     *     that its earlier releases alone exceed
     */
    public DpSgdPlan chargedTo(DpSgdPlan plan) {
        return terms.chargedTo(plan, PrivateScaling.class);
    }

    /**
     * Writes this release, so that a script which runs again reuses it instead of paying for another release. The file is replaced when the new one is whole and on the disk.
     *
     * @throws IOException if it cannot be written; a file that is there stays as it is
     */
    public void save(File file) throws IOException {
        Object[] knots = IntStream.range(0, normalizer.inputColumns())
                .mapToObj(normalizer::knots)
                .toArray();
        terms.save(file, Map.of("knots", knots));
    }

    /**
     * Reads what {@link #save} wrote: the same release, charged once.
     *
     * @throws IOException if it cannot be read, or is not such a file, or not whole
     */
    public static ReleasedScaling load(File file) throws IOException {
        return ReleaseTerms.load(file, ReleasedScaling.class, List.of("knots"), (terms, released) -> {
            JsonNode columns = released.get("knots");
            if (!columns.isArray()) {
                throw new IllegalArgumentException("it must have an array of columns where it has " + columns);
            }
            double[] @Nullable [] knots = new double[columns.size()][];
            for (int c = 0; c < knots.length; c++) {
                JsonNode own = columns.get(c);
                knots[c] = own.isNull() ? null : ReleaseTerms.numbers(own);
            }
            return new ReleasedScaling(new TableNormalizer(knots, terms.origin()), terms);
        });
    }
}
