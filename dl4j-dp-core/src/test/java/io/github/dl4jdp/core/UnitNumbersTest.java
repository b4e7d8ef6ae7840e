// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.GroupPrivacy;
import io.github.dl4jdp.accountant.NoiseCalibration;
import io.github.dl4jdp.accountant.PldAccountant;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;

/** The numbers by which docs/choosing.md says when a person, and when a row, is the better unit. */
class UnitNumbersTest {
    private static final int PEOPLE = 10_000;
    private static final double DELTA = 1e-6;
    private static final PrivacyGuarantee GUARANTEE = new PrivacyGuarantee(3, DELTA);

    private static DpEvent event(double noise) {
        return new SelfComposed(new PoissonSampled(0.01, new Gaussian(noise)), 1000);
    }

    private static double ofPerson(double noise, int rows) {
        return new PldAccountant()
                .compose(GroupPrivacy.event(event(noise), rows))
                .epsilon(DELTA);
    }

    @Test
    void choosing_peopleAndRows_haveTheNumbersOfTheDocument() throws IOException {
        String document = Files.readString(Path.of("..", "docs", "choosing.md"));
        double noise = NoiseCalibration.to(GUARANTEE).noiseMultiplier(UnitNumbersTest::event);
        assertThat(noise).isCloseTo(0.865, within(1e-3));
        assertThat(noise / (PEOPLE / 100.0)).isCloseTo(0.0087, within(5e-5));
        assertThat(document).contains("the noise multiplier is 0.865 and the noise in the mean 0.0087 clipping norms");
        assertThat(ofPerson(noise, 4)).isCloseTo(13.9, within(0.1));
        assertThat(ofPerson(noise, 16)).isCloseTo(79.0, within(0.2));
        assertThat(document).contains("a person with 4 rows has 13.9, one with 16 rows 79.0");
        for (int rows : new int[] {2, 4, 8, 16}) {
            double ofRows = NoiseCalibration.to(GUARANTEE)
                    .noiseMultiplier(multiplier -> GroupPrivacy.event(event(multiplier), rows));
            double whole = ofRows / (PEOPLE / 100.0 * rows);
            assertThat(document)
                    .contains(
                            String.format(Locale.ROOT, "| %d | %.3f | %.4f | %.4f |", rows, ofRows, whole, 4 * whole));
        }
    }
}
