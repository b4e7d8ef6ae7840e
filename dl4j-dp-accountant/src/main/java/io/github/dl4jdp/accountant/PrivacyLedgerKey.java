// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.interfaces.EdECPrivateKey;
import java.security.spec.NamedParameterSpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * An Ed25519 key that signs the lines of a ledger.
 *
 * <p><b>What a signature states</b>: the holder of the private key appended this line to exactly these lines. Anyone who has the public key from elsewhere can check that no line was altered, inserted or removed in the
 * middle since, not even with fresh hashes. It does not show that nothing was cut off at the end, or that the file is the only one that the key signed, and a key on the machine that trains
 * protects from nobody who controls that machine.
 *
 * <p>Immutable. Its text has the public key alone.
 *
 * @see <a href="https://www.rfc-editor.org/rfc/rfc8032">RFC 8032</a> (Ed25519)
 */
public final class PrivacyLedgerKey {
    private static final String ALGORITHM = "Ed25519";

    /** No other program's signatures begin so. */
    private static final String SIGNED = "dl4j-dp privacy ledger line ";

    private final PrivateKey privateKey;
    private final PublicKey publicKey;

    private PrivacyLedgerKey(PrivateKey privateKey, PublicKey publicKey) {
        this.privateKey = privateKey;
        this.publicKey = publicKey;
    }

    /**
     * The key of which this is the private part.
     *
     * @throws IllegalArgumentException if it is not an Ed25519 key, or its bytes cannot be read, as those of a key in a hardware module: give both parts then
     */
    public static PrivacyLedgerKey of(PrivateKey privateKey) {
        if (privateKey instanceof EdECPrivateKey key
                && key.getParams().getName().equals(ALGORITHM)) {
            byte[] bytes = key.getBytes().orElse(null);
            if (bytes != null) {
                return of(privateKey, publicPart(bytes));
            }
        }
        throw new IllegalArgumentException("privateKey must be an Ed25519 key whose bytes can be read, was one for "
                + privateKey.getAlgorithm()
                + "; make one by KeyPairGenerator.getInstance(\"Ed25519\"), or give the public key too");
    }

    /**
     * The key with these two parts.
     *
     * @throws IllegalArgumentException if they are not the two parts of one Ed25519 key
     */
    public static PrivacyLedgerKey of(PrivateKey privateKey, PublicKey publicKey) {
        PrivacyLedgerKey key = new PrivacyLedgerKey(privateKey, publicKey);
        boolean fits;
        try {
            fits = verifies(publicKey, "test", key.sign("test"));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "privateKey and publicKey must be Ed25519 keys, were for " + privateKey.getAlgorithm() + " and "
                            + publicKey.getAlgorithm(),
                    e);
        }
        if (!fits) {
            throw new IllegalArgumentException(
                    "publicKey must be that of privateKey, was another one, " + hex(publicKey));
        }
        return key;
    }

    /** Key generation draws the private bytes and computes the public part from them: with these bytes in place of fresh ones. */
    private static PublicKey publicPart(byte[] privateBytes) {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance(ALGORITHM);
            generator.initialize(NamedParameterSpec.ED25519, new GivenBytes(privateBytes));
            KeyPair pair = generator.generateKeyPair();
            return pair.getPublic();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java runtime offers no " + ALGORITHM, e);
        }
    }

    /** Not random at all. */
    private static final class GivenBytes extends SecureRandom {
        private static final long serialVersionUID = 1;

        private final byte[] given;

        GivenBytes(byte[] given) {
            this.given = given.clone();
        }

        @Override
        public void nextBytes(byte[] bytes) {
            System.arraycopy(given, 0, bytes, 0, bytes.length);
        }
    }

    /** The part that verifies, and may be published. */
    public PublicKey publicKey() {
        return publicKey;
    }

    /** SHA-256 of the public key's X.509 encoding, in hexadecimal. */
    public String fingerprint() {
        return fingerprint(publicKey);
    }

    /** SHA-256 of a public key's X.509 encoding, in hexadecimal. */
    static String fingerprint(PublicKey key) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(key.getEncoded()));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java runtime offers no SHA-256", e);
        }
    }

    /** A public key's X.509 encoding in hexadecimal. */
    static String hex(PublicKey key) {
        return HexFormat.of().formatHex(key.getEncoded());
    }

    String publicHex() {
        return hex(publicKey);
    }

    /**
     * The key with this X.509 encoding.
     *
     * @throws IllegalArgumentException if it is none of an Ed25519 key
     */
    static PublicKey publicKey(byte[] encoded) {
        try {
            return KeyFactory.getInstance(ALGORITHM).generatePublic(new X509EncodedKeySpec(encoded));
        } catch (GeneralSecurityException e) {
            throw new IllegalArgumentException(
                    "the public key must be of " + ALGORITHM + " in X.509 encoding (" + e.getMessage() + ")", e);
        }
    }

    /** The signature of a line's hash, 128 hexadecimal digits. */
    String sign(String hash) {
        try {
            Signature signature = Signature.getInstance(ALGORITHM);
            signature.initSign(privateKey);
            signature.update((SIGNED + hash).getBytes(StandardCharsets.US_ASCII));
            return HexFormat.of().formatHex(signature.sign());
        } catch (GeneralSecurityException e) {
            throw new IllegalArgumentException("the ledger's key cannot sign: " + e.getMessage(), e);
        }
    }

    static boolean verifies(PublicKey key, String hash, String hexadecimal) {
        try {
            Signature signature = Signature.getInstance(ALGORITHM);
            signature.initVerify(key);
            signature.update((SIGNED + hash).getBytes(StandardCharsets.US_ASCII));
            return signature.verify(HexFormat.of().parseHex(hexadecimal));
        } catch (GeneralSecurityException e) {
            return false;
        }
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof PrivacyLedgerKey that
                && Arrays.equals(publicKey.getEncoded(), that.publicKey.getEncoded());
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(publicKey.getEncoded());
    }

    @Override
    public String toString() {
        return "PrivacyLedgerKey[" + ALGORITHM + ", SHA-256 of the public key " + fingerprint() + "]";
    }
}
