// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ExposureTest {
    private static final double[] LOSSES =
            IntStream.rangeClosed(1, 1023).asDoubleStream().toArray();

    @Test
    void bits_firstAndLast_areTheEnds() {
        assertThat(Exposure.bits(0.5, LOSSES)).isCloseTo(10, within(1e-12));
        assertThat(Exposure.bits(2000, LOSSES)).isZero();
        assertThat(Exposure.bits(3.5, LOSSES)).isCloseTo(8, within(1e-12));
    }

    @Test
    void bits_equalLoss_countsAsMoreProbable() {
        assertThat(Exposure.bits(1, LOSSES)).isCloseTo(9, within(1e-12));
    }

    @Test
    void bits_unknownSecret_is144HundredthsOnAverage() {
        var random = new Random(5);
        double mean = IntStream.range(0, 4000)
                .mapToDouble(i -> Exposure.bits(1023 * random.nextDouble(), LOSSES))
                .average()
                .orElseThrow();

        // An exponential of mean 1 / ln 2 = 1.44, standard deviation 0.023 of the average: false failure 1e-5.
        assertThat(mean).isCloseTo(1 / Math.log(2), within(0.11));
    }

    @Test
    void bits_badArguments_throws() {
        assertThatIllegalArgumentException().isThrownBy(() -> Exposure.bits(1, new double[0]));
        assertThatIllegalArgumentException().isThrownBy(() -> Exposure.bits(Double.NaN, LOSSES));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Exposure.bits(1, new double[] {1, Double.NaN}))
                .withMessageContaining("index 1");
    }
}
