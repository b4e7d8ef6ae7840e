// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.FineTuneConfiguration;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.weights.WeightInit;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.AMSGrad;
import org.nd4j.linalg.learning.config.AdaGrad;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.Nesterovs;
import org.nd4j.linalg.learning.config.RmsProp;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** What was spent is never forgotten: the ways in which it was, one by one. {@link AccountMemoryTest} mixes them. */
class AccountKeptTest {
    private static final DataSet DATA = AccountMemoryTest.data();

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    static DpSgdPlan plan() {
        return DpSgdPlan.poisson(60, 12)
                .withSteps(20)
                .withClippingNorm(1)
                .withNoiseMultiplier(1.1)
                .withDelta(1e-5)
                .withAccountant(AccountantKind.RDP);
    }

    /** Another plan of the same step, which is not the same plan. */
    private static DpSgdPlan longer() {
        return plan().withSteps(30);
    }

    private static double epsilonOf(long charges) {
        return plan().withSteps(200).epsilonAfter(charges);
    }

    static MultiLayerNetwork network() {
        return (MultiLayerNetwork) AccountMemoryTest.network(false, 5);
    }

    /** A network after four lots, closed. */
    private static MultiLayerNetwork trained() {
        return trained(plan());
    }

    private static MultiLayerNetwork trained(DpSgdPlan plan) {
        MultiLayerNetwork net = network();
        try (var engine = PrivacyEngine.attach(net, plan)) {
            train(net, engine, 4);
        }
        return net;
    }

    private static void train(MultiLayerNetwork net, PrivacyEngine engine, int lots) {
        var iterator = engine.lots(DATA);
        for (int i = 0; i < lots; i++) {
            if (!iterator.hasNext()) {
                iterator.reset();
            }
            net.fit(iterator.next());
        }
    }

    private static double epsilonOfAttached(Model net, DpSgdPlan plan) {
        try (var engine = PrivacyEngine.attach(net, plan)) {
            return engine.epsilon();
        }
    }

    @Test
    void attach_afterDetach_goesOnWhereItStood() {
        MultiLayerNetwork net = network();
        PrivacyEngine first = PrivacyEngine.attach(net, plan());
        train(net, first, 4);
        first.detach();
        try (var engine = PrivacyEngine.attach(net, plan())) {
            assertThat(engine.steps()).isEqualTo(4);
            assertThat(engine.epsilon()).isCloseTo(epsilonOf(4), within(1e-9));
            train(net, engine, 3);
            assertThat(engine.epsilon()).isCloseTo(epsilonOf(7), within(1e-9));
        }
    }

    @Test
    void attach_plainTrainingAfterDetach_isInfiniteUntilForgottenByName() throws Exception {
        MultiLayerNetwork net = network();
        PrivacyEngine first = PrivacyEngine.attach(net, plan());
        train(net, first, 4);
        first.detach();
        net.fit(DATA);
        File file = folder.resolve("detached.zip").toFile();
        net.save(file);
        MultiLayerNetwork restored = MultiLayerNetwork.load(file, true);
        assertThat(epsilonOfAttached(net.clone(), plan())).isInfinite();
        assertThat(epsilonOfAttached(restored.clone(), plan())).isInfinite();
        PrivacyEngine.forgetUnprotected(restored, "public data");
        try (var engine = PrivacyEngine.attach(restored, plan())) {
            assertThat(engine.epsilon()).isCloseTo(epsilonOf(4), within(1e-9));
            assertThat(engine.report().forgotten()).isNotEmpty().allMatch(words -> words.contains("public data"));
            assertThat(engine.report().toString()).contains("FORGOTTEN", "public data");
            assertThat(engine.report().toHtml()).contains("FORGOTTEN");
            assertThat(engine.report().toJson()).contains("\"forgotten\" : [ \"");
        }
    }

    @Test
    void attach_otherPlan_composesOnlyWhenContinuing() {
        MultiLayerNetwork net = trained();
        assertThatThrownBy(() -> PrivacyEngine.attach(net, longer())).hasMessageContaining("continuing()");
        assertThat(epsilonOfAttached(net, longer().continuing())).isCloseTo(epsilonOf(4), within(1e-9));
    }

