// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import io.github.dl4jdp.accountant.PrivacyLedger.Charge;
import io.github.dl4jdp.accountant.PrivacyLedger.Head;
import io.github.dl4jdp.accountant.PrivacyLedger.Terms;
import io.github.dl4jdp.accountant.PrivacyLedgerException.Reason;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.PublicKey;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The content of a ledger file, verified line by line.
 *
 * <p>Reading takes no lock and changes nothing; it may be done while a trainer is writing.
 */
public final class PrivacyLedgerHistory {

    /** A line is some hundred bytes; an event composed of thousands of others some hundred thousand. */
    static final int LONGEST_LINE = 1 << 24;

    private final String name;
    private final @Nullable Head sought;
    private final Map<DpEvent, Long> charges = new LinkedHashMap<>();
    /** What was charged under an identity. */
    private final Map<String, DpEvent> releases = new HashMap<>();

    /** Lines that are looked for and have not been passed yet. */
    private Set<Head> missing = new HashSet<>();

    private @Nullable Terms terms;
    private long lines;
    private long sessions;
    private long steps;
    private String hash = PrivacyLedgerLine.GENESIS;
    private long verifiedBytes;
    private long tornBytes;
    private long stepsAtSought;
    private boolean soughtFound;
    /** The public key that the first session names, in hexadecimal. */
    private @Nullable String key;

    private @Nullable String lastSignature;
    /** Checks the signature of every line, and not only of the last one, which stands for all before it. */
    private @Nullable PublicKey checkedBy;

    /** An empty history that will note where it passes {@code sought}. */
    PrivacyLedgerHistory(String name, @Nullable Head sought) {
        this.name = name;
        this.sought = sought;
    }

    /**
     * Reads and verifies a ledger file.
     *
     * @throws PrivacyLedgerException of reason MISSING if there is no such file or nothing in it, BROKEN if its lines do not
     *     follow from one another, INPUT_OUTPUT if it cannot be read
     */
    public static PrivacyLedgerHistory read(Path path) {
        if (!Files.exists(path)) {
            throw PrivacyLedger.missing(path);
        }
        return complete(path, scanned(new PrivacyLedgerHistory(path.toString(), null), path));
    }

    private static PrivacyLedgerHistory complete(Path path, PrivacyLedgerHistory history) {
        if (history.lines == 0) {
            throw new PrivacyLedgerException(Reason.MISSING, "privacy ledger " + path + " has no complete line");
        }
        return history;
    }

    private static PrivacyLedgerHistory scanned(PrivacyLedgerHistory history, Path path) {
        try (InputStream in = new FileInputStream(path.toFile())) {
            history.scan(in, Files.size(path));
        } catch (IOException e) {
            throw PrivacyLedger.failure(e, history.name, "read");
        }
        return history;
    }

    /**
     * Reads a signed ledger file, and verifies the signature of every line.
     *
     * @param key the public key of the one who trained, from elsewhere than the ledger
     * @throws PrivacyLedgerException as {@link #read(Path)}, or of reason OTHER_KEY if the ledger is not signed or signed by another key, BROKEN if a signature is wrong
     */
    public static PrivacyLedgerHistory read(Path path, PublicKey key) {
        PrivacyLedgerHistory history = new PrivacyLedgerHistory(path.toString(), null);
        history.checkedBy = Objects.requireNonNull(key, "key");
        if (!Files.exists(path)) {
            throw PrivacyLedger.missing(path);
        }
        return complete(path, scanned(history, path));
    }

    /**
     * The Ed25519 public key in a text: PEM as of {@code openssl pkey -pubout}, or the X.509 encoding in Base64 or hexadecimal.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static PublicKey publicKey(String text) {
        String base64 = text.replaceAll("-----(BEGIN|END) PUBLIC KEY-----", "").replaceAll("\\s", "");
        byte[] encoded;
        try {
            encoded = base64.matches("[0-9a-f]{88}")
                    ? HexFormat.of().parseHex(base64)
                    : Base64.getDecoder().decode(base64);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("the public key must be PEM, Base64 or hexadecimal, was neither", e);
        }
        return PrivacyLedgerKey.publicKey(encoded);
    }

    /** Returns the SHA-256 of the public key that the ledger says it is signed by, in hexadecimal; empty if its lines are not signed. */
    public Optional<String> keyFingerprint() {
        return Optional.ofNullable(key).map(hex -> PrivacyLedgerKey.fingerprint(publicKeyOf(hex)));
    }

