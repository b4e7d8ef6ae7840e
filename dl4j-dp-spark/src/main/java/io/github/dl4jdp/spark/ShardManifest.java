// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.nd4j.shade.jackson.databind.ObjectMapper;

/** What a directory of shards holds: which examples each shard has, by their numbers in the whole data set, and what its bytes must hash to. */
final class ShardManifest implements Serializable {
    private static final long serialVersionUID = 1L;
    static final String FILE = "manifest.json";
    private static final String FORMAT = "dl4j-dp shards";
    private static final int VERSION = 1;
    private static final int HASH_DIGITS = 64;
    private static final long NOT_CUT = 0;
    /** Where rows have no owners. */
    private static final long NONE = -1;

    /**
     * A shard.
     *
     * @param name of its file in the directory
     * @param first the number of its first example in the whole data set
     * @param count of its examples, at least 1
     * @param sha256 of its bytes, in hexadecimal
     * @param owners whose rows its examples are; null where an example has no owner
     */
    record Shard(
            String name,
            long first,
            long count,
            String sha256,
            @Nullable Owners owners) implements Serializable {
        Shard(String name, long first, long count, String sha256) {
            this(name, first, count, sha256, null);
        }
    }

    /**
     * The owners of the rows of a shard, all rows of each. A file has how many rows each one has, in their order.
     *
     * @param name of the file in the directory
     * @param first the number of the first owner in the whole data set
     * @param count of owners, at least 1 and at most that of the rows
     * @param sha256 of the file's bytes, in hexadecimal
     */
    record Owners(String name, long first, long count, String sha256) implements Serializable {}

    private final RowLayout layout;
    private final ArrayList<Shard> shards;
    private final long cutBy;
    private final ArrayList<String> assumptions;

    /**
     * A set whose shards are partitions of the user's.
     *
     * @throws IllegalArgumentException if the shards do not follow each other from example 0 on, a name or hash is none, or some shards have owners and others do not
     */
    ShardManifest(RowLayout layout, List<Shard> shards) {
        this(layout, shards, OptionalLong.empty(), List.of());
    }

    /**
     * As {@link #ShardManifest(RowLayout, List)}, with what is known of how the shards were made.
     *
     * @param cutBy the number of units whose equal parts the shards are; empty where the user's partitions, or the owners' ids, decided
     * @param assumptions what the preprocessors that the examples went through rest on
     */
    ShardManifest(RowLayout layout, List<Shard> shards, OptionalLong cutBy, List<String> assumptions) {
        this.layout = layout;
        this.cutBy = cutBy.orElse(NOT_CUT);
        this.assumptions = new ArrayList<>(assumptions);
        this.shards = new ArrayList<>(shards);
        long next = 0;
        long nextOwner = 0;
        var names = new HashSet<String>();
        for (Shard shard : shards) {
            if (shard.first() != next || shard.count() < 1) {
                throw new IllegalArgumentException(
                        "shards must follow each other without gap or overlap and not be empty; "
                                + shard.name() + " begins at example " + shard.first() + " and has " + shard.count()
                                + ", expected was a shard from example " + next);
            }
            requireFile(names, shard.name(), shard.sha256());
            next = Math.addExact(next, shard.count());
            Owners owners = shard.owners();
            if ((owners == null) != (shards.get(0).owners() == null)) {
                throw new IllegalArgumentException(
                        "either all shards must name the owners of their rows or none, " + shard.name() + " differs");
            }
            if (owners != null) {
                if (owners.first() != nextOwner || owners.count() < 1 || owners.count() > shard.count()) {
                    throw new IllegalArgumentException(
                            "the owners of shards must follow each other without gap or overlap, each with a row; those of "
                                    + shard.name() + " begin at " + owners.first() + " and are " + owners.count()
                                    + " for " + shard.count() + " rows, expected were some from " + nextOwner);
                }
                requireFile(names, owners.name(), owners.sha256());
                nextOwner = Math.addExact(nextOwner, owners.count());
            }
        }
        if (next == 0) {
            throw new IllegalArgumentException("a set of shards must have at least one example, has none");
        }
    }

    private static void requireFile(Set<String> names, String name, String sha256) {
        if (!names.add(name) || name.contains("/") || name.isEmpty()) {
            throw new IllegalArgumentException(
                    "each shard must be a file of its own in the directory, was \"" + name + "\"");
        }
        if (sha256.length() != HASH_DIGITS) {
            throw new IllegalArgumentException(
                    "the SHA-256 of shard " + name + " must have " + HASH_DIGITS + " digits, was \"" + sha256 + "\"");
        }
    }

    RowLayout layout() {
        return layout;
    }

    List<Shard> shards() {
        return shards;
    }

    long size() {
        Shard last = shards.get(shards.size() - 1);
        return last.first() + last.count();
    }

