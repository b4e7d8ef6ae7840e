// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static io.github.dl4jdp.accountant.ReferenceTable.dpSgd;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.RandomDistribution;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tag;

/** What must hold over the whole range of settings, extreme ones included. */
class AccountantPropertiesTest {
    /** The lattice adapts to the setting, so that two neighboring bounds may differ by their errors. */
    private static final double LATTICE = 2e-3;

    private static final double ABSOLUTE = 1e-4;

    /** Poisson lots with Gaussian noise, and a delta. */
    record Setting(double q, double sigma, long steps, double delta) {
        DpEvent event() {
            return dpSgd(q, sigma, steps);
        }

        double rdp() {
            return new RdpAccountant().compose(event()).epsilon(delta);
        }

        double pld() {
            return new PldAccountant().compose(event()).epsilon(delta);
        }
    }

    private static Arbitrary<Double> logUniform(double low, double high) {
        int parts = 10_000;
        return Arbitraries.integers()
                .between(0, parts)
                .withDistribution(RandomDistribution.uniform())
                .map(i -> i == parts ? high : low * Math.pow(high / low, (double) i / parts));
    }

    @Provide
    Arbitrary<Setting> extreme() {
        return Combinators.combine(
                        logUniform(1e-9, 1), logUniform(0.01, 1000), logUniform(1, 1e8), logUniform(1e-15, 0.1))
                .as((q, sigma, steps, delta) -> new Setting(q, sigma, Math.round(steps), delta));
    }

    @Provide
    Arbitrary<Setting> usual() {
        return Combinators.combine(
                        logUniform(1e-4, 0.5), logUniform(0.5, 20), logUniform(1, 1e5), logUniform(1e-12, 0.01))
                .as((q, sigma, steps, delta) -> new Setting(q, sigma, Math.round(steps), delta));
    }

    @Property(tries = 60, edgeCases = EdgeCasesMode.NONE, shrinking = ShrinkingMode.OFF, seed = "1")
    void epsilon_extremeSettings_isNeverNanOrNegativeAndPldIsNoWorse(@ForAll("extreme") Setting setting) {
        double rdp = setting.rdp();
        double pld = setting.pld();
        assertThat(rdp).isGreaterThanOrEqualTo(0);
        assertThat(pld).isGreaterThanOrEqualTo(0);
        assertThat(pld).isLessThanOrEqualTo(1.005 * rdp + ABSOLUTE);
    }

    @Property(tries = 80, edgeCases = EdgeCasesMode.NONE, shrinking = ShrinkingMode.OFF, seed = "2")
    void rdpEpsilon_extremeSettings_isMonotone(@ForAll("extreme") Setting s) {
        // Below 1e-9 the conversion's best order may lie beyond the grid.
        double epsilon = s.rdp() * (1 + 1e-9) + 1e-9;
        assertThat(new Setting(s.q / 2, s.sigma, s.steps, s.delta).rdp()).isLessThanOrEqualTo(epsilon);
        assertThat(new Setting(s.q, s.sigma * 1.5, s.steps, s.delta).rdp()).isLessThanOrEqualTo(epsilon);
        assertThat(new Setting(s.q, s.sigma, (s.steps + 1) / 2, s.delta).rdp()).isLessThanOrEqualTo(epsilon);
        assertThat(new Setting(s.q, s.sigma, s.steps, s.delta * 2).rdp()).isLessThanOrEqualTo(epsilon);
    }

    @Property(tries = 40, edgeCases = EdgeCasesMode.NONE, shrinking = ShrinkingMode.OFF, seed = "3")
    void pldEpsilon_usualSettings_isMonotone(@ForAll("usual") Setting s) {
        double epsilon = s.pld() * (1 + LATTICE) + ABSOLUTE;
        assertThat(new Setting(s.q / 1.3, s.sigma, s.steps, s.delta).pld()).isLessThanOrEqualTo(epsilon);
        assertThat(new Setting(s.q, s.sigma * 1.3, s.steps, s.delta).pld()).isLessThanOrEqualTo(epsilon);
        assertThat(new Setting(s.q, s.sigma, (s.steps + 1) / 2, s.delta).pld()).isLessThanOrEqualTo(epsilon);
        assertThat(new Setting(s.q, s.sigma, s.steps, s.delta * 2).pld()).isLessThanOrEqualTo(epsilon);
    }

