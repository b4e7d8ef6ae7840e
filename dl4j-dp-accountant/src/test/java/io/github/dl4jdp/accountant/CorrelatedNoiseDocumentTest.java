// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;

/** The table of docs/correlated-noise.md, computed anew. */
class CorrelatedNoiseDocumentTest {
    private static final int STEPS = 480;
    private static final int PASSES = 4;

    private static String one(double value) {
        return String.format(Locale.ROOT, "%.1f", value);
    }

    private static NoiseCalibration calibration() {
        return NoiseCalibration.to(new PrivacyGuarantee(4, 1e-5, NeighboringRelation.ZERO_OUT));
    }

    private static String given(double sigma, String code) {
        return one(sigma
                * CorrelationMatrix.of(CorrelatedNoise.parse(code), STEPS, PASSES, STEPS / PASSES)
                        .error());
    }

    private static String poisson(int bands) {
        double sigma = calibration()
                .noiseMultiplier(s -> new DpEvent.SelfComposed(
                        new DpEvent.PoissonSampled(bands * 500 / 60_000.0, new DpEvent.Gaussian(s)),
                        STEPS / bands + (STEPS % bands > 0 ? 1 : 0)));
        return one(sigma
                * (bands == 1
                        ? Math.sqrt((STEPS + 1) / 2.0)
                        : CorrelationMatrix.of(CorrelatedNoise.bandMf(bands), STEPS, 1, bands)
                                .error()));
    }

    @Test
    void errorTable_isWhatTheMatricesHave() throws IOException {
        double sigma = calibration().noiseMultiplier(DpEvent.Gaussian::new);
        List<String> lines = Files.readAllLines(Path.of("..", "docs", "correlated-noise.md"));
        assertThat(lines)
                .contains("| given batches | " + one(sigma * Math.sqrt(PASSES * (STEPS + 1) / 2.0)) + " | "
                        + given(sigma, "lambda-cgd:0.9") + " | " + given(sigma, "lambda-cgd:0.95") + " | "
                        + given(sigma, "bisr:16") + " | " + given(sigma, "bisr:64") + " | " + given(sigma, "band-mf:16")
                        + " | " + given(sigma, "band-mf:64") + " | " + given(sigma, "band-mf:120") + " |")
                .contains(
                        "| Poisson lots | " + poisson(1) + " | | | | | " + poisson(16) + " | " + poisson(64) + " | |");
    }
}
