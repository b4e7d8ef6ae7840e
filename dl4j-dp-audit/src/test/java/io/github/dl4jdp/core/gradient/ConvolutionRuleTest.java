// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.nd4j.linalg.activations.Activation;

class ConvolutionRuleTest extends BuiltInRuleContract {
    private record Geometry(ConvolutionMode mode, int kernel, int stride, int dilation, int padding, int size) {
        /** The strict mode wants every pixel used. */
        int width() {
            return mode == ConvolutionMode.Strict ? size : size + 1;
        }
    }

    @Override
    protected Arbitrary<GradientCase> cases() {
        var geometries = Arbitraries.of(
                new Geometry(ConvolutionMode.Truncate, 3, 1, 1, 0, 7),
                new Geometry(ConvolutionMode.Truncate, 2, 2, 1, 1, 8),
                new Geometry(ConvolutionMode.Truncate, 2, 1, 2, 0, 7),
                new Geometry(ConvolutionMode.Same, 3, 2, 1, 0, 7),
                new Geometry(ConvolutionMode.Same, 3, 1, 2, 0, 6),
                new Geometry(ConvolutionMode.Strict, 3, 2, 1, 1, 7),
                new Geometry(ConvolutionMode.Strict, 1, 1, 1, 0, 5));
        return Combinators.combine(
                        geometries,
                        Arbitraries.integers().between(1, 3),
                        Arbitraries.integers().between(1, 4),
                        Arbitraries.of(true, false),
                        Arbitraries.of(CNN2DFormat.values()),
                        Cases.extras())
                .as((geometry, nIn, nOut, bias, format, extra) -> GradientCase.of(
                                InputType.convolutional(geometry.size(), geometry.width(), nIn, format),
                                convolution(format, ConvolutionMode.Same, 3, 1, 1, 0, 2, true),
                                convolution(
                                        format,
                                        geometry.mode(),
                                        geometry.kernel(),
                                        geometry.stride(),
                                        geometry.dilation(),
                                        geometry.padding(),
                                        nOut,
                                        bias),
                                Cases.output())
                        .withConfiguration(builder -> format == CNN2DFormat.NHWC
                                // DL4J's own dropout is applied to the gradient in the other format than to the input.
                                ? extra.apply(builder).dropOut(null)
                                : extra.apply(builder)));
    }

    @SuppressWarnings("TooManyParameters")
    private static ConvolutionLayer convolution(
            CNN2DFormat format,
            ConvolutionMode mode,
            int kernel,
            int stride,
            int dilation,
            int padding,
            int nOut,
            boolean bias) {
        return new ConvolutionLayer.Builder(kernel, kernel)
                .dataFormat(format)
                .convolutionMode(mode)
                .stride(stride, stride)
                .dilation(dilation, dilation)
                .padding(padding, padding)
                .nOut(nOut)
                .hasBias(bias)
                .activation(Activation.TANH)
                .build();
    }
}