    @Test
    void fit_newUpdaterByFineTuning_isRefusedAndKnown() {
        MultiLayerNetwork tuned = new TransferLearning.Builder(trained())
                .fineTuneConfiguration(new FineTuneConfiguration.Builder()
                        .updater(new Adam(1e-3))
                        .build())
                .build();
        assertThat(epsilonOfAttached(tuned.clone(), plan())).isCloseTo(epsilonOf(4), within(1e-9));
        assertThatThrownBy(() -> tuned.fit(DATA)).hasMessageContaining("PrivacyEngine.attach");
        assertThat(epsilonOfAttached(tuned, plan())).isInfinite();
    }

    @Test
    void attach_newHeadOnPrivateBody_composesWithTheBody() {
        MultiLayerNetwork tuned = new TransferLearning.Builder(trained())
                .fineTuneConfiguration(new FineTuneConfiguration.Builder()
                        .updater(new Adam(1e-3))
                        .build())
                .setFeatureExtractor(1)
                .removeOutputLayer()
                .addLayer(AccountMemoryTest.output())
                .build();
        MultiLayerNetwork plain = tuned.clone();
        try (var engine = PrivacyEngine.attach(tuned, longer())) {
            assertThat(engine.steps()).isZero();
            assertThat(engine.epsilon()).isCloseTo(epsilonOf(4), within(1e-9));
            train(tuned, engine, 2);
            assertThat(engine.epsilon()).isCloseTo(epsilonOf(6), within(1e-9));
            assertThat(engine.report().history()).isNotEmpty();
        }
        INDArray before = plain.params().dup();
        assertThatThrownBy(() -> plain.fit(DATA))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("layer \"layer0\" comes from private training")
                .hasMessageContaining("PrivacyEngine.attach");
        assertThat(plain.params()).isEqualTo(before);
        try (var engine = PrivacyEngine.attach(plain, longer())) {
            train(plain, engine, 1);
            assertThat(engine.epsilon()).isCloseTo(epsilonOf(5), within(1e-9));
        }
    }

    @Test
    void attach_newHeadThatLearnedInTheOpenOnADetachedBody_isInfinite() {
        MultiLayerNetwork tuned = withNewLayer(detached(trained()));
        assertThat(epsilonOfAttached(tuned.clone(), longer())).isCloseTo(epsilonOf(4), within(1e-9));
        tuned.fit(DATA);
        assertThat(epsilonOfAttached(tuned, longer())).isInfinite();
    }

    /** Given back to plain DL4J: what trains on it is announced, and not refused. */
    private static <M extends Model> M detached(M net) {
        PrivacyEngine.attach(net, plan()).detach();
        return net;
    }

    /** A clone of a graph has forgotten how many updates were made. */
    @Test
    void attach_cloneOfAGraphWhoseNewHeadLearnedInTheOpen_isInfinite() {
        var body = (ComputationGraph) AccountMemoryTest.network(true, 5);
        try (var engine = PrivacyEngine.attach(body, plan())) {
            body.fit(engine.lots(DATA).next());
        }
        detached(body);
        ComputationGraph tuned = new TransferLearning.GraphBuilder(body)
                .setFeatureExtractor("1")
                .removeVertexKeepConnections("2")
                .addLayer("2", AccountMemoryTest.output(), "1")
                .build();
        assertThat(epsilonOfAttached(tuned.clone(), longer())).isCloseTo(epsilonOf(1), within(1e-9));
        tuned.fit(DATA);
        assertThat(epsilonOfAttached(tuned.clone(), longer())).isInfinite();
    }

    @Test
    void attach_outputDrawnAnew_isInfiniteUntilForgottenByName() {
        MultiLayerNetwork tuned = new TransferLearning.Builder(trained())
                .nOutReplace(2, 2, WeightInit.XAVIER)
                .build();
        assertThat(epsilonOfAttached(tuned.clone(), plan())).isInfinite();
        PrivacyEngine.forgetUnprotected(tuned, "the output layer was drawn anew");
        assertThat(epsilonOfAttached(tuned, plan())).isCloseTo(epsilonOf(4), within(1e-9));
    }