    /** Refuses a ledger that is not signed by this key, or is signed where there is none; an empty one may become either. */
    void requireKey(@Nullable PublicKey expected) {
        if (lines > 0) {
            requireSameKey(expected);
        }
    }

    private void requireSameKey(@Nullable PublicKey expected) {
        String expectedHex = expected == null ? null : PrivacyLedgerKey.hex(expected);
        if (Objects.equals(key, expectedHex)) {
            return;
        }
        throw new PrivacyLedgerException(
                Reason.OTHER_KEY,
                "privacy ledger " + name
                        + (key == null
                                ? " is not signed; continue it without a key, or begin a new one that is"
                                : expected == null
                                        ? " is signed; give the key that signs it, by plan.withLedger(path).signedBy(privateKey)"
                                        : " is signed by another key, of SHA-256 "
                                                + keyFingerprint().orElseThrow() + ", not by that of SHA-256 "
                                                + PrivacyLedgerKey.fingerprint(expected)));
    }

    /** Returns the last line's number and hash. */
    public Head head() {
        return new Head(lines - 1, hash);
    }

    /** Returns the number of steps charged in all sessions. */
    public long steps() {
        return steps;
    }

    /** Returns how often training was started or resumed. */
    public long sessions() {
        return sessions;
    }

    /** Returns what was charged, equal events summed up, in the order of their first step. */
    public List<Charge> charges() {
        return charges.entrySet().stream()
                .map(entry -> new Charge(entry.getKey(), entry.getValue()))
                .toList();
    }

    /** Returns the terms of the last session. */
    public Terms terms() {
        return Objects.requireNonNull(terms, "a history with at least one line has terms");
    }

    /**
     * Returns the length of an unfinished last line, 0 if there is none. It is the trace of a crash, or a trainer is writing
     * it right now; its step has not been released.
     */
    public long tornBytes() {
        return tornBytes;
    }

    /**
     * Adds all that was charged to an accountant.
     *
     * @return the accountant
     * @throws IllegalArgumentException if the accountant works under another relation than the ledger
     * @throws UnsupportedEventException if the accountant does not support an event; nothing is composed then
     */
    public PrivacyAccountant composeInto(PrivacyAccountant accountant) {
        if (accountant.relation() != terms().relation()) {
            throw new IllegalArgumentException("accountant must work under the ledger's relation " + terms().relation()
                    + ", was " + accountant.relation());
        }
        DpEvent all = new DpEvent.Composed(charges.entrySet().stream()
                .<DpEvent>map(entry -> new DpEvent.SelfComposed(entry.getKey(), entry.getValue()))
                .toList());
        return accountant.compose(all);
    }

    Map<String, DpEvent> releases() {
        return releases;
    }

    /**
     * Whether a ledger file has all of these lines, so that it includes everything that was charged up to them.
     *
     * @throws PrivacyLedgerException as {@link #read}
     */
    public static boolean containsAll(Path path, Collection<Head> heads) {
        PrivacyLedgerHistory history = new PrivacyLedgerHistory(path.toString(), null);
        history.missing = new HashSet<>(heads);
        return scanned(history, path).missing.isEmpty();
    }

    boolean isEmpty() {
        return lines == 0;
    }

    long lines() {
        return lines;
    }

    String hash() {
        return hash;
    }

    /** Bytes up to the end of the last complete line. */
    long verifiedBytes() {
        return verifiedBytes;
    }

    /** Steps charged after the line that was sought, which must have been found. */
    long stepsAfterSought() {
        return steps - stepsAtSought;
    }

    boolean isSoughtFound() {
        return soughtFound;
    }

