// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OctavePowersTest {
    private static final int OCTAVE = 16;

    private static OctavePowers powers(LossPair pair, double dropped) {
        return new OctavePowers(
                new OctavePowers.Key(pair, new OctavePowers.Lattice(0x1p-16, OCTAVE, 30, 1e-12, dropped)));
    }

    /** A pair that says nothing, or all: delta tells how many of it there were. */
    @Property(tries = 30)
    void of_anyCount_isTheProductOfSoManyEvents(@ForAll @LongRange(min = 1, max = 1L << 20) long count) {
        requireProduct(count);
    }

    /** Numbers of more bits than are made by one product. */
    @ParameterizedTest
    @ValueSource(longs = {2049, 8191, 1_000_001})
    void of_countOfManyBits_isTheProductOfSoManyEvents(long count) {
        requireProduct(count);
    }

    private static void requireProduct(long count) {
        var pair = new AtomPair(0, 0x1p-24);
        double delta = powers(pair, 0).of(0, count).delta(0);
        double exact = -Math.expm1(count * Math.log1p(-0x1p-24));
        // Probabilities of failure are added.
        assertThat(delta).isBetween(exact * (1 - 1e-9), count * 0x1p-24 * (1 + 1e-4));
    }

    /** Against the sum over all ways: both masses of randomized response are kept, and no loss becomes smaller. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 7, 8, 13, 16, 31, 100})
    void of_randomizedResponse_dominatesTheBinomialClosely(long count) {
        double epsilon = 0.3;
        OctaveMasses product = powers(new AtomPair(epsilon, 0), 0).of(0, count);
        double p = 1 / (1 + Math.exp(-epsilon));
        for (double at : new double[] {0, 0.2, 1, 2}) {
            double exact = 0;
            double logWays = 0;
            for (long k = 0; k <= count; k++) {
                double loss = (2 * k - count) * epsilon;
                double mass = Math.exp(logWays + k * Math.log(p) + (count - k) * Math.log1p(-p));
                exact += loss > at ? mass * -Math.expm1(at - loss) : 0;
                logWays += Math.log((double) (count - k) / (k + 1));
            }
            assertThat(product.delta(at)).as(count + " at " + at).isBetween(exact * (1 - 1e-9), exact * 1.05 + 1e-4);
        }
    }

    @Test
    void of_numbersInAnyOrder_isTheSame() {
        LossPair pair = GaussianPair.poisson(1e-4, 0.6);
        OctavePowers shared = powers(pair, 1e-16);
        List<Double> forth = new ArrayList<>();
        List<Double> fresh = new ArrayList<>();
        for (long count : new long[] {5000, 4999, 123_456, 3, 123_457, 5000, 64}) {
            forth.add(shared.of(1, count).delta(0.01));
            fresh.add(powers(pair, 1e-16).of(1, count).delta(0.01));
        }
        assertThat(forth).isEqualTo(fresh);
    }

    /** Masses below what may be dropped are not lost: they count as infinite. */
    @Test
    void of_muchDropped_isLargerNotSmaller() {
        LossPair pair = GaussianPair.poisson(1e-3, 0.6);
        double much = powers(pair, 1e-6).of(0, 1000).delta(0.5);
        double nothing = powers(pair, 0).of(0, 1000).delta(0.5);
        assertThat(much).isBetween(nothing, nothing + 1e-2);
    }
}
