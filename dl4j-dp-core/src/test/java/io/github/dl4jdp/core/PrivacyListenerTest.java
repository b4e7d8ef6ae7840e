// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.withinPercentage;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.RoundedBounds;
import java.util.ArrayList;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.learning.config.Sgd;
import org.slf4j.LoggerFactory;

class PrivacyListenerTest {
    private static final DpSgdPlan PLAN = DpSgdPlan.poisson(100, 10)
            .withEpochs(2)
            .withClippingNorm(1)
            .withNoiseMultiplier(2)
            .withDelta(1e-5)
            .withAccountant(AccountantKind.RDP);

    @Test
    void fit_everySeventh_reportsAccountantsEpsilonToLogAndCallback() {
        var network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        var engine = PrivacyEngine.attach(network, PLAN);
        var statuses = new ArrayList<PrivacyStatus>();
        network.setListeners(new PrivacyListener(engine, 7, statuses::add));
        var appender = new ListAppender<ILoggingEvent>();
        appender.start();
        var logger = (Logger) LoggerFactory.getLogger(PrivacyListener.class);
        logger.addAppender(appender);
        try {
            network.fit(engine.lots(Networks.data(DataType.FLOAT, 100)), PLAN.epochs());
        } finally {
            logger.detachAppender(appender);
        }

        assertThat(statuses).extracting(PrivacyStatus::steps).containsExactly(7L, 14L, 20L);
        assertThat(statuses)
                .allSatisfy(status -> assertThat(status.epsilon()).isEqualTo(PLAN.epsilonAfter(status.steps())));
        assertThat(engine.epsilon()).isEqualTo(PLAN.guarantee().epsilon());
        assertThat(appender.list).extracting(ILoggingEvent::getFormattedMessage).hasSize(4);
        assertThat(appender.list.get(0).getFormattedMessage())
                .contains("One epoch (10 steps) costs epsilon")
                .contains("2 epochs, 20 steps");
        assertThat(appender.list.get(1).getFormattedMessage())
                .startsWith("step 7: epsilon = ")
                .doesNotContain("moments");
    }

    @Test
    void announcement_oneOfAKind_isSingular() {
        assertThat(PrivacyListener.announcement(PLAN.withEpochs(1)))
                .startsWith("The plan's one epoch (10 steps) costs epsilon = ");
        assertThat(PrivacyListener.announcement(DpSgdPlan.poisson(100, 100)
                        .withEpochs(3)
                        .withClippingNorm(1)
                        .withNoiseMultiplier(2)
                        .withDelta(1e-5)))
                .startsWith("One epoch (1 step) costs epsilon = ")
                .contains("the whole plan (3 epochs, 3 steps)");
    }

    @Test
    void onEpochStart_secondRunOfAProcess_doesNotExplainAgain() {
        var appender = new ListAppender<ILoggingEvent>();
        appender.start();
        var logger = (Logger) LoggerFactory.getLogger(PrivacyListener.class);
        logger.addAppender(appender);
        try {
            for (int run = 0; run < 3; run++) {
                var network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
                new PrivacyListener(PrivacyEngine.attach(network, PLAN), 7).onEpochStart(network);
            }
        } finally {
            logger.detachAppender(appender);
        }

        assertThat(appender.list)
                .hasSize(3)
                .extracting(ILoggingEvent::getFormattedMessage)
                .allMatch(line -> line.startsWith("One epoch (10 steps)"));
        assertThat(appender.list.get(1).getFormattedMessage().lines()).hasSize(1);
        assertThat(appender.list.get(2).getFormattedMessage().lines()).hasSize(1);
    }

    @Test
    void fit_pldPlan_showsTheMomentsAccountantBeside() {
        var plan = PLAN.withAccountant(AccountantKind.PLD);
        var network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        var engine = PrivacyEngine.attach(network, plan);
        var statuses = new ArrayList<PrivacyStatus>();
        network.setListeners(new PrivacyListener(engine, 1, statuses::add));

        network.fit(engine.lots(Networks.data(DataType.FLOAT, 100)), plan.epochs());

        assertThat(statuses).hasSize(20).allSatisfy(status -> {
            // The running figure is a bound like the plan's own, and looser by 0.1 % at most.
            double alone = plan.epsilonAfter(status.steps());
            assertThat(status.epsilon()).isBetween(alone * (1 - 1e-3), alone * (1 + 1e-3));
            assertThat(status.momentsEpsilon().orElseThrow())
                    .isCloseTo(PLAN.epsilonAfter(status.steps()), withinPercentage(0.1)) // its orders are refined
                    .isGreaterThan(status.epsilon());
        });
        var last = statuses.get(19);
        assertThat(last.epsilon()).isLessThanOrEqualTo(plan.guarantee().epsilon());
        assertThat(last)
                .hasToString("step 20: epsilon = "
                        + RoundedBounds.upper(plan.guarantee().epsilon(), 4)
                        + " (delta = 1.00e-05; moments accountant: "
                        + RoundedBounds.upper(PLAN.guarantee().epsilon(), 4) + ")");
        assertThat(engine.report().toString())
                .contains("PLD (moments accountant: epsilon = "
                        + RoundedBounds.upper(PLAN.guarantee().epsilon(), 4) + ")");
        assertThat(engine.report().toJson()).contains("\"momentsEpsilon\"");
    }

    @Test
    void announcement_naiveSum_isLargerThanComposition() {
        double one = PLAN.epsilonAfter(10);
        assertThat(2 * one).isGreaterThan(PLAN.epsilonAfter(20));
        assertThat(PrivacyListener.announcement(PLAN))
                .contains("= " + RoundedBounds.upper(2 * one, 4) + ": the RDP accountant");
        assertThat(PrivacyListener.announcement(PLAN.withoutNoise())).contains("infinite");
    }

    @Test
    void showClippedFraction_asked_reportsAndWarns() {
        var plan = PLAN.withClippingNorm(1e-3);
        var network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        var engine = PrivacyEngine.attach(network, plan);
        var statuses = new ArrayList<PrivacyStatus>();
        var silent = new ArrayList<PrivacyStatus>();
        network.setListeners(
                new PrivacyListener(engine, 1, statuses::add).showClippedFraction(),
                new PrivacyListener(engine, 1, silent::add));

        network.fit(engine.lots(Networks.data(DataType.FLOAT, 100)), plan.epochs());

        assertThat(statuses).extracting(PrivacyStatus::clippedFraction).allMatch(part -> part.orElse(1) == 1);
        assertThat(statuses).extracting(PrivacyStatus::clippedFraction).contains(OptionalDouble.of(1));
        assertThat(silent).extracting(PrivacyStatus::clippedFraction).allMatch(OptionalDouble::isEmpty);
        assertThat(statuses).extracting(PrivacyStatus::noiseToSignal).allMatch(ratio -> ratio.orElseThrow() > 0);
    }

    @Test
    void constructor_everyBelowOne_throws() {
        var engine = PrivacyEngine.attach(Networks.classifier(DataType.FLOAT, new Sgd(0.1)), PLAN);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new PrivacyListener(engine, 0))
                .withMessageContaining("every must be at least 1, was 0");
    }
}