    @Test
    void attach_publicBodyOfAPrivateHead_isFree() {
        MultiLayerNetwork body =
                new TransferLearning.Builder(network()).setFeatureExtractor(1).build();
        try (var engine = PrivacyEngine.attach(body, plan())) {
            train(body, engine, 4);
        }
        MultiLayerNetwork other = new TransferLearning.Builder(body)
                .fineTuneConfiguration(new FineTuneConfiguration.Builder()
                        .updater(new Adam(1e-3))
                        .build())
                .removeOutputLayer()
                .addLayer(AccountMemoryTest.output())
                .build();
        assertThat(epsilonOfAttached(other, longer())).isZero();
    }

    /** The engine of a network has not looked at parameters that were put into it since, when the network is copied. */
    @Test
    void attach_copyOfAnAttachedNetworkWithParametersOfAnother_isKnown() throws IOException {
        MultiLayerNetwork net = trained();
        MultiLayerNetwork attached = network();
        File file = folder.resolve("copy.zip").toFile();
        try (var engine = PrivacyEngine.attach(attached, longer())) {
            train(attached, engine, 1);
            attached.setParams(net.params().dup());
            ModelSerializer.writeModel(attached, file, true);
            for (MultiLayerNetwork copy : List.of(attached.clone(), MultiLayerNetwork.load(file, true))) {
                assertThat(epsilonOfAttached(copy, longer().continuing())).isCloseTo(epsilonOf(5), within(1e-9));
            }
            attached.setParams(net.params().add(1));
            assertThat(epsilonOfAttached(attached.clone(), longer().continuing()))
                    .isInfinite();
        }
    }

    /** The updater's state still holds what was learned, and the next update would bring it back. */
    @Test
    void attach_parametersOverwrittenByInitialOnes_keepsTheAccount() {
        MultiLayerNetwork net = network();
        INDArray initial = net.params().dup();
        try (var engine = PrivacyEngine.attach(net, plan())) {
            train(net, engine, 1);
            net.setParams(initial);
            assertThat(engine.epsilon()).isCloseTo(epsilonOf(1), within(1e-9));
        }
        for (int i = 0; i < 2; i++) {
            assertThat(epsilonOfAttached(net, longer().continuing())).isCloseTo(epsilonOf(1), within(1e-9));
        }
        assertThat(epsilonOfAttached(net.clone(), longer().continuing())).isCloseTo(epsilonOf(1), within(1e-9));
    }

