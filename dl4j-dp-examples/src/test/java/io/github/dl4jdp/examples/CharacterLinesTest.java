// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;

class CharacterLinesTest {
    private static String decode(INDArray oneHot, int line) {
        INDArray indices = oneHot.argMax(1);
        var text = new StringBuilder();
        for (int t = 0; t < oneHot.size(2); t++) {
            text.append(CharacterLines.ALPHABET.charAt(indices.getInt(line, t)));
        }
        return text.toString();
    }

    @Test
    void encode_labelsAreTheNextCharacters() {
        DataSet set = CharacterLines.encode(List.of("the code of ann is 0421", "short!", "x".repeat(40)));

        assertThat(set.getFeatures().shape())
                .containsExactly(3, CharacterLines.ALPHABET.length(), CharacterLines.LENGTH - 1);
        assertThat(set.getFeatures().sum(1).minNumber().doubleValue()).isEqualTo(1);
        assertThat(set.getLabels().sum(1).maxNumber().doubleValue()).isEqualTo(1);
        assertThat(decode(set.getFeatures(), 0)).isEqualTo("the code of ann is 0421");
        assertThat(decode(set.getLabels(), 0)).isEqualTo("he code of ann is 0421 ");
        assertThat(decode(set.getFeatures(), 1)).isEqualTo("short" + " ".repeat(18));
        assertThat(decode(set.getLabels(), 2)).isEqualTo("x".repeat(23));
    }

    @Test
    void sentence_sameSeed_isTheSame() {
        assertThat(CharacterLines.sentence(new Random(5)))
                .isEqualTo(CharacterLines.sentence(new Random(5)))
                .endsWith(".");
    }
}
