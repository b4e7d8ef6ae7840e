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
import org.nd4j.shade.jackson.databind.JsonNode;
import org.nd4j.shade.jackson.databind.ObjectMapper;

/** What {@link PrivateNormalization#release} released, and what it cost. */
public final class ReleasedNormalization {
    private final ChannelNormalization normalization;
    private final long examples;
    private final NeighboringRelation relation;
    private final DpEvent event;
    private final String identity;
    private final UnitOfRelease unit;

    ReleasedNormalization(
            ChannelNormalization normalization,
            long examples,
            NeighboringRelation relation,
            DpEvent event,
            String identity,
            UnitOfRelease unit) {
        this.normalization = normalization;
        this.examples = examples;
        this.relation = relation;
        this.event = event;
        this.identity = identity;
        this.unit = unit;
    }

    /** The normalization by the released means and variances. */
    public ChannelNormalization normalization() {
        return normalization;
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
        values.put("mean", normalization.mean());
        values.put("deviation", normalization.deviation());
        Files.writeString(file.toPath(), new ObjectMapper().writeValueAsString(values));
    }

    /**
     * Reads what {@link #save} wrote: the same release, charged once.
     *
     * @throws IOException if it cannot be read, or is not such a file
     */
    public static ReleasedNormalization load(File file) throws IOException {
        JsonNode values = new ObjectMapper().readTree(file);
        for (String name : List.of("identity", "examples", "relation", "unit", "event", "mean", "deviation")) {
            if (!values.has(name)) {
                throw new IOException(
                        file + " must be a file that ReleasedNormalization.save wrote, has no \"" + name + "\"");
            }
        }
        try {
            return new ReleasedNormalization(
                    ChannelNormalization.of(numbers(values.get("mean")), numbers(values.get("deviation"))),
                    values.get("examples").asLong(),
                    NeighboringRelation.valueOf(values.get("relation").asText()),
                    DpEvent.fromJson(values.get("event").asText()),
                    values.get("identity").asText(),
                    UnitOfRelease.of(values.get("unit").asText()));
        } catch (IllegalArgumentException e) {
            throw new IOException(file + " must be a file that ReleasedNormalization.save wrote: " + e.getMessage(), e);
        }
    }

    private static double[] numbers(JsonNode array) {
        return IntStream.range(0, array.size())
                .mapToDouble(i -> array.get(i).asDouble())
                .toArray();
    }

    /**
     * The plan with this release charged to it, beside what it has been charged with {@link DpSgdPlan#withOtherReleases} already. It is charged once, and a
     * release that is made again is charged again: a script that runs more than once should {@link #save} it and {@link #load} it.
     *
     * @throws IllegalArgumentException if the plan has another relation, another unit of privacy or another number of examples, or is calibrated to a guarantee
     *     that its earlier releases alone exceed
     */
    public DpSgdPlan chargedTo(DpSgdPlan plan) {
        return charge(plan, examples, relation, unit, identity, event, "PrivateNormalization");
    }

    /** Charges a release of class {@code releaser} to a plan. */
    static DpSgdPlan charge(
            DpSgdPlan plan,
            long examples,
            NeighboringRelation relation,
            UnitOfRelease unit,
            String identity,
            DpEvent event,
            String releaser) {
        if (plan.relation() != relation) {
            throw new IllegalArgumentException("plan must have the relation of the release, " + relation
                    + ", has " + plan.relation()
                    + ": release under the plan's relation, by " + releaser + ".withRelation");
        }
        if (!plan.unit().equals(unit.name())) {
            throw new IllegalArgumentException("plan must have the unit of privacy of the release, one " + unit.name()
                    + ", has one " + plan.unit()
                    + ": what is protected for one is not for the other. Release about the plan's unit, by "
                    + releaser + ".withUnit and GroupedExamples for the owner of rows");
        }
        if (plan.examples() != examples) {
            throw new IllegalArgumentException(
                    "plan must have the number of examples of the release, " + examples + ", has " + plan.examples());
        }
        return plan.withOtherRelease(identity, event);
    }
}
