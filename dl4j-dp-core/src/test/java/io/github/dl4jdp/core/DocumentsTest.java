// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.NoiseCalibration;
import io.github.dl4jdp.accountant.PldAccountant;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.TradeOffCurve;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.deeplearning4j.datasets.iterator.utilty.ListDataSetIterator;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.listeners.ScoreIterationListener;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;

/** The samples of the documents that have no test of their own. */
class DocumentsTest {
    private final MultiLayerConfiguration conf =
            Networks.classifier(DataType.FLOAT, new Adam(1e-3)).getLayerWiseConfigurations();

    @Test
    void accounting_samples_giveTheNumbersTheyName() throws IOException {
        DpEvent run = new SelfComposed(new PoissonSampled(256.0 / 60_000, new Gaussian(1.1)), 3516);
        double epsilon = new PldAccountant().compose(run).epsilon(1e-5); // 1.134...
        double sigma = NoiseCalibration.to(new PrivacyGuarantee(1.0, 1e-5))
                .noiseMultiplier(s -> new SelfComposed(new PoissonSampled(256.0 / 60_000, new Gaussian(s)), 3516));
        double found =
                TradeOffCurve.of(new PldAccountant().compose(run)).truePositiveRate(0.01); // at 1 % false positives
        assertThat(epsilon).isBetween(1.134, 1.135);
        assertThat(sigma).isGreaterThan(1.1);
        assertThat(found).isBetween(0.01, 0.03);
        DocumentCode.assertRunBy(List.of(DocumentsTest.class, PrivateSearchTest.class), "docs/accounting.md", 12);
    }

    @Test
    void choosing_samples_run() throws IOException {
        MultiLayerNetwork net = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        DataSet publicData = Networks.data(DataType.FLOAT, 50);
        INDArray norms = PerExampleGradients.norms(net, publicData); // one for each example
        double clippingNorm = norms.medianNumber().doubleValue();
        assertThat(norms.length()).isEqualTo(50);
        assertThat(clippingNorm).isPositive();

        for (int lot : new int[] {256, 1024, 4096}) {
            DpSgdPlan plan = DpSgdPlan.poisson(60_000, lot)
                    .withEpochs(20)
                    .withClippingNorm(1.0)
                    .calibratedTo(new PrivacyGuarantee(3.0, 1e-5));
            System.out.printf("%d: noise in the mean %.5f%n", lot, plan.noiseMultiplier() / lot);
        }
        DocumentCode.assertRunBy(
                "docs/choosing.md",
                25,
                "dl4j-dp-core/src/test/java/io/github/dl4jdp/core/DocumentsTest.java",
                "dl4j-dp-core/src/test/java/io/github/dl4jdp/core/ClassWeightsTest.java",
                "dl4j-dp-features/src/test/java/io/github/dl4jdp/features/PrivateScalingTest.java");
    }

    @Test
    void migration_samples_train() throws IOException {
        DataSet trainingData = Networks.data(DataType.FLOAT, 600);
        trainWithoutPrivacy(trainingData);

        MultiLayerNetwork net = new MultiLayerNetwork(conf);
        net.init();
        DpSgdPlan plan = DpSgdPlan.poisson(600, 256)
                .withEpochs(15)
                .withClippingNorm(1.0)
                .calibratedTo(new PrivacyGuarantee(3.0, 1e-5));
        PrivacyEngine engine = PrivacyEngine.attach(net, plan);
        net.setListeners(new PrivacyListener(engine, 10));
        net.fit(engine.lots(trainingData), plan.epochs());

        assertThat(engine.epsilon()).isCloseTo(3, within(0.01));
        DocumentCode.assertRunBy(DocumentsTest.class, "docs/migration.md", 12);
    }

    private void trainWithoutPrivacy(DataSet trainingData) {
        MultiLayerNetwork net = new MultiLayerNetwork(conf);
        net.init();
        net.setListeners(new ScoreIterationListener(10));
        net.fit(new ListDataSetIterator<>(trainingData.asList(), 256), 15);
    }

    /** The document says how every page's samples are held: a page with Java code that no test names is a gap. */
    @Test
    void documents_withJava_areEachNamedByATest() throws IOException {
        StringBuilder tests = new StringBuilder();
        try (Stream<Path> sources = Files.walk(Path.of("src/test/java"))) {
            for (Path source :
                    sources.filter(s -> s.toString().endsWith(".java")).toList()) {
                String text = Files.readString(source);
                if (text.contains("DocumentCode.assertRunBy")) {
                    tests.append(text);
                }
            }
        }
        try (Stream<Path> documents = Files.list(Path.of("..", "docs"))) {
            for (Path document :
                    documents.filter(d -> d.toString().endsWith(".md")).toList()) {
                if (Files.readString(document).contains("```java")) {
                    assertThat(tests).contains("\"docs/" + document.getFileName() + "\"");
                }
            }
        }
    }

    /** These samples run in modules that depend on this one, or in the sample project (by scripts/samples.sh): their sources are read. */
    @Test
    void samplesOfOtherModules_standInTheTestsThatRunThem() throws IOException {
        String features = "dl4j-dp-features/src/test/java/io/github/dl4jdp/features/";
        String audit = "dl4j-dp-audit/src/test/java/io/github/dl4jdp/audit/";
        String core = "dl4j-dp-core/src/test/java/io/github/dl4jdp/core/";
        DocumentCode.assertRunBy("docs/features.md", 3, features + "FeaturesDocumentTest.java");
        DocumentCode.assertRunBy("docs/texts.md", 20, features + "HashedTextTest.java");
        DocumentCode.assertRunBy(
                "docs/extending.md",
                100,
                audit + "documents/ExtendingDocumentTest.java",
                audit + "documents/GateLayer.java",
                audit + "documents/GateRule.java",
                audit + "documents/GateRuleTest.java");
        DocumentCode.assertRunBy(
                "docs/spark.md", 13, "dl4j-dp-spark/src/test/java/io/github/dl4jdp/spark/SparkDocumentTest.java");
        DocumentCode.assertRunBy(
                "docs/tutorials.md", 20, "samples/quickstart/src/main/java/quickstart/PrivateCategories.java");
        DocumentCode.assertRunBy("docs/auditing.md", 20, audit + "AuditingDocumentTest.java");
        DocumentCode.assertRunBy(
                "docs/utility.md", 40, features + "UtilityDocumentTest.java", core + "ZooModelsTest.java");
    }
}
