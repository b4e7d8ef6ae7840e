// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.layers.GroupNormalization;
import io.github.dl4jdp.core.layers.WeightStandardizedConvolution;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.WorkspaceMode;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.conf.layers.Convolution1DLayer;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.Deconvolution2D;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.DepthwiseConvolution2D;
import org.deeplearning4j.nn.conf.layers.EmbeddingLayer;
import org.deeplearning4j.nn.conf.layers.EmbeddingSequenceLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.GravesBidirectionalLSTM;
import org.deeplearning4j.nn.conf.layers.GravesLSTM;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.LocallyConnected1D;
import org.deeplearning4j.nn.conf.layers.LocallyConnected2D;
import org.deeplearning4j.nn.conf.layers.PReLULayer;
import org.deeplearning4j.nn.conf.layers.RecurrentAttentionLayer;
import org.deeplearning4j.nn.conf.layers.SelfAttentionLayer;
import org.deeplearning4j.nn.conf.layers.ZeroPaddingLayer;
import org.deeplearning4j.nn.conf.layers.misc.ElementWiseMultiplicationLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.conf.layers.recurrent.TimeDistributed;
import org.deeplearning4j.nn.conf.layers.samediff.AbstractSameDiffLayer;
import org.deeplearning4j.nn.conf.layers.util.MaskZeroLayer;
import org.deeplearning4j.nn.conf.layers.wrapper.BaseWrapperLayer;
import org.deeplearning4j.nn.conf.weightnoise.IWeightNoise;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;

/**
 * Bodies whose only parameters are those of one layer, of almost every kind with parameters that trains privately: [8, 2] features, 3 steps of 2 features, images [8, 1, 4, 4], or
 * [8, 1] and [8, 3] tokens. Without AutoEncoder, which DL4J cannot copy where it is frozen, separable convolutions, which fail in it on images of one channel, capsules, which are SameDiff layers, and
 * volumes, which DL4J's ListDataSetIterator cannot merge.
 */
@SuppressWarnings({"deprecation", "ImmutableEnumChecker"}) // networks with deprecated layers exist; nothing changes
enum PlainFitBody {
    DENSE(Inputs.VECTOR, () -> new DenseLayer.Builder().nOut(3).build()),
    ELEMENT_WISE(
            Inputs.VECTOR,
            () -> new ElementWiseMultiplicationLayer.Builder().nIn(2).nOut(2).build()),
    P_RELU(Inputs.IMAGE, () -> new PReLULayer.Builder().inputShape(1, 6, 6).build()) {
        /** A frozen PReLU of DL4J's writes on its input. */
        @Override
        List<Layer> before() {
            return List.of(new ZeroPaddingLayer(1, 1));
        }
    },
    GROUP_NORMALIZATION(Inputs.IMAGE, () -> new GroupNormalization.Builder(1).build()),
    EMBEDDING(Inputs.TOKEN, () -> new EmbeddingLayer.Builder().nOut(3).build()),
    EMBEDDING_SEQUENCE(
            Inputs.TOKENS,
            () -> new EmbeddingSequenceLayer.Builder().inputLength(3).nOut(3).build()),
    LSTM(Inputs.SEQUENCE, () -> new LSTM.Builder().nOut(3).build()),
    GRAVES_LSTM(Inputs.SEQUENCE, () -> new GravesLSTM.Builder().nOut(3).build()),
    GRAVES_BIDIRECTIONAL_LSTM(
            Inputs.SEQUENCE, () -> new GravesBidirectionalLSTM.Builder().nOut(3).build()),
    SIMPLE_RNN(Inputs.SEQUENCE, () -> new SimpleRnn.Builder().nOut(3).build()),
    BIDIRECTIONAL(Inputs.SEQUENCE, () -> new SimpleRnn.Builder().nOut(3).build()) {
        @Override
        Layer wrapped(Layer inside) {
            return new Bidirectional(inside);
        }
    },
    MASK_ZERO(Inputs.SEQUENCE, () -> new LSTM.Builder().nOut(3).build()) {
        @Override
        Layer wrapped(Layer inside) {
            return new MaskZeroLayer(inside, 0);
        }
    },
    LAST_TIME_STEP(Inputs.SEQUENCE, () -> new LSTM.Builder().nOut(3).build()) {
        @Override
        Layer wrapped(Layer inside) {
            return new LastTimeStep(inside);
        }

        @Override
        boolean isPooled() {
            return false;
        }
    },
    TIME_DISTRIBUTED(
            Inputs.SEQUENCE, () -> new DenseLayer.Builder().nIn(2).nOut(3).build()) {
        @Override
        Layer wrapped(Layer inside) {
            return new TimeDistributed(inside);
        }
    },
    CONVOLUTION_1D(
            Inputs.SEQUENCE, () -> new Convolution1DLayer.Builder(2).nOut(3).build()),
    LOCALLY_CONNECTED_1D(Inputs.SEQUENCE, () -> new LocallyConnected1D.Builder()
            .kernelSize(2)
            .nOut(3)
            .setInputSize(3)
            .build()),
    SELF_ATTENTION(Inputs.SEQUENCE, () -> new SelfAttentionLayer.Builder()
            .nHeads(1)
            .headSize(2)
            .nOut(3)
            .projectInput(true)
            .build()),
    RECURRENT_ATTENTION(Inputs.SEQUENCE, () -> new RecurrentAttentionLayer.Builder()
            .nIn(2)
            .nHeads(1)
            .headSize(2)
            .nOut(3)
            .projectInput(true)
            .build()),
    CONVOLUTION(Inputs.IMAGE, () -> new ConvolutionLayer.Builder(2, 2).nOut(3).build()),
    WEIGHT_STANDARDIZED(
            Inputs.IMAGE,
            () -> new WeightStandardizedConvolution.Builder(2, 2).nOut(3).build()),
    DEPTHWISE(Inputs.IMAGE, () -> new DepthwiseConvolution2D.Builder(2, 2)
            .depthMultiplier(3)
            .nOut(3)
            .build()),
    DECONVOLUTION(Inputs.IMAGE, () -> new Deconvolution2D.Builder(2, 2).nOut(3).build()),
    LOCALLY_CONNECTED_2D(Inputs.IMAGE, () -> new LocallyConnected2D.Builder()
            .kernelSize(2, 2)
            .nOut(3)
            .setInputSize(4, 4)
            .build());

