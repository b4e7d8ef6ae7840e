// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * One line of a ledger, without its line feed.
 *
 * <p>A line is a JSON object in the one form that {@link #session}, {@link #steps} or {@link #release} writes; nothing else is accepted. Its last
 * field is {@code SHA-256(hash of the line before || the line up to its hash field)} in hexadecimal, the hash before the
 * first line being 64 zeros. In a signed ledger the hash is followed by the signature of it.
 *
 * @param sequenceNumber its number, from 0
 * @param hash the value of its hash field
 * @param session what it says if it starts a session
 * @param steps the steps it charges, 0 if it starts a session
 * @param release the identity of what it charges, if that has one
 * @param signature of its hash, in hexadecimal, if it has one
 */
record PrivacyLedgerLine(
        long sequenceNumber,
        String hash,
        @Nullable Session session,
        long steps,
        @Nullable String release,
        @Nullable String signature) {

    /** The hash before the first line. */
    static final String GENESIS = "0".repeat(64);

    /** Every ledger starts like this. */
    static final String FIRST_LINE_START = "{\"n\":0,\"ledger\":1,\"session\":\"";

    private static final int HASH_LENGTH = 64;
    private static final String HASH_FIELD = ",\"hash\":\"";
    private static final String END = "\"}";
    private static final int TRAILER_LENGTH = HASH_FIELD.length() + HASH_LENGTH + END.length();
    private static final String SIGNATURE_FIELD = "\",\"signature\":\"";
    private static final int SIGNATURE_LENGTH = 128;
    private static final int SIGNATURE_TRAILER = SIGNATURE_FIELD.length() + SIGNATURE_LENGTH + END.length();
    private static final Pattern HEXADECIMAL = Pattern.compile("[0-9a-f]*");

    private static final String NUMBER = "(0|[1-9][0-9]{0,18})";
    private static final Pattern STEPS = Pattern.compile(
            "\\{\"n\":" + NUMBER + ",\"steps\":" + NUMBER + "(?:,\"release\":\"([A-Za-z0-9-]{1,64})\")?");
    private static final Pattern SESSION = Pattern.compile("\\{\"n\":" + NUMBER
            + ",\"ledger\":1,\"session\":\"([0-9a-f]{32})\",\"opened\":\"([-0-9:TZ]{20})\""
            + ",\"library\":\"([^\"\\\\]*)\",\"plan\":\"([^\"\\\\]*)\",\"configuration\":\"([^\"\\\\]*)\""
            + "(?:,\"key\":\"([0-9a-f]{88})\")?"
            + ",\"relation\":\"([A-Z_]+)\"(?:,\"unit\":\"([^\"\\\\]*)\")?,\"event\":(\\{.*\\})");

    /**
     * The start of a session.
     *
     * @param nonce 128 random bits in hexadecimal: two copies of a ledger that go separate ways differ from here on
     * @param opened time in UTC, to the second
     * @param terms what every step of the session is
     * @param key the public key that verifies the signatures, in hexadecimal, or null if lines are not signed
     */
    record Session(
            String nonce,
            String opened,
            PrivacyLedger.Terms terms,
            @Nullable String key) {}

    /** A new line that starts a session. */
    static String session(long sequenceNumber, String previousHash, Session session, @Nullable PrivacyLedgerKey key) {
        PrivacyLedger.Terms terms = session.terms();
        return sealed(
                key,
                previousHash,
                "{\"n\":" + sequenceNumber + ",\"ledger\":1,\"session\":\"" + session.nonce() + "\",\"opened\":\""
                        + session.opened() + "\",\"library\":\"" + terms.libraryVersion() + "\",\"plan\":\""
                        + terms.planDigest() + "\",\"configuration\":\"" + terms.configurationDigest()
                        + (session.key() == null ? "" : "\",\"key\":\"" + session.key())
                        + "\",\"relation\":\"" + terms.relation().name() + "\""
                        + (terms.unit().equals(PrivacyLedger.Terms.EXAMPLE) ? "" : ",\"unit\":\"" + terms.unit() + "\"")
                        + ",\"event\":"
                        + PrivacyLedgerEvents.write(terms.event()));
    }

    /** A new line that charges steps. */
    static String steps(long sequenceNumber, String previousHash, long steps, @Nullable PrivacyLedgerKey key) {
        return sealed(key, previousHash, "{\"n\":" + sequenceNumber + ",\"steps\":" + steps);
    }

    /** A new line that charges one release of an identity. */
    static String release(long sequenceNumber, String previousHash, String release, @Nullable PrivacyLedgerKey key) {
        return sealed(key, previousHash, "{\"n\":" + sequenceNumber + ",\"steps\":1,\"release\":\"" + release + "\"");
    }

    private static String sealed(@Nullable PrivacyLedgerKey key, String previousHash, String body) {
        String hash = hash(previousHash, body);
        return body + HASH_FIELD + hash + (key == null ? "" : SIGNATURE_FIELD + key.sign(hash)) + END;
    }

    /**
     * Reads a line.
     *
     * @return the line, or null if it is not of the form that is written, does not have the given number or its hash does
     *     not follow from the hash before
     */
    static @Nullable PrivacyLedgerLine parse(String line, long sequenceNumber, String previousHash) {
        int signed = line.length() - SIGNATURE_TRAILER;
        if (signed <= 0 || !line.startsWith(SIGNATURE_FIELD, signed)) {
            return parse(line, sequenceNumber, previousHash, null);
        }
        String signature = line.substring(signed + SIGNATURE_FIELD.length(), line.length() - END.length());
        return HEXADECIMAL.matcher(signature).matches() && line.endsWith(END)
                ? parse(line.substring(0, signed) + END, sequenceNumber, previousHash, signature)
                : null;
    }

    private static @Nullable PrivacyLedgerLine parse(
            String line, long sequenceNumber, String previousHash, @Nullable String signature) {
        int bodyLength = line.length() - TRAILER_LENGTH;
        if (bodyLength <= 0 || !line.startsWith(HASH_FIELD, bodyLength) || !line.endsWith(END)) {
            return null;
        }
        String body = line.substring(0, bodyLength);
        String hash = line.substring(bodyLength + HASH_FIELD.length(), line.length() - END.length());
        if (!hash.equals(hash(previousHash, body))) {
            return null;
        }
        Matcher steps = STEPS.matcher(body);
        if (steps.matches()) {
            long count = number(steps.group(2));
            return number(steps.group(1)) == sequenceNumber && count >= 1
                    ? new PrivacyLedgerLine(sequenceNumber, hash, null, count, steps.group(3), signature)
                    : null;
        }
        Matcher session = SESSION.matcher(body);
        if (!session.matches() || number(session.group(1)) != sequenceNumber) {
            return null;
        }
        try {
            PrivacyLedger.Terms terms = new PrivacyLedger.Terms(
                    session.group(5),
                    session.group(6),
                    session.group(4),
                    NeighboringRelation.valueOf(session.group(8)),
                    session.group(9) == null ? PrivacyLedger.Terms.EXAMPLE : session.group(9),
                    PrivacyLedgerEvents.read(session.group(10)));
            Session opened = new Session(session.group(2), session.group(3), terms, session.group(7));
            return new PrivacyLedgerLine(sequenceNumber, hash, opened, 0, null, signature);
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    /** A number of at most 19 digits, or -1 if it is above 2^63 - 1. */
    private static long number(String digits) {
        try {
            return Long.parseLong(digits);
        } catch (NumberFormatException e) {
            return -1;
        }
    }

    private static String hash(String previousHash, String body) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(previousHash.getBytes(StandardCharsets.US_ASCII));
            return HexFormat.of().formatHex(digest.digest(body.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this Java runtime offers no SHA-256", e);
        }
    }
}
