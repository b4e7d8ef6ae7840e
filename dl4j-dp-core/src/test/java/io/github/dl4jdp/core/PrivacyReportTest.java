// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.RoundedBounds;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Path;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.evaluation.classification.Evaluation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.nd4j.shade.jackson.databind.ObjectMapper;
import org.xml.sax.InputSource;

class PrivacyReportTest {
    private static final DpSgdPlan PLAN =
            DpSgdPlan.poisson(100, 10).withSteps(20).withClippingNorm(1).calibratedTo(new PrivacyGuarantee(1, 1e-5));

    private static final String BEFORE = "charged before this engine was attached";

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    private Path folder;

    private static PrivacyReport reportAfterFive(DpSgdPlan plan) {
        var network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        try (var engine = PrivacyEngine.attach(network, plan)) {
            var lots = engine.lots(Networks.data(DataType.FLOAT, 100));
            for (int i = 0; i < 5; i++) {
                network.fit(lots.next());
            }
            return engine.report();
        }
    }

    @Test
    void everyForm_withoutLedger_saysSoInItsFirstLine() throws IOException {
        var report = reportAfterFive(PLAN);

        assertThat(report.toString().lines().findFirst().orElseThrow()).contains("NO LEDGER");
        assertThat(report.toMarkdown().lines().findFirst().orElseThrow()).contains("NO LEDGER");
        assertThat(report.toHtml()).contains("<body>\n<h1 class=\"warn\">Privacy report. NO LEDGER");
        assertThat(json(report).fieldNames().next()).isEqualTo("title");
        assertThat(json(report).get("title").asText()).contains("NO LEDGER");
    }

    private static JsonNode json(PrivacyReport report) throws IOException {
        return new ObjectMapper().readTree(report.toJson());
    }

    @Test
    void everyForm_withLedger_namesItsLastLine() throws IOException {
        var report = reportAfterFive(PLAN.withLedger(folder.resolve("run.ledger")));

        String hash = report.ledger().orElseThrow().hash();
        assertThat(hash).hasSize(64);
        assertThat(report.toString())
                .startsWith("Privacy report" + System.lineSeparator())
                .contains(hash);
        assertThat(report.toMarkdown()).startsWith("# Privacy report\n").contains(hash);
        assertThat(report.toHtml()).contains(hash).doesNotContain("NO LEDGER");
        assertThat(json(report).get("ledger").asText()).isEqualTo(hash);
    }

    @Test
    void named_modelAndData_standFirstInEveryForm() throws IOException {
        var report = reportAfterFive(PLAN).named("credit risk", "loans of 2025");

        assertThat(report.facts().keySet()).startsWith("model", "training data", "date");
        assertThat(report.toString()).contains("credit risk").contains("loans of 2025");
        assertThat(json(report).get("names").get("model").asText()).isEqualTo("credit risk");
        var evaluation = new Evaluation(2);
        evaluation.eval(Nd4j.eye(2), Nd4j.eye(2));
        assertThat(report.withEvaluation("test", evaluation).facts()).containsKey("model");
    }

    @Test
    void everyForm_ofAPlanWithALedger_holdsNoPathOfTheServer(@TempDir Path folder) {
        Path ledger = folder.resolve("run.ledger");
        var report = reportAfterFive(PLAN.withLedger(ledger));

        for (String form : new String[] {report.toString(), report.toMarkdown(), report.toHtml(), report.toJson()}) {
            assertThat(form).doesNotContain(folder.toString());
        }
        assertThat(report.toJson()).contains("\"run.ledger\"");
    }

    @Test
    void toString_everyLine_fitsAScreen() {
        assertThat(reportAfterFive(PLAN).toString().lines()).allMatch(line -> line.length() <= 118);
    }

    @Test
    void facts_wholePlan_standsBesideWhatWasSpent() {
        var report = reportAfterFive(PLAN);

        assertThat(report.facts().get("steps")).isEqualTo("5 of 20");
        assertThat(report.facts().get("whole plan"))
                .isEqualTo("epsilon = " + RoundedBounds.upper(PLAN.guarantee().epsilon(), 4) + " after all steps");
        assertThat(report.facts().get("neighbors")).contains("one data set has one example more");
    }

