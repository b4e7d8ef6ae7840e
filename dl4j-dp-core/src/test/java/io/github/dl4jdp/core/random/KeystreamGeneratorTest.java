// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.random;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.stream.LongStream;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;
import org.apache.commons.statistics.inference.ChiSquareTest;
import org.junit.jupiter.api.Test;

class KeystreamGeneratorTest {

    private static final HexFormat HEX = HexFormat.of();

    /** NIST SP 800-38A, appendix F.5.1, CTR-AES128.Encrypt. */
    private static final String NIST_KEY = "2b7e151628aed2a6abf7158809cf4f3c";

    private static final String NIST_COUNTER = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
    private static final String NIST_PLAINTEXT = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
            + "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
    private static final String NIST_CIPHERTEXT = "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
            + "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee";

    private static SecretKey key(String hex) {
        return new SecretKeySpec(HEX.parseHex(hex), "AES");
    }

    @Test
    void nextLong_nistVector_isTheKeystream() {
        KeystreamGenerator random = new KeystreamGenerator(key(NIST_KEY), HEX.parseHex(NIST_COUNTER));
        ByteBuffer keystream = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < 8; i++) {
            keystream.putLong(random.nextLong());
        }
        byte[] plaintext = HEX.parseHex(NIST_PLAINTEXT);
        byte[] encrypted = new byte[64];
        for (int i = 0; i < 64; i++) {
            encrypted[i] = (byte) (plaintext[i] ^ keystream.get(i));
        }
        assertThat(HEX.formatHex(encrypted)).isEqualTo(NIST_CIPHERTEXT);
    }

    @Test
    void nextLong_pastTheChunk_goesOnWithTheCounter() {
        KeystreamGenerator fromStart = new KeystreamGenerator(key(NIST_KEY), 5L);
        longs(fromStart, 3 * 512);
        // 3 chunks of 512 longs are 768 blocks of 16 bytes
        byte[] later = ByteBuffer.allocate(16).putLong(5L).putLong(768L).array();
        KeystreamGenerator fromBlock768 = new KeystreamGenerator(key(NIST_KEY), later);
        assertThat(longs(fromStart, 1000)).isEqualTo(longs(fromBlock768, 1000));
    }

    @Test
    void restart_anotherSegment_equalsAFreshGenerator() {
        KeystreamGenerator random = new KeystreamGenerator(key(NIST_KEY), 0L);
        long[] first = longs(random, 700);
        random.restart(1L);
        assertThat(longs(random, 700)).isEqualTo(longs(new KeystreamGenerator(key(NIST_KEY), 1L), 700));
        random.restart(0L);
        assertThat(longs(random, 700)).isEqualTo(first);
    }

    /** A right generator fails with probability 1e-6 (fixed seed: it does not). */
    @Test
    void nextLong_bytes_areUniform() {
        KeystreamGenerator random =
                new KeystreamGenerator(RandomStreams.seeded(1).streamKey("bytes", 0), 0L);
        long[] counts = new long[256];
        for (int i = 0; i < 500_000; i++) {
            long bits = random.nextLong();
            for (int shift = 0; shift < 64; shift += 8) {
                counts[(int) (bits >>> shift) & 0xFF]++;
            }
        }
        assertThat(LongStream.of(counts).sum()).isEqualTo(4_000_000);
        assertThat(ChiSquareTest.withDefaults().test(counts).getPValue()).isGreaterThan(1e-6);
    }

    private static long[] longs(KeystreamGenerator random, int count) {
        long[] values = new long[count];
        Arrays.setAll(values, i -> random.nextLong());
        return values;
    }
}
