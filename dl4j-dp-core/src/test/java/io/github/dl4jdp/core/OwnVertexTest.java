// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.gradient.GradientRules;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.ScaleVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.Test;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** A vertex of the user's own: opted in to by {@link GradientRules#withPart} after a check, or refused. */
@SuppressWarnings({"serial", "overrides"}) // never written; BaseGraphVertex overrides varargs by an array
class OwnVertexTest {
    private static final DataSet DATA = Networks.data(DataType.DOUBLE, 10);
    private static final DpSgdPlan PLAN = DpSgdPlan.poisson(10, 10)
            .withSteps(1)
            .withClippingNorm(1)
            .withNoiseMultiplier(1)
            .withDelta(1e-5);

    /** Doubles what comes to it. */
    static final class Doubling extends ScaleVertex {
        Doubling() {
            super(2);
        }
    }

    /** Takes the mean of the batch away, forward or backward. */
    static final class Centering extends ScaleVertex {
        private final boolean forward;

        Centering(boolean forward) {
            super(2);
            this.forward = forward;
        }

        @Override
        public Centering clone() {
            return new Centering(forward);
        }

        @Override
        public GraphVertex instantiate(
                ComputationGraph graph, String name, int index, INDArray params, boolean initialize, DataType type) {
            return new org.deeplearning4j.nn.graph.vertex.impl.ScaleVertex(graph, name, index, 2, type) {
                @Override
                public INDArray doForward(boolean training, LayerWorkspaceMgr manager) {
                    INDArray in = getInputs()[0];
                    return manager.dup(ArrayType.ACTIVATIONS, forward ? in.subRowVector(in.mean(0)) : in);
                }

                @Override
                public Pair<Gradient, INDArray[]> doBackward(boolean truncated, LayerWorkspaceMgr manager) {
                    INDArray above = getEpsilon();
                    INDArray below = forward ? above : above.subRowVector(above.mean(0));
                    return new Pair<>(null, new INDArray[] {manager.dup(ArrayType.ACTIVATION_GRAD, below)});
                }
            };
        }
    }

    private static ComputationGraph network(org.deeplearning4j.nn.conf.graph.GraphVertex vertex) {
        var network = new ComputationGraph(new NeuralNetConfiguration.Builder()
                .seed(3)
                .dataType(DataType.DOUBLE)
                .updater(new Sgd(0.1))
                .graphBuilder()
                .addInputs("in")
                .addLayer(
                        "hidden",
                        new DenseLayer.Builder()
                                .nOut(5)
                                .activation(Activation.TANH)
                                .build(),
                        "in")
                .addVertex("own", vertex, "hidden")
                .addLayer(
                        "out",
                        new OutputLayer.Builder(LossFunction.MCXENT)
                                .nOut(Networks.CLASSES)
                                .activation(Activation.SOFTMAX)
                                .build(),
                        "own")
                .setOutputs("out")
                .setInputTypes(InputType.feedForward(Networks.INPUTS))
                .build());
        network.init();
        return network;
    }

    @Test
    void attach_ownVertex_isRefusedUnlessOptedIn() {
        var network = network(new Doubling());
        assertThat(PrivacyEngine.check(network)).anySatisfy(problem -> assertThat(problem.reason())
                .contains(Doubling.class.getName())
                .contains("withPart"));
        assertThatThrownBy(() -> PrivacyEngine.attach(network, PLAN)).isInstanceOf(UnsupportedModelException.class);
    }

    @Test
    void withPart_vertexThatKeepsExamplesApart_trainsAndIsNamed() {
        var network = network(new Doubling());
        var rules = GradientRules.builtIn().withPart(Doubling.class, network, DATA);
        assertThat(PrivacyEngine.check(network, PLAN, rules)).isEmpty();
        try (var engine = PrivacyEngine.attach(network, PLAN, ExecutionOptions.defaults(), rules)) {
            network.fit(engine.lots(DATA), 1);
            assertThat(engine.steps()).isEqualTo(1);
            assertThat(engine.report().assumptions())
                    .anySatisfy(line -> assertThat(line).contains(Doubling.class.getName()));
        }
    }

    @Test
    void withPart_vertexThatMixesTheBatch_isRefused() {
        for (boolean forward : new boolean[] {true, false}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() ->
                            GradientRules.builtIn().withPart(Centering.class, network(new Centering(forward)), DATA))
                    .withMessageContaining(Centering.class.getName())
                    .withMessageContaining("must compute every example independently");
        }
    }
}
