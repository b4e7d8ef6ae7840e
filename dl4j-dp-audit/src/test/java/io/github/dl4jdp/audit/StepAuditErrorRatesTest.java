// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.mechanism.Clipping;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.learning.config.Sgd;

/** How often a step audit is right, with the engine's own cryptographic randomness and fresh coins. */
@Tag("slow")
class StepAuditErrorRatesTest {
    private static final DpSgdPlan CLAIMED = DpSgdPlan.poisson(4, 4)
            .withSteps(1)
            .withClippingNorm(1.0)
            .withNoiseMultiplier(1.0)
            .withDelta(1e-5);

    private static StepAudit audit(PlantedBug bug) {
        return StepAudit.of(
                        () -> bug.into(AuditNetworks.network(new Sgd(1.0)), CLAIMED),
                        bug.run(CLAIMED),
                        AuditNetworks.data(4),
                        AuditNetworks.canary())
                .withClaim(CLAIMED.stepEvent());
    }

    @Test
    void correctEngine_atConfidence90_isAccusedInAtMostTenPerCent() {
        int accused = 0;
        for (int run = 0; run < 100; run++) {
            accused += audit(PlantedBug.NONE)
                            .withTrials(600)
                            .withConfidence(0.9)
                            .run()
                            .isContradicted()
                    ? 1
                    : 0;
        }
        System.out.println("correct engine accused in " + accused + " of 100 audits at confidence 0.9");
        // At most 10 on average, standard deviation 3: false failure 1e-4.
        assertThat(accused).isLessThan(24);
    }

    static Stream<Clipping> clippings() {
        return Stream.of(Clipping.perLayer(1.0), Clipping.automatic(1.0), Clipping.adaptive(1.0));
    }

    @ParameterizedTest
    @MethodSource("clippings")
    void correctEngine_otherClipping_isNotAccused(Clipping clipping) {
        StepAuditResult result = StepAudit.of(
                        () -> AuditNetworks.network(new Sgd(1.0)),
                        CLAIMED.withClipping(clipping),
                        AuditNetworks.data(4),
                        AuditNetworks.canary())
                .run();
        System.out.println(clipping.describe() + ": " + result);
        assertThat(result.isContradicted()).isFalse();
    }

    /** At confidence 0.999 five audits of the correct engine accuse it at all with probability 0.005. */
    @ParameterizedTest
    @EnumSource
    void defaultAudit_tellsTheBugsFromTheCorrectEngine(PlantedBug bug) {
        for (int run = 0; run < 5; run++) {
            StepAuditResult result = audit(bug).run();
            System.out.printf(
                    Locale.ROOT,
                    "| %s | %s | %d of %d | %d of %d | %.2f | %.2f |%n",
                    bug,
                    result.attack(),
                    result.missed(),
                    result.trialsWithCanary(),
                    result.falseAlarms(),
                    result.trialsWithout(),
                    result.epsilonLowerBound(),
                    result.gaussianEpsilonLowerBound());
            assertThat(result.isContradicted()).as(result.toString()).isEqualTo(bug != PlantedBug.NONE);
        }
    }
}