    @Test
    void everyForm_sameContent() throws IOException {
        var report = reportAfterFive(PLAN);
        var json = json(report);

        for (String form :
                new String[] {report.toString().replaceAll("\\s+", " "), report.toMarkdown(), report.toHtml()}) {
            report.facts().forEach((name, value) -> {
                if (!name.equals("trained layers")) {
                    assertThat(form).contains(value);
                }
            });
            report.layers().forEach(layer -> assertThat(form).containsOnlyOnce(layer));
            report.plainWords().forEach(words -> assertThat(form).contains(words));
            report.assumptions().forEach(item -> assertThat(form).contains(item));
            report.notCovered().forEach(item -> assertThat(form).contains(item));
        }
        assertThat(json.get("epsilon").asDouble()).isEqualTo(report.guarantee().epsilon());
        assertThat(json.get("plainWords")).hasSize(report.plainWords().size());
        assertThat(json.get("versions").get("DL4J").asText()).isEqualTo("1.0.0-M2.1");
        assertThat(DpEvent.fromJson(json.get("spent").toString())).isEqualTo(report.spent());
    }

    @Test
    void assumptions_endedEarly_sayThatTheScoreMustNotHaveEndedIt() {
        assertThat(reportAfterFive(PLAN).assumptions())
                .anySatisfy(line -> assertThat(line).contains("not chosen by looking at training results"));
        assertThat(reportAfterFive(PLAN.withSteps(5)).assumptions())
                .noneSatisfy(line -> assertThat(line).contains("not chosen by looking at training results"));
    }

    @Test
    void assumptions_engineThatContinues_pointToTheReportsBefore() {
        var network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        try (var first = PrivacyEngine.attach(network, PLAN)) {
            network.fit(first.lots(Networks.data(DataType.FLOAT, 100)).next());
            assertThat(first.report().assumptions()).noneMatch(line -> line.contains(BEFORE));
        }
        try (var same = PrivacyEngine.attach(network)) {
            assertThat(same.report().assumptions()).anyMatch(line -> line.contains(BEFORE));
        }
        try (var copy = PrivacyEngine.attach(network.clone())) {
            assertThat(copy.report().assumptions()).anyMatch(line -> line.contains(BEFORE));
        }
        try (var other = PrivacyEngine.attach(network, PLAN.withSteps(9).continuing())) {
            assertThat(other.report().assumptions()).anyMatch(line -> line.contains(BEFORE));
        }
    }

    @Test
    void spent_fiveLots_composesToTheGuarantee() {
        var report = reportAfterFive(PLAN);

        assertThat(PLAN.newAccountant().compose(report.spent()).epsilon(1e-5))
                .isEqualTo(report.guarantee().epsilon());
        assertThat(report.truePositiveRates().get("0.01")).isBetween(0.01, 0.03);
    }

    /** Every tag is closed and every attribute quoted, or an XML parser would refuse it; nothing refers to another host. */
    @Test
    void toHtml_wellFormedAndSelfContained() throws Exception {
        String html = reportAfterFive(PLAN).toHtml();

        String body =
                html.substring(html.indexOf("<body>"), html.indexOf("</html>")).replace("<br>", "<br/>");
        var document = DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new InputSource(new StringReader(body)));
        assertThat(document.getElementsByTagName("svg").getLength()).isEqualTo(2);
        assertThat(html).doesNotContain("http", "src=", "url(", "<script", "<link", "NaN", "Infinity");
    }

    @Test
    void toHtml_notPrivate_hasNoPicturesAndSaysWhy() {
        String html = reportAfterFive(PLAN.withSeed(1)).toHtml();

        assertThat(html).contains("NOT PRIVATE: the noise comes from a seed").doesNotContain("<svg");
        assertThat(reportAfterFive(PLAN.withoutNoise().withDelta(1e-5)).toHtml())
                .contains("NOT PRIVATE: no noise was added")
                .doesNotContain("<svg");
    }

    @Test
    void withEvaluation_classification_showsAccuracyInEveryForm() throws IOException {
        var network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        DataSet test = Networks.data(DataType.FLOAT, 30);
        var evaluation = new Evaluation(Networks.CLASSES);
        evaluation.eval(test.getLabels(), network.output(test.getFeatures()));
        var report = reportAfterFive(PLAN).withEvaluation("public <test> set", evaluation);

        String accuracy = String.format(java.util.Locale.ROOT, "%.4f", evaluation.accuracy());
        assertThat(report.toString()).contains("accuracy, public <test> set: " + accuracy);
        assertThat(report.toMarkdown()).contains("| accuracy, public <test> set | " + accuracy + " |");
        assertThat(report.toHtml()).contains("<th>accuracy, public &lt;test&gt; set</th><td>" + accuracy + "</td>");
        assertThat(json(report)
                        .get("evaluation")
                        .get("accuracy, public <test> set")
                        .asText())
                .isEqualTo(accuracy);
    }
}