    private static final int EXAMPLES = 8;

    /** What a network is given. */
    private enum Inputs {
        VECTOR(InputType.feedForward(2)),
        TOKEN(InputType.feedForward(5)),
        TOKENS(InputType.feedForward(5)),
        SEQUENCE(InputType.recurrent(2, 3)),
        IMAGE(InputType.convolutional(4, 4, 1));

        private final InputType type;

        Inputs(InputType type) {
            this.type = type;
        }

        INDArray features() {
            return switch (this) {
                case VECTOR -> range(EXAMPLES, 2);
                case TOKEN -> tokens(1);
                case TOKENS -> tokens(3);
                case SEQUENCE -> range(EXAMPLES, 2, 3);
                case IMAGE -> range(EXAMPLES, 1, 4, 4);
            };
        }

        private static INDArray range(long... shape) {
            long length = 1;
            for (long size : shape) {
                length *= size;
            }
            return Nd4j.linspace(DataType.FLOAT, -1, 2.0 / length, length).reshape(shape);
        }

        private static INDArray tokens(int steps) {
            INDArray all = Nd4j.create(DataType.FLOAT, EXAMPLES, steps);
            for (int i = 0; i < EXAMPLES; i++) {
                for (int t = 0; t < steps; t++) {
                    all.putScalar(i, t, (i + 2 * t) % 5);
                }
            }
            return all;
        }
    }

    private final Inputs inputs;
    private final Supplier<Layer> layer;

    PlainFitBody(Inputs inputs, Supplier<Layer> layer) {
        this.inputs = inputs;
        this.layer = layer;
    }

    Layer wrapped(Layer inside) {
        return inside;
    }

    List<Layer> before() {
        return List.of();
    }

    boolean isPooled() {
        return inputs != Inputs.VECTOR && inputs != Inputs.TOKEN;
    }

    /** Whether weight noise in it can be trained privately. */
    private boolean takesNoise() {
        return !Set.of(GRAVES_BIDIRECTIONAL_LSTM, WEIGHT_STANDARDIZED).contains(this);
    }

    /** Whether DL4J asks its layer for weight noise, so that no guard is needed before it. */
    boolean isAskedForNoise() {
        return Set.of(
                        DENSE,
                        LSTM,
                        GRAVES_LSTM,
                        SIMPLE_RNN,
                        BIDIRECTIONAL,
                        MASK_ZERO,
                        LAST_TIME_STEP,
                        TIME_DISTRIBUTED,
                        CONVOLUTION,
                        DEPTHWISE,
                        DECONVOLUTION)
                .contains(this);
    }

    boolean isWrapped() {
        return wrapped(layer.get()) instanceof BaseWrapperLayer;
    }

    /** Every network with a SameDiff layer makes its own graph of operations first. */
    boolean isSlow() {
        return layer.get() instanceof AbstractSameDiffLayer;
    }

    private List<Layer> layers(@Nullable IWeightNoise noise) {
        Layer inside = layer.get();
        if (inside instanceof BaseLayer base && takesNoise()) {
            base.setWeightNoise(noise);
        }
        var layers = new ArrayList<Layer>(before());
        layers.add(wrapped(inside));
        if (isPooled()) {
            layers.add(new GlobalPoolingLayer());
        }
        return layers;
    }

    DataSet data() {
        INDArray labels = Nd4j.create(DataType.FLOAT, EXAMPLES, 2);
        for (int i = 0; i < EXAMPLES; i++) {
            labels.putScalar(i, i % 2, 1);
        }
        return new DataSet(inputs.features(), labels);
    }

    Model network(boolean graph, @Nullable IWeightNoise noise, WorkspaceMode workspaces) {
        var conf = new NeuralNetConfiguration.Builder()
                .seed(5)
                .activation(Activation.TANH)
                .updater(new Sgd(0.1))
                .trainingWorkspaceMode(workspaces)
                .inferenceWorkspaceMode(workspaces);
        List<Layer> layers = layers(noise);
        if (!graph) {
            var list = conf.list();
            layers.forEach(list::layer);
            var net = new MultiLayerNetwork(
                    list.layer(PlainFitTest.head()).setInputType(inputs.type).build());
            net.init();
            return net;
        }
        var vertices = conf.graphBuilder().addInputs("in");
        String last = "in";
        for (int i = 0; i < layers.size(); i++) {
            vertices.addLayer("body" + i, layers.get(i), last);
            last = "body" + i;
        }
        var net = new ComputationGraph(vertices.addLayer("head", PlainFitTest.head(), last)
                .setOutputs("head")
                .setInputTypes(inputs.type)
                .build());
        net.init();
        return net;
    }
}
