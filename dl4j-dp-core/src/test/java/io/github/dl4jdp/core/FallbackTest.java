// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.OwnLayers.Behavior;
import io.github.dl4jdp.core.OwnLayers.Own;
import io.github.dl4jdp.core.OwnLayers.OwnSameDiff;
import io.github.dl4jdp.core.gradient.GradientRules;
import java.io.IOException;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Layers of the user's own: refused, opted in to, or given a rule. */
class FallbackTest {
    private static final int EXAMPLES = 12;

    private static final DpSgdPlan PLAN = DpSgdPlan.poisson(EXAMPLES, 6)
            .withSteps(4)
            .withClippingNorm(0.5)
            .withNoiseMultiplier(1)
            .withDelta(1e-5)
            .withSeed(3);

    private static DenseLayer dense(int nIn) {
        return new DenseLayer.Builder()
                .nIn(nIn)
                .nOut(5)
                .activation(Activation.TANH)
                .build();
    }

    private static OutputLayer output() {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nIn(5)
                .nOut(Networks.CLASSES)
                .activation(Activation.SOFTMAX)
                .build();
    }

    private static NeuralNetConfiguration.Builder builder(DataType type) {
        return new NeuralNetConfiguration.Builder().seed(3).dataType(type).updater(new Adam(0.05));
    }

    private static MultiLayerNetwork network(DataType type, Layer middle) {
        var network = new MultiLayerNetwork(
                builder(type).list(dense(Networks.INPUTS), middle, output()).build());
        network.init();
        return network;
    }

    private static ComputationGraph graph(DataType type, Layer middle) {
        var network = new ComputationGraph(builder(type)
                .graphBuilder()
                .addInputs("in")
                .addLayer("first", dense(Networks.INPUTS), "in")
                .addLayer("own", middle, "first")
                .addLayer("out", output(), "own")
                .setOutputs("out")
                .build());
        network.init();
        return network;
    }

    private static Own own(Behavior behavior) {
        var own = new Own(5, behavior);
        own.setNIn(5);
        return own;
    }

    private static DataSet data(DataType type) {
        return Networks.data(type, EXAMPLES);
    }

    @Test
    void attach_ownLayerWithoutOptIn_refuses() {
        assertThatThrownBy(() -> PrivacyEngine.attach(network(DataType.DOUBLE, own(Behavior.APART)), PLAN))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("OwnLayer")
                .hasMessageContaining("withFallback");
        assertThatThrownBy(() -> PrivacyEngine.attach(network(DataType.DOUBLE, new OwnSameDiff(5, 5, false)), PLAN))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("withFallback");
    }

    @ParameterizedTest
    @EnumSource(names = {"FLOAT", "DOUBLE"})
    void fit_ownLayerOptedIn_trainsAsTheBuiltInOne(DataType type) {
        DataSet data = data(type);
        MultiLayerNetwork builtIn = network(type, dense(5));
        MultiLayerNetwork own = network(type, own(Behavior.APART));
        INDArray before = own.params().dup();
        var rules = GradientRules.builtIn().withFallback(Own.class, own, data);
        assertThat(own.params()).isEqualTo(before).isEqualTo(builtIn.params());

        train(builtIn, data, GradientRules.builtIn());
        PrivacyReport report = train(own, data, rules);

        assertThat(own.params().distance2(builtIn.params())).isLessThan(type == DataType.FLOAT ? 1e-4 : 1e-10);
        assertThat(report.toString())
                .contains("Own layers compute every example independently (opted in to; checked on 1 batches)")
                .contains("OwnLayer, 30 parameters, one example at a time");

        ComputationGraph graph = graph(type, own(Behavior.APART));
        ComputationGraph builtInGraph = graph(type, dense(5));
        train(graph, data, GradientRules.builtIn().withFallback(Own.class, graph, data));
        train(builtInGraph, data, GradientRules.builtIn());
        assertThat(graph.params().distance2(builtInGraph.params())).isLessThan(type == DataType.FLOAT ? 1e-4 : 1e-10);
    }

    private static PrivacyReport train(Model network, DataSet data, GradientRules rules) {
        var engine =
                PrivacyEngine.attach(network, PLAN, ExecutionOptions.defaults().withPhysicalBatchSize(4), rules);
        if (network instanceof MultiLayerNetwork multiLayer) {
            multiLayer.fit(engine.lots(data), PLAN.epochs());
        } else {
            ((ComputationGraph) network).fit(engine.lots(data), PLAN.epochs());
        }
        assertThat(engine.remainingSteps()).isZero();
        return engine.report();
    }

