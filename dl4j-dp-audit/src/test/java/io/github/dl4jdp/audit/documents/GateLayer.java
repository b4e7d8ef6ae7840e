// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit.documents;

import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.gradient.DefaultGradient;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.feedforward.elementwise.ElementWiseMultiplicationLayer;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.ops.transforms.Transforms;

/** The layer itself, plain DL4J: it knows nothing of privacy. */
public class GateLayer extends ElementWiseMultiplicationLayer {
    private static final long serialVersionUID = 1L;

    /** A layer of the given configuration. */
    public GateLayer(NeuralNetConfiguration conf, DataType type) {
        super(conf, type);
    }

    /** sigmoid(W), [1, size]. */
    protected final INDArray gate() {
        return Transforms.sigmoid(getParam("W"), true);
    }

    /** The gradient with respect to z, [examples, size]. */
    protected final INDArray delta(INDArray epsilon, LayerWorkspaceMgr workspaces) {
        return layerConf()
                .getActivationFn()
                .backprop(preOutput(true, workspaces), epsilon)
                .getFirst();
    }

    @Override
    public INDArray preOutput(boolean training, LayerWorkspaceMgr workspaces) {
        INDArray z = input.mulRowVector(gate()).addiRowVector(getParam("b"));
        return workspaces.leverageTo(ArrayType.ACTIVATIONS, z);
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaces) {
        INDArray delta = delta(epsilon, workspaces);
        INDArray gate = gate();
        INDArray slope = gate.mul(gate.rsub(1));
        gradientViews.get("W").assign(input.mul(delta).sum(true, 0).muli(slope));
        gradientViews.get("b").assign(delta.sum(true, 0));
        var gradient = new DefaultGradient();
        gradientViews.forEach(gradient::setGradientFor);
        return new Pair<>(gradient, workspaces.leverageTo(ArrayType.ACTIVATION_GRAD, delta.mulRowVector(gate)));
    }
}
