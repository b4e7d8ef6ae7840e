// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.RepeatAndSelect;
import io.github.dl4jdp.accountant.NoiseCalibration;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.PrivacyLedger.Charge;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import io.github.dl4jdp.accountant.RdpAccountant;
import io.github.dl4jdp.accountant.RunCount;
import io.github.dl4jdp.accountant.UnsupportedEventException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import java.util.Objects;
import org.deeplearning4j.datasets.iterator.utilty.ListDataSetIterator;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Sgd;

/** Searches for hyper-parameters: made, and charged to a plan. */
class HyperparameterSearchTest {
    private static final DpEvent SEARCH = new RepeatAndSelect(new Gaussian(6), RunCount.logarithmic(10));

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(40, 10)
                .withSteps(12)
                .withClippingNorm(1)
                .withNoiseMultiplier(2)
                .withDelta(1e-5)
                .withAccountant(AccountantKind.RDP);
    }

    @Test
    void withEarlierReleases_search_isChargedToThePlan() {
        DpSgdPlan charged = plan().withOtherReleases(SEARCH);
        assertThat(charged.guarantee().epsilon())
                .isEqualTo(new RdpAccountant()
                        .compose(new Composed(List.of(SEARCH, plan().event())))
                        .epsilon(1e-5));
        assertThat(PlanJson.fromMap(PlanJson.toMap(charged))).isEqualTo(charged);
        DpSgdPlan calibrated = charged.calibratedTo(new PrivacyGuarantee(5, 1e-5));
        assertThat(calibrated.guarantee().epsilon()).isBetween(4.999, 5.0);
        assertThat(calibrated.noiseMultiplier())
                .isGreaterThan(
                        plan().calibratedTo(new PrivacyGuarantee(5, 1e-5)).noiseMultiplier());
    }

    @Test
    void fit_searchAmongEarlierReleases_isInLedgerEpsilonAndReport() {
        DpSgdPlan charged = plan().withOtherReleases(SEARCH).withLedger(folder.resolve("run.ledger"));
        MultiLayerNetwork network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        try (PrivacyEngine engine = PrivacyEngine.attach(network, charged)) {
            network.fit(engine.lots(Networks.data(DataType.FLOAT, 40)), charged.epochs());
            assertThat(engine.epsilon()).isEqualTo(charged.guarantee().epsilon());
            assertThat(engine.report().toString()).contains("RepeatAndSelect");
        }
        assertThat(PrivacyLedgerHistory.read(folder.resolve("run.ledger")).charges())
                .extracting(Charge::event)
                .contains(new Composed(List.of(SEARCH)));
    }

    @Test
    void withEarlierReleases_searchUnderPld_isRefusedWithTheRemedy() {
        DpSgdPlan pld = plan().withAccountant(AccountantKind.PLD).withOtherReleases(SEARCH);
        MultiLayerNetwork network = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        String before = network.getLayerWiseConfigurations().toJson();
        assertThatThrownBy(() -> PrivacyEngine.attach(network, pld))
                .isInstanceOf(UnsupportedEventException.class)
                .hasMessageStartingWith("PldAccountant under ADD_OR_REMOVE_ONE cannot bound RepeatAndSelect[")
                .hasMessageEndingWith("use RdpAccountant, in a plan withAccountant(AccountantKind.RDP)");
        assertThat(network.getLayerWiseConfigurations().toJson()).isEqualTo(before);
        assertThatThrownBy(() -> pld.calibratedTo(new PrivacyGuarantee(5, 1e-5)))
                .isInstanceOf(UnsupportedEventException.class);
    }

    /** A search by hand. More than 100 runs happen once in 400 times, 200 once in 12,000: it ends in any case. */
    @Test
    void search_byHand_costsWhatItWasCalibratedTo() {
        DataSet trainingData = Networks.data(DataType.FLOAT, 60);
        ListDataSetIterator<DataSet> publicData =
                new ListDataSetIterator<>(Networks.data(DataType.FLOAT, 30).asList(), 30);
        DpSgdPlan draft = DpSgdPlan.poisson(60, 20)
                .withEpochs(1)
                .withClippingNorm(1.0)
                .withNoiseMultiplier(1.0)
                .withDelta(1e-5);

        RunCount count = RunCount.logarithmic(10); // 10 runs are expected
        double noise = NoiseCalibration.to(new PrivacyGuarantee(3.0, 1e-5))
                .withAccountant(AccountantKind.RDP)
                .noiseMultiplier(
                        s -> new RepeatAndSelect(draft.withNoiseMultiplier(s).event(), count));
        DpSgdPlan plan = draft.withNoiseMultiplier(noise); // for each run, so that the search costs 3

        double[] rates = {0.03, 0.1, 0.3, 1.0}; // fixed beforehand
        SecureRandom random = new SecureRandom();
        MultiLayerNetwork best = null;
        double bestScore = -1;
        for (int run = count.draw(); run > 0; run--) { // keep this number secret
            MultiLayerNetwork net = network(rates[random.nextInt(rates.length)]); // anew for each run
            PrivacyEngine engine = PrivacyEngine.attach(net, plan);
            net.fit(engine.lots(trainingData), plan.epochs());
            double score = net.evaluate(publicData).accuracy(); // of data that need no protection
            if (score > bestScore) {
                best = net;
                bestScore = score;
            }
        }
        DpEvent search = new RepeatAndSelect(plan.event(), count);
        double epsilon = new RdpAccountant(plan.relation()).compose(search).epsilon(1e-5); // of best, and its rate

        assertThat(epsilon).isBetween(2.999, 3.0);
        assertThat(plan.withAccountant(AccountantKind.RDP).guarantee().epsilon())
                .isLessThan(epsilon);
        assertThat(Objects.requireNonNull(best).params().length()).isPositive();
    }

    private static MultiLayerNetwork network(double rate) {
        return Networks.classifier(DataType.FLOAT, new Sgd(rate));
    }
}