    @Test
    void close_parametersThatTheLedgerDoesNotKnow_closesAndTheNextEngineRefuses() {
        MultiLayerNetwork net = trained();
        MultiLayerNetwork attached = network();
        DpSgdPlan inLedger = longer().withLedger(folder.resolve("of-another-run"));
        var engine = PrivacyEngine.attach(attached, inLedger);
        attached.setParams(net.params().dup());
        for (int i = 0; i < 2; i++) {
            assertThatThrownBy(engine::epsilon)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("in no ledger");
        }
        engine.close();
        assertThatThrownBy(() -> PrivacyEngine.attach(attached, inLedger.continuing()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("in no ledger");
        assertThatThrownBy(() -> PrivacyEngine.attach(attached, longer().continuing()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("ledger");
    }

    @Test
    void attach_parametersCopiedIntoAnotherNetwork_isKnown() {
        MultiLayerNetwork net = trained();
        MultiLayerNetwork whole = network();
        whole.setParams(net.params().dup());
        assertThat(epsilonOfAttached(whole, longer())).isCloseTo(epsilonOf(4), within(1e-9));
        MultiLayerNetwork one = network();
        one.setParam("1_W", net.getParam("1_W").dup());
        assertThat(epsilonOfAttached(one, longer())).isCloseTo(epsilonOf(4), within(1e-9));
        MultiLayerNetwork attached = network();
        try (var engine = PrivacyEngine.attach(attached, longer())) {
            attached.setParams(net.params().dup());
            assertThat(engine.epsilon()).isCloseTo(epsilonOf(4), within(1e-9));
            train(attached, engine, 1);
            assertThat(engine.epsilon()).isCloseTo(epsilonOf(5), within(1e-9));
        }
    }

    /** The clone is of the same run, which goes on in the network that it was copied from. */
    @Test
    void epsilon_cloneThatGetsLaterParametersOfItsOwnRun_hasSpentWhatTheRunHas() {
        MultiLayerNetwork net = network();
        try (var engine = PrivacyEngine.attach(net, longer())) {
            train(net, engine, 1);
            MultiLayerNetwork copy = net.clone();
            try (var ofCopy = PrivacyEngine.attach(copy, longer())) {
                assertThat(ofCopy.epsilon()).isCloseTo(epsilonOf(1), within(1e-9));
                train(net, engine, 3);
                copy.setParams(net.params().dup());
                assertThat(ofCopy.epsilon()).isCloseTo(epsilonOf(4), within(1e-9));
            }
        }
    }

    @Test
    void attach_parametersOfOneNumber_areKnown() {
        var conf = new NeuralNetConfiguration.Builder()
                .seed(3)
                .updater(new Sgd(0.1))
                .list()
                .layer(new OutputLayer.Builder(LossFunction.MSE)
                        .nIn(1)
                        .nOut(1)
                        .activation(Activation.IDENTITY)
                        .build())
                .build();
        var net = new MultiLayerNetwork(conf.clone());
        net.init();
        try (var engine = PrivacyEngine.attach(net, longer())) {
            net.fit(engine.lots(new DataSet(Nd4j.rand(60, 1), Nd4j.rand(60, 1))).next());
        }
        var other = new MultiLayerNetwork(conf.clone());
        other.init();
        other.setParams(net.params().dup());
        assertThat(epsilonOfAttached(other, longer())).isCloseTo(epsilonOf(1), within(1e-9));
    }

    @Test
    void attach_exportedModel_goesOnWhereItStood() throws Exception {
        MultiLayerNetwork net = network();
        File file = folder.resolve("export.zip").toFile();
        try (var engine = PrivacyEngine.attach(net, plan())) {
            train(net, engine, 4);
            engine.exportForInference(file);
        }
        MultiLayerNetwork exported = MultiLayerNetwork.load(file, true);
        assertThat(exported.getLayerWiseConfigurations().toJson()).doesNotContain("io.github.dl4jdp");
        assertThat(epsilonOfAttached(exported.clone(), plan())).isCloseTo(epsilonOf(4), within(1e-9));
        var before = exported.params().dup();
        exported.fit(DATA);
        assertThat(exported.params()).isEqualTo(before);
        exported.setLearningRate(0.1);
        exported.fit(DATA);
        assertThat(epsilonOfAttached(exported, plan())).isInfinite();
    }

    @Test
    void attach_averageOfParameters_hasSpentWhatTheRunHas() {
        MultiLayerNetwork net = network();
        var average = new ParameterAverage(0.5);
        net.addListeners(average);
        try (var engine = PrivacyEngine.attach(net, plan())) {
            train(net, engine, 4);
        }
        MultiLayerNetwork copy = net.clone();
        average.applyTo(copy);
        assertThat(epsilonOfAttached(copy, plan())).isCloseTo(epsilonOf(4), within(1e-9));
        MultiLayerNetwork fresh = network();
        average.applyTo(fresh);
        assertThat(epsilonOfAttached(fresh, plan())).isCloseTo(epsilonOf(4), within(1e-9));
    }

    @Test
    void attach_seededOrNoiselessPast_isInfiniteForEverAndInTheLedger() {
        for (DpSgdPlan open : new DpSgdPlan[] {plan().withSeed(3), plan().withoutNoise()}) {
            for (boolean hasLedger : new boolean[] {false, true}) {
                Path ledger = folder.resolve("ledger" + open.isPrivate() + open.seed());
                MultiLayerNetwork net = trained(hasLedger ? open.withLedger(ledger) : open);
                DpSgdPlan next = hasLedger ? longer().withLedger(ledger) : longer();
                try (var engine = PrivacyEngine.attach(net, next.continuing())) {
                    train(net, engine, 1);
                    assertThat(engine.epsilon()).isInfinite();
                    assertThat(engine.report().isPrivate()).isFalse();
                    assertThat(engine.report().toString()).contains("NOT PRIVATE");
                    assertThat(engine.report().toHtml()).contains("NOT PRIVATE");
                    assertThat(engine.report().toJson()).contains("\"epsilon\" : \"Infinity\"");
                }
                if (hasLedger) {
                    assertThat(PrivacyLedgerHistory.read(ledger)
                                    .composeInto(AccountantKind.RDP.create(NeighboringRelation.ADD_OR_REMOVE_ONE))
                                    .epsilon(1e-5))
                            .isInfinite();
                }
            }
        }
    }

    @Test
    void forget_wholeAccount_isLoggedReportedAndStays() throws Exception {
        MultiLayerNetwork net = trained();
        assertThatThrownBy(() -> PrivacyEngine.forget(net, " ")).hasMessageContaining("reason");
        PrivacyEngine.forget(net, "the data set was destroyed");
        File file = folder.resolve("forgotten.zip").toFile();
        net.save(file);
        MultiLayerNetwork restored = MultiLayerNetwork.load(file, true);
        try (var engine = PrivacyEngine.attach(restored, longer())) {
            assertThat(engine.epsilon()).isZero();
            assertThat(engine.report().forgotten())
                    .singleElement()
                    .asString()
                    .contains("4 times the step of", "the data set was destroyed");
            assertThatThrownBy(() -> PrivacyEngine.forget(restored, "again")).hasMessageContaining("close()");
        }
    }

    @Test
    void fit_afterSetLearningRate_namesTheRemedyThatKeepsTheAccount() {
        MultiLayerNetwork net = network();
        PrivacyEngine first = PrivacyEngine.attach(net, plan());
        train(net, first, 4);
        net.setLearningRate(0.01);
        assertThatThrownBy(() -> train(net, first, 1))
                .hasMessageContaining("close()")
                .hasMessageNotContaining("detach");
        first.close();
        try (var engine = PrivacyEngine.attach(net, plan())) {
            assertThat(engine.steps()).isEqualTo(4);
            train(net, engine, 1);
        }
        assertThat(net.getLearningRate(0)).isEqualTo(0.01);
    }

    private static MultiLayerNetwork withNewLayer(MultiLayerNetwork body) {
        return new TransferLearning.Builder(body)
                .fineTuneConfiguration(new FineTuneConfiguration.Builder()
                        .updater(new Sgd(0.5))
                        .build())
                .setFeatureExtractor(1)
                .removeOutputLayer()
                .addLayer(newLayer())
                .addLayer(AccountMemoryTest.output())
                .build();
    }

    /** Without biases, which would tell of an update. */
    private static DenseLayer newLayer() {
        return new DenseLayer.Builder()
                .nIn(4)
                .nOut(4)
                .hasBias(false)
                .activation(Activation.TANH)
                .build();
    }

    private static MultiLayerNetwork frozenUnderANewOutput(MultiLayerNetwork net) {
        return new TransferLearning.Builder(net)
                .fineTuneConfiguration(
                        new FineTuneConfiguration.Builder().seed(6).build())
                .setFeatureExtractor(2)
                .removeOutputLayer()
                .addLayer(AccountMemoryTest.output())
                .build();
    }

    /** Freezing drops DL4J's count of updates. */
    @Test
    void attach_newLayerThatLearnedInTheOpenAndWasFrozen_isInfinite() throws IOException {
        MultiLayerNetwork open = withNewLayer(detached(trained()));
        open.fit(DATA);
        File file = folder.resolve("open.zip").toFile();
        open.save(file);
        assertThat(epsilonOfAttached(frozenUnderANewOutput(open), longer())).isInfinite();
        assertThat(epsilonOfAttached(frozenUnderANewOutput(MultiLayerNetwork.load(file, true)), longer()))
                .isInfinite();
        MultiLayerNetwork known = withNewLayer(trained());
        try (var engine = PrivacyEngine.attach(known, longer())) {
            train(known, engine, 2);
        }
        assertThat(epsilonOfAttached(frozenUnderANewOutput(known), longer())).isCloseTo(epsilonOf(6), within(1e-9));
    }

    @Test
    void attach_newVertexThatLearnedInTheOpenAndWasFrozen_isInfinite() {
        var body = (ComputationGraph) AccountMemoryTest.network(true, 5);
        try (var engine = PrivacyEngine.attach(body, plan())) {
            body.fit(engine.lots(DATA).next());
        }
        detached(body);
        ComputationGraph tuned = new TransferLearning.GraphBuilder(body)
                .setFeatureExtractor("1")
                .removeVertexAndConnections("2")
                .addLayer("new", newLayer(), "1")
                .addLayer("out", AccountMemoryTest.output(), "new")
                .setOutputs("out")
                .build();
        tuned.fit(DATA);
        ComputationGraph frozen = new TransferLearning.GraphBuilder(tuned)
                .setFeatureExtractor("new")
                .removeVertexAndConnections("out")
                .addLayer("last", AccountMemoryTest.output(), "new")
                .setOutputs("last")
                .build();
        assertThat(epsilonOfAttached(frozen, longer())).isInfinite();
    }

    /** What was frozen before anything was private is of no account. */
    @Test
    void attach_privateHeadCopiedOntoAFrozenPublicBody_costsItsRun() {
        MultiLayerNetwork body =
                new TransferLearning.Builder(network()).setFeatureExtractor(1).build();
        MultiLayerNetwork other = body.clone();
        try (var engine = PrivacyEngine.attach(body, plan())) {
            train(body, engine, 4);
        }
        other.setParam("2_W", body.getParam("2_W").dup());
        assertThat(epsilonOfAttached(other, longer())).isCloseTo(epsilonOf(4), within(1e-9));
    }

    private static MultiLayerNetwork network(IUpdater updater, long seed) {
        var conf = new NeuralNetConfiguration.Builder()
                .seed(seed)
                .updater(updater)
                .list()
                .layer(new DenseLayer.Builder()
                        .nIn(3)
                        .nOut(4)
                        .activation(Activation.TANH)
                        .build())
                .layer(AccountMemoryTest.output())
                .build();
        var net = new MultiLayerNetwork(conf);
        net.init();
        return net;
    }

    private static MultiLayerNetwork trained(IUpdater updater) {
        MultiLayerNetwork net = network(updater, 5);
        try (var engine = PrivacyEngine.attach(net, plan())) {
            train(net, engine, 4);
        }
        return net;
    }

    /** Momentum is a sum of earlier releases, and the next update puts it into the parameters. */
    @Test
    void attach_updaterStateOfAnotherRun_isKnown() {
        MultiLayerNetwork net = trained(new Nesterovs(0.1, 0.9));
        INDArray state = net.getUpdater().getStateViewArray();
        MultiLayerNetwork copied = network(new Nesterovs(0.1, 0.9), 6);
        copied.getUpdater().setStateViewArray(copied, state.dup(), false);
        assertThat(epsilonOfAttached(copied, longer())).isCloseTo(epsilonOf(4), within(1e-9));
        MultiLayerNetwork attached = network(new Nesterovs(0.1, 0.9), 7);
        try (var engine = PrivacyEngine.attach(attached, longer())) {
            train(attached, engine, 1);
            attached.getUpdater().getStateViewArray().assign(state);
            train(attached, engine, 1);
            assertThat(engine.epsilon()).isCloseTo(epsilonOf(6), within(1e-9));
        }
        MultiLayerNetwork taken = network(new Nesterovs(0.1, 0.9), 8);
        taken.setUpdater(net.getUpdater());
        assertThat(epsilonOfAttached(taken, longer())).isCloseTo(epsilonOf(4), within(1e-9));
    }

    @Test
    void attach_updaterStateOfUnknownOrigin_isInfiniteUntilForgottenByName() throws IOException {
        MultiLayerNetwork net = trained(new Adam(1e-3));
        INDArray state = net.getUpdater().getStateViewArray();
        state.assign(Nd4j.rand(state.shape()));
        assertThat(epsilonOfAttached(net.clone(), plan())).isInfinite();
        PrivacyEngine.forgetUnprotected(net, "random numbers");
        File file = folder.resolve("state.zip").toFile();
        net.save(file);
        assertThat(epsilonOfAttached(MultiLayerNetwork.load(file, true), plan()))
                .isCloseTo(epsilonOf(4), within(1e-9));
    }

    /** The same network with the state that its own run has left in the updater, wherever DL4J has put it. */
    @Test
    void attach_updaterStateOfItsOwn_costsNothingMore() throws IOException {
        for (IUpdater updater : List.of(
                new Nesterovs(0.1, 0.9), new Adam(1e-3), new AMSGrad(1e-3), new AdaGrad(0.1), new RmsProp(0.1))) {
            MultiLayerNetwork pretrained = network(updater, 5);
            pretrained.fit(DATA);
            try (var engine = PrivacyEngine.attach(pretrained, plan())) {
                train(pretrained, engine, 2);
                assertThat(epsilonOfAttached(pretrained.clone(), plan())).isCloseTo(epsilonOf(2), within(1e-9));
                train(pretrained, engine, 2);
            }
            File file = folder.resolve("own.zip").toFile();
            pretrained.save(file);
            MultiLayerNetwork loaded = MultiLayerNetwork.load(file, true);
            assertThat(epsilonOfAttached(loaded, plan())).isCloseTo(epsilonOf(4), within(1e-9));
            loaded.setLearningRate(0, 0.05);
            try (var engine = PrivacyEngine.attach(loaded, plan())) {
                assertThat(engine.epsilon()).isCloseTo(epsilonOf(4), within(1e-9));
                train(loaded, engine, 1);
                assertThat(engine.epsilon()).isCloseTo(epsilonOf(5), within(1e-9));
            }
        }
    }

    /** Which state of a run is kept may be chosen by what came later. */
    @Test
    void attach_fileOfAnEarlierStateOfARun_hasSpentWhatTheRunHas() throws IOException {
        MultiLayerNetwork network = network();
        var file = new File(folder.toFile(), "early.zip");
        MultiLayerNetwork copy;
        try (PrivacyEngine engine = PrivacyEngine.attach(network, plan())) {
            train(network, engine, 2);
            network.save(file, true);
            copy = network.clone();
            assertThat(epsilonOfAttached(copy, plan())).isEqualTo(epsilonOf(2), within(1e-9));
            train(network, engine, 5);
        }
        for (MultiLayerNetwork early : List.of(MultiLayerNetwork.load(file, true), copy)) {
            assertThat(epsilonOfAttached(early, plan())).isGreaterThanOrEqualTo(epsilonOf(7) - 1e-9);
        }
        MultiLayerNetwork fresh = network();
        fresh.setParams(MultiLayerNetwork.load(file, false).params());
        assertThat(epsilonOfAttached(fresh, plan())).isGreaterThanOrEqualTo(epsilonOf(7) - 1e-9);
    }

    /** A fit that failed after more lots, gone on with from a file: both branches are charged, and a target holds for them together. */
    @Test
    void attach_checkpointAfterACrash_paysForTheLotsSinceAndStaysWithinTheTarget() throws IOException {
        DpSgdPlan target =
                plan().withSteps(10).calibratedTo(new PrivacyGuarantee(3, 1e-5, NeighboringRelation.ADD_OR_REMOVE_ONE));
        MultiLayerNetwork network = network();
        var file = new File(folder.toFile(), "checkpoint.zip");
        double whole;
        try (PrivacyEngine engine = PrivacyEngine.attach(network, target)) {
            train(network, engine, 3);
            network.save(file, true);
            train(network, engine, 4);
            whole = engine.epsilon();
        }
        MultiLayerNetwork restored = MultiLayerNetwork.load(file, true);
        try (PrivacyEngine engine = PrivacyEngine.attach(restored, target)) {
            assertThat(engine.steps()).isEqualTo(3);
            assertThat(engine.epsilon()).isGreaterThanOrEqualTo(whole - 1e-9);
            assertThat(engine.remainingSteps()).isBetween(1L, 4L);
            train(restored, engine, (int) engine.remainingSteps());
            assertThat(engine.epsilon()).isBetween(whole, 3.0);
        }
    }
}
