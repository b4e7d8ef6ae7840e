// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.examples.data.ReviewData.Review;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReviewDataTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    @Test
    void load_folders_divideByFoldAndPolarity() throws IOException {
        write("pos/cv000_1.txt", "a good film .\nreally ");
        write("pos/cv999_2.txt", "fine");
        write("neg/cv899_3.txt", "bad");
        write("neg/cv900_4.txt", "worse  still");

        for (Path start : List.of(folder, folder.resolve("txt_sentoken"))) {
            TrainTest<List<Review>> reviews = ReviewData.load(start);

            assertThat(reviews.train())
                    .containsExactly(
                            new Review(List.of("a", "good", "film", ".", "really"), true),
                            new Review(List.of("bad"), false));
            assertThat(reviews.test())
                    .containsExactly(new Review(List.of("fine"), true), new Review(List.of("worse", "still"), false));
        }
    }

    @Test
    void load_latin1Text_isReadAsSuch() throws IOException {
        write("pos/cv000_1.txt", "x");
        write("neg/cv000_2.txt", "x");
        Files.write(
                folder.resolve("txt_sentoken/pos/cv000_1.txt"), "caf\u00e9 noir".getBytes(StandardCharsets.ISO_8859_1));

        assertThat(ReviewData.load(folder).train().get(0).tokens()).containsExactly("caf\u00e9", "noir");
    }

    @Test
    void load_nothingThere_saysWhatToDo() {
        assertThatThrownBy(() -> ReviewData.load(folder))
                .isInstanceOf(MissingDataException.class)
                .hasMessageContaining("--data");
        assertThatThrownBy(() -> ReviewData.load(null))
                .isInstanceOf(MissingDataException.class)
                .hasMessageContaining("--data");
    }

    private void write(String name, String text) throws IOException {
        Path file = folder.resolve("txt_sentoken").resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }
}
