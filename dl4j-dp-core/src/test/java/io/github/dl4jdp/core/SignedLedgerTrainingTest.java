// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.accountant.PrivacyLedgerException;
import io.github.dl4jdp.accountant.PrivacyLedgerException.Reason;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import io.github.dl4jdp.accountant.PrivacyLedgerKey;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.util.HexFormat;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.learning.config.Sgd;

/** A ledger that the plan's key signs, from the first session to a resumed one. */
class SignedLedgerTrainingTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static KeyPair pair() throws GeneralSecurityException {
        return KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
    }

    private DpSgdPlan plan() {
        return DpSgdPlan.poisson(40, 8)
                .withSteps(6)
                .withClippingNorm(1)
                .withNoiseMultiplier(2)
                .withDelta(1e-5)
                .withLedger(folder.resolve("signed.ledger"));
    }

    private static void train(MultiLayerNetwork network, PrivacyEngine engine, int lots) {
        var iterator = engine.lots(Networks.data(DataType.DOUBLE, 40));
        for (int i = 0; i < lots; i++) {
            if (!iterator.hasNext()) {
                iterator.reset();
            }
            network.fit(iterator.next());
        }
    }

    @Test
    void fit_signedLedger_isVerifiedByThePublicKeyAlone() throws IOException, GeneralSecurityException {
        KeyPair pair = pair();
        DpSgdPlan plan = plan().signedBy(pair.getPrivate());
        MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Sgd(0.1));
        String fingerprint = PrivacyLedgerKey.of(pair.getPrivate()).fingerprint();
        try (var engine = PrivacyEngine.attach(network, plan)) {
            train(network, engine, 4);
            assertThat(engine.report().toString().replaceAll("\\s+", " "))
                    .contains("signed by the key of SHA-256 " + fingerprint);
            assertThat(engine.report().toJson()).contains("\"ledgerKey\" : \"" + fingerprint + "\"");
        }
        Path ledger = folder.resolve("signed.ledger");
        assertThat(PrivacyLedgerHistory.read(ledger, pair.getPublic()).steps()).isEqualTo(4);

        File model = folder.resolve("model.zip").toFile();
        ModelSerializer.writeModel(network, model, true);
        MultiLayerNetwork resumed = ModelSerializer.restoreMultiLayerNetwork(model, true);
        String configuration = resumed.getLayerWiseConfigurations().toJson();
        assertThat(configuration)
                .doesNotContain(HexFormat.of().formatHex(pair.getPrivate().getEncoded()))
                .doesNotContain("signedBy");
        assertThatThrownBy(() -> PrivacyEngine.attach(resumed))
                .isInstanceOfSatisfying(PrivacyLedgerException.class, e -> assertThat(e.reason())
                        .isEqualTo(Reason.OTHER_KEY))
                .hasMessageContaining("signedBy(privateKey)");
        DpSgdPlan forged = plan().signedBy(pair().getPrivate());
        assertThatThrownBy(() -> PrivacyEngine.attach(resumed, forged)).hasMessageContaining("another key");
        try (var engine = PrivacyEngine.attach(resumed, plan)) {
            train(resumed, engine, 2);
        }
        assertThat(PrivacyLedgerHistory.read(ledger, pair.getPublic()).steps()).isEqualTo(6);
    }

    @Test
    void signedBy_planWithoutLedger_isRefused() throws GeneralSecurityException {
        DpSgdPlan plan = DpSgdPlan.poisson(40, 8);
        KeyPair pair = pair();
        assertThatIllegalStateException()
                .isThrownBy(() -> plan.signedBy(pair.getPrivate()))
                .withMessageContaining("withLedger first");
        assertThat(plan().signedBy(pair.getPrivate()).toString())
                .doesNotContain(HexFormat.of().formatHex(pair.getPrivate().getEncoded()));
    }
}