    /** Where the lattice is as long as it may be, neighboring bounds differ by up to a hundredth. */
    @Property(tries = 8, edgeCases = EdgeCasesMode.NONE, shrinking = ShrinkingMode.OFF, seed = "5")
    void pldEpsilon_extremeSettings_isMonotone(@ForAll("extreme") Setting s) {
        assertMonotone(s);
    }

    @Tag("slow")
    @Property(tries = 300, edgeCases = EdgeCasesMode.NONE, shrinking = ShrinkingMode.OFF, seed = "6")
    void pldEpsilon_manyExtremeSettings_isMonotoneAndNoWorseThanRdp(@ForAll("extreme") Setting s) {
        assertMonotone(s);
        assertThat(s.pld()).isLessThanOrEqualTo(1.005 * s.rdp() + ABSOLUTE);
    }

    private static void assertMonotone(Setting s) {
        double epsilon = s.pld() * 1.01 + ABSOLUTE;
        assertThat(new Setting(s.q / 1.3, s.sigma, s.steps, s.delta).pld()).isLessThanOrEqualTo(epsilon);
        assertThat(new Setting(s.q, s.sigma * 1.3, s.steps, s.delta).pld()).isLessThanOrEqualTo(epsilon);
        assertThat(new Setting(s.q, s.sigma, (s.steps + 1) / 2, s.delta).pld()).isLessThanOrEqualTo(epsilon);
        assertThat(new Setting(s.q, s.sigma, s.steps, s.delta * 2).pld()).isLessThanOrEqualTo(epsilon);
    }

    /** The corners of the ranges, each of them a setting somebody may type by mistake. */
    @Example
    void epsilon_cornersOfTheRanges_areNumbersAndPldIsNoWorse() {
        for (double q : new double[] {1e-9, 1}) {
            for (double sigma : new double[] {0.01, 1000}) {
                for (long steps : new long[] {1, 100_000_000}) {
                    for (double delta : new double[] {1e-15, 0.1}) {
                        Setting setting = new Setting(q, sigma, steps, delta);
                        double rdp = setting.rdp();
                        double pld = setting.pld();
                        assertThat(rdp).as(setting.toString()).isGreaterThanOrEqualTo(0);
                        assertThat(pld).as(setting.toString()).isBetween(0.0, 1.005 * rdp + ABSOLUTE);
                        assertThat(pld).as(setting.toString()).isFinite();
                    }
                }
            }
        }
    }

    @Property(tries = 60, edgeCases = EdgeCasesMode.NONE, shrinking = ShrinkingMode.OFF, seed = "4")
    void epsilonOfDelta_usualSettings_isTheInverse(@ForAll("usual") Setting s) {
        PrivacyAccountant rdp = new RdpAccountant().compose(s.event());
        double epsilon = rdp.epsilon(s.delta);
        if (epsilon > 1e-6 && rdp.delta(epsilon) > 1e-300) {
            assertThat(rdp.epsilon(rdp.delta(epsilon))).isCloseTo(epsilon, within(1e-9 * epsilon));
        }
        PrivacyAccountant pld = new PldAccountant().compose(s.event());
        double tight = pld.epsilon(s.delta);
        if (tight > 1e-3) {
            // delta and epsilon are planned apart: the errors of two lattices
            assertThat(pld.epsilon(Math.min(1, pld.delta(tight)))).isCloseTo(tight, within(4e-3 * tight + ABSOLUTE));
        }
    }
}
