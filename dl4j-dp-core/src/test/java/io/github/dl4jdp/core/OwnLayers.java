// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import java.util.Collection;
import java.util.Map;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.ParamInitializer;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.FeedForwardLayer;
import org.deeplearning4j.nn.conf.layers.samediff.SDLayerParams;
import org.deeplearning4j.nn.conf.layers.samediff.SameDiffLayer;
import org.deeplearning4j.nn.conf.memory.LayerMemoryReport;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.BaseLayer;
import org.deeplearning4j.nn.params.DefaultParamInitializer;
import org.deeplearning4j.nn.weights.WeightInitUtil;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.optimize.api.TrainingListener;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Layers as a user of DL4J might write them: some keep their examples apart, others do not. */
final class OwnLayers {
    /** How much of what they should not see the bad ones let in. */
    private static final double LEAK = 1e-3;

    private OwnLayers() {}

    enum Behavior {
        APART,
        MIXES_OUTPUTS,
        MIXES_INPUT_GRADIENTS,
        AVERAGES_WEIGHT_GRADIENTS,
        CARRIES_OVER,
        CHANGES_PARAMETERS
    }

    /** Dense, written anew. */
    static final class Own extends FeedForwardLayer {
        private static final long serialVersionUID = 1L;

        private final Behavior behavior;

        Own(int nOut, Behavior behavior) {
            super(new DenseLayer.Builder().nOut(nOut).activation(Activation.TANH));
            this.behavior = behavior;
        }

        @Override
        public Layer instantiate(
                NeuralNetConfiguration conf,
                Collection<TrainingListener> listeners,
                int index,
                INDArray params,
                boolean initialize,
                DataType type) {
            var layer = new OwnLayer(conf, type, behavior);
            layer.setListeners(listeners);
            layer.setIndex(index);
            layer.setParamsViewArray(params);
            layer.setParamTable(initializer().init(conf, params, initialize));
            return layer;
        }

        @Override
        public ParamInitializer initializer() {
            return DefaultParamInitializer.getInstance();
        }

        @Override
        public @Nullable LayerMemoryReport getMemoryReport(InputType inputType) {
            return null;
        }
    }

    static class OwnLayer extends BaseLayer<Own> {
        private static final long serialVersionUID = 1L;
        private final Behavior behavior;
        private @Nullable INDArray lastMean;

        OwnLayer(NeuralNetConfiguration conf, DataType type, Behavior behavior) {
            super(conf, type);
            this.behavior = behavior;
        }

        @Override
        public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
            INDArray out = super.activate(training, workspaceMgr);
            INDArray mean = out.mean(0);
            if (behavior == Behavior.MIXES_OUTPUTS) {
                out.addiRowVector(mean.mul(LEAK));
            } else if (behavior == Behavior.CARRIES_OVER) {
                if (lastMean != null) {
                    out.addiRowVector(lastMean.mul(LEAK));
                }
                lastMean = mean;
            } else if (behavior == Behavior.CHANGES_PARAMETERS && training) {
                getParam("b").addi(LEAK);
            }
            return out;
        }

        @Override
        public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
            double rows = epsilon.size(0);
            Pair<Gradient, INDArray> result = super.backpropGradient(epsilon, workspaceMgr);
            if (behavior == Behavior.MIXES_INPUT_GRADIENTS) {
                INDArray below = result.getSecond();
                below.addiRowVector(below.mean(0).mul(LEAK));
            } else if (behavior == Behavior.AVERAGES_WEIGHT_GRADIENTS) {
                result.getFirst().gradientForVariable().values().forEach(gradient -> gradient.divi(rows));
            }
            return result;
        }

        @Override
        public boolean isPretrainLayer() {
            return false;
        }
    }

    /** {@code tanh(x W)}, and in the bad case something of the whole batch in x. */
    static final class OwnSameDiff extends SameDiffLayer {
        private static final long serialVersionUID = 1L;

        private final long inputs;
        private final long outputs;
        private final boolean mixes;

        OwnSameDiff(long inputs, long outputs, boolean mixes) {
            this.inputs = inputs;
            this.outputs = outputs;
            this.mixes = mixes;
        }

        @Override
        public SDVariable defineLayer(
                SameDiff sd, SDVariable x, Map<String, SDVariable> params, @Nullable SDVariable mask) {
            SDVariable mixed =
                    mixes ? x.add(sd.mmul(x, x, false, true, false).mmul(x).mul(LEAK)) : x;
            return sd.math().tanh(mixed.mmul(params.get("W")));
        }

        @Override
        public void defineParameters(SDLayerParams params) {
            params.addWeightParam("W", inputs, outputs);
        }

        @Override
        public void initializeParameters(Map<String, INDArray> params) {
            INDArray w = params.get("W");
            if (w != null) {
                WeightInitUtil.initWeights(
                        (double) inputs,
                        (double) outputs,
                        w.shape(),
                        org.deeplearning4j.nn.weights.WeightInit.XAVIER,
                        null,
                        'c',
                        w);
            }
        }

        @Override
        public InputType getOutputType(int layerIndex, InputType inputType) {
            return InputType.feedForward(outputs);
        }

        @Override
        public void setNIn(InputType inputType, boolean override) {}

        @Override
        public @Nullable InputPreProcessor getPreProcessorForInputType(InputType inputType) {
            return null;
        }
    }
}
