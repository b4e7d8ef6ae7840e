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
import org.deeplearning4j.nn.conf.layers.Cnn3DLossLayer;
import org.deeplearning4j.nn.conf.layers.Convolution3D;
import org.deeplearning4j.nn.conf.layers.Deconvolution3D;
import org.deeplearning4j.nn.conf.layers.GravesBidirectionalLSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

@SuppressWarnings("deprecation") // DL4J calls GravesBidirectionalLSTM deprecated, and networks with it exist
class SlicedLayersTest extends BuiltInRuleContract {
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
                volume(convolution(ConvolutionMode.Truncate, true)),
                volume(convolution(ConvolutionMode.Same, false)),
                volume(deconvolution()),
                series(
                        new GravesBidirectionalLSTM.Builder()
                                .nOut(3)
                                .activation(Activation.TANH)
                                .build(),
                        false),
                series(
                        new GravesBidirectionalLSTM.Builder()
                                .nOut(2)
                                .activation(Activation.SOFTSIGN)
                                .build(),
                        true));
    }

    private static GradientCase volume(Layer layer) {
        return GradientCase.of(
                InputType.convolutional3D(Convolution3D.DataFormat.NCDHW, 3, 4, 4, 2),
                convolution(ConvolutionMode.Same, true),
                layer,
                new Cnn3DLossLayer.Builder(Convolution3D.DataFormat.NCDHW)
                        .lossFunction(LossFunction.MCXENT)
                        .activation(Activation.SOFTMAX)
                        .build());
    }

    private static Convolution3D convolution(ConvolutionMode mode, boolean bias) {
        return new Convolution3D.Builder(2, 2, 2)
                .nOut(2)
                .convolutionMode(mode)
                .hasBias(bias)
                .activation(Activation.TANH)
                .build();
    }

    private static Deconvolution3D deconvolution() {
        return new Deconvolution3D.Builder()
                .kernelSize(2, 2, 2)
                .stride(1, 1, 1)
                .nOut(2)
                .activation(Activation.TANH)
                .build();
    }

    private static GradientCase series(Layer layer, boolean masked) {
        return GradientCase.of(
                        InputType.recurrent(3, 4),
                        Cases.simpleRnn(3, RNNFormat.NCW),
                        layer,
                        Cases.rnnOutput(RNNFormat.NCW))
                .withFeatureMask(masked)
                .withLabelMask(masked ? GradientCase.LabelMask.PER_STEP : GradientCase.LabelMask.NONE);
    }
}
