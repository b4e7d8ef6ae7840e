// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ActivationLayer;
import org.deeplearning4j.nn.conf.layers.CnnLossLayer;
import org.deeplearning4j.nn.conf.layers.Convolution3D;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.LocalResponseNormalization;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.conf.layers.SpaceToDepthLayer;
import org.deeplearning4j.nn.conf.layers.Subsampling1DLayer;
import org.deeplearning4j.nn.conf.layers.Subsampling3DLayer;
import org.deeplearning4j.nn.conf.layers.SubsamplingLayer;
import org.deeplearning4j.nn.conf.layers.Upsampling1D;
import org.deeplearning4j.nn.conf.layers.Upsampling2D;
import org.deeplearning4j.nn.conf.layers.Upsampling3D;
import org.deeplearning4j.nn.conf.layers.ZeroPadding1DLayer;
import org.deeplearning4j.nn.conf.layers.ZeroPadding3DLayer;
import org.deeplearning4j.nn.conf.layers.ZeroPaddingLayer;
import org.deeplearning4j.nn.conf.layers.convolutional.Cropping1D;
import org.deeplearning4j.nn.conf.layers.convolutional.Cropping2D;
import org.deeplearning4j.nn.conf.layers.convolutional.Cropping3D;
import org.deeplearning4j.nn.conf.layers.misc.RepeatVector;
import org.deeplearning4j.nn.conf.layers.objdetect.Yolo2OutputLayer;
import org.deeplearning4j.nn.conf.layers.util.MaskLayer;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

class ExampleWiseRuleTest extends BuiltInRuleContract {
    @Override
    protected Arbitrary<GradientCase> cases() {
        return Arbitraries.of(layers());
    }

    @Example
    void addRow_everyLayer_equalsBatchOfOne() {
        for (GradientCase layer : layers()) {
            assertRowsEqualBatchesOfOne(layer, DataType.DOUBLE, 3, 1);
            assertRowsEqualBatchesOfOne(layer, DataType.FLOAT, 2, 2);
        }
    }

    private static List<GradientCase> layers() {
        return List.of(
                image(new ActivationLayer(Activation.RELU)),
                image(new LocalResponseNormalization.Builder().n(2).build()),
                image(new SubsamplingLayer.Builder(PoolingType.MAX)
                        .kernelSize(2, 2)
                        .stride(1, 1)
                        .build()),
                image(new SubsamplingLayer.Builder(PoolingType.AVG)
                        .kernelSize(2, 2)
                        .stride(2, 2)
                        .build()),
                image(new SubsamplingLayer.Builder(PoolingType.PNORM)
                        .pnorm(2)
                        .kernelSize(2, 2)
                        .build()),
                image(new ZeroPaddingLayer.Builder(1, 2).build()),
                image(new Cropping2D(1, 1)),
                image(new Upsampling2D.Builder(2).build()),
                image(new SpaceToDepthLayer.Builder<>(2).build()),
                image(new GlobalPoolingLayer(PoolingType.MAX)),
                series(
                        new Subsampling1DLayer.Builder(PoolingType.MAX)
                                .kernelSize(2)
                                .stride(2)
                                .build(),
                        false),
                series(new Upsampling1D.Builder(2).build(), false),
                series(new Cropping1D.Builder(1).build(), false),
                series(new ZeroPadding1DLayer.Builder(1).build(), false),
                series(new MaskLayer(), true),
                GradientCase.of(
                                InputType.recurrent(3, 4),
                                Cases.simpleRnn(3, RNNFormat.NCW),
                                new GlobalPoolingLayer(PoolingType.AVG),
                                Cases.output())
                        .withFeatureMask(true),
                volume(new Subsampling3DLayer.Builder(Subsampling3DLayer.PoolingType.MAX)
                        .kernelSize(2, 2, 2)
                        .stride(1, 1, 1)
                        .build()),
                volume(new Upsampling3D.Builder(2).build()),
                volume(new Cropping3D.Builder(1, 1, 1).build()),
                volume(new ZeroPadding3DLayer.Builder(1, 1, 1).build()),
                GradientCase.of(
                        InputType.feedForward(3),
                        new DenseLayer.Builder()
                                .nOut(4)
                                .activation(Activation.TANH)
                                .build(),
                        new RepeatVector.Builder<>().repetitionFactor(3).build(),
                        Cases.simpleRnn(2, RNNFormat.NCW),
                        Cases.rnnOutput(RNNFormat.NCW)),
                GradientCase.of(
                                InputType.convolutional(4, 4, 1),
                                new ConvolutionLayer.Builder(3, 3)
                                        .nOut(2 * (5 + 2))
                                        .convolutionMode(ConvolutionMode.Same)
                                        .activation(Activation.IDENTITY)
                                        .build(),
                                new Yolo2OutputLayer.Builder()
                                        .boundingBoxPriors(Nd4j.createFromArray(new double[][] {{1, 1}, {2, 1}}))
                                        .build())
                        .withLabels(GradientCase.Labels.BOXES),
                GradientCase.of(
                        InputType.convolutional(4, 4, 1),
                        convolution(),
                        new CnnLossLayer.Builder(LossFunction.MCXENT)
                                .activation(Activation.SOFTMAX)
                                .build()));
    }

    private static ConvolutionLayer convolution() {
        return new ConvolutionLayer.Builder(3, 3)
                .nOut(2)
                .convolutionMode(ConvolutionMode.Same)
                .activation(Activation.TANH)
                .build();
    }

    private static GradientCase image(Layer layer) {
        return GradientCase.of(InputType.convolutional(4, 4, 1), convolution(), layer, Cases.output());
    }

    private static GradientCase series(Layer layer, boolean masked) {
        return GradientCase.of(
                        InputType.recurrent(3, 6),
                        Cases.simpleRnn(3, RNNFormat.NCW),
                        layer,
                        Cases.simpleRnn(2, RNNFormat.NCW),
                        Cases.rnnOutput(RNNFormat.NCW))
                .withFeatureMask(masked);
    }

    private static GradientCase volume(Layer layer) {
        return GradientCase.of(
                InputType.convolutional3D(Convolution3D.DataFormat.NCDHW, 4, 4, 4, 1),
                new Convolution3D.Builder(2, 2, 2)
                        .nOut(2)
                        .convolutionMode(ConvolutionMode.Same)
                        .activation(Activation.TANH)
                        .build(),
                layer,
                new GlobalPoolingLayer(PoolingType.AVG),
                Cases.output());
    }
}
