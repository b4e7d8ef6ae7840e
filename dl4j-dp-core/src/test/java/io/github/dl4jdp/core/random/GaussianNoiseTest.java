// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.random;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GaussianNoiseTest {

    private static double[] noised(GaussianNoise noise, long seed, long step, double... sum) {
        double[] result = sum.clone();
        noise.release(RandomStreams.seeded(seed), "noise", step).addTo(result, 0, result.length);
        return result;
    }

    @Test
    void standardDeviation_coversRoundingAndNothingMore() {
        GaussianNoise noise = new GaussianNoise(1.5, 2.0, 1_000_000);
        double s = noise.standardDeviation();
        assertThat(noise.gridStep()).isEqualTo(s * 0x1p-30);
        double coveredSensitivity = 2.0 * (1 + 0x1p-16) + 2 * noise.gridStep() * 1000;
        assertThat(s).isCloseTo(1.5 * coveredSensitivity, within(s * 1e-15));
        assertThat(s / 3.0).isBetween(1.0, 1.00003);
    }

    @Test
    void addTo_sameSeed_addsTheSameIntegerWhateverTheData() {
        GaussianNoise noise = new GaussianNoise(1.0, 1.0, 5);
        double g = noise.gridStep();
        double[] onZero = noised(noise, 5, 0, 0, 0, 0, 0, 0);
        double[] sums = {1e-300, -0.3, 1.0, 1234.567, -1e6};
        double[] onSums = noised(noise, 5, 0, sums);
        for (int i = 0; i < sums.length; i++) {
            long integerNoise = Math.round(onZero[i] / g);
            assertThat(integerNoise * g).isEqualTo(onZero[i]);
            assertThat(onSums[i]).isEqualTo(g * (double) (Math.round(sums[i] / g) + integerNoise));
        }
    }

    @Test
    void addTo_units_isThatOfTheSumOnTheGrid() {
        GaussianNoise noise = new GaussianNoise(0.7, 0.3, 10_000);
        long[] units = new long[10_000];
        double[] doubles = new double[10_000];
        for (int i = 0; i < units.length; i++) {
            doubles[i] = (i - 5000) * 1e-3;
            units[i] = GaussianNoise.units(doubles[i], noise.gridStep());
        }
        double[] onGrid = new double[10_000];
        noise.release(RandomStreams.seeded(6), "noise", 0).addTo(units, onGrid, 0, units.length);
        noise.release(RandomStreams.seeded(6), "noise", 0).addTo(doubles, 0, doubles.length);
        assertThat(onGrid).isEqualTo(doubles);
    }

    /** The integers that noise is added to are no further apart than what the standard deviation was made for. */
    @Property(tries = 2000)
    void addTo_neighboringSums_stayWithinTheCoveredSensitivity(
            @ForAll @DoubleRange(min = -1e5, max = 1e5) double a,
            @ForAll @DoubleRange(min = -1, max = 1) double b,
            @ForAll @DoubleRange(min = -1, max = 1) double stepA,
            @ForAll @DoubleRange(min = -1, max = 1) double fineStep) {
        GaussianNoise noise = new GaussianNoise(0.5, 1.0, 2);
        double g = noise.gridStep();
        double[] before = noised(noise, 7, 0, a, b);
        double[] after = noised(noise, 7, 0, a + stepA, b + 1e-9 * fineStep);
        double unitsA = Math.rint(after[0] / g) - Math.rint(before[0] / g);
        double unitsB = Math.rint(after[1] / g) - Math.rint(before[1] / g);
        double exact = Math.hypot((a + stepA) - a, (b + 1e-9 * fineStep) - b) / g;
        assertThat(Math.hypot(unitsA, unitsB)).isLessThanOrEqualTo(exact + 2 * Math.sqrt(2));
    }

    @Test
    void addTo_hugeCoordinate_isProjectedNotWrapped() {
        GaussianNoise noise = new GaussianNoise(1.0, 1.0, 2);
        double limit = noise.gridStep() * 0x1p52;
        double[] result = noised(noise, 8, 0, 1e300, -1e300);
        assertThat(result[0]).isCloseTo(limit, within(20.0));
        assertThat(result[1]).isCloseTo(-limit, within(20.0));
    }

    @ParameterizedTest
    @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
    void addTo_notFinite_throws(double value) {
        GaussianNoise noise = new GaussianNoise(1.0, 1.0, 1);
        assertThatThrownBy(() -> noised(noise, 9, 0, value))
                .isInstanceOf(ArithmeticException.class)
                .hasMessageContaining("must be finite, one was " + value);
        GaussianNoise.Release release = noise.release(RandomStreams.seeded(9), "noise", 1);
        assertThatThrownBy(() -> release.addTo(new double[] {value}, 0, 1)).isInstanceOf(ArithmeticException.class);
    }

    @Test
    void addTo_anyRangesOnAnyThreads_givesTheSameNoise() throws Exception {
        int size = 50_000;
        GaussianNoise noise = new GaussianNoise(1.0, 1.0, size);
        double[] whole = noised(noise, 10, 3, new double[size]);
        int[] borders = {0, 1, 4095, 4096, 4097, 20_000, 20_480, 49_999, size};
        double[] parts = new double[size];
        GaussianNoise.Release release = noise.release(RandomStreams.seeded(10), "noise", 3);
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            List<Future<?>> running = new ArrayList<>();
            for (int i = borders.length - 1; i > 0; i--) {
                int from = borders[i - 1];
                int to = borders[i];
                running.add(threads.submit(() -> release.addTo(parts, from, to)));
            }
            for (Future<?> future : running) {
                future.get();
            }
        } finally {
            threads.shutdownNow();
        }
        assertThat(parts).isEqualTo(whole);
        assertThat(release.isComplete()).isTrue();
    }

    @Test
    void addTo_coordinateTwice_throwsAndAddsNothing() {
        GaussianNoise noise = new GaussianNoise(1.0, 1.0, 100);
        GaussianNoise.Release release = noise.release(RandomStreams.secure(), "noise", 0);
        double[] sum = new double[100];
        release.addTo(sum, 10, 20);
        double[] before = sum.clone();
        for (int[] range : new int[][] {{10, 20}, {0, 11}, {19, 30}, {0, 100}, {14, 15}}) {
            assertThatThrownBy(() -> release.addTo(sum, range[0], range[1]))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("coordinates 10 to 20 have it already");
        }
        assertThat(sum).isEqualTo(before);
        assertThat(release.isComplete()).isFalse();
        release.addTo(sum, 0, 10);
        release.addTo(sum, 20, 100);
        release.addTo(sum, 50, 50);
        assertThat(release.isComplete()).isTrue();
    }

    @Test
    void addTo_moreCoordinatesThanTheDimension_throws() {
        GaussianNoise.Release release = new GaussianNoise(1.0, 1.0, 10).release(RandomStreams.seeded(1), "noise", 0);
        assertThatThrownBy(() -> release.addTo(new double[11], 0, 11))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("10 coordinates (dimension), but 11");
    }

    @Test
    void addTo_rangeOutsideTheArray_throws() {
        GaussianNoise.Release release = new GaussianNoise(1.0, 1.0, 10).release(RandomStreams.seeded(1), "noise", 0);
        assertThatThrownBy(() -> release.addTo(new double[5], 0, 6)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> release.addTo(new double[5], -1, 2)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void release_secureSameStep_throws() {
        GaussianNoise noise = new GaussianNoise(1.0, 1.0, 10);
        RandomStreams streams = RandomStreams.secure();
        noise.release(streams, "noise", 0).addTo(new double[10], 0, 10);
        assertThatThrownBy(() -> noise.release(streams, "noise", 0)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void release_secureRuns_shareNoNoise() {
        GaussianNoise noise = new GaussianNoise(1.0, 1.0, 1000);
        double[] one = new double[1000];
        double[] other = new double[1000];
        noise.release(RandomStreams.secure(), "noise", 0).addTo(one, 0, 1000);
        noise.release(RandomStreams.secure(), "noise", 0).addTo(other, 0, 1000);
        // A million pairs on a grid of 2^-30 standard deviations: 2.6e-4 meet by chance, three with a probability of
        // 3e-12.
        var values = Arrays.stream(one).boxed().collect(Collectors.toSet());
        assertThat(Arrays.stream(other).filter(values::contains).count()).isLessThan(3);
    }

    @ParameterizedTest
    @CsvSource({
        "0,1,1",
        "-1,1,1",
        "NaN,1,1",
        "Infinity,1,1",
        "1,0,1",
        "1,-2,1",
        "1,NaN,1",
        "1,Infinity,1",
        "1,1,0",
        "1e-200,1e-200,1",
        "1e200,1e200,1",
        "1e6,1,10000",
        "1,1,-5"
    })
    void constructor_outOfRange_throws(double noiseMultiplier, double clippingNorm, long dimension) {
        assertThatThrownBy(() -> new GaussianNoise(noiseMultiplier, clippingNorm, dimension))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("must be");
    }

    @Test
    void standardDeviation_summationAllowance_isPaidFor() {
        double nominal = 1.5 * 2;
        assertThat(new GaussianNoise(1.5, 2, 100, 0x1p-8).standardDeviation())
                .isBetween(nominal * (1 + 0x1p-8), nominal * (1 + 0x1p-8) * (1 + 1e-7));
        assertThat(new GaussianNoise(1.5, 2, 100, 0).standardDeviation()).isBetween(nominal, nominal * (1 + 1e-7));
        for (double bad : new double[] {-1e-9, 0.2, Double.NaN}) {
            assertThatThrownBy(() -> new GaussianNoise(1.5, 2, 100, bad))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("summationAllowance must be between 0 and 0.125");
        }
    }
}
