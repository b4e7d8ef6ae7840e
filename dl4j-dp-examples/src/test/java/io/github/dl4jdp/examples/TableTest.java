// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class TableTest {
    @Test
    void toString_textLeftNumbersRight_isMarkdown() {
        Table table = new Table("model", "accuracy").row("majority", "76.4 %").row("private", "8 %");

        assertThat(table.toString().lines())
                .containsExactly(
                        "| model    | accuracy |", //
                        "|----------|---------:|",
                        "| majority |   76.4 % |",
                        "| private  |      8 % |");
    }

    @Test
    void row_wrongNumberOfCells_throws() {
        assertThatThrownBy(() -> new Table("a", "b").row("1"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("2, was 1");
    }
}
