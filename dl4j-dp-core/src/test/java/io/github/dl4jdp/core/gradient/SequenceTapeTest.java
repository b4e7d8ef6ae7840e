// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.core.internal.arrays.Slices;
import io.github.dl4jdp.core.internal.arrays.Sums;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class SequenceTapeTest {
    private static final int STEPS = 6;
    private static final int EXAMPLES = 4;
    private static final int INPUTS = 500;
    private static final int HIDDEN = 90;
    private static final int OUTPUTS = 300;

    @BeforeEach
    void seed() {
        Nd4j.getRandom().setSeed(5);
    }

    /** So few steps of so wide factors that the Gram matrices are cheaper. */
    @ParameterizedTest
    @EnumSource(names = {"FLOAT", "DOUBLE"})
    void addNorms_ofGramMatrices_areThoseOfTheRows(DataType type) {
        INDArray x = Nd4j.randn(type, STEPS, EXAMPLES, INPUTS);
        INDArray h = Nd4j.randn(type, STEPS, EXAMPLES, HIDDEN);
        INDArray delta = Nd4j.randn(type, STEPS, EXAMPLES, OUTPUTS);
        Slices.at(x, 1, 2).assign(0);
        Slices.at(h, 1, 2).assign(0);
        var tape = new SequenceTape(
                List.of(
                        new SequenceTape.Factor(x, (map, product) -> Sums.add(map, "W", product)),
                        new SequenceTape.Factor(h, (map, product) -> Sums.add(map, "R", product))),
                delta);
        double[] norms = new double[EXAMPLES];
        tape.addNorms(norms);
        for (int i = 0; i < EXAMPLES; i++) {
            Map<String, INDArray> row = Map.of(
                    "W",
                    Nd4j.create(DataType.DOUBLE, INPUTS, OUTPUTS),
                    "R",
                    Nd4j.create(DataType.DOUBLE, HIDDEN, OUTPUTS));
            tape.addRow(i, row);
            double expected = Math.hypot(
                    Objects.requireNonNull(row.get("W")).norm2Number().doubleValue(),
                    Objects.requireNonNull(row.get("R")).norm2Number().doubleValue());
            assertThat(norms[i]).as("example %s", i).isCloseTo(expected, within(1e-5 * expected));
        }
        assertThat(norms[2]).isZero();
    }
}