    /** Whether rows have owners, all rows of one in one shard. */
    boolean hasOwners() {
        return shards.get(0).owners() != null;
    }

    /** The number of owners, or of examples where these have none. */
    long units() {
        Owners last = shards.get(shards.size() - 1).owners();
        return last == null ? size() : last.first() + last.count();
    }

    /** The number of units that decided where shards end; empty if the user's partitions, or the owners' ids, did. */
    OptionalLong cutBy() {
        return cutBy == NOT_CUT ? OptionalLong.empty() : OptionalLong.of(cutBy);
    }

    /** What the preprocessors that the examples went through before they were written rest on. */
    List<String> assumptions() {
        return assumptions;
    }

    byte[] toJson() throws IOException {
        var json = new LinkedHashMap<String, Object>();
        json.put("format", FORMAT);
        json.put("version", VERSION);
        if (cutBy != NOT_CUT) {
            json.put("cutBy", cutBy);
        }
        if (!assumptions.isEmpty()) {
            json.put("assumptions", assumptions);
        }
        json.put("rows", size());
        if (hasOwners()) {
            json.put("owners", units());
        }
        json.put("counts", layout.counts());
        json.put(
                "arrays",
                layout.columns().stream()
                        .map(column -> Map.of(
                                "role", column.role().name(),
                                "position", column.position(),
                                "type", column.type().name(),
                                "shape", column.shape()))
                        .toList());
        json.put(
                "shards",
                shards.stream()
                        .map(shard -> {
                            var map = new LinkedHashMap<String, Object>();
                            map.put("name", shard.name());
                            map.put("first", shard.first());
                            map.put("count", shard.count());
                            map.put("sha256", shard.sha256());
                            Owners owners = shard.owners();
                            if (owners != null) {
                                var own = new LinkedHashMap<String, Object>();
                                own.put("name", owners.name());
                                own.put("first", owners.first());
                                own.put("count", owners.count());
                                own.put("sha256", owners.sha256());
                                map.put("owners", own);
                            }
                            return map;
                        })
                        .toList());
        return new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsBytes(json);
    }

    /**
     * Reads {@link #toJson}.
     *
     * @param where for errors
     * @throws IllegalArgumentException if it is something else
     */
    static ShardManifest read(byte[] bytes, String where) {
        try {
            JsonNode json = new ObjectMapper().readTree(bytes);
            if (!FORMAT.equals(json.path("format").asText())
                    || json.path("version").asInt() != VERSION) {
                throw new IllegalArgumentException("its format must be \"" + FORMAT + "\", version " + VERSION);
            }
            var columns = new ArrayList<RowLayout.Column>();
            for (JsonNode array : json.path("arrays")) {
                columns.add(new RowLayout.Column(
                        RowLayout.Role.valueOf(array.path("role").asText()),
                        array.path("position").asInt(-1),
                        DataType.valueOf(array.path("type").asText()),
                        longs(array.path("shape"))));
            }
            var shards = new ArrayList<Shard>();
            for (JsonNode shard : json.path("shards")) {
                shards.add(new Shard(
                        shard.path("name").asText(),
                        shard.path("first").asLong(-1),
                        shard.path("count").asLong(-1),
                        shard.path("sha256").asText(),
                        shard.has("owners") ? owners(shard.path("owners")) : null));
            }
            int[] counts = Arrays.stream(longs(json.path("counts")))
                    .mapToInt(Math::toIntExact)
                    .toArray();
            long cutBy = json.path("cutBy").asLong(NOT_CUT);
            var assumptions = new ArrayList<String>();
            json.path("assumptions").forEach(assumption -> assumptions.add(assumption.asText()));
            var manifest = new ShardManifest(
                    new RowLayout(columns, counts),
                    shards,
                    cutBy == NOT_CUT ? OptionalLong.empty() : OptionalLong.of(cutBy),
                    assumptions);
            requireStated(json, "rows", manifest.size());
            requireStated(json, "owners", manifest.hasOwners() ? manifest.units() : NONE);
            return manifest;
        } catch (IOException | RuntimeException e) {
            throw new IllegalArgumentException(where + " is not a manifest of shards: " + e.getMessage(), e);
        }
    }

    private static void requireStated(JsonNode json, String name, long count) {
        long stated = json.path(name).asLong(NONE);
        if (stated != count) {
            throw new IllegalArgumentException("the " + name + " that it states must be those of its shards, "
                    + (count == NONE ? "which name none" : count) + ", were " + stated);
        }
    }

    private static Owners owners(JsonNode owners) {
        return new Owners(
                owners.path("name").asText(),
                owners.path("first").asLong(-1),
                owners.path("count").asLong(-1),
                owners.path("sha256").asText());
    }

    private static long[] longs(JsonNode array) {
        var values = new long[array.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = array.get(i).asLong(-1);
        }
        return values;
    }
}
