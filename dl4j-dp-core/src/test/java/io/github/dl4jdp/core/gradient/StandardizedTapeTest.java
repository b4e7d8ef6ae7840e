// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.Sums;
import io.github.dl4jdp.core.internal.layers.WeightStandardization;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Norms and sums of layers whose per-example gradients are too large to be held, and of those that are held. */
class StandardizedTapeTest {
    /** 64 channels of 64 x 3 x 3: above 8 million numbers from 227 examples on. */
    private static final long[] SHAPE = {64, 64, 3, 3};

    private static final int WEIGHTS = 64 * 64 * 9;

    /** Gradients that are nearly all along the mean: a thousand times what is left after the pull-back. */
    private record Rows(int examples) implements LayerTape {
        double[] row(int example) {
            var random = new Random(example);
            double[] row = new double[WEIGHTS];
            for (int k = 0; k < WEIGHTS; k++) {
                row[k] = (float) (1000 + random.nextGaussian());
            }
            return row;
        }

        @Override
        public void addSquaredNorms(double[] squaredNorms) {
            throw new AssertionError("norms before the pull-back are of no use");
        }

        @Override
        public void addWeightedSum(double[] weights, Map<String, INDArray> sums) {
            throw new AssertionError("the sum must be of gradients that were pulled back one by one");
        }

        @Override
        public void addRow(int example, Map<String, INDArray> row) {
            HostArrays.write(row(example), Sums.parameter(row, "W"), 0, WEIGHTS);
        }

        @Override
        public void discard(int example) {
            // Every row is made anew; the tape around must leave out what it discarded.
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 240})
    void addWeightedSum_gradientsAlongTheMean_isTheSumOfRowsOfTheNormsSaid(int examples) {
        double[] w = new Random(1).doubles(WEIGHTS, -1, 1).toArray();
        double[] gains = new Random(2).doubles(64, 0.5, 2).toArray();
        var standardization = new WeightStandardization(w, gains, 1e-4);
        var rows = new Rows(examples);
        var tape = new StandardizedTape(rows, standardization, parameters(), examples);
        double[] norms = new double[examples];
        tape.addSquaredNorms(norms);
        tape.discard(1);
        double[] weights = new double[examples];
        weights[0] = 0.5;
        weights[1] = 1;
        weights[2] = 2;
        Map<String, INDArray> sums = parameters();

        tape.addWeightedSum(weights, sums);

        double[] expected = new double[WEIGHTS];
        double[] expectedGains = new double[64];
        for (int i = 0; i < 3; i++) {
            double[] row = rows.row(i);
            double[] gain = new double[64];
            standardization.pullBack(row, gain);
            double squares = Arrays.stream(row).map(v -> v * v).sum()
                    + Arrays.stream(gain).map(v -> v * v).sum();
            assertThat(norms[i]).isCloseTo(squares, within(1e-9 * squares));
            double weight = i == 1 ? 0 : weights[i];
            for (int k = 0; k < WEIGHTS; k++) {
                expected[k] += weight * row[k];
            }
            for (int o = 0; o < 64; o++) {
                expectedGains[o] += weight * gain[o];
            }
        }
        INDArray sum = Sums.parameter(sums, "W");
        INDArray right = Nd4j.createFromArray(expected).reshape(SHAPE).castTo(DataType.FLOAT);
        assertThat(sum.distance2(right)).isLessThan(1e-6 * right.norm2Number().doubleValue());
        INDArray gainSum = Sums.parameter(sums, "gain");
        assertThat(gainSum.distance2(Nd4j.createFromArray(expectedGains).castTo(DataType.FLOAT)))
                .isLessThan(1e-5);
    }

    private static Map<String, INDArray> parameters() {
        var parameters = new LinkedHashMap<String, INDArray>();
        parameters.put("W", Nd4j.create(DataType.FLOAT, SHAPE));
        parameters.put("gain", Nd4j.create(DataType.FLOAT, 64));
        return parameters;
    }
}
