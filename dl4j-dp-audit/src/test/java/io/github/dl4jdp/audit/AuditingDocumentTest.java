// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Adam;

/**
 * The code of docs/auditing.md, which {@code DocumentsTest} of the core compares with the page. Its coins and noise are fresh, its two assertions
 * hold at confidence 0.999: false failure at most 2e-3.
 */
class AuditingDocumentTest {
    private static MultiLayerNetwork network() {
        return AuditNetworks.network(new Adam(0.01));
    }

    /** What users have of their own. */
    private static INDArray ones() {
        return Nd4j.ones(1, 6);
    }

    private static INDArray thirdClass() {
        return Nd4j.createFromArray(new float[][] {{0, 0, 1}});
    }

    // docs
    @Test
    void privateTraining_isNotBroken() {
        DpSgdPlan plan = DpSgdPlan.poisson(4, 4) // few examples show most
                .withSteps(1)
                .withClippingNorm(1.0)
                .withNoiseMultiplier(1.0)
                .withDelta(1e-5);
        DataSet data = AuditNetworks.data(4); // four examples of your kind of data, made up or public
        DataSet canary =
                new DataSet(ones().mul(5), thirdClass()); // large features: a gradient of several clipping norms

        StepAudit.of(() -> network(), plan, data, canary).assertNotBroken();
    }
    // docs

    @Test
    void resultOfASteppedAudit_isReadable() {
        DpSgdPlan plan = DpSgdPlan.poisson(2, 2)
                .withSteps(1)
                .withClippingNorm(1.0)
                .withNoiseMultiplier(0.5)
                .withDelta(1e-5);
        DataSet data = AuditNetworks.data(2);
        DataSet canary = AuditNetworks.canary();
        // docs
        StepAuditResult result = StepAudit.of(() -> network(), plan, data, canary)
                .withTrials(400)
                .withConfidence(0.95)
                .run();
        System.out.println(result);
        // docs
        assertThat(result.toString()).contains("an attacker missed the canary in");
        assertThat(result.claimedEpsilon()).isBetween(9.9, 10.1);
    }

    @Test
    void canaries_inOneRun() {
        MultiLayerNetwork net = network();
        DataSet data = AuditNetworks.data(300);
        DataSet canaries = mislabeled(AuditNetworks.data(100));
        // docs
        CanaryAudit audit = CanaryAudit.of(canaries.numExamples());
        DataSet trainingData = audit.trainingSet(data, canaries);
        DpSgdPlan plan = DpSgdPlan.poisson(400, 100) // 300 examples and all canaries: those left out are empty records
                .withRelation(NeighboringRelation.ZERO_OUT)
                .withEpochs(10)
                .withClippingNorm(1.0)
                .calibratedTo(new PrivacyGuarantee(1.0, 1e-5, NeighboringRelation.ZERO_OUT));
        PrivacyEngine engine = PrivacyEngine.attach(net, plan);
        net.fit(engine.lots(trainingData), plan.epochs());

        double[] scores = MembershipScores.negativeLosses(net, canaries);
        CanaryAudit.Result result = audit.evaluate(scores, 50); // the 25 highest "in", the 25 lowest "out"
        System.out.println("epsilon is at least " + result.epsilonLowerBound(1e-5, 0.95));
        result.assertConsistentWith(engine.guarantee(), 0.999);
        // docs
        result.assertConsistentWith(engine.report().tradeOff(), 0.999); // the accountant's curve of this run
        result.tradeOffEpsilonLowerBound(1e-5, 0.95); // assumes nothing, never below epsilonLowerBound
        result.gaussianEpsilonLowerBound(1e-5, 0.95); // if the whole run is a Gaussian mechanism of some noise
        assertThat(result.guesses()).isEqualTo(50);
    }

    private static DataSet mislabeled(DataSet data) {
        INDArray labels = Nd4j.hstack(
                data.getLabels().get(NDArrayIndex.all(), NDArrayIndex.interval(1, 3)),
                data.getLabels().get(NDArrayIndex.all(), NDArrayIndex.interval(0, 1)));
        return new DataSet(data.getFeatures(), labels);
    }

    @Test
    void membershipAttacks_onTrainedNetworks() {
        DataSet members = AuditNetworks.data(100);
        DataSet others = new DataSet(Nd4j.randn(100, 6), members.getLabels());
        MultiLayerNetwork net = network();
        net.fit(members);
        // docs
        RocCurve loss = RocCurve.of(
                MembershipScores.negativeLosses(net, members), MembershipScores.negativeLosses(net, others));
        System.out.println(loss); // AUC, and true positive rates at small false positive rates

        DataSet all = DataSet.merge(List.of(members, others));
        List<Lira.Shadow> shadows = new ArrayList<>();
        for (boolean[] half : Lira.halves(8, all.numExamples(), RandomGenerator.getDefault())) {
            MultiLayerNetwork shadow = trainedAsYours(all, half);
            shadows.add(new Lira.Shadow(MembershipScores.logitConfidences(shadow, all), half));
        }
        double[] lira = Lira.offline(shadows).scores(MembershipScores.logitConfidences(net, all));
        // docs
        assertThat(lira).hasSize(200).doesNotContain(Double.NaN);
        assertThat(loss.auc()).isBetween(0.2, 0.9);
    }

    private static MultiLayerNetwork trainedAsYours(DataSet all, boolean[] half) {
        var rows = new ArrayList<DataSet>();
        for (int i = 0; i < half.length; i++) {
            if (half[i]) {
                rows.add(all.get(i));
            }
        }
        MultiLayerNetwork network = network();
        network.fit(DataSet.merge(rows));
        return network;
    }

    @Test
    void exposure_ofASecret() {
        double secretLoss = 3.2;
        double[] otherLosses = {4.5, 2.9, 7.7};
        // docs
        double bits = Exposure.bits(secretLoss, otherLosses); // log2(candidates) - log2(rank)
        // docs
        assertThat(bits).isEqualTo(1);
    }
}
