// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import io.github.dl4jdp.accountant.PrivacyLedgerException.Reason;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The record of what training has released: an append-only file that is ahead of the model, never behind it.
 *
 * <p>One JSON object a line. The first line of a session describes its steps (event, relation, digests of plan and configuration, library version);
 * the following lines charge steps:
 *
 * <pre>{@code
 * {"n":0,"ledger":1,"session":"9f...","opened":"2026-11-24T20:00:00Z","library":"0.1.0","plan":"4e...","configuration":"b7...","relation":"ADD_OR_REMOVE_ONE","event":{...},"hash":"63..."}
 * {"n":1,"steps":1,"hash":"c0..."}
 * }</pre>
 *
 * <p>Each hash is SHA-256 over the hash before and the line, so that the last line's number and hash, the {@link Head},
 * stand for the whole file. A model stores the head of its ledger; on resuming, the ledger must contain that line. Lines
 * beyond it were charged by a run that crashed, or by one that continued from a later checkpoint, and stay charged.
 *
 * <p><b>Formal guarantee.</b> When {@link #charge} returns, the charge has been flushed to the storage device. A caller that
 * releases a step only afterwards finds, after any crash of the process or machine, a ledger that has charged every step
 * released, and at most the steps of one call more. This assumes a storage device that keeps what it acknowledges, and
 * no adversary who rewrites the file with fresh hashes: the chain detects accidents and forks, it is not a signature. Lines that are signed ({@link #openSigned}) show such a change to whom has the public key,
 * but for lines that were cut off at the end.
 *
 * <p>Safe for use by several threads. An interrupt neither stops a charge nor harms the ledger.
 */
public final class PrivacyLedger implements AutoCloseable {

    private static final Pattern TOKEN = Pattern.compile("[A-Za-z0-9.:_+/=-]{1,200}");
    private static final Pattern IDENTITY = Pattern.compile("[A-Za-z0-9-]{1,64}");
    private static final Pattern UNIT = Pattern.compile("\\p{L}[\\p{L}\\p{N} _-]{0,39}");
    private static final Pattern HASH = Pattern.compile("[0-9a-f]{64}");

    private final PrivacyLedgerFile file;
    private final String name;
    private final PrivacyLedgerHistory history;
    private final @Nullable PrivacyLedgerKey key;
    private final long recoveredBytes;
    private final long stepsBeyondModel;
    private boolean usable = true;

    /**
     * What every step of a session is.
     *
     * @param planDigest digest of all that the plan fixes; 1 to 200 letters, digits or {@code . : _ + / = -}
     * @param configurationDigest digest of the network's configuration, of the same form
     * @param libraryVersion version of the library that trains, of the same form
     * @param relation relation under which the event's cost is meant
     * @param unit what neighboring data sets differ in one of, 1 to 40 letters, digits, spaces, hyphens or underscores; {@link #EXAMPLE} as a rule
     * @param event one step
     */
    public record Terms(
            String planDigest,
            String configurationDigest,
            String libraryVersion,
            NeighboringRelation relation,
            String unit,
            DpEvent event) {
        /** The unit where nothing else is stated. */
        public static final String EXAMPLE = "example";

        /** Terms of a session whose unit of privacy is an example. */
        public Terms(
                String planDigest,
                String configurationDigest,
                String libraryVersion,
                NeighboringRelation relation,
                DpEvent event) {
            this(planDigest, configurationDigest, libraryVersion, relation, EXAMPLE, event);
        }

        /**
         * Terms of a session.
         *
         * @throws IllegalArgumentException if a digest or the version is not of its form
         */
        public Terms {
            requireToken("planDigest", planDigest);
            requireToken("configurationDigest", configurationDigest);
            requireToken("libraryVersion", libraryVersion);
            Objects.requireNonNull(relation, "relation");
            if (!UNIT.matcher(unit).matches()) {
                throw new IllegalArgumentException(
                        "unit must be 1 to 40 letters, digits, spaces, hyphens or underscores, beginning with a letter, was \""
                                + unit + "\"");
            }
            Objects.requireNonNull(event, "event");
        }
    }

    /**
     * A line of a ledger, and with it all lines before.
     *
     * @param sequenceNumber the line's number, from 0
     * @param hash its hash, 64 lower-case hexadecimal digits
     */
    public record Head(long sequenceNumber, String hash) {
        /**
         * A line of a ledger.
         *
         * @throws IllegalArgumentException if {@code sequenceNumber < 0} or the hash is not of its form
         */
        public Head {
            if (sequenceNumber < 0) {
                throw new IllegalArgumentException("sequenceNumber must be >= 0, was " + sequenceNumber);
            }
            if (!HASH.matcher(hash).matches()) {
                throw new IllegalArgumentException(
                        "hash must be 64 lower-case hexadecimal digits, was \"" + hash + "\"");
            }
        }
    }

    /**
     * An event and how often it was charged.
     *
     * @param event one step
     * @param count number of steps
     */
    public record Charge(DpEvent event, long count) {}

    private PrivacyLedger(
            PrivacyLedgerFile file, String name, PrivacyLedgerHistory history, @Nullable PrivacyLedgerKey key) {
        this.key = key;
        this.file = file;
        this.name = name;
        this.history = history;
        this.recoveredBytes = history.tornBytes();
        this.stepsBeyondModel = history.stepsAfterSought();
    }

    /**
     * Opens a ledger for a model that has none yet: creates the file, or continues one whose last session had the same
     * plan, configuration, relation and event; what that one has charged stays charged.
     *
     * @throws PrivacyLedgerException of reason LOCKED, BROKEN, OTHER_PLAN or INPUT_OUTPUT
     */
    public static PrivacyLedger open(Path path, Terms terms) {
        return openOnDisk(path, terms, null, false, null);
    }

    /**
     * Opens the ledger of a model that was stored with the given head.
     *
     * @throws PrivacyLedgerException of reason MISSING, LOCKED, SHORTENED, FORKED, BROKEN, OTHER_PLAN or INPUT_OUTPUT
     */
    public static PrivacyLedger open(Path path, Terms terms, Head expectedHead) {
        return openOnDisk(path, terms, Objects.requireNonNull(expectedHead, "expectedHead"), false, null);
    }

    /**
     * Opens a ledger whose last session may have had another plan, configuration or event: from here on steps are charged by
     * the new terms, and the guarantee is that of all sessions together. The relation must stay, since costs under
     * different relations do not add up.
     *
     * @param expectedHead the head stored with the model, or null for a model that has none
     * @throws PrivacyLedgerException of reason MISSING, LOCKED, SHORTENED, FORKED, BROKEN, OTHER_PLAN (only for the relation)
     *     or INPUT_OUTPUT
     */
    @SuppressWarnings("exports") // users need not have the annotations to compile
    public static PrivacyLedger openForChangedPlan(Path path, Terms terms, @Nullable Head expectedHead) {
        return openOnDisk(path, terms, expectedHead, true, null);
    }

    /**
     * Opens a ledger whose lines are signed, by the rules of the other methods: all of its lines must be signed by this key, and those to come will be.
     *
     * @param expectedHead the head stored with the model, or null for a model that has none
     * @param changedPlan whether the last session may have had another plan, see {@link #openForChangedPlan}
     * @throws PrivacyLedgerException as the other methods, or of reason OTHER_KEY if the ledger is not signed or signed by another key
     */
    @SuppressWarnings("exports") // users need not have the annotations to compile
    public static PrivacyLedger openSigned(
            Path path, Terms terms, @Nullable Head expectedHead, boolean changedPlan, PrivacyLedgerKey key) {
        return openOnDisk(path, terms, expectedHead, changedPlan, Objects.requireNonNull(key, "key"));
    }

    private static PrivacyLedger openOnDisk(
            Path path, Terms terms, @Nullable Head expectedHead, boolean changedPlan, @Nullable PrivacyLedgerKey key) {
        Objects.requireNonNull(terms, "terms");
        PrivacyLedgerFile file;
        try {
            file = PrivacyLedgerDiskFile.open(path, expectedHead == null);
        } catch (IOException e) {
            throw failure(e, path.toString(), "open");
        }
        return open(file, path.toString(), terms, expectedHead, changedPlan, key);
    }

    /** Verifies the content of a file and starts a session; closes the file if that fails. */
    static PrivacyLedger open(
            PrivacyLedgerFile file, String name, Terms terms, @Nullable Head expectedHead, boolean changedPlan) {
        return open(file, name, terms, expectedHead, changedPlan, null);
    }

    private static PrivacyLedger open(
            PrivacyLedgerFile file,
            String name,
            Terms terms,
            @Nullable Head expectedHead,
            boolean changedPlan,
            @Nullable PrivacyLedgerKey key) {
        boolean opened = false;
        try {
            PrivacyLedgerHistory history = new PrivacyLedgerHistory(name, expectedHead);
            try (InputStream in = file.read()) {
                history.scan(in, file.length());
            }
            history.requireKey(key == null ? null : key.publicKey());
            requireHead(name, history, expectedHead);
            requireTerms(name, history, terms, changedPlan);
            PrivacyLedger ledger = new PrivacyLedger(file, name, history, key);
            if (history.tornBytes() > 0) {
                file.truncate(history.verifiedBytes());
            }
            ledger.startSession(terms);
            opened = true;
            return ledger;
        } catch (IOException e) {
            throw failure(e, name, "open");
        } finally {
            if (!opened) {
                closeQuietly(file);
            }
        }
    }

    private static void requireHead(String name, PrivacyLedgerHistory history, @Nullable Head expected) {
        if (expected == null || history.isSoughtFound()) {
            return;
        }
        if (history.isEmpty()) {
            throw new PrivacyLedgerException(
                    Reason.MISSING,
                    "privacy ledger " + name + " is empty, but the model was trained on one of at least "
                            + (expected.sequenceNumber() + 1) + " lines; bring that file back");
        }
        if (history.lines() <= expected.sequenceNumber()) {
            throw new PrivacyLedgerException(
                    Reason.SHORTENED,
                    "privacy ledger " + name + " has " + history.lines()
                            + " lines, but the model was trained on one of at least " + (expected.sequenceNumber() + 1)
                            + "; bring the complete file back");
        }
        throw new PrivacyLedgerException(
                Reason.FORKED,
                "privacy ledger " + name + ": line " + (expected.sequenceNumber() + 1)
                        + ": hash mismatch, the model was stored with " + expected.hash()
                        + "; this is the ledger of another run," + " or of a copy that was trained separately");
    }

    private static void requireTerms(String name, PrivacyLedgerHistory history, Terms terms, boolean changedPlan) {
        if (history.isEmpty()) {
            return;
        }
        Terms last = history.terms();
        requireSame(name, "relation", last.relation(), terms.relation(), "start a separate ledger for it");
        requireSame(name, "unit", last.unit(), terms.unit(), "start a separate ledger for it");
        if (!changedPlan) {
            String remedy = "continue with the same one, or request the change explicitly";
            requireSame(name, "plan", last.planDigest(), terms.planDigest(), remedy);
            requireSame(name, "configuration", last.configurationDigest(), terms.configurationDigest(), remedy);
            requireSame(name, "event", last.event(), terms.event(), remedy);
        }
    }

    private static void requireSame(String name, String what, Object last, Object given, String remedy) {
        if (!last.equals(given)) {
            throw new PrivacyLedgerException(
                    Reason.OTHER_PLAN,
                    "privacy ledger " + name + ": " + what + " must be that of its last session, " + last + ", was "
                            + given + "; " + remedy);
        }
    }

    private void startSession(Terms terms) {
        byte[] nonce = new byte[16];
        new SecureRandom().nextBytes(nonce);
        PrivacyLedgerLine.Session session = new PrivacyLedgerLine.Session(
                HexFormat.of().formatHex(nonce),
                Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
                terms,
                key == null ? null : key.publicHex());
        append(PrivacyLedgerLine.session(history.lines(), history.hash(), session, key));
    }

    /**
     * Charges steps of this session; what they release may be released once this has returned, and not before.
     *
     * @param steps number of steps, {@code >= 1}
     * @return the new head, to be stored with the model
     * @throws IllegalArgumentException if {@code steps < 1}, or the steps of all sessions would be more than 2^63 - 1
     * @throws PrivacyLedgerException of reason REPLACED, INPUT_OUTPUT or UNUSABLE; the steps must not be released then, and
     *     the ledger must be opened anew
     */
    public synchronized Head charge(long steps) {
        requireRoom(steps);
        append(PrivacyLedgerLine.steps(history.lines(), history.hash(), steps, key));
        return history.head();
    }

    /**
     * Charges steps of another event than the session's so far, for a plan whose steps are not all alike: from here on it is the session's.
     *
     * @param event one of these steps
     * @param steps number of steps, {@code >= 1}
     * @return the new head, to be stored with the model
     * @throws IllegalArgumentException as {@link #charge(long)}, or if the event is too long or too deeply nested for a line of a ledger
     * @throws PrivacyLedgerException as {@link #charge(long)}
     */
    public synchronized Head charge(DpEvent event, long steps) {
        Objects.requireNonNull(event, "event");
        requireRoom(steps);
        turnTo(event);
        return charge(steps);
    }

    /**
     * Charges what was released once and has an identity, so that it is charged once: see {@link #releases}.
     *
     * @param event what was released
     * @param identity 1 to 64 letters, digits or hyphens
     * @return the new head, to be stored with the model
     * @throws IllegalArgumentException if {@code identity} is not of that form, or charged already, or as {@link #charge(DpEvent, long)}
     * @throws PrivacyLedgerException as {@link #charge(long)}
     */
    public synchronized Head charge(DpEvent event, String identity) {
        Objects.requireNonNull(event, "event");
        if (!IDENTITY.matcher(identity).matches() || history.releases().containsKey(identity)) {
            throw new IllegalArgumentException(
                    "identity must be 1 to 64 letters, digits or hyphens, and not be charged yet, was \"" + identity
                            + "\"");
        }
        requireRoom(1);
        turnTo(event);
        append(PrivacyLedgerLine.release(history.lines(), history.hash(), identity, key));
        return history.head();
    }

    /** Starts a session of this event, unless the last one is of it. */
    private void turnTo(DpEvent event) {
        Terms terms = history.terms();
        if (!terms.event().equals(event)) {
            startSession(new Terms(
                    terms.planDigest(),
                    terms.configurationDigest(),
                    terms.libraryVersion(),
                    terms.relation(),
                    terms.unit(),
                    event));
        }
    }

    /** What is written must be readable: nothing is, where the sum of all steps does not fit. */
    private void requireRoom(long steps) {
        long room = Long.MAX_VALUE - history.steps();
        if (steps < 1 || steps > room) {
            throw new IllegalArgumentException(
                    steps < 1
                            ? "steps must be >= 1, was " + steps
                            : "steps must be at most " + room + ", which with the " + history.steps()
                                    + " already charged makes 2^63 - 1, was " + steps);
        }
    }

    /** Returns what was charged under an identity, by that identity. {@link #charges} counts these events too. */
    public synchronized Map<String, DpEvent> releases() {
        return Map.copyOf(history.releases());
    }

    private void append(String text) {
        if (!usable) {
            throw new PrivacyLedgerException(
                    Reason.UNUSABLE,
                    "privacy ledger " + name + " was closed, or a write to it failed; attach to it again");
        }
        byte[] bytes = (text + "\n").getBytes(StandardCharsets.UTF_8);
        PrivacyLedgerLine line = PrivacyLedgerLine.parse(text, history.lines(), history.hash());
        if (line == null || bytes.length > PrivacyLedgerHistory.LONGEST_LINE) {
            throw new IllegalArgumentException(
                    "event must fit on a line of a ledger, " + PrivacyLedgerHistory.LONGEST_LINE
                            + " bytes, and not be nested hundreds deep, to be read again; its line has " + bytes.length
                            + " bytes; compose fewer events into one");
        }
        usable = false;
        try {
            if (!file.isInPlace() || file.length() != history.verifiedBytes()) {
                throw new PrivacyLedgerException(
                        Reason.REPLACED,
                        "privacy ledger " + name + " was removed, replaced or changed by another process while this run"
                                + " was training; nothing more is released");
            }
            file.append(bytes);
            file.force();
        } catch (IOException e) {
            throw failure(e, name, "write to");
        }
        history.add(line, bytes.length);
        usable = true;
    }

    /** Returns the last line's number and hash. */
    public synchronized Head head() {
        return history.head();
    }

    /** Returns the number of steps charged in all sessions. */
    public synchronized long steps() {
        return history.steps();
    }

    /** Returns what was charged, equal events summed up, in the order of their first step. */
    public synchronized List<Charge> charges() {
        return history.charges();
    }

    /**
     * Adds all that was charged to an accountant.
     *
     * @return the accountant
     * @throws IllegalArgumentException if the accountant works under another relation than the ledger
     * @throws UnsupportedEventException if the accountant does not support an event; nothing is composed then
     */
    public synchronized PrivacyAccountant composeInto(PrivacyAccountant accountant) {
        return history.composeInto(accountant);
    }

    /**
     * Returns the steps that were charged, when this ledger was opened, after the head that it was opened with: 0 after a
     * clean stop. Without such a head, all steps of earlier sessions.
     */
    public long stepsBeyondModel() {
        return stepsBeyondModel;
    }

    /** Returns the length of the unfinished last line that was cut off when this ledger was opened, 0 if there was none. */
    public long recoveredBytes() {
        return recoveredBytes;
    }

    /** Gives the file free; everything charged is on disk already. */
    @Override
    public synchronized void close() {
        usable = false;
        closeQuietly(file);
    }

    private static void closeQuietly(PrivacyLedgerFile file) {
        try {
            file.close();
        } catch (IOException e) {
            // Every line was forced when it was written; a failing close can lose nothing.
        }
    }

    static PrivacyLedgerException missing(Path path) {
        return new PrivacyLedgerException(
                Reason.MISSING,
                "privacy ledger " + path + " does not exist; bring back the file of the model's training");
    }

    static PrivacyLedgerException failure(IOException cause, String name, String action) {
        return new PrivacyLedgerException(
                Reason.INPUT_OUTPUT,
                "cannot " + action + " privacy ledger " + name + " ("
                        + cause.getClass().getSimpleName() + ": "
                        + cause.getMessage()
                        + "); check that its folder exists and is writable and that the disk has space,"
                        + " then attach again",
                cause);
    }

    private static void requireToken(String parameter, String value) {
        if (!TOKEN.matcher(value).matches()) {
            throw new IllegalArgumentException(
                    parameter + " must be 1 to 200 letters, digits or . : _ + / = -, was \"" + value + "\"");
        }
    }
}
