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
import java.util.stream.IntStream;
import org.nd4j.shade.jackson.core.JsonProcessingException;
import org.nd4j.shade.jackson.databind.DeserializationFeature;
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
    private static final ObjectMapper JSON = new ObjectMapper()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY);

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

    /**
     * Writes them, and what was released: wholly, or not at all.
     *
     * @throws IOException if they cannot be written; a file that is there stays as it is
     */
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
        try {
            ReplacedFile.write(file.toPath(), JSON.writeValueAsBytes(values));
        } catch (IOException e) {
            throw new IOException(
                    "the release cannot be written to " + file
                            + ": save it elsewhere before this process ends, since making it again is charged again. The file has what it had before, or the whole release. Cause: "
                            + e,
                    e);
        }
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
        byte[] bytes = Files.readAllBytes(file.toPath());
        try {
            JsonNode values = JSON.readTree(bytes);
            for (List<String> some : List.of(NAMES, names)) {
                for (String name : some) {
                    if (!values.has(name)) {
                        throw new IllegalArgumentException("it has no \"" + name + "\"");
                    }
                }
            }
            var terms = new ReleaseTerms(
                    examples(values.get("examples")),
                    NeighboringRelation.valueOf(text(values.get("relation"))),
                    UnitOfRelease.of(text(values.get("unit"))),
                    DpEvent.fromJson(text(values.get("event"))),
                    text(values.get("identity")),
                    before(values));
            return reader.read(terms, values);
        } catch (JsonProcessingException | IllegalArgumentException e) {
            String why = e instanceof JsonProcessingException json ? json.getOriginalMessage() : e.getMessage();
            throw new IOException(
                    file + " must be a file that " + type.getSimpleName() + ".save wrote, and is not, or not whole: "
                            + why
                            + ". Take another copy of the file; a release that is made again is charged again",
                    e);
        }
    }

    private static long examples(JsonNode value) {
        if (!value.isIntegralNumber() || !value.canConvertToLong() || value.asLong() < 1) {
            throw new IllegalArgumentException("its number of examples must be whole and >= 1, was " + value);
        }
        return value.asLong();
    }

    private static String text(JsonNode value) {
        if (!value.isTextual() || value.asText().isBlank()) {
            throw new IllegalArgumentException("it must have a text where it has " + value);
        }
        return value.asText();
    }

    /** The numbers of an array, as they were written. */
    static double[] numbers(JsonNode array) {
        if (!array.isArray()) {
            throw new IllegalArgumentException("it must have an array of numbers where it has " + array);
        }
        return IntStream.range(0, array.size())
                .mapToObj(array::get)
                .mapToDouble(ReleaseTerms::number)
                .toArray();
    }

    private static double number(JsonNode value) {
        if (!value.isNumber()) {
            throw new IllegalArgumentException("it must have a number where it has " + value);
        }
        return value.asDouble();
    }

    private static Origin before(JsonNode values) {
        if (!values.has("before")) {
            return Origin.UNKNOWN;
        }
        if (!values.get("before").isObject() || !values.path("beforeIsKnown").isBoolean()) {
            throw new IllegalArgumentException("its releases before must be by identity, and known or not");
        }
        var releases = new TreeMap<String, String>();
        values.get("before").fields().forEachRemaining(one -> releases.put(one.getKey(), text(one.getValue())));
        return new Origin(releases, values.get("beforeIsKnown").asBoolean());
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
