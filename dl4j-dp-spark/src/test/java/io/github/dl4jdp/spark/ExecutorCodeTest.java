// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.core.mechanism.Mechanism;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;

class ExecutorCodeTest {
    private static final String SAMPLER = Mechanism.class.getName().replace('.', '/') + ".class";

    /** Classes of which one is of another version: what it was compiled from has a name of the same length. */
    static byte[] altered(String file) {
        try (InputStream in = ExecutorCodeTest.class.getClassLoader().getResourceAsStream(file)) {
            String simple = file.substring(file.lastIndexOf('/') + 1).replace(".class", ".java");
            String bytes = new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
            String other = bytes.replace(simple, simple.replace(".java", ".JAVA"));
            assertThat(other).isNotEqualTo(bytes);
            return other.getBytes(StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void hash_aClassOfAnotherVersion_isAnother() throws Exception {
        var files = new TreeSet<>(java.util.List.of(SAMPLER));
        ClassLoader here = getClass().getClassLoader();
        var other = new ClassLoader(here) {
            @Override
            public InputStream getResourceAsStream(String name) {
                return name.equals(SAMPLER) ? new ByteArrayInputStream(altered(name)) : super.getResourceAsStream(name);
            }
        };
        assertThat(ExecutorCode.hash(files, other)).isNotEqualTo(ExecutorCode.hash(files, here));
        assertThat(ExecutorCode.hash(files, here)).isEqualTo(ExecutorCode.hash(files, here));
    }

    /** The parameters of a network are not in it, the kinds of its layers are. */
    @Test
    void of_networksOfOtherLayers_isAnother() {
        String list = ExecutorCode.of(TestRun.network());
        assertThat(ExecutorCode.of(TestRun.network(DataType.FLOAT, true))).isEqualTo(list);
        assertThat(ExecutorCode.of(LocalEqualityTest.Kind.SEQUENCES_WITH_MASKS.network(DataType.DOUBLE)))
                .isNotEqualTo(list);
    }
}
