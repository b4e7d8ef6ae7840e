// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ActivationLayer;
import org.deeplearning4j.nn.conf.layers.CapsuleLayer;
import org.deeplearning4j.nn.conf.layers.CapsuleStrengthLayer;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.LocallyConnected1D;
import org.deeplearning4j.nn.conf.layers.LocallyConnected2D;
import org.deeplearning4j.nn.conf.layers.LossLayer;
import org.deeplearning4j.nn.conf.layers.PrimaryCapsules;
import org.deeplearning4j.nn.conf.layers.RecurrentAttentionLayer;
import org.deeplearning4j.nn.conf.layers.SelfAttentionLayer;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

class SameDiffRuleTest extends BuiltInRuleContract {
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
                series(new SelfAttentionLayer.Builder()
                        .nOut(4)
                        .nHeads(2)
                        .projectInput(true)
                        .build()),
                series(new RecurrentAttentionLayer.Builder()
                        .nIn(4)
                        .nOut(4)
                        .nHeads(1)
                        .headSize(4)
                        .projectInput(true)
                        .build()),
                series(new LocallyConnected1D.Builder()
                        .kernelSize(2)
                        .nOut(3)
                        .setInputSize(5)
                        .activation(Activation.TANH)
                        .build()),
                image(new LocallyConnected2D.Builder()
                        .kernelSize(2, 2)
                        .nOut(2)
                        .activation(Activation.TANH)
                        .build()),
                GradientCase.of(
                        InputType.convolutional(7, 7, 1),
                        convolution(),
                        new PrimaryCapsules.Builder(4, 2)
                                .kernelSize(3, 3)
                                .stride(2, 2)
                                .build(),
                        new CapsuleLayer.Builder(3, 4, 2).build(),
                        new CapsuleStrengthLayer.Builder().build(),
                        new ActivationLayer(Activation.SOFTMAX),
                        new LossLayer.Builder(LossFunction.MSE)
                                .activation(Activation.IDENTITY)
                                .build()));
    }

    private static GradientCase series(Layer layer) {
        return GradientCase.of(
                InputType.recurrent(3, 5),
                Cases.simpleRnn(4, RNNFormat.NCW),
                layer,
                new GlobalPoolingLayer(),
                Cases.output());
    }

    private static GradientCase image(Layer layer) {
        return GradientCase.of(InputType.convolutional(5, 5, 1), convolution(), layer, Cases.output());
    }

    private static ConvolutionLayer convolution() {
        return new ConvolutionLayer.Builder(2, 2)
                .nOut(2)
                .activation(Activation.TANH)
                .build();
    }
}