    @ParameterizedTest
    @CsvSource({
        "MIXES_OUTPUTS, the output of",
        "MIXES_INPUT_GRADIENTS, the input gradient of other examples changed",
        "AVERAGES_WEIGHT_GRADIENTS, do not add up",
        "CARRIES_OVER, the output",
        "CHANGES_PARAMETERS, the"
    })
    void withFallback_layerThatDoesNotKeepExamplesApart_throws(Behavior behavior, String what) {
        for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
            MultiLayerNetwork network = network(type, own(behavior));
            INDArray before = network.params().dup();
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> GradientRules.builtIn().withFallback(Own.class, network, data(type)))
                    .withMessageContaining("1 (OwnLayer) must compute every example independently")
                    .withMessageContaining(what)
                    .withMessageMatching("(?s).* by \\d.*E?-?\\d+ of the largest value.*");
            assertThat(network.params()).isEqualTo(before);
        }
    }

    @Test
    void withFallback_sameDiffLayer_isCheckedLikeAnyOther() {
        DataSet data = data(DataType.DOUBLE);
        MultiLayerNetwork apart = network(DataType.DOUBLE, new OwnSameDiff(5, 5, false));
        var rules = GradientRules.builtIn().withFallback(OwnSameDiff.class, apart, data);
        train(apart, data, rules);
        MultiLayerNetwork mixing = network(DataType.DOUBLE, new OwnSameDiff(5, 5, true));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GradientRules.builtIn().withFallback(OwnSameDiff.class, mixing, data))
                .withMessageContaining("must compute every example independently");
    }

    /** The code of docs/layers.md. */
    @Test
    void document_code_runs() throws IOException {
        MultiLayerNetwork net = network(DataType.FLOAT, own(Behavior.APART));
        DpSgdPlan plan = PLAN;
        DataSet realBatch = data(DataType.FLOAT);
        GradientRules rules = GradientRules.builtIn().withFallback(Own.class, net, realBatch);
        PrivacyEngine engine = PrivacyEngine.attach(net, plan, ExecutionOptions.defaults(), rules);
        assertThat(engine.report().assumptions())
                .anySatisfy(line -> assertThat(line).contains("opted in to"));
        DocumentCode.assertRunBy(FallbackTest.class, "docs/layers.md", 2);
    }

    @Test
    void fit_ownRule_trainsAsTheBuiltInOneAndIsNamed() {
        DataSet data = data(DataType.DOUBLE);
        MultiLayerNetwork builtIn = network(DataType.DOUBLE, dense(5));
        MultiLayerNetwork own = network(DataType.DOUBLE, own(Behavior.APART));

        train(builtIn, data, GradientRules.builtIn());
        PrivacyReport report = train(own, data, GradientRules.builtIn().with(new OwnRule()));

        assertThat(own.params().distance2(builtIn.params())).isLessThan(1e-10);
        assertThat(report.toString().replaceAll("\\s+", " "))
                .contains("OwnLayers$OwnLayer are right (a rule added to the library's: dense, by hand)");
    }

    @Test
    void perExampleGradients_ownRule_areThoseOfTheBuiltInOne() {
        DataSet data = data(DataType.DOUBLE);
        MultiLayerNetwork builtIn = network(DataType.DOUBLE, dense(5));
        MultiLayerNetwork own = network(DataType.DOUBLE, own(Behavior.APART));
        own.setParams(builtIn.params());
        var rules = GradientRules.builtIn().with(new OwnRule());
        double norm = 0.1;

        for (boolean isAttached : new boolean[] {false, true}) {
            if (isAttached) {
                PrivacyEngine.attach(own, PLAN, ExecutionOptions.defaults(), rules);
            }
            assertThat(PerExampleGradients.norms(own, data, rules).distance2(PerExampleGradients.norms(builtIn, data)))
                    .isLessThan(1e-10);
            INDArray rows = PerExampleGradients.materialize(own, data, rules);
            assertThat(rows.distance2(PerExampleGradients.materialize(builtIn, data)))
                    .isLessThan(1e-10);
            assertThat(rows.norm2Number().doubleValue()).isGreaterThan(norm);
            assertThat(PerExampleGradients.clippedSum(own, data, norm, rules)
                            .distance2(PerExampleGradients.clippedSum(builtIn, data, norm)))
                    .isLessThan(1e-10);
        }
        assertThatThrownBy(() -> PerExampleGradients.norms(network(DataType.DOUBLE, own(Behavior.APART)), data))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("withFallback");
    }

    @Test
    void check_ownRule_asksTheRulesGiven() {
        MultiLayerNetwork own = network(DataType.DOUBLE, own(Behavior.APART));
        assertThat(PrivacyEngine.check(own, PLAN)).hasSize(1).first().satisfies(problem -> {
            assertThat(problem.layerClass()).isEqualTo("OwnLayer");
            assertThat(problem.reason()).contains("no per-example gradient rule");
        });
        assertThat(PrivacyEngine.check(own, PLAN, GradientRules.builtIn().with(new OwnRule())))
                .isEmpty();
    }

    @Test
    void with_layerThatHasARule_throws() {
        var rules = GradientRules.builtIn().with(new OwnRule());
        assertThat(rules.added()).hasSize(1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> rules.with(new OwnRule()))
                .withMessageContaining("must be a class without a rule");
    }

    @Test
    void withFallback_whatItIsNotFor_throws() {
        MultiLayerNetwork network = network(DataType.DOUBLE, own(Behavior.APART));
        DataSet data = data(DataType.DOUBLE);
        var rules = GradientRules.builtIn();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> rules.withFallback(OwnSameDiff.class, network, data))
                .withMessageContaining("must have a layer of configuration");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> rules.withFallback(DenseLayer.class, network, data))
                .withMessageContaining("must be of a layer without a rule");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> rules.withFallback(Own.class, network, new DataSet[0]))
                .withMessageContaining("at least one batch");
        var same = new DataSet(Nd4j.ones(DataType.DOUBLE, 3, Networks.INPUTS), data.getLabels());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> rules.withFallback(Own.class, network, same))
                .withMessageContaining("examples that differ");
        var masked = data.copy();
        masked.setLabelsMaskArray(Nd4j.ones(DataType.DOUBLE, EXAMPLES, 1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> rules.withFallback(Own.class, network, masked))
                .withMessageContaining("no masks");
        Own dropping = own(Behavior.APART);
        dropping.setIDropout(new org.deeplearning4j.nn.conf.dropout.Dropout(0.5));
        MultiLayerNetwork withDropout = network(DataType.DOUBLE, dropping);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> rules.withFallback(Own.class, withDropout, data))
                .withMessageContaining("put a DropoutLayer before it");
    }
}
