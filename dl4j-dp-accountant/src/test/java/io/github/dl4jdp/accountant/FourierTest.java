// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;

class FourierTest {

    private static double[] random(RandomGenerator random, int length) {
        double[] values = random.doubles(length).toArray();
        double sum = 0;
        for (double value : values) {
            sum += value;
        }
        for (int i = 0; i < length; i++) {
            values[i] /= sum;
        }
        return values;
    }

    @Test
    void forward_smallLengths_equalsDefinitionWithinBound() {
        RandomGenerator random = new SplittableRandom(7);
        for (int length = 8; length <= 1024; length *= 2) {
            double[] first = random(random, length);
            double[] second = random(random, length);
            double[] re = first.clone();
            double[] im = second.clone();
            Fourier fourier = new Fourier(length);
            fourier.forward(re, im);
            for (int place = 0; place < length; place++) {
                int k = Integer.reverse(place) >>> (32 - Integer.numberOfTrailingZeros(length));
                double exactR = 0;
                double exactI = 0;
                for (int j = 0; j < length; j++) {
                    double angle = 2 * Math.PI * ((long) j * k % length) / length;
                    exactR += first[j] * Math.cos(angle) + second[j] * Math.sin(angle);
                    exactI += second[j] * Math.cos(angle) - first[j] * Math.sin(angle);
                }
                double error = Math.hypot(re[place] - exactR, im[place] - exactI);
                // The two inputs sum to 2; the definition itself rounds below length ulps of the largest terms.
                assertThat(error).as(length + " " + k).isLessThan(2 * fourier.error() + 4e-16);
            }
        }
    }

    @Test
    void backward_afterForward_isIdentityWithinBound() {
        RandomGenerator random = new SplittableRandom(7);
        int length = 1 << 14;
        double[] first = random(random, length);
        double[] second = random(random, length);
        double[] re = first.clone();
        double[] im = second.clone();
        Fourier fourier = new Fourier(length);
        fourier.forward(re, im);
        fourier.backward(re, im);
        for (int j = 0; j < length; j++) {
            assertThat(Math.abs(re[j] - first[j])).isLessThan(4 * fourier.error());
            assertThat(Math.abs(im[j] - second[j])).isLessThan(4 * fourier.error());
        }
    }

    @Test
    void product_power_isTheConvolutionOfBothDirections() {
        int length = 16;
        Fourier fourier = new Fourier(length);
        double[] first = new double[length];
        double[] second = new double[length];
        first[1] = 0.25;
        first[2] = 0.75;
        second[3] = 1;
        LossSpectrum spectrum = LossSpectrum.of(fourier, first, second);
        var alone = new LossSpectrum.Mixture(new int[] {0}, new double[][] {{1}, {1}});
        LossSpectrum power = LossSpectrum.product(List.of(spectrum), Map.of(3L, List.of(alone)));
        double[] firstCube = new double[length];
        double[] secondCube = new double[length];
        power.invert(fourier, firstCube, secondCube);
        // (x / 4 + 3 x^2 / 4)^3
        double[] expected = new double[length];
        expected[3] = 1.0 / 64;
        expected[4] = 9.0 / 64;
        expected[5] = 27.0 / 64;
        expected[6] = 27.0 / 64;
        for (int j = 0; j < length; j++) {
            assertThat(Math.abs(firstCube[j] - expected[j])).isLessThan(1e-15);
            assertThat(Math.abs(secondCube[j] - (j == 9 ? 1 : 0))).isLessThan(1e-15);
        }
    }

    /** Powers of all kinds are formed together, bit by bit of their numbers; of what is left out nothing is missed. */
    @Test
    void product_manyPowers_isWhatOneMultiplicationAfterAnotherMakes() {
        int length = 1 << 11;
        Fourier fourier = new Fourier(length);
        List<LossSpectrum> parts = new ArrayList<>();
        Map<Long, List<LossSpectrum.Mixture>> powers = new LinkedHashMap<>();
        LossSpectrum expected = null;
        long[] counts = {1, 2, 3, 8, 13, 13, 64, 100};
        for (int i = 0; i < counts.length; i++) {
            double[] first = new double[length];
            double[] second = new double[length];
            first[0] = 0.5;
            first[i + 1] = 0.5;
            second[i] = 0.9;
            second[7] += 0.1;
            parts.add(LossSpectrum.of(fourier, first, second));
            var alone = new LossSpectrum.Mixture(new int[] {i}, new double[][] {{1}, {1}});
            powers.computeIfAbsent(counts[i], c -> new ArrayList<>()).add(alone);
            LossSpectrum one = LossSpectrum.product(parts, Map.of(1L, List.of(alone)));
            for (int n = 0; n < counts[i]; n++) {
                if (expected == null) {
                    expected = LossSpectrum.product(parts, Map.of(1L, List.of(alone)));
                } else {
                    expected.multiply(one);
                }
            }
        }
        double[][] found = {new double[length], new double[length]};
        double[][] wanted = {new double[length], new double[length]};
        LossSpectrum.product(parts, powers).invert(fourier, found[0], found[1]);
        Objects.requireNonNull(expected).invert(fourier, wanted[0], wanted[1]);
        for (int d = 0; d < 2; d++) {
            for (int j = 0; j < length; j++) {
                assertThat(found[d][j]).isCloseTo(wanted[d][j], within(1e-13));
            }
        }
    }

    @Test
    void constructor_notAPowerOfTwo_throws() {
        assertThatThrownBy(() -> new Fourier(12)).hasMessageContaining("was 12");
    }
}
