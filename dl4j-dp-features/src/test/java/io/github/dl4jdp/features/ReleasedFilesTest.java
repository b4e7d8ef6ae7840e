// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.data.RandomAccessExamples;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.nd4j.shade.jackson.databind.ObjectMapper;
import org.nd4j.shade.jackson.databind.node.ObjectNode;

/** The file of a release may be all that is left of what was paid for: it is replaced whole or not at all, and nothing else is taken for it. */
class ReleasedFilesTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    /** What is released, saved and loaded. */
    enum Kind {
        SCALING {
            @Override
            String release(File file) throws IOException {
                ReleasedScaling released = PrivateScaling.of(40, 1).release(data());
                released.save(file);
                return released.identity();
            }

            @Override
            String load(File file) throws IOException {
                return ReleasedScaling.load(file).identity();
            }
        },
        NORMALIZATION {
            @Override
            String release(File file) throws IOException {
                ReleasedNormalization released =
                        PrivateNormalization.of(40, 1, 1, 20).release(data());
                released.save(file);
                return released.identity();
            }

            @Override
            String load(File file) throws IOException {
                return ReleasedNormalization.load(file).identity();
            }
        };

        /** Makes a release, writes it and returns its identity. */
        abstract String release(File file) throws IOException;

        abstract String load(File file) throws IOException;

        static RandomAccessExamples data() {
            return RandomAccessExamples.of(new DataSet(Nd4j.rand(DataType.FLOAT, 40, 3), Nd4j.ones(40, 2)));
        }
    }

    private List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    /** A second name of the earlier file shows what a write in its place would have done to it. */
    @ParameterizedTest
    @EnumSource
    void save_overAnEarlierRelease_isWrittenBesideItAndReplacesIt(Kind kind) throws IOException {
        File file = folder.resolve("release.json").toFile();
        String first = kind.release(file);
        Path earlier = Files.createLink(folder.resolve("earlier.json"), file.toPath());
        String second = kind.release(file);

        assertThat(kind.load(file)).isEqualTo(second);
        assertThat(kind.load(earlier.toFile())).isEqualTo(first);
        assertThat(names()).containsExactly("earlier.json", "release.json");
    }

    @ParameterizedTest
    @EnumSource
    void save_throughALink_replacesWhatItLeadsTo(Kind kind) throws IOException {
        File file = folder.resolve("release.json").toFile();
        kind.release(file);
        Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("release.json"));
        String second = kind.release(link.toFile());

        assertThat(kind.load(file)).isEqualTo(second);
        assertThat(link).isSymbolicLink();
    }

    @ParameterizedTest
    @EnumSource
    void save_thatFails_saysWhatToDoAndLeavesNothingBehind(Kind kind) throws IOException {
        Path taken = Files.createDirectory(folder.resolve("taken"));
        Files.writeString(taken.resolve("file"), "here");

        assertThatThrownBy(() -> kind.release(taken.toFile()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("the release cannot be written to " + taken)
                .hasMessageContaining("making it again is charged again");
        assertThat(taken.resolve("file")).hasContent("here");
        assertThat(names()).containsExactly("taken");
        assertThatThrownBy(() ->
                        kind.release(folder.resolve("none").resolve("file").toFile()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("the release cannot be written to ");
    }

    @ParameterizedTest
    @EnumSource
    void load_aFileThatIsNotWhole_namesFileAndRemedy(Kind kind) throws IOException {
        File file = folder.resolve("release.json").toFile();
        kind.release(file);
        byte[] whole = Files.readAllBytes(file.toPath());
        for (int length = 0; length < whole.length; length++) {
            Files.write(file.toPath(), Arrays.copyOf(whole, length));
            assertRefused(kind, file);
        }
        String text = new String(whole, StandardCharsets.UTF_8);
        for (String other :
                List.of("{}", "[]", "null", text + text, text.replaceFirst("\\{", "{\"unit\":\"patient\","))) {
            Files.writeString(file.toPath(), other);
            assertRefused(kind, file);
        }
    }

    private static void assertRefused(Kind kind, File file) {
        assertThatThrownBy(() -> kind.load(file))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(file + " must be a file that Released")
                .hasMessageContaining("a release that is made again is charged again");
    }

    /** Where a number was not one, it was read as 0. */
    @ParameterizedTest
    @EnumSource
    void load_valuesOfAnotherKind_areRefused(Kind kind) throws IOException {
        File file = folder.resolve("release.json").toFile();
        kind.release(file);
        var json = new ObjectMapper();
        ObjectNode whole = (ObjectNode) json.readTree(file);
        List<String> names = new ArrayList<>();
        whole.fieldNames().forEachRemaining(names::add);
        assertThat(names).hasSizeGreaterThanOrEqualTo(8);
        for (String name : names) {
            JsonNode own = whole.get(name);
            for (String other :
                    List.of("\"x\"", "7", "1.5", "null", "true", "[\"x\"]", "[[\"x\"]]", "{\"a\":1}", "\"\"")) {
                JsonNode value = json.readTree(other);
                boolean mayBe = value.getNodeType() == own.getNodeType()
                        && !List.of("1.5", "\"\"", "[\"x\"]", "[[\"x\"]]", "{\"a\":1}")
                                .contains(other);
                if (!mayBe) {
                    ObjectNode changed = whole.deepCopy();
                    changed.set(name, value);
                    json.writeValue(file, changed);
                    assertThatThrownBy(() -> kind.load(file))
                            .as("%s = %s", name, other)
                            .isInstanceOf(IOException.class)
                            .hasMessageContaining("must be a file that Released");
                }
            }
        }
    }
}
