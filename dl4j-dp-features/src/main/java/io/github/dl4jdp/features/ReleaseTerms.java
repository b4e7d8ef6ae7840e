// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.data.Origin;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.gradient.DataPreProcessors;
import io.github.dl4jdp.core.gradient.GradientRules;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.nd4j.shade.jackson.databind.ObjectMapper;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What every release about private data has, whatever was released: what it cost, and for whom.
 *
 * @param examples the public number of examples
 * @param relation for which the event is true
 * @param unit what is protected as one
 * @param event what was done
 * @param identity the name under which it is charged once
 * @param before the origin of the constants by which its data were changed
 */
record ReleaseTerms(
        long examples,
        NeighboringRelation relation,
        UnitOfRelease unit,
        DpEvent event,
        String identity,
        Origin before) {

    private static final Logger log = LoggerFactory.getLogger(ReleaseTerms.class);
    private static final List<String> NAMES = List.of("identity", "examples", "relation", "unit", "event");

    /** Those of a new release. */
    ReleaseTerms(long examples, NeighboringRelation relation, UnitOfRelease unit, DpEvent event, Origin before) {
        this(examples, relation, unit, event, UUID.randomUUID().toString(), before);
    }

    /**
     * The origin of the constants by which private data are changed that a release is about.
     *
     * @throws IllegalArgumentException if they went through a preprocessor that is not known to compute every example independently
     */
    static Origin before(RandomAccessExamples data) {
        DataPreProcessors.requireExampleWise(data, GradientRules.builtIn());
        List<String> assumptions = DataPreProcessors.assumptions(data);
        assumptions.forEach(assumption -> log.warn("Assumed: {}.", assumption));
        return new Origin(DataPreProcessors.releases(data), assumptions.isEmpty());
    }

    /** The origin of what was released. */
    Origin origin() {
        return before.and(Origin.ofRelease(identity, event.toJson()));
    }

    /** Writes them, and what was released. */
    void save(File file, Map<String, Object> released) throws IOException {
        var values = new LinkedHashMap<String, Object>();
        values.put("identity", identity);
        values.put("examples", examples);
        values.put("relation", relation.name());
        values.put("unit", unit.name());
        values.put("event", event.toJson());
        values.put("before", before.releases());
        values.put("beforeIsKnown", before.isKnown());
        values.putAll(new TreeMap<>(released));
        Files.writeString(file.toPath(), new ObjectMapper().writeValueAsString(values));
    }

    /** Makes a release of its terms, and of what was released. */
    interface Reader<T> {
        T read(ReleaseTerms terms, JsonNode released);
    }

    /**
     * Reads what {@link #save} wrote.
     *
     * @param names of what was released
     * @throws IOException if it cannot be read, or is not such a file of the type
     */
    static <T> T load(File file, Class<T> type, List<String> names, Reader<T> reader) throws IOException {
        String kind = file + " must be a file that " + type.getSimpleName() + ".save wrote";
        JsonNode values = new ObjectMapper().readTree(file);
        for (List<String> some : List.of(NAMES, names)) {
            for (String name : some) {
                if (!values.has(name)) {
                    throw new IOException(kind + ", has no \"" + name + "\"");
                }
            }
        }
        try {
            var terms = new ReleaseTerms(
                    values.get("examples").asLong(),
                    NeighboringRelation.valueOf(values.get("relation").asText()),
                    UnitOfRelease.of(values.get("unit").asText()),
                    DpEvent.fromJson(values.get("event").asText()),
                    values.get("identity").asText(),
                    before(values));
            return reader.read(terms, values);
        } catch (IllegalArgumentException e) {
            throw new IOException(kind + ": " + e.getMessage(), e);
        }
    }

    private static Origin before(JsonNode values) {
        if (!values.has("before")) {
            return Origin.UNKNOWN;
        }
        var releases = new TreeMap<String, String>();
        values.get("before")
                .fields()
                .forEachRemaining(
                        one -> releases.put(one.getKey(), one.getValue().asText()));
        return new Origin(releases, values.path("beforeIsKnown").asBoolean());
    }

    /** Charges a release of class {@code releaser} to a plan. */
    DpSgdPlan chargedTo(DpSgdPlan plan, Class<?> releaser) {
        if (plan.relation() != relation) {
            throw new IllegalArgumentException("plan must have the relation of the release, " + relation
                    + ", has " + plan.relation()
                    + ": release under the plan's relation, by " + releaser.getSimpleName() + ".withRelation");
        }
        if (!plan.unit().equals(unit.name())) {
            throw new IllegalArgumentException("plan must have the unit of privacy of the release, one " + unit.name()
                    + ", has one " + plan.unit()
                    + ": what is protected for one is not for the other. Release about the plan's unit, by "
                    + releaser.getSimpleName() + ".withUnit and GroupedExamples for the owner of rows");
        }
        if (plan.examples() != examples) {
            throw new IllegalArgumentException(
                    "plan must have the number of examples of the release, " + examples + ", has " + plan.examples());
        }
        return plan.withOtherRelease(identity, event);
    }
}
