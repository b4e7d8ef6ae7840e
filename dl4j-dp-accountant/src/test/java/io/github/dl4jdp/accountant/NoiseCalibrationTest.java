// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static io.github.dl4jdp.accountant.ReferenceTable.dpSgd;
import static io.github.dl4jdp.accountant.ReferenceTable.number;
import static io.github.dl4jdp.accountant.ReferenceTable.relativeError;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.EpsilonDelta;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongFunction;
import org.apache.commons.csv.CSVRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class NoiseCalibrationTest {

    private static NoiseCalibration rdp(double epsilon, double delta) {
        return NoiseCalibration.to(new PrivacyGuarantee(epsilon, delta)).withAccountant(AccountantKind.RDP);
    }

    @Test
    void noiseMultiplier_rdp_nearTableAndNeverOvershoots() {
        for (CSVRecord row : ReferenceTable.rows("calibration.csv")) {
            double target = number(row, "epsilon");
            double delta = number(row, "delta");
            double q = number(row, "q");
            long steps = (long) number(row, "steps");
            double sigma = rdp(target, delta).noiseMultiplier(s -> dpSgd(q, s, steps));
            // The default orders are denser than the table's, so less noise is enough; the tight accountant's is the
            // floor.
            assertThat(sigma)
                    .as(row.toString())
                    .isBetween(number(row, "sigma_pld"), number(row, "sigma_rdp_exact") * (1 + 1e-6));
            double epsilon = new RdpAccountant().compose(dpSgd(q, sigma, steps)).epsilon(delta);
            assertThat(epsilon).as(row.toString()).isBetween(target * (1 - 1e-6), target);
        }
    }

    @Test
    void noiseMultiplier_pld_nearTableAndNeverOvershoots() {
        for (CSVRecord row : ReferenceTable.rows("calibration.csv")) {
            PrivacyGuarantee target = new PrivacyGuarantee(number(row, "epsilon"), number(row, "delta"));
            double q = number(row, "q");
            long steps = (long) number(row, "steps");
            double sigma = NoiseCalibration.to(target).noiseMultiplier(s -> dpSgd(q, s, steps));
            // The peer's fixed grid costs it up to 1 % at small epsilon.
            assertThat(sigma / number(row, "sigma_pld")).as(row.toString()).isBetween(0.985, 1.005);
            double epsilon = new PldAccountant().compose(dpSgd(q, sigma, steps)).epsilon(target.delta());
            assertThat(epsilon).as(row.toString()).isBetween(target.epsilon() * (1 - 1e-4), target.epsilon());
        }
    }

    @Test
    void noiseMultiplier_gaussian_equalsClosedForm() {
        for (CSVRecord row : ReferenceTable.rows("gaussian.csv")) {
            if (row.get("kind").equals("sigma_from_eps_delta")) {
                PrivacyGuarantee target = new PrivacyGuarantee(number(row, "epsilon"), number(row, "delta"));
                double sigma = NoiseCalibration.to(target).noiseMultiplier(Gaussian::new);
                assertThat(relativeError(sigma, number(row, "sigma")))
                        .as(row.toString())
                        .isLessThan(2e-5);
                assertThat(new PldAccountant().compose(new Gaussian(sigma)).epsilon(target.delta()))
                        .isLessThanOrEqualTo(target.epsilon());
            }
        }
    }

    @Test
    void noiseMultiplier_otherPartAlreadyExceedsTarget_throwsWithWhatIsReachable() {
        assertThatThrownBy(() -> rdp(1, 1e-5)
                        .noiseMultiplier(s -> new Composed(List.of(new EpsilonDelta(2, 0), new Gaussian(s)))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageMatching("target epsilon must be at least 1\\.9.* at delta 1.0E-5.*");
    }

    @Test
    void noiseMultiplier_nothingToHide_isSmallestNoise() {
        assertThat(rdp(1, 1e-5).noiseMultiplier(s -> new SelfComposed(new Gaussian(s), 0)))
                .isEqualTo(1e-3);
    }

    @Test
    void steps_nextStepWouldExceedTarget() {
        long steps = rdp(2, 1e-5).steps(n -> dpSgd(0.01, 1.1, n));
        assertThat(new RdpAccountant().compose(dpSgd(0.01, 1.1, steps)).epsilon(1e-5))
                .isLessThanOrEqualTo(2);
        assertThat(new RdpAccountant().compose(dpSgd(0.01, 1.1, steps + 1)).epsilon(1e-5))
                .isGreaterThan(2);
    }

    /** The search shares work between its accountants; what it finds is true of accountants of their own. */
    @ParameterizedTest
    @EnumSource(NeighboringRelation.class)
    void steps_rareSampling_nextStepWouldExceedTarget(NeighboringRelation relation) {
        var rare = new PoissonSampled(1e-5, new Gaussian(0.6));
        var rarer = new PoissonSampled(2e-6, new Gaussian(0.5));
        LongFunction<DpEvent> event =
                n -> new Composed(List.of(new SelfComposed(rare, n), new SelfComposed(rarer, (n + 1) / 2)));
        var target = new PrivacyGuarantee(1.5, 1e-8, relation);
        long steps = NoiseCalibration.to(target).steps(event);
        assertThat(steps).isGreaterThan(10_000);
        assertThat(new PldAccountant(relation).compose(event.apply(steps)).epsilon(1e-8))
                .isLessThanOrEqualTo(1.5);
        assertThat(new PldAccountant(relation).compose(event.apply(steps + 1)).epsilon(1e-8))
                .isGreaterThan(1.5);
    }

    /** What is known of the past is prepared once; what the search finds is true of accountants of their own. */
    @Test
    void noiseAndSteps_besideManyKinds_meetTheTargetInAFreshAccountant() {
        List<DpEvent> past = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            double t = i / 100.0;
            past.add(new SelfComposed(
                    new PoissonSampled(0.002 * Math.pow(8, t), new Gaussian(1.6 - i % 7 / 10.0)), 1 + i % 11));
        }
        var target = new PrivacyGuarantee(
                1.2 * new PldAccountant().compose(new Composed(past)).epsilon(1e-6), 1e-6);
        double sigma = NoiseCalibration.to(target)
                .noiseMultiplier(s -> new Composed(List.of(new Composed(past), dpSgd(0.01, s, 500))));
        assertThat(besides(past, sigma, 500)).isBetween(target.epsilon() * (1 - 1e-5), target.epsilon());
        long steps =
                NoiseCalibration.to(target).steps(n -> new Composed(List.of(new Composed(past), dpSgd(0.01, 0.9, n))));
        assertThat(besides(past, 0.9, steps)).isLessThanOrEqualTo(target.epsilon());
        assertThat(besides(past, 0.9, steps + 1)).isGreaterThan(target.epsilon());
    }

    private static double besides(List<DpEvent> past, double sigma, long steps) {
        return new PldAccountant()
                .compose(new Composed(past))
                .compose(dpSgd(0.01, sigma, steps))
                .epsilon(1e-6);
    }

    @Test
    void steps_oneStepExceedsTargetByPld_throws() {
        assertThatThrownBy(() -> NoiseCalibration.to(new PrivacyGuarantee(0.1, 1e-5))
                        .steps(n -> new SelfComposed(new PoissonSampled(0.5, new Gaussian(0.5)), n)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("the cost of one step");
    }

    @Test
    void lotSize_byPld_nextExampleWouldExceedTarget() {
        LongFunction<DpEvent> event = l -> dpSgd(l / 1e6, 0.6, 100_000);
        long lot = NoiseCalibration.to(new PrivacyGuarantee(2, 1e-8)).lotSize(1_000_000, event);
        assertThat(lot).isBetween(2L, 1000L);
        assertThat(new PldAccountant().compose(event.apply(lot)).epsilon(1e-8)).isLessThanOrEqualTo(2);
        assertThat(new PldAccountant().compose(event.apply(lot + 1)).epsilon(1e-8))
                .isGreaterThan(2);
    }

    @Test
    void steps_oneStepExceedsTarget_throws() {
        assertThatThrownBy(() -> rdp(0.1, 1e-5).steps(n -> new SelfComposed(new Gaussian(0.5), n)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("the cost of one step; was 0.1");
    }

    @Test
    void lotSize_nextExampleWouldExceedTarget() {
        long lot = rdp(2, 1e-5).lotSize(60_000, l -> dpSgd(l / 60_000.0, 1.1, 5000));
        assertThat(new RdpAccountant().compose(dpSgd(lot / 60_000.0, 1.1, 5000)).epsilon(1e-5))
                .isLessThanOrEqualTo(2);
        assertThat(new RdpAccountant()
                        .compose(dpSgd((lot + 1) / 60_000.0, 1.1, 5000))
                        .epsilon(1e-5))
                .isGreaterThan(2);
    }

    @Test
    void lotSize_wholeDataSetMeetsTarget_isDataSet() {
        assertThat(rdp(5, 1e-5).lotSize(1000, l -> dpSgd(l / 1000.0, 50, 10))).isEqualTo(1000);
    }

    @Test
    void to_targetOutOfRange_throws() {
        assertThatThrownBy(() -> NoiseCalibration.to(new PrivacyGuarantee(0, 1e-5)))
                .hasMessageContaining("target epsilon must be finite and > 0, was 0.0");
        assertThatThrownBy(() -> NoiseCalibration.to(new PrivacyGuarantee(1, 0)))
                .hasMessageContaining("target delta must be > 0 and < 1, was 0.0");
    }
}
