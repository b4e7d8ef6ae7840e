// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.random;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashSet;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;

class IndexedKeystreamTest {
    private static final SecretKeySpec KEY =
            new SecretKeySpec(new byte[] {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3, 4, 5, 6}, "AES");

    private static IndexedKeystream keystream() {
        return new IndexedKeystream(KEY);
    }

    /** The platform's own counter mode, from the counter block of (row, major, 0) on. */
    @Test
    void words_oneMajor_areTheCounterModeOfAes() throws Exception {
        Cipher cipher = Cipher.getInstance("AES/CTR/NoPadding");
        byte[] counter =
                ByteBuffer.allocate(16).putLong(123456789L).putLong(7L << 32).array();
        cipher.init(Cipher.ENCRYPT_MODE, KEY, new IvParameterSpec(counter));
        var expected = ByteBuffer.wrap(cipher.doFinal(new byte[4 * 5000])).order(ByteOrder.LITTLE_ENDIAN);
        var words = new int[5000];
        keystream().words(123456789L, 7, 1, 5000, words, 0);
        for (int word : words) {
            assertThat(word).isEqualTo(expected.getInt());
        }
    }

    @Test
    void values_readInAnyOrderAndCompany_areTheSame() {
        var all = new int[4 * 700];
        keystream().words(5, 10, 4, 700, all, 0);
        var normals = new double[4 * 700];
        keystream().gaussians(5, 10, 4, 700, normals, 0);
        var other = keystream();
        for (int major = 3; major >= 0; major--) {
            var some = new int[800];
            other.words(6, 0, 8, 100, some, 0);
            other.words(5, 10 + major, 1, 333, some, 2);
            assertThat(Arrays.copyOfRange(some, 2, 335))
                    .isEqualTo(Arrays.copyOfRange(all, 700 * major, 700 * major + 333));
            var someNormals = new double[333];
            other.gaussians(5, 10 + major, 1, 333, someNormals, 0);
            assertThat(someNormals).isEqualTo(Arrays.copyOfRange(normals, 700 * major, 700 * major + 333));
        }
    }

    @Test
    void values_ofDifferentIndices_differ() {
        var seen = new HashSet<Integer>();
        var words = new int[30];
        for (int row = 0; row < 10; row++) {
            for (int major = 0; major < 10; major++) {
                keystream().words(row, major, 1, 30, words, 0);
                Arrays.stream(words).forEach(seen::add);
            }
        }
        // Of 3000 uniform 32-bit words, two are equal with probability 0.1 %; the key is fixed.
        assertThat(seen).hasSize(3000);
        assertThat(keystream().at(1, 2, 3).nextLong())
                .isEqualTo(keystream().at(1, 2, 3).nextLong())
                .isNotEqualTo(keystream().at(1, 2, 4).nextLong())
                .isNotEqualTo(keystream().at(1, 3, 3).nextLong())
                .isNotEqualTo(keystream().at(2, 2, 3).nextLong());
    }

    /** Six standard errors: a false failure for a random key in 1e-8 of all cases. */
    @Test
    void gaussians_haveTheMomentsOfANormalDistribution() {
        int n = 400_000;
        var values = new double[n];
        keystream().gaussians(3, 0, 4, n / 4, values, 0);
        assertThat(Arrays.stream(values).average().orElseThrow()).isCloseTo(0, within(6 / Math.sqrt(n)));
        assertThat(Arrays.stream(values).map(v -> v * v).average().orElseThrow())
                .isCloseTo(1, within(6 * Math.sqrt(2.0 / n)));
        assertThat(Arrays.stream(values).map(v -> v * v * v * v).average().orElseThrow())
                .isCloseTo(3, within(6 * Math.sqrt(96.0 / n)));
    }

    @Test
    void words_indexOutOfRange_isRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> keystream().words(1L << 48, 0, 1, 1, new int[1], 0))
                .withMessageContaining("row must be in [0, 2^48)");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> keystream().at(0, -1, 0))
                .withMessageContaining("major must be >= 0");
    }
}
