// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.monitor.PrivacyProgress;
import io.github.dl4jdp.core.monitor.StatusFile;
import io.github.dl4jdp.core.monitor.TrainingUi;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipFile;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.ui.VertxUIServer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.evaluation.classification.Evaluation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Sgd;

/** The code of docs/monitoring.md: run here, and compared with the document line by line. */
class MonitoringDocumentTest {
    private static final DpSgdPlan plan =
            DpSgdPlan.poisson(100, 10).withEpochs(2).withClippingNorm(1).calibratedTo(new PrivacyGuarantee(3, 1e-5));

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    private Path temporary;

    @Test
    void monitoring_documentedSamples_run() throws Exception {
        String folder = temporary.toString();
        DataSet trainingData = Networks.data(DataType.FLOAT, 100);
        MultiLayerNetwork net = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        PrivacyEngine engine = PrivacyEngine.attach(net, plan);
        try (StatusFile file = StatusFile.csv(Path.of(folder, "privacy.csv"));
                PrivacyProgress progress = new PrivacyProgress()) {
            net.addListeners(new PrivacyListener(engine, 10)
                    .reportTo(file)
                    .reportTo(progress)
                    .reportTo(TrainingUi.open(9000, "credit model")));
            net.fit(engine.lots(trainingData), plan.epochs());
        } finally {
            VertxUIServer.stopInstance();
        }
        assertThat(Files.readAllLines(temporary.resolve("privacy.csv"))).hasSize(3);

        Evaluation evaluation = new Evaluation(Networks.CLASSES);
        evaluation.eval(trainingData.getLabels(), net.output(trainingData.getFeatures()));
        PrivacyReport report = engine.report().withEvaluation("public test set", evaluation);
        Files.writeString(Path.of(folder, "privacy-report.html"), report.toHtml());
        Files.writeString(Path.of(folder, "privacy-report.md"), report.toMarkdown());
        Files.writeString(Path.of(folder, "privacy-report.json"), report.toJson());
        engine.exportForInference(new File(folder, "model.zip")); // the model, with the report in all three forms

        assertThat(temporary.resolve("privacy-report.html")).content().contains("public test set");
        try (var zip = new ZipFile(new File(folder, "model.zip"))) {
            assertThat(zip.stream().map(entry -> entry.getName()))
                    .contains("privacy-report.html", "privacy-report.md", "privacy-report.json");
        }
    }

    @Test
    void document_everyJavaLine_standsInThisTest() throws IOException {
        DocumentCode.assertRunBy(MonitoringDocumentTest.class, "docs/monitoring.md", 12);
    }
}
