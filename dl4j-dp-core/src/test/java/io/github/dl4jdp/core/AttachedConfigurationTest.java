// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.MaskState;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.CacheMode;
import org.deeplearning4j.nn.conf.dropout.Dropout;
import org.deeplearning4j.nn.conf.dropout.GaussianDropout;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.conf.layers.BaseOutputLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.preprocessor.BaseInputPreProcessor;
import org.deeplearning4j.nn.conf.preprocessor.ComposableInputPreProcessor;
import org.deeplearning4j.nn.conf.weightnoise.DropConnect;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.activations.impl.ActivationReLU;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.impl.LossFMeasure;
import org.nd4j.linalg.lossfunctions.impl.LossMSE;

/** What was checked at attach is what runs: a part that is put into the configuration later, or another setting of one, is refused, before the charge and in the middle of a run. */
class AttachedConfigurationTest {
    private static final DataSet DATA = Networks.data(DataType.DOUBLE, 40);

    /** Centers its input over the examples of the batch. */
    static final class Centering extends BaseInputPreProcessor {
        private static final long serialVersionUID = 1L;

        @Override
        public INDArray preProcess(INDArray input, int examples, LayerWorkspaceMgr workspaces) {
            return input.subRowVector(input.mean(0));
        }

        @Override
        public INDArray backprop(INDArray output, int examples, LayerWorkspaceMgr workspaces) {
            return output;
        }

        @Override
        public InputType getOutputType(InputType input) {
            return input;
        }

        @Override
        public Pair<INDArray, MaskState> feedForwardMaskArray(INDArray mask, MaskState state, int examples) {
            return new Pair<>(mask, state);
        }
    }

    private enum Change {
        PREPROCESSOR {
            @Override
            void make(Model network) {
                if (network instanceof MultiLayerNetwork list) {
                    list.getLayerWiseConfigurations().getInputPreProcessors().put(0, new Centering());
                } else {
                    vertex(network).setPreProcessor(new Centering());
                }
            }
        },
        COMPOSED_PREPROCESSOR {
            @Override
            void make(Model network) {
                if (network instanceof MultiLayerNetwork list) {
                    list.getLayerWiseConfigurations()
                            .getInputPreProcessors()
                            .put(1, new ComposableInputPreProcessor(new Centering()));
                } else {
                    vertex(network).setPreProcessor(new ComposableInputPreProcessor(new Centering()));
                }
            }
        },
        DROPOUT {
            @Override
            void make(Model network) {
                layer(network, 0).setIDropout(new Dropout(0.5));
            }
        },
        GAUSSIAN_DROPOUT_OF_THE_LAST_LAYER {
            @Override
            void make(Model network) {
                layer(network, -1).setIDropout(new GaussianDropout(0.5));
            }
        },
        WEIGHT_NOISE {
            @Override
            void make(Model network) {
                layer(network, 0).setWeightNoise(new DropConnect(0.5));
            }
        },
        ACTIVATION {
            @Override
            void make(Model network) {
                layer(network, 0).setActivationFn(new ActivationReLU());
            }
        },
        LOSS {
            @Override
            void make(Model network) {
                ((BaseOutputLayer) layer(network, -1)).setLossFn(new LossFMeasure());
            }
        },
        OTHER_LOSS {
            @Override
            void make(Model network) {
                ((BaseOutputLayer) layer(network, -1)).setLossFn(new LossMSE());
            }
        },
        LAYER_NORM {
            @Override
            void make(Model network) {
                ((DenseLayer) layer(network, 0)).setHasLayerNorm(true);
            }
        },
        CACHE {
            @Override
            void make(Model network) {
                layers(network)[0].conf().setSeed(99);
                if (network instanceof MultiLayerNetwork list) {
                    list.getLayerWiseConfigurations().setCacheMode(CacheMode.HOST);
                }
            }
        };

        abstract void make(Model network);
    }

    private static Layer[] layers(Model network) {
        return network instanceof MultiLayerNetwork list ? list.getLayers() : ((ComputationGraph) network).getLayers();
    }

    /** @param index from the first layer, or -1 for the last */
    private static BaseLayer layer(Model network, int index) {
        Layer[] all = layers(network);
        return (BaseLayer) all[index < 0 ? all.length + index : index].conf().getLayer();
    }

    private static org.deeplearning4j.nn.conf.graph.LayerVertex vertex(Model network) {
        return (org.deeplearning4j.nn.conf.graph.LayerVertex) ((ComputationGraph) network)
                .getConfiguration().getVertices().values().stream()
                        .filter(org.deeplearning4j.nn.conf.graph.LayerVertex.class::isInstance)
                        .findFirst()
                        .orElseThrow();
    }

    private static DpSgdPlan plan() {
        return DpSgdPlan.poisson(40, 20)
                .withEpochs(2)
                .withClippingNorm(1)
                .withNoiseMultiplier(2)
                .withDelta(1e-5)
                .withSeed(4);
    }

    @ParameterizedTest
    @EnumSource
    void fit_configurationChangedAfterAttach_isRefusedBeforeTheCharge(Change change) {
        for (NetworkKind kind : NetworkKind.values()) {
            Model network = kind.classifier(DataType.DOUBLE, new Sgd(0.1));
            try (var engine = PrivacyEngine.attach(network, plan())) {
                change.make(network);
                assertThatThrownBy(() -> kind.fit(network, engine.lots(DATA), 2))
                        .as("%s", kind)
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("was changed after the network was attached");
                assertThat(engine.steps()).isZero();
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void fit_configurationChangedByAListener_isRefusedAtTheNextLot(Change change) {
        for (NetworkKind kind : NetworkKind.values()) {
            Model network = kind.classifier(DataType.DOUBLE, new Sgd(0.1));
            kind.setListeners(network, new BaseTrainingListener() {
                @Override
                public void iterationDone(Model model, int iteration, int epoch) {
                    change.make(network);
                }
            });
            try (var engine = PrivacyEngine.attach(network, plan())) {
                assertThatThrownBy(() -> kind.fit(network, engine.lots(DATA), 2))
                        .as("%s", kind)
                        .hasMessageContaining("was changed after the network was attached");
                assertThat(engine.steps()).isEqualTo(1);
            }
        }
    }

    /** The remedy: a new attach checks what is there now. */
    @ParameterizedTest
    @EnumSource
    void attach_afterTheChange_checksWhatIsThere(NetworkKind kind) {
        Model network = kind.classifier(DataType.DOUBLE, new Sgd(0.1));
        try (var engine = PrivacyEngine.attach(network, plan())) {
            assertThat(engine.steps()).isZero();
        }
        Change.LOSS.make(network);
        assertThatThrownBy(() -> PrivacyEngine.attach(network, plan()))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("F-measure");
        Change.OTHER_LOSS.make(network);
        try (var engine = PrivacyEngine.attach(network, plan())) {
            kind.fit(network, engine.lots(DATA), 2);
            assertThat(engine.steps()).isEqualTo(4);
            assertThat(List.of(engine.remainingSteps())).containsExactly(0L);
        }
    }
}
