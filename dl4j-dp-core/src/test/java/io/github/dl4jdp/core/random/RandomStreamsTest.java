// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.random;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashSet;
import java.util.HexFormat;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RandomStreamsTest {

    /**
     * Made with Python 3: {@code key = sha256(b"dl4j-dp seeded run" + pack(">q", 42)).digest();
     * hmac.new(key, b"noise\0" + pack(">q", 7), sha256).digest()[:16].hex()}.
     */
    @Test
    void streamKey_seeded_isTheDocumentedDerivation() {
        byte[] key = RandomStreams.seeded(42).streamKey("noise", 7).getEncoded();
        assertThat(HexFormat.of().formatHex(key)).isEqualTo("36b28559ec0f30c2a97685c2eb1346c0");
    }

    @Test
    void stream_seeded_dependsOnSeedLabelAndIndexAlone() {
        RandomStreams resumed = RandomStreams.seeded(3);
        RandomStreams uninterrupted = RandomStreams.seeded(3);
        for (int step = 0; step < 5; step++) {
            uninterrupted.stream("sampling", step).nextLong();
            uninterrupted.stream("noise", step).nextLong();
        }
        assertThat(resumed.stream("noise", 4).nextLong())
                .isEqualTo(uninterrupted.stream("noise", 4).nextLong());
    }

    @Test
    void stream_otherSeedLabelOrIndex_isAnotherStream() {
        Set<Long> firsts = new HashSet<>();
        for (long seed = 0; seed < 4; seed++) {
            for (String label : new String[] {"noise", "sampling", "noise1", "n"}) {
                for (long index = 0; index < 300; index++) {
                    firsts.add(RandomStreams.seeded(seed).stream(label, index).nextLong());
                }
            }
        }
        assertThat(firsts).hasSize(4 * 4 * 300);
    }

    @Test
    void secure_twoSources_differAndSaySo() {
        RandomStreams one = RandomStreams.secure();
        RandomStreams other = RandomStreams.secure();
        assertThat(one.isSecure()).isTrue();
        assertThat(RandomStreams.seeded(0).isSecure()).isFalse();
        assertThat(one.stream("noise", 0).nextLong())
                .isNotEqualTo(other.stream("noise", 0).nextLong());
    }

    @Test
    void stream_secureSameOrEarlierIndex_throws() {
        RandomStreams streams = RandomStreams.secure();
        streams.stream("noise", 3).nextLong();
        streams.stream("sampling", 1).nextLong();
        assertThatThrownBy(() -> streams.stream("noise", 3))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("\"noise\" of index 3 must not be drawn again");
        assertThatThrownBy(() -> streams.stream("noise", 2)).isInstanceOf(IllegalStateException.class);
        streams.stream("noise", 4).nextLong();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a\0b"})
    void stream_badLabel_throws(String label) {
        assertThatThrownBy(() -> RandomStreams.seeded(0).stream(label, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("label must not be empty");
    }

    @Test
    void stream_negativeIndex_throws() {
        assertThatThrownBy(() -> RandomStreams.seeded(0).stream("noise", -1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("index must be >= 0, was -1");
    }
}
