// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.DpEvent.EpsilonDelta;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.GaussianMixture;
import io.github.dl4jdp.accountant.DpEvent.Laplace;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.RandomAllocation;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampledGroup;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every pair on every lattice, with tails large enough to be seen: no mass is lost or counted twice. */
class LossPairsTest {
    private static final List<Double> TAILS = List.of(0.05, 1e-3, 1e-12);

    private static final List<LossGrid> GRIDS =
            List.of(LossGrid.even(0.1), LossGrid.even(1e-3), LossGrid.octaves(0x1p-30, 64), LossGrid.octaves(1, 128));

    static Stream<Arguments> pairs() {
        var mixture = new GaussianMixture(1.1, List.of(0.0, 1.0, 2.0, 3.0), List.of(0.9, 0.08, 0.018, 0.002));
        return Stream.of(
                        List.of(new Gaussian(1.3), NeighboringRelation.ZERO_OUT),
                        List.of(new Gaussian(0.05), NeighboringRelation.ADD_OR_REMOVE_ONE),
                        List.of(new PoissonSampled(0.01, new Gaussian(0.8)), NeighboringRelation.ADD_OR_REMOVE_ONE),
                        List.of(new PoissonSampled(1e-6, new Gaussian(0.4)), NeighboringRelation.ADD_OR_REMOVE_ONE),
                        List.of(new PoissonSampled(0.2, new Gaussian(0.9)), NeighboringRelation.REPLACE_ONE),
                        List.of(new PoissonSampled(0.3, new Laplace(0.7)), NeighboringRelation.ADD_OR_REMOVE_ONE),
                        List.of(new Laplace(2), NeighboringRelation.REPLACE_ONE),
                        List.of(new EpsilonDelta(1.7, 0.02), NeighboringRelation.ADD_OR_REMOVE_ONE),
                        List.of(mixture, NeighboringRelation.ADD_OR_REMOVE_ONE),
                        List.of(
                                new SampledWithoutReplacement(1000, 100, new Gaussian(1)),
                                NeighboringRelation.REPLACE_ONE),
                        List.of(new SampledWithoutReplacement(1000, 100, mixture), NeighboringRelation.REPLACE_ONE),
                        List.of(new RandomAllocation(50, new Gaussian(0.8)), NeighboringRelation.ADD_OR_REMOVE_ONE),
                        List.of(
                                new TruncatedPoissonSampled(0.01, 1000, 12, new Gaussian(1.5)),
                                NeighboringRelation.ZERO_OUT),
                        List.of(
                                new TruncatedPoissonSampledGroup(0.01, 1000, 12, 3, new Gaussian(3)),
                                NeighboringRelation.ZERO_OUT))
                .map(pair -> Arguments.of(pair.get(0), pair.get(1)));
    }

    @ParameterizedTest
    @MethodSource("pairs")
    void lattice_anyTail_countsAllMassOnce(DpEvent leaf, NeighboringRelation relation) {
        LossPair pair = LossPairs.of(leaf, relation);
        // Where positive losses are mirrored, what is left of one is an upper bound.
        boolean mirrored = leaf instanceof SampledWithoutReplacement || leaf instanceof TruncatedPoissonSampledGroup;
        for (double tail : TAILS) {
            for (LossGrid grid : GRIDS) {
                LossLattice lattice = pair.lattice(grid, tail);
                // Rounding is added up over the doublings of a random allocation.
                double more = (leaf instanceof RandomAllocation ? 1e-7 : 1e-9) + (mirrored ? tail : 0);
                assertThat(total(lattice.forward())).as(leaf + " " + tail).isBetween(1 - 1e-12, 1 + more);
                assertThat(total(lattice.backward())).as(leaf + " " + tail).isBetween(1 - 1e-12, 1 + more);
            }
        }
    }

    private static double total(LossMasses masses) {
        double total = masses.infinite();
        for (int i = 0; i < masses.size(); i++) {
            total += masses.mass(i);
        }
        return total;
    }

    /** Where sampling is rare, sum p (exp(-loss) - 1) = 0 to far below a double's precision of one. */
    @ParameterizedTest
    @ValueSource(doubles = {1e-9, 1e-6, 1e-4})
    void lattice_rareSampling_keepsDifferenceOfBothMasses(double q) {
        for (double sigma : new double[] {0.5, 1, 4}) {
            LossLattice lattice = GaussianPair.poisson(q, sigma).lattice(LossGrid.octaves(0x1p-60, 128), 1e-30);
            for (LossMasses masses : List.of(lattice.forward(), lattice.backward())) {
                double sum = 0;
                for (int i = 0; i < masses.size(); i++) {
                    sum += masses.mass(i) * Math.expm1(-masses.loss(i));
                }
                assertThat(sum).as("q " + q + ", sigma " + sigma).isBetween(-3e-11 * q, 0.0);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("pairs")
    void lattice_largerTail_deltaIsNotSmaller(DpEvent leaf, NeighboringRelation relation) {
        LossPair pair = LossPairs.of(leaf, relation);
        LossGrid grid = LossGrid.octaves(0x1p-12, 64);
        LossLattice close = pair.lattice(grid, 1e-12);
        LossLattice cut = pair.lattice(grid, 0.05);
        for (double epsilon = 0.001; epsilon < 50; epsilon *= 1.3) {
            assertThat(delta(cut.forward(), epsilon))
                    .as("forward %s", epsilon)
                    .isGreaterThanOrEqualTo(delta(close.forward(), epsilon) * (1 - 1e-9) - 1e-15);
            assertThat(delta(cut.backward(), epsilon))
                    .as("backward %s", epsilon)
                    .isGreaterThanOrEqualTo(delta(close.backward(), epsilon) * (1 - 1e-9) - 1e-15);
        }
    }

    /** The direction that is not computed for a symmetric pair is the same. */
    @ParameterizedTest
    @MethodSource("pairs")
    void isSymmetric_pair_bothDirectionsHaveTheSameLosses(DpEvent leaf, NeighboringRelation relation) {
        LossPair pair = LossPairs.of(leaf, relation);
        LossLattice lattice = pair.lattice(LossGrid.octaves(0x1p-20, 64), 1e-12);
        double furthest = 0;
        for (double epsilon : new double[] {0, 1e-3, 0.1, 1, 3}) {
            double forward = delta(lattice.forward(), epsilon);
            double backward = delta(lattice.backward(), epsilon);
            furthest = Math.max(furthest, Math.abs(forward - backward) / Math.max(forward, 1e-6));
        }
        if (pair.isSymmetric()) {
            assertThat(furthest).isLessThan(1e-4);
        } else {
            assertThat(furthest).isGreaterThan(1e-3);
        }
    }

    private static double delta(LossMasses masses, double epsilon) {
        double sum = masses.infinite();
        for (int i = 0; i < masses.size(); i++) {
            sum += masses.mass(i) * Math.max(0, -Math.expm1(epsilon - masses.loss(i)));
        }
        return sum;
    }
}
