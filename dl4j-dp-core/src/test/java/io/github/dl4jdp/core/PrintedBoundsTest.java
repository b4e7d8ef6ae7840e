// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.commons.numbers.gamma.Erfc;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.learning.config.Sgd;

/** The words for people claim no more than holds: each printed pair of epsilon and delta is a guarantee, each "at most" an upper bound. */
class PrintedBoundsTest {
    private static final int EXAMPLES = 30;
    private static final String NUMBER = "([0-9]+[0-9.]*(?:e[+-]?[0-9]+)?)";
    /** In reports, status lines, conditions and announcements. */
    private static final Pattern PAIR = Pattern.compile("epsilon = " + NUMBER + ",? \\(?(?:at )?delta = " + NUMBER);

    private static final Pattern MOMENTS = Pattern.compile("moments accountant: (?:epsilon = )?" + NUMBER);
    private static final Pattern FACTOR = Pattern.compile("at most " + NUMBER + "\\s+times");
    private static final Pattern EXCEPTION = Pattern.compile("except with\\s+probability " + NUMBER + "\\.");
    private static final Pattern DETECTED = Pattern.compile("1\\s+%,\\s+at most " + NUMBER + "\\s+%");
    private static final Pattern NOTE = Pattern.compile("at 1 %: at most " + NUMBER + " %");
    private static final Pattern ROW = Pattern.compile("\\| " + NUMBER + " % \\| " + NUMBER + " % \\|");

    /** The delta of one Gaussian release of sensitivity 1 (Balle and Wang 2018, theorem 8). */
    private static double delta(double sigma, double epsilon) {
        double middle = 1 / (2 * sigma);
        return normal(middle - epsilon * sigma) - Math.exp(epsilon) * normal(-middle - epsilon * sigma);
    }

    private static double normal(double x) {
        return 0.5 * Erfc.value(-x / Math.sqrt(2));
    }

    private static List<MatchResult> found(Pattern pattern, String text) {
        List<MatchResult> found = pattern.matcher(text).results().toList();
        assertThat(found).as("%s in %s", pattern, text).isNotEmpty();
        return found;
    }

    private static double number(MatchResult match, int group) {
        return Double.parseDouble(match.group(group).replaceAll("\\.$", ""));
    }

    @Test
    void words_ofRandomGuarantees_claimNoMoreThanHolds() {
        var random = new Random(6);
        for (int i = 0; i < 25; i++) {
            double sigma = Math.exp(2.5 * random.nextDouble() - 1);
            double delta = Math.pow(10, -2 - 4 * random.nextDouble());
            DpSgdPlan plan = DpSgdPlan.poisson(EXAMPLES, EXAMPLES)
                    .withSteps(1)
                    .withClippingNorm(1)
                    .withNoiseMultiplier(sigma)
                    .withDelta(delta)
                    .withAccountant(AccountantKind.PLD);
            var network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
            try (var engine = PrivacyEngine.attach(network, plan)) {
                var statuses = new ArrayList<String>();
                network.setListeners(
                        new PrivacyListener(engine, 1).reportTo(status -> statuses.add(status.toString())));
                var condition = new PrivacyBudgetTerminationCondition(engine);
                network.fit(engine.lots(Networks.data(DataType.FLOAT, EXAMPLES)), 1);
                PrivacyReport report = engine.report();
                // Lines of the report's text are broken between words.
                String text = report.toString().replaceAll("\\s+", " ");

                Stream.of(
                                text,
                                report.toMarkdown(),
                                report.toHtml(),
                                statuses.get(0),
                                condition.toString(),
                                PrivacyListener.announcement(plan))
                        .forEach(words -> assertPairs(words, sigma, report.guarantee()));
                Stream.of(text, statuses.get(0))
                        .flatMap(words -> found(MOMENTS, words).stream())
                        .forEach(moments -> assertThat(number(moments, 1))
                                .isGreaterThanOrEqualTo(report.momentsEpsilon().orElseThrow()));
                Stream.of(text, report.toMarkdown(), report.toHtml()).forEach(words -> assertPlainWords(words, report));
                assertThat(number(found(NOTE, report.toHtml()).get(0), 1) / 100)
                        .isGreaterThanOrEqualTo(report.tradeOff().truePositiveRate(0.01));
                found(ROW, report.toMarkdown()).forEach(row -> assertThat(number(row, 2))
                        .as("row %s", row.group())
                        .isGreaterThanOrEqualTo(
                                100 * report.tradeOff().truePositiveRate(number(row, 1) / 100) * (1 - 1e-12)));
            }
        }
    }

    private static void assertPairs(String words, double sigma, PrivacyGuarantee exact) {
        found(PAIR, words).forEach(pair -> {
            double epsilon = number(pair, 1);
            double delta = number(pair, 2);
            assertThat(delta(sigma, epsilon))
                    .as("%s, sigma %s", pair.group(), sigma)
                    .isLessThanOrEqualTo(delta);
            assertThat(epsilon).isGreaterThanOrEqualTo(exact.epsilon());
            assertThat(delta).isGreaterThanOrEqualTo(exact.delta()).isLessThan(1.01 * exact.delta());
        });
    }

    private static void assertPlainWords(String words, PrivacyReport report) {
        assertThat(number(found(FACTOR, words).get(0), 1))
                .isGreaterThanOrEqualTo(Math.exp(report.guarantee().epsilon()));
        assertThat(number(found(EXCEPTION, words).get(0), 1))
                .isGreaterThanOrEqualTo(report.guarantee().delta());
        assertThat(number(found(DETECTED, words).get(0), 1) / 100)
                .isGreaterThanOrEqualTo(report.tradeOff().truePositiveRate(0.01) * (1 - 1e-12));
    }
}
