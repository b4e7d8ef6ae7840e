// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** The README's code: run here, and compared with the README line by line. */
class ReadmeTest {
    @Test
    void tenLines_trainPrivately() {
        MultiLayerConfiguration conf =
                Networks.classifier(DataType.FLOAT, new Adam(1e-3)).getLayerWiseConfigurations();
        DataSet trainingData = Networks.data(DataType.FLOAT, 10_000);

        // README
        MultiLayerNetwork net = new MultiLayerNetwork(conf); // new, or already trained
        net.init();

        DpSgdPlan plan = DpSgdPlan.poisson(10_000, 256) // examples: a constant, not counted; expected lot size
                .withEpochs(15)
                .withClippingNorm(1.0)
                .calibratedTo(new PrivacyGuarantee(3.0, 1e-5)); // or .withNoiseMultiplier(1.1).withDelta(1e-5)

        PrivacyEngine engine =
                PrivacyEngine.attach(net, plan); // checks the network, installs the updater and the hooks
        net.addListeners(new PrivacyListener(engine, 10)); // "step 40: epsilon = 0.83 (delta = 1e-5; ...)"
        net.fit(engine.lots(trainingData), plan.epochs()); // DL4J's own fit
        System.out.println(engine.report()); // what was run, what it guarantees, what it assumes
        // README

        assertThat(engine.remainingSteps()).isZero();
        assertThat(engine.epsilon()).isBetween(2.99, 3.0);
        assertThat(engine.report().toString()).contains("(epsilon = 3.000, delta = 1.00e-05)-differential privacy");
    }

    @Test
    void planInConfiguration_attaches() {
        DpSgdPlan plan = DpSgdPlan.poisson(1000, 256)
                .withEpochs(1)
                .withClippingNorm(1.0)
                .withNoiseMultiplier(1.1)
                .withDelta(1e-5);
        // README
        MultiLayerConfiguration conf = new NeuralNetConfiguration.Builder()
                .updater(DpUpdater.of(new Adam(1e-3), plan)) // ...
                // README
                .list()
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nIn(Networks.INPUTS)
                        .nOut(Networks.CLASSES)
                        .activation(Activation.SOFTMAX)
                        .build())
                .build();
        MultiLayerNetwork net = new MultiLayerNetwork(conf);
        net.init();
        // README
        PrivacyEngine engine = PrivacyEngine.attach(net);
        // README
        assertThat(engine.plan()).isEqualTo(plan);
    }

    @Test
    void readme_everyJavaLine_standsInThisTest() throws IOException {
        DocumentCode.assertRunBy(ReadmeTest.class, "README.md", 10);
    }

    /** What a reader copies is what the build runs. */
    @Test
    void readme_dependencies_areThoseOfTheSampleProject() throws IOException {
        String pom = squeeze(Files.readString(Path.of("../samples/quickstart/pom.xml")));
        String readme = Files.readString(Path.of("../README.md"));
        int start = readme.indexOf("```xml") + "```xml".length();
        String copied = squeeze(readme.substring(start, readme.indexOf("```", start)));

        assertThat(copied).startsWith("<dependencies>").endsWith("</dependencies>");
        assertThat(pom).contains(copied);
    }

    private static String squeeze(String text) {
        return text.replaceAll("\\s+", "");
    }
}
