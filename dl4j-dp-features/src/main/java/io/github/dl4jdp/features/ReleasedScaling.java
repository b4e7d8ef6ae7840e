// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.core.DpSgdPlan;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.nd4j.shade.jackson.databind.ObjectMapper;

/** What {@link PrivateScaling#release} released, and what it cost. */
public final class ReleasedScaling {
    private final TableNormalizer normalizer;
    private final long examples;
    private final NeighboringRelation relation;
    private final DpEvent event;
    private final String identity;
    private final UnitOfRelease unit;

    ReleasedScaling(
            TableNormalizer normalizer,
            long examples,
            NeighboringRelation relation,
            DpEvent event,
            String identity,
            UnitOfRelease unit) {
        this.normalizer = normalizer;
        this.examples = examples;
        this.relation = relation;
        this.event = event;
        this.identity = identity;
        this.unit = unit;
    }

    /** The normalizer by the released quantiles: for training, for inference, and to be saved with the model. */
    public TableNormalizer normalizer() {
        return normalizer;
    }

    /** What was done, relative to the sensitivity under {@link #relation()}; {@code NonPrivate} if a seed drew the noise. */
    public DpEvent event() {
        return event;
    }

    /** The relation for which {@link #event()} is true. */
    public NeighboringRelation relation() {
        return relation;
    }

    /** What is protected as one: "example", or the name given by {@code withUnit}. */
    public String unit() {
        return unit.name();
    }

    /** The identity of this release: it is charged once under this name, in every plan, model and ledger. */
    public String identity() {
        return identity;
    }

    /**
     * The plan with this release charged to it, calibrated again where it is calibrated. It is charged once, and a release that is made again is charged again: a script that runs more than once should {@link #save} it and {@link
     * #load} it.
     *
     * @throws IllegalArgumentException if the plan has another relation, another unit of privacy or another number of examples, or is calibrated to a guarantee
     *     that its earlier releases alone exceed
     */
    public DpSgdPlan chargedTo(DpSgdPlan plan) {
        return ReleasedNormalization.charge(plan, examples, relation, unit, identity, event, "PrivateScaling");
    }

    /**
     * Writes this release, so that a script which runs again reuses it instead of paying for another release.
     *
     * @throws IOException if it cannot be written
     */
    public void save(File file) throws IOException {
        var values = new LinkedHashMap<String, Object>();
        values.put("identity", identity);
        values.put("examples", examples);
        values.put("relation", relation.name());
        values.put("unit", unit.name());
        values.put("event", event.toJson());
        values.put(
                "knots",
                IntStream.range(0, normalizer.inputColumns())
                        .mapToObj(normalizer::knots)
                        .toArray());
        Files.writeString(file.toPath(), new ObjectMapper().writeValueAsString(values));
    }

    /**
     * Reads what {@link #save} wrote: the same release, charged once.
     *
     * @throws IOException if it cannot be read, or is not such a file
     */
    public static ReleasedScaling load(File file) throws IOException {
        JsonNode values = new ObjectMapper().readTree(file);
        for (String name : List.of("identity", "examples", "relation", "unit", "event", "knots")) {
            if (!values.has(name)) {
                throw new IOException(
                        file + " must be a file that ReleasedScaling.save wrote, has no \"" + name + "\"");
            }
        }
        try {
            JsonNode columns = values.get("knots");
            double[] @Nullable [] knots = new double[columns.size()][];
            for (int c = 0; c < knots.length; c++) {
                JsonNode own = columns.get(c);
                knots[c] = own.isNull()
                        ? null
                        : IntStream.range(0, own.size())
                                .mapToDouble(i -> own.get(i).asDouble())
                                .toArray();
            }
            return new ReleasedScaling(
                    new TableNormalizer(knots),
                    values.get("examples").asLong(),
                    NeighboringRelation.valueOf(values.get("relation").asText()),
                    DpEvent.fromJson(values.get("event").asText()),
                    values.get("identity").asText(),
                    UnitOfRelease.of(values.get("unit").asText()));
        } catch (IllegalArgumentException e) {
            throw new IOException(file + " must be a file that ReleasedScaling.save wrote: " + e.getMessage(), e);
        }
    }
}