    /** Takes in the lines of a stream of the given length. */
    void scan(InputStream stream, long length) throws IOException {
        InputStream in = new BufferedInputStream(stream, 1 << 16);
        ByteArrayOutputStream line = new ByteArrayOutputStream(1024);
        for (long at = 0; at < length; at++) {
            int next = in.read();
            if (next < 0) {
                throw new IOException("ended at byte " + at + " of " + length);
            }
            line.write(next);
            if (next == '\n') {
                String text = line.toString(StandardCharsets.UTF_8);
                if (at == length - 1 && text.indexOf(0) >= 0) {
                    break;
                }
                accept(text.substring(0, text.length() - 1), line.size());
                line.reset();
            } else if (line.size() > LONGEST_LINE) {
                throw broken("is longer than any line of a ledger");
            }
        }
        tornBytes = line.size();
        if (lines == 0 && tornBytes > 0 && !isTornFirstLine(line.toString(StandardCharsets.UTF_8))) {
            throw broken("is not the start of a ledger");
        }
        String named = key;
        if (named != null && checkedBy == null) {
            requireSignature(lines, publicKeyOf(named), hash, lastSignature);
        }
    }

    private PublicKey publicKeyOf(String hex) {
        try {
            return PrivacyLedgerKey.publicKey(HexFormat.of().parseHex(hex));
        } catch (IllegalArgumentException e) {
            throw broken(1, "names a key that is none of Ed25519");
        }
    }

    private void requireSignature(long line, PublicKey by, String signed, @Nullable String signature) {
        if (signature == null || !PrivacyLedgerKey.verifies(by, signed, signature)) {
            throw broken(line, "is not signed by the ledger's key");
        }
    }

    /**
     * Only what could be left of a first line may be cut off; anything else is another program's file. What a power
     * failure kept from the disk reads as zeros, which no line contains.
     */
    private static boolean isTornFirstLine(String text) {
        String start = PrivacyLedgerLine.FIRST_LINE_START;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            boolean fits = i < start.length() ? c == start.charAt(i) : (c >= ' ' && c <= '~') || c == '\n';
            if (c != 0 && !fits) {
                return false;
            }
        }
        return true;
    }

    private void accept(String text, int bytes) {
        PrivacyLedgerLine line = PrivacyLedgerLine.parse(text, lines, hash);
        if (line == null) {
            throw broken("does not match the lines before it: it was altered, or lines were removed or inserted");
        }
        add(line, bytes);
    }

    /** Takes in a line that follows from the ones before. */
    void add(PrivacyLedgerLine line, int bytes) {
        PrivacyLedgerLine.Session session = line.session();
        if (session != null) {
            if (lines > 0 && !Objects.equals(session.key(), key)) {
                throw broken("changes the key that signs the ledger");
            }
            key = session.key();
            if (checkedBy != null) {
                requireSameKey(checkedBy);
            }
            if (terms != null && session.terms().relation() != terms.relation()) {
                throw broken("changes the relation from " + terms.relation() + " to "
                        + session.terms().relation());
            }
            if (terms != null && !session.terms().unit().equals(terms.unit())) {
                throw broken("changes the unit from " + terms.unit() + " to "
                        + session.terms().unit());
            }
            terms = session.terms();
            sessions++;
        } else if (terms == null) {
            throw broken("charges a step before any session");
        } else {
            if (line.steps() > Long.MAX_VALUE - steps) {
                throw broken("charges more steps than can be counted");
            }
            steps += line.steps();
            charges.merge(terms.event(), line.steps(), Long::sum);
            String release = line.release();
            if (release != null && releases.putIfAbsent(release, terms.event()) != null) {
                throw broken("charges the release " + release + " again");
            }
        }
        if ((line.signature() == null) != (key == null)) {
            throw broken(key == null ? "has a signature, but no session names a key" : "is not signed");
        }
        if (checkedBy != null && key != null) {
            requireSignature(lines + 1, checkedBy, line.hash(), line.signature());
        }
        lastSignature = line.signature();
        hash = line.hash();
        lines++;
        if (!missing.isEmpty()) {
            missing.remove(head());
        }
        verifiedBytes += bytes;
        if (sought != null && sought.sequenceNumber() == line.sequenceNumber()) {
            soughtFound = sought.hash().equals(hash);
            stepsAtSought = steps;
        }
    }

    private PrivacyLedgerException broken(String what) {
        return broken(lines + 1, what);
    }

    private PrivacyLedgerException broken(long line, String what) {
        return new PrivacyLedgerException(
                Reason.BROKEN,
                "privacy ledger " + name + ": line " + line + " " + what
                        + "; restore the original file, or its guarantee is lost");
    }
}
