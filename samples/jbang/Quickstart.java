///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 17+
//DEPS io.github.dl4jdp:dl4j-dp-core:0.1.0
//DEPS org.nd4j:nd4j-native-platform:1.0.0-M2.1
//DEPS org.bytedeco:dnnl-platform:2.5.2-1.5.7
//DEPS ch.qos.logback:logback-classic:1.2.13
// Natives of one platform only: export JBANG_JAVA_OPTIONS=-Djavacpp.platform=linux-x86_64

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** A private linear model of made-up points: is x + 2 y larger than 0? */
public final class Quickstart {
    private static final int EXAMPLES = 10_000;

    public static void main(String[] args) {
        var features = Nd4j.randn(EXAMPLES, 2);
        var larger = features.getColumn(0, true).add(features.getColumn(1, true).mul(2)).gt(0).castTo(features.dataType());
        var points = new DataSet(features, Nd4j.hstack(larger.rsub(1), larger));

        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .updater(new Adam(0.05))
                .list()
                .layer(new OutputLayer.Builder(LossFunction.MCXENT).nIn(2).nOut(2).activation(Activation.SOFTMAX).build())
                .build());
        network.init();

        DpSgdPlan plan = DpSgdPlan.poisson(EXAMPLES, 500)
                .withEpochs(10)
                .withClippingNorm(1.0)
                .calibratedTo(new PrivacyGuarantee(1.0, 1e-6));
        try (PrivacyEngine engine = PrivacyEngine.attach(network, plan)) {
            network.fit(engine.lots(points), plan.epochs());
            System.out.println(engine.report());
        }
    }
}
