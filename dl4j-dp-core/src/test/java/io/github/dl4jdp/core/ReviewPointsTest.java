// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.core.mechanism.Clipping;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.learning.config.Sgd;

/** The points of a review are in every form of the report and in the document, and speak of the run at hand. */
class ReviewPointsTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(40, 8)
                .withSteps(4)
                .withClippingNorm(0.7)
                .withNoiseMultiplier(2)
                .withDelta(1e-5);
    }

    private static PrivacyReport report(DpSgdPlan plan) {
        try (var engine = PrivacyEngine.attach(Networks.classifier(DataType.DOUBLE, new Sgd(0.1)), plan)) {
            return engine.report();
        }
    }

    @Test
    void document_points_areThoseOfTheReport() throws IOException {
        List<String> points = Files.readAllLines(Path.of("..", "docs", "sp800-226.md")).stream()
                .filter(line -> line.startsWith("| "))
                .map(line -> Arrays.asList(line.split("\\|", -1)).get(1).trim())
                .skip(1)
                .toList();
        assertThat(points).containsExactlyElementsOf(report(plan()).review().keySet());
        assertThat(points).hasSize(16);
    }

    @Test
    void everyForm_hasEveryPoint() throws IOException {
        PrivacyReport report = report(plan());
        JsonNode json = new ObjectMapper().readTree(report.toJson()).get("review");
        assertThat(json.size()).isEqualTo(report.review().size());
        for (Map.Entry<String, String> point : report.review().entrySet()) {
            assertThat(report.toString().replaceAll("\\s+", " "))
                    .contains("- " + point.getKey() + ": " + point.getValue());
            assertThat(report.toMarkdown()).contains("| " + point.getKey() + " | " + point.getValue() + " |");
            assertThat(report.toHtml()).contains("<tr><th>" + point.getKey() + "</th><td>");
            assertThat(json.get(point.getKey()).asText()).isEqualTo(point.getValue());
        }
    }

    @Test
    void answers_speakOfTheRun() {
        Map<String, String> points = report(plan()).review();
        assertThat(points.get("denominators")).contains("divided by 8");
        assertThat(points.get("sensitivity and bounds")).contains("0.7", "constant of the plan");
        assertThat(points.get("constants taken from the data")).contains("40 examples", "4 steps");
        assertThat(points.get("records")).startsWith("NO LEDGER");
        assertThat(points.get("all releases counted")).contains("0 of 4 lots", "No other release");
        assertThat(points.get("randomness")).contains("SecureRandom");

        assertThat(report(plan().withSeed(3)).review().get("randomness")).startsWith("A SEED");
        assertThat(report(plan().withLedger(folder.resolve("ledger"))).review().get("records"))
                .contains("chain of hashes", "not signed");
        assertThat(report(plan().withOtherReleases(new DpEvent.Gaussian(3)))
                        .review()
                        .get("all releases counted"))
                .contains("other releases that the plan declares");
        assertThat(report(plan().withClipping(Clipping.adaptive(1))).review().get("sensitivity and bounds"))
                .contains("noised counts");
        assertThat(report(plan().withoutNoise()).review())
                .containsEntry("floating point", "No noise was added.")
                .hasEntrySatisfying("guarantee", words -> assertThat(words).startsWith("NOT PRIVATE"));
    }

    @Test
    void answers_outside_areDeclaredAsThat() {
        Map<String, String> points = report(plan()).review();
        assertThat(points.entrySet())
                .filteredOn(point -> point.getValue().startsWith(ReviewPoints.OUTSIDE))
                .extracting(Map.Entry::getKey)
                .containsExactly(
                        "bias",
                        "timing, logs and errors",
                        "choice of model and hyper-parameters",
                        "data security",
                        "data collection");
    }
}
