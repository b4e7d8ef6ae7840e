// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.charging;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyLedger.Head;
import io.github.dl4jdp.core.internal.plan.CompletePlan;
import io.github.dl4jdp.core.internal.plan.MechanismJson;
import io.github.dl4jdp.core.internal.plan.OtherReleases;
import io.github.dl4jdp.core.mechanism.Mechanism;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.BinaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Everything about private data that ever went into some parameters. Each part has an identity that was drawn at random, so that accounts of parameters which
 * come together, by transfer learning say, are united without forgetting and without counting twice.
 *
 * @param sessions what was charged between one {@code attach} and the next {@code close}, by the session's identity
 * @param releases what else was released, by the release's identity; one that has none gets one here, for the run that was charged with it
 * @param unprotected what happened to the parameters without privacy, in words: epsilon is infinite
 * @param forgotten identities of the above that were forgotten on the user's word, with what they were and why
 */
public record PrivacyAccount(
        Map<String, Session> sessions,
        Map<String, Release> releases,
        Map<String, String> unprotected,
        Map<String, String> forgotten) {
    /** Begins the identity that a release without one gets: no release that has one can be confused with it. */
    private static final String UNNAMED = "unnamed ";

    public static final PrivacyAccount EMPTY = new PrivacyAccount(Map.of(), Map.of(), Map.of(), Map.of());

    /**
     * The charges of one session.
     *
     * @param plan as {@link CompletePlan#released} has it
     * @param began the charges that its plan had made when its noise began: {@code from}, or fewer if correlated noise went on
     * @param from the charges that its plan had made before
     * @param charges the charges of the session
     * @param head where the ledger stood at the last one, or null without one
     */
    public record Session(
            Map<String, Object> plan,
            long began,
            long from,
            long charges,
            @Nullable Head head) {
        /** What it charged for. */
        public Mechanism mechanism() {
            return MechanismJson.read(plan);
        }

        /** The charges after the first {@code known} of the session as one event. */
        public DpEvent events(long known) {
            return mechanism().events(began, from + known, from + charges);
        }

        public String inWords() {
            Mechanism by = mechanism();
            return charges + " times the step of " + by.sampling() + " lots, examples=" + by.examples() + ", lotSize="
                    + by.lotSize()
                    + (by.maximumLotSize() < by.examples() ? ", maximumLotSize=" + by.maximumLotSize() : "")
                    + (by.lotsPerPass() > 0 ? ", lotsPerPass=" + by.lotsPerPass() : "")
                    + ", steps=" + by.steps() + ", clipping=" + by.clipping().describe()
                    + ", noiseMultiplier=" + by.noiseMultiplier()
                    + (by.noiseSchedule().isConstant()
                            ? ""
                            : " times " + by.noiseSchedule().describe())
                    + by.correlation()
                            .map(one -> ", correlatedNoise=" + one.describe())
                            .orElse("")
                    + (by.releasesPerLot() == 1 ? "" : ", releasesPerLot=" + by.releasesPerLot())
                    + (by.copies() == 1 ? "" : ", augmentationMultiplicity=" + by.copies())
                    + (by.unit().isGroup()
                            ? ", unit=" + by.unit().name() + ", maximumRows="
                                    + by.unit().maximumRows()
                            : "")
                    + ", relation=" + by.relation()
                    + (by.seed().isEmpty() ? "" : ", seed=" + by.seed().getAsLong());
        }
    }

    /**
     * What else was released, and for whom its cost is one: it must not be added to costs under other terms, also where no session is left that has them.
     *
     * @param event a {@code DpEvent} as JSON
     * @param unit the unit of privacy
     */
    public record Release(String event, NeighboringRelation relation, String unit) {
        private String inWords() {
            return "the release of " + event;
        }

        private String inTerms() {
            return event + " under " + relation + " for one " + unit;
        }
    }

    public PrivacyAccount {
        sessions = Collections.unmodifiableMap(new LinkedHashMap<>(sessions));
        releases = Collections.unmodifiableMap(new LinkedHashMap<>(releases));
        unprotected = Collections.unmodifiableMap(new LinkedHashMap<>(unprotected));
        forgotten = Collections.unmodifiableMap(new LinkedHashMap<>(forgotten));
    }

    /** Whether there is anything that epsilon must include. */
    public boolean isSpent() {
        return !sessions.isEmpty() || !releases.isEmpty() || !unprotected.isEmpty();
    }

    /** This account with a session, as far as it has come. */
    public PrivacyAccount with(String id, Session session) {
        var more = new LinkedHashMap<>(sessions);
        more.put(id, session);
        return new PrivacyAccount(more, releases, unprotected, forgotten);
    }

    /**
     * This account with a plan's other releases, under its terms.
     *
     * @param goesOn whether the plan goes on after one of equal releases without an identity: these are the same, and new ones otherwise
     * @throws IllegalArgumentException if the account has another event, relation or unit for one of them
     */
    public PrivacyAccount withReleases(
            OtherReleases others, NeighboringRelation relation, String unit, boolean goesOn) {
        var more = new LinkedHashMap<String, Release>();
        if (others.hasUnnamed()) {
            var unnamed = new Release(others.unnamed().toJson(), relation, unit);
            String known = goesOn ? unnamed(unnamed.event()).orElse(null) : null;
            more.put(known == null ? UNNAMED + UUID.randomUUID() : known, unnamed);
        }
        others.identified()
                .forEach((identity, event) -> more.put(identity, new Release(event.toJson(), relation, unit)));
        return new PrivacyAccount(sessions, unitedReleases(releases, more), unprotected, forgotten);
    }

    /**
     * Requires that releases are charged which constants on the way of the data come from.
     *
     * @param needed their events as JSON, by identity
     * @throws IllegalArgumentException if one is not in this account
     */
    public void requireReleases(Map<String, String> needed) {
        needed.forEach((identity, event) -> {
            Release charged = releases.get(identity);
            if (charged == null || !charged.event().equals(event)) {
                throw new IllegalArgumentException(
                        "the plan must be charged with every release that the data are changed by, and is not with "
                                + identity + ", " + event
                                + ": epsilon would leave it out. Attach released.chargedTo(plan), whose result is the plan that is charged, or plan.withOtherRelease(identity, event)");
            }
        });
    }

    /** Whether an identity of {@link #releases} is that of a release which has none of its own. */
    static boolean isUnnamed(String identity) {
        return identity.startsWith(UNNAMED);
    }

    private Optional<String> unnamed(String event) {
        return releases.entrySet().stream()
                .filter(one -> isUnnamed(one.getKey()) && one.getValue().event().equals(event))
                .map(Map.Entry::getKey)
                .findFirst();
    }

    /** The identities under which this account has a plan's releases. */
    public Set<String> identities(OtherReleases others) {
        var own = new LinkedHashSet<>(others.identified().keySet());
        unnamed(others.unnamed().toJson()).ifPresent(own::add);
        return own;
    }

    private static Map<String, Release> unitedReleases(Map<String, Release> one, Map<String, Release> two) {
        two.forEach((identity, release) -> {
            Release known = one.getOrDefault(identity, release);
            if (!known.equals(release)) {
                throw otherRelease(identity, known.inTerms(), release.inTerms());
            }
        });
        return united(one, two, (known, same) -> known);
    }

    /** What tells that two releases have one identity. */
    static IllegalArgumentException otherRelease(String identity, String known, String given) {
        return new IllegalArgumentException(
                "the release " + identity + " must be what it was charged as before, "
                        + known + ", was " + given
                        + ": an identity stands for one release. Charge it as before, and another release under an identity of its own");
    }

    /** This account with something that was not private. */
    public PrivacyAccount withUnprotected(String id, String words) {
        return new PrivacyAccount(sessions, releases, united(unprotected, Map.of(id, words), (a, b) -> a), forgotten);
    }

    /** Both accounts, what they share once. */
    public PrivacyAccount and(PrivacyAccount other) {
        if (other.equals(this)) {
            return this;
        }
        return new PrivacyAccount(
                united(sessions, other.sessions, (one, two) -> one.charges() >= two.charges() ? one : two),
                unitedReleases(releases, other.releases),
                united(unprotected, other.unprotected, (one, two) -> one),
                united(forgotten, other.forgotten, (one, two) -> one));
    }

    private static <T> Map<String, T> united(Map<String, T> one, Map<String, T> two, BinaryOperator<T> both) {
        var all = new LinkedHashMap<>(one);
        two.forEach((id, value) -> all.merge(id, value, both));
        return all;
    }

    /** This account without the parts of these identities. */
    public PrivacyAccount without(Set<String> ids) {
        return new PrivacyAccount(left(sessions, ids), left(releases, ids), left(unprotected, ids), forgotten);
    }

    private static <T> Map<String, T> left(Map<String, T> all, Set<String> ids) {
        var left = new LinkedHashMap<>(all);
        left.keySet().removeAll(ids);
        return left;
    }

    /** What is in this account for the data, and not for any parameters. */
    public PrivacyAccount ofReleasesAlone() {
        return new PrivacyAccount(Map.of(), releases, Map.of(), forgotten);
    }

    /** This account with all of it forgotten, and a note of that. */
    public PrivacyAccount forgetting(String reason) {
        var notes = new LinkedHashMap<>(forgotten);
        sessions.forEach((id, session) -> notes.put(id, note(session.inWords(), reason)));
        releases.forEach((id, release) -> notes.put(id, note(release.inWords(), reason)));
        unprotected.forEach((id, words) -> notes.put(id, note(words, reason)));
        return new PrivacyAccount(Map.of(), Map.of(), Map.of(), notes);
    }

    /** This account with what was not private forgotten, and a note of that. */
    public PrivacyAccount forgettingUnprotected(String reason) {
        var notes = new LinkedHashMap<>(forgotten);
        unprotected.forEach((id, words) -> notes.put(id, note(words, reason)));
        return new PrivacyAccount(sessions, releases, Map.of(), notes);
    }

    private static String note(String words, String reason) {
        return words + "; forgotten, reason: " + reason;
    }

    /** All that is spent, in words. */
    public List<String> spentInWords() {
        return Stream.of(
                        sessions.values().stream().map(Session::inWords),
                        releases.values().stream().map(Release::inWords),
                        unprotected.values().stream())
                .flatMap(words -> words)
                .toList();
    }

    /** What was forgotten, in words. */
    public List<String> forgottenInWords() {
        return List.copyOf(forgotten.values());
    }

    /** Why there is no guarantee, whatever else was spent; empty where there may be one. */
    public List<String> notPrivate() {
        return Stream.concat(
                        sessions.values().stream()
                                .filter(session -> !session.mechanism().isPrivate())
                                .map(session -> (session.mechanism().seed().isPresent()
                                                ? "its noise came from a seed: "
                                                : "it had no noise: ")
                                        + session.inWords()),
                        unprotected.values().stream())
                .toList();
    }

    public Map<String, Object> toMap() {
        var map = new LinkedHashMap<String, Object>();
        if (!sessions.isEmpty()) {
            // A plan is long, and one session after the other has the same.
            var plans = sessions.values().stream().map(Session::plan).distinct().toList();
            map.put("plans", plans);
            var list = new ArrayList<Map<String, Object>>();
            sessions.forEach((id, session) -> {
                var one = new LinkedHashMap<String, Object>();
                one.put("id", id);
                one.put("plan", plans.indexOf(session.plan()));
                if (session.began() != session.from()) {
                    one.put("began", session.began());
                }
                one.put("from", session.from());
                one.put("charges", session.charges());
                Head head = session.head();
                if (head != null) {
                    one.put("ledgerLine", head.sequenceNumber());
                    one.put("ledgerHash", head.hash());
                }
                list.add(one);
            });
            map.put("sessions", list);
        }
        var stored = new LinkedHashMap<String, Object>();
        releases.forEach((id, release) -> stored.put(
                id,
                Map.of("event", release.event(), "relation", release.relation().name(), "unit", release.unit())));
        if (!stored.isEmpty()) {
            map.put("releases", stored);
        }
        putAll(map, "unprotected", unprotected);
        putAll(map, "forgotten", forgotten);
        return map;
    }

    private static void putAll(Map<String, Object> map, String name, Map<String, String> values) {
        if (!values.isEmpty()) {
            map.put(name, new LinkedHashMap<>(values));
        }
    }

    /** Reads back {@link #toMap()}; null stands for nothing. */
    public static PrivacyAccount fromMap(@Nullable Object stored) {
        if (stored == null) {
            return EMPTY;
        }
        if (!(stored instanceof Map<?, ?> map)) {
            throw new IllegalArgumentException("a stored account must be a map, was " + stored);
        }
        var plans = new ArrayList<Map<String, Object>>();
        for (Object plan : list(map, "plans")) {
            plans.add(values(plan));
        }
        var sessions = new LinkedHashMap<String, Session>();
        for (Object one : list(map, "sessions")) {
            var values = values(one);
            int plan = MechanismJson.number(values, "plan").intValue();
            if (plan < 0 || plan >= plans.size()) {
                throw new IllegalArgumentException("a stored session must name one of its account's plans, was " + one);
            }
            sessions.put(
                    MechanismJson.text(values, "id"),
                    new Session(
                            plans.get(plan),
                            MechanismJson.number(values, values.containsKey("began") ? "began" : "from")
                                    .longValue(),
                            MechanismJson.number(values, "from").longValue(),
                            MechanismJson.number(values, "charges").longValue(),
                            TrainingProgress.head(values)));
        }
        return new PrivacyAccount(sessions, releases(map), texts(map, "unprotected"), texts(map, "forgotten"));
    }

    private static Map<String, Release> releases(Map<?, ?> map) {
        var releases = new LinkedHashMap<String, Release>();
        Object stored = map.get("releases");
        if (stored != null) {
            values(stored).forEach((id, one) -> {
                Map<String, Object> values = values(one);
                releases.put(
                        id,
                        new Release(
                                MechanismJson.text(values, "event"),
                                NeighboringRelation.valueOf(MechanismJson.text(values, "relation")),
                                MechanismJson.text(values, "unit")));
            });
        }
        return releases;
    }

    private static List<?> list(Map<?, ?> map, String name) {
        Object stored = map.get(name);
        if (stored == null) {
            return List.of();
        }
        if (stored instanceof List<?> list) {
            return list;
        }
        throw new IllegalArgumentException("a stored account must have a list of " + name + ", has " + stored);
    }

    public static Map<String, Object> values(@Nullable Object stored) {
        if (stored instanceof Map<?, ?> map) {
            var values = new LinkedHashMap<String, Object>();
            map.forEach((key, value) -> values.put(String.valueOf(key), value));
            return values;
        }
        throw new IllegalArgumentException("a stored account must have maps of values, has " + stored);
    }

    private static Map<String, String> texts(Map<?, ?> map, String name) {
        Object stored = map.get(name);
        var texts = new LinkedHashMap<String, String>();
        if (stored != null) {
            values(stored).forEach((key, value) -> texts.put(key, String.valueOf(value)));
        }
        return texts;
    }
}
