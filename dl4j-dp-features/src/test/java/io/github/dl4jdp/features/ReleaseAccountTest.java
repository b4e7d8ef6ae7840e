// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import java.io.File;
import java.nio.file.Path;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** A release of means and variances in the account of the runs that use it. */
class ReleaseAccountTest {
    private static final int LOTS = 2;
    private static final DataSet DATA = new DataSet(
            Nd4j.rand(60, 3).subi(0.5), Nd4j.tile(Nd4j.eye(2), 30, 1).castTo(DataType.FLOAT));

    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(60, 12)
                .withSteps(20)
                .withClippingNorm(1)
                .withNoiseMultiplier(1.1)
                .withDelta(1e-5)
                .withAccountant(AccountantKind.RDP);
    }

    private static MultiLayerNetwork network() {
        var net = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .updater(new Sgd(0.1))
                .list()
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nIn(3)
                        .nOut(2)
                        .activation(Activation.SOFTMAX)
                        .build())
                .build());
        net.init();
        return net;
    }

    @Test
    void attach_releaseMadeAgain_isChargedAgainAndALoadedOneOnce(@TempDir Path folder) throws Exception {
        for (boolean hasLedger : new boolean[] {false, true}) {
            File model = folder.resolve("model" + hasLedger).toFile();
            File saved = folder.resolve("release" + hasLedger).toFile();
            DpSgdPlan base = hasLedger ? plan().withLedger(folder.resolve("releases")) : plan();
            for (int run = 1; run <= 4; run++) {
                ReleasedNormalization released = run == 4
                        ? ReleasedNormalization.load(saved)
                        : PrivateNormalization.of(60, 3, 6, 2).release(RandomAccessExamples.of(DATA));
                released.save(saved);
                MultiLayerNetwork net = run == 1 ? network() : MultiLayerNetwork.load(model, true);
                try (var engine = PrivacyEngine.attach(net, released.chargedTo(base))) {
                    var lots = engine.lots(DATA);
                    for (int i = 0; i < LOTS; i++) {
                        if (!lots.hasNext()) {
                            lots.reset(); // a pass is five lots
                        }
                        net.fit(lots.next());
                    }
                    net.save(model);
                    double expected = AccountantKind.RDP
                            .create(NeighboringRelation.ADD_OR_REMOVE_ONE)
                            .compose(new DpEvent.SelfComposed(plan().stepEvent(), (long) LOTS * run))
                            .compose(new DpEvent.SelfComposed(new DpEvent.Gaussian(2), Math.min(run, 3)))
                            .epsilon(1e-5);
                    assertThat(engine.epsilon()).isCloseTo(expected, within(1e-6));
                }
            }
        }
    }
}
