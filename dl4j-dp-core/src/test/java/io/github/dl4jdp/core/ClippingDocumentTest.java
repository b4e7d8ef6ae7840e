// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.mechanism.Clipping;
import java.io.IOException;
import java.util.List;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Adam;

/** The code of docs/clipping.md: run here, and compared with the document line by line. */
class ClippingDocumentTest {
    @Test
    void everyKind_isAPlan() {
        DpSgdPlan plan = DpSgdPlan.poisson(1000, 100).withEpochs(1).calibratedTo(new PrivacyGuarantee(3, 1e-5));
        for (DpSgdPlan one : List.of(
                // the document's
                plan.withClippingNorm(1.0),
                plan.withClipping(Clipping.flat(1.0)),
                plan.withClipping(Clipping.perLayer(1.0)),
                plan.withClipping(Clipping.perLayer(List.of(0.3, 0.4))),
                plan.withClipping(Clipping.automatic(1.0)),
                plan.withClipping(Clipping.automatic(1.0).withStability(0.1)),
                plan.withClipping(Clipping.adaptive(1.0)),
                plan.withClipping(Clipping.adaptive(1.0)
                        .withQuantile(0.3)
                        .withLearningRate(0.1)
                        .withCountNoise(20)))) {
            assertThat(one.guarantee().epsilon()).isBetween(2.99, 3.0);
        }
    }

    @Test
    void adaptive_normIsShown() {
        MultiLayerNetwork net = Networks.classifier(DataType.FLOAT, new Adam(1e-3));
        DataSet trainingData = Networks.data(DataType.FLOAT, 1000);
        DpSgdPlan plan = DpSgdPlan.poisson(1_000, 100)
                .withEpochs(2)
                .withClipping(Clipping.adaptive(1.0))
                .calibratedTo(new PrivacyGuarantee(3.0, 1e-5));
        PrivacyEngine engine = PrivacyEngine.attach(net, plan);
        net.fit(engine.lots(trainingData), plan.epochs());
        double norm = engine.clippingNorm(); // where the norm stands
        assertThat(norm).isPositive().isNotEqualTo(1.0);
    }

    @Test
    void document_everyJavaLine_standsInThisTest() throws IOException {
        DocumentCode.assertRunBy(ClippingDocumentTest.class, "docs/clipping.md", 10);
    }
}
