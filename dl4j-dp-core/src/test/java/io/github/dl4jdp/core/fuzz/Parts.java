// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.fuzz;

import static io.github.dl4jdp.core.fuzz.Expression.make;

import io.github.dl4jdp.core.activations.TemperedSigmoid;
import io.github.dl4jdp.core.layers.GroupNormalization;
import io.github.dl4jdp.core.layers.WeightStandardizedConvolution;
import java.util.Random;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.constraint.MaxNormConstraint;
import org.deeplearning4j.nn.conf.constraint.MinMaxNormConstraint;
import org.deeplearning4j.nn.conf.constraint.NonNegativeConstraint;
import org.deeplearning4j.nn.conf.constraint.UnitNormConstraint;
import org.deeplearning4j.nn.conf.distribution.NormalDistribution;
import org.deeplearning4j.nn.conf.dropout.AlphaDropout;
import org.deeplearning4j.nn.conf.dropout.Dropout;
import org.deeplearning4j.nn.conf.dropout.GaussianDropout;
import org.deeplearning4j.nn.conf.dropout.GaussianNoise;
import org.deeplearning4j.nn.conf.dropout.SpatialDropout;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.inputs.InputType.InputTypeConvolutional;
import org.deeplearning4j.nn.conf.inputs.InputType.InputTypeConvolutional3D;
import org.deeplearning4j.nn.conf.inputs.InputType.InputTypeRecurrent;
import org.deeplearning4j.nn.conf.layers.ActivationLayer;
import org.deeplearning4j.nn.conf.layers.BatchNormalization;
import org.deeplearning4j.nn.conf.layers.CapsuleLayer;
import org.deeplearning4j.nn.conf.layers.CapsuleStrengthLayer;
import org.deeplearning4j.nn.conf.layers.Cnn3DLossLayer;
import org.deeplearning4j.nn.conf.layers.CnnLossLayer;
import org.deeplearning4j.nn.conf.layers.Convolution1DLayer;
import org.deeplearning4j.nn.conf.layers.Convolution3D;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.Deconvolution2D;
import org.deeplearning4j.nn.conf.layers.Deconvolution3D;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.DepthwiseConvolution2D;
import org.deeplearning4j.nn.conf.layers.DropoutLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.GravesBidirectionalLSTM;
import org.deeplearning4j.nn.conf.layers.GravesLSTM;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.LocalResponseNormalization;
import org.deeplearning4j.nn.conf.layers.LocallyConnected1D;
import org.deeplearning4j.nn.conf.layers.LocallyConnected2D;
import org.deeplearning4j.nn.conf.layers.LossLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PReLULayer;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.conf.layers.PrimaryCapsules;
import org.deeplearning4j.nn.conf.layers.RecurrentAttentionLayer;
import org.deeplearning4j.nn.conf.layers.RnnLossLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.SelfAttentionLayer;
import org.deeplearning4j.nn.conf.layers.SeparableConvolution2D;
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
import org.deeplearning4j.nn.conf.layers.misc.ElementWiseMultiplicationLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.conf.layers.misc.RepeatVector;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.conf.layers.recurrent.TimeDistributed;
import org.deeplearning4j.nn.conf.layers.util.MaskLayer;
import org.deeplearning4j.nn.conf.layers.util.MaskZeroLayer;
import org.deeplearning4j.nn.conf.weightnoise.DropConnect;
import org.deeplearning4j.nn.conf.weightnoise.WeightNoise;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import org.nd4j.linalg.lossfunctions.impl.LossMixtureDensity;
import org.nd4j.linalg.lossfunctions.impl.LossMultiLabel;

/** Draws layers, and what hangs on them. */
@SuppressWarnings({"deprecation", "DoNotCallSuggester"}) // DL4J calls GravesLSTM deprecated, and networks with it exist
final class Parts {
    private final Random random;

    Parts(Random random) {
        this.random = random;
    }

    @SafeVarargs
    final <T> T one(T... of) {
        return of[random.nextInt(of.length)];
    }

    int from(int least, int most) {
        return least + random.nextInt(most - least + 1);
    }

    boolean chance(double probability) {
        return random.nextDouble() < probability;
    }

    /** A loss with the activation function that goes with it and what its labels are. */
    record Loss(Object loss, Object activation, String labels) {}

    Loss loss(int width) {
        return switch (random.nextInt(16)) {
            case 0, 1, 2 ->
                new Loss(
                        one(LossFunction.MCXENT, LossFunction.NEGATIVELOGLIKELIHOOD, LossFunction.KL_DIVERGENCE),
                        Activation.SOFTMAX,
                        "classes");
            case 3 -> new Loss(one(LossFunction.XENT, LossFunction.MCXENT), Activation.SIGMOID, "binary");
            case 4, 5 ->
                new Loss(
                        one(LossFunction.MSE, LossFunction.L2, LossFunction.SQUARED_LOSS),
                        one(Activation.IDENTITY, Activation.TANH, Activation.SOFTMAX, Activation.RELU),
                        "real");
            case 6 ->
                new Loss(
                        one(LossFunction.L1, LossFunction.MEAN_ABSOLUTE_ERROR),
                        one(Activation.IDENTITY, Activation.TANH),
                        "real");
            case 7 -> new Loss(one(LossFunction.HINGE, LossFunction.SQUARED_HINGE), Activation.IDENTITY, "signs");
            case 8 -> new Loss(LossFunction.POISSON, one(Activation.SOFTPLUS, Activation.SIGMOID), "positive");
            case 9 -> new Loss(LossFunction.MEAN_SQUARED_LOGARITHMIC_ERROR, Activation.SOFTPLUS, "positive");
            case 10 -> new Loss(LossFunction.MEAN_ABSOLUTE_PERCENTAGE_ERROR, Activation.IDENTITY, "positive");
            // The cosine of one number is constant, and its gradient nothing but rounding.
            case 11 ->
                new Loss(
                        width > 1 ? LossFunction.COSINE_PROXIMITY : LossFunction.MSE,
                        one(Activation.IDENTITY, Activation.TANH),
                        "real");
            case 12 -> new Loss(LossFunction.WASSERSTEIN, Activation.IDENTITY, "signs");
            case 13 -> new Loss(LossFunction.SPARSE_MCXENT, Activation.SOFTMAX, "index");
            case 14 -> new Loss(make(LossMultiLabel.class), one(Activation.IDENTITY, Activation.SIGMOID), "binary");
            default ->
                width % 3 == 0
                        ? new Loss(
                                make(LossMixtureDensity.Builder.class)
                                        .then("gaussians", 1)
                                        .then("labelWidth", width - 2)
                                        .then("build"),
                                Activation.IDENTITY,
                                "mixture")
                        : new Loss(LossFunction.MSE, Activation.IDENTITY, "real");
        };
    }

    Object activation() {
        if (chance(0.01)) {
            return make(OwnParts.Centering.class);
        }
        return chance(0.05)
                ? make(TemperedSigmoid.class)
                : one(
                        Activation.TANH,
                        Activation.TANH,
                        Activation.SIGMOID,
                        Activation.RELU,
                        Activation.IDENTITY,
                        Activation.CUBE,
                        Activation.ELU,
                        Activation.HARDSIGMOID,
                        Activation.HARDTANH,
                        Activation.LEAKYRELU,
                        Activation.RATIONALTANH,
                        Activation.RELU6,
                        Activation.RRELU,
                        Activation.SOFTMAX,
                        Activation.SOFTPLUS,
                        Activation.SOFTSIGN,
                        Activation.RECTIFIEDTANH,
                        Activation.SELU,
                        Activation.SWISH,
                        Activation.THRESHOLDEDRELU,
                        Activation.GELU,
                        Activation.MISH);
    }

    private Activation gate() {
        return one(
                Activation.TANH,
                Activation.SIGMOID,
                Activation.SOFTSIGN,
                Activation.HARDSIGMOID,
                Activation.RELU,
                Activation.ELU);
    }

    Object dropout() {
        return chance(0.03)
                ? make(OwnParts.Mixing.class)
                : one(
                        make(Dropout.class, 0.6),
                        make(GaussianDropout.class, 0.3),
                        make(GaussianNoise.class, 0.3),
                        make(AlphaDropout.class, 0.7),
                        make(SpatialDropout.class, 0.6));
    }

    /** What a builder may take besides. {@code layer} ends with build. */
    private Expression decorated(Expression layer, boolean weights) {
        Expression all = layer;
        if (chance(0.12)) {
            all = all.inserted("dropOut", dropout());
        }
        if (weights) {
            if (chance(0.05)) {
                all = all.inserted(
                        "weightNoise",
                        chance(0.6)
                                ? make(DropConnect.class, 0.6, chance(0.3))
                                : make(WeightNoise.class, make(NormalDistribution.class, 1.0, 0.3), chance(0.5)));
            }
            if (chance(0.1)) {
                all = all.inserted(one("l1", "l2", "weightDecay", "l1Bias", "l2Bias"), 0.1);
            }
            if (chance(0.08)) {
                all = all.inserted(
                        one("constrainWeights", "constrainAllParameters"),
                        one(
                                make(MaxNormConstraint.class, 0.5, 1),
                                make(MinMaxNormConstraint.class, 0.2, 0.9, 1),
                                make(NonNegativeConstraint.class),
                                make(UnitNormConstraint.class, 1)));
            }
            if (chance(0.1)) {
                all = all.inserted("biasInit", 0.3);
            }
        }
        return all;
    }

    /** A layer that takes this type, or one that may not. */
    Expression layer(InputType type) {
        if (chance(0.04)) {
            return make(ActivationLayer.Builder.class)
                    .then("activation", activation())
                    .then("build");
        }
        if (chance(0.04)) {
            return make(DropoutLayer.Builder.class, dropout()).then("build");
        }
        Expression layer =
                switch (type.getType()) {
                    case FF -> vector((InputType.InputTypeFeedForward) type);
                    case RNN -> sequence((InputTypeRecurrent) type);
                    case CNN, CNNFlat ->
                        type instanceof InputTypeConvolutional image ? picture(image) : dense(from(1, 6));
                    case CNN3D -> volume((InputTypeConvolutional3D) type);
                };
        return layer;
    }

    /** As {@link #layer}, wrapped so that it does not train. */
    Expression frozen(InputType type) {
        Expression inside = chance(0.15)
                ? make(BatchNormalization.Builder.class).then("build")
                : chance(0.1) ? make(FrozenLayer.class, layer(type)) : layer(type);
        return make(one(FrozenLayer.class, FrozenLayerWithBackprop.class), inside);
    }

    private Expression dense(int width) {
        Expression dense = make(DenseLayer.Builder.class).then("nOut", width).maybe("activation", activation());
        if (chance(0.2)) {
            dense = dense.maybe("hasBias", false);
        }
        // Two normalized numbers are 1 and -1 but for rounding: just where the derivative of HARDTANH jumps.
        if (chance(0.15) && width > 2) {
            dense = dense.maybe("hasLayerNorm", true);
        }
        return decorated(dense.then("build"), true);
    }

    private Expression vector(InputType.InputTypeFeedForward type) {
        int size = (int) type.getSize();
        return switch (random.nextInt(16)) {
            case 0 ->
                decorated(
                        make(ElementWiseMultiplicationLayer.Builder.class)
                                .then("nIn", size)
                                .then("nOut", size)
                                .maybe("activation", activation())
                                .then("build"),
                        true);
            case 1 ->
                decorated(
                        make(PReLULayer.Builder.class)
                                .then("inputShape", (long) size)
                                .then("build"),
                        false);
            case 2 ->
                make(GroupNormalization.Builder.class, size % 2 == 0 ? 2 : 1).then("build");
            case 3 -> make(RepeatVector.Builder.class, from(1, 4)).then("build");
            case 4 -> recurrent(RNNFormat.NCW);
            case 5 -> chance(0.3) ? make(BatchNormalization.Builder.class).then("build") : dense(from(1, 6));
            default -> dense(from(1, 6));
        };
    }

    private Expression cell(RNNFormat format) {
        Expression cell =
                switch (random.nextInt(4)) {
                    case 0 ->
                        make(GravesLSTM.Builder.class)
                                .then("nOut", from(1, 4))
                                .maybe("activation", gate())
                                .maybe("forgetGateBiasInit", 0.5);
                    case 1 ->
                        make(SimpleRnn.Builder.class).then("nOut", from(1, 4)).maybe("activation", gate());
                    default ->
                        make(LSTM.Builder.class)
                                .then("nOut", from(1, 4))
                                .maybe("activation", gate())
                                .maybe("gateActivationFunction", one(Activation.SIGMOID, Activation.HARDSIGMOID));
                };
        if (format == RNNFormat.NWC) {
            cell = cell.then("dataFormat", format);
        }
        return decorated(cell.then("build"), true);
    }

    private Expression recurrent(RNNFormat format) {
        return switch (random.nextInt(12)) {
            case 0 -> make(Bidirectional.class, one(Bidirectional.Mode.values()), cell(format));
            case 1 -> make(Bidirectional.class, cell(format));
            case 2 ->
                make(
                        LastTimeStep.class,
                        chance(0.3)
                                ? make(Bidirectional.class, one(Bidirectional.Mode.values()), cell(format))
                                : cell(format));
            case 3 ->
                make(MaskZeroLayer.Builder.class)
                        .then("setUnderlying", chance(0.2) ? make(Bidirectional.class, cell(format)) : cell(format))
                        .then("setMaskValue", one(0.0, 1.0))
                        .then("build");
            case 4 ->
                decorated(
                        make(GravesBidirectionalLSTM.Builder.class)
                                .then("nOut", from(1, 4))
                                .maybe("activation", gate())
                                .then("build"),
                        true);
            default -> cell(format);
        };
    }

    private Expression sequence(InputTypeRecurrent type) {
        RNNFormat format = type.getFormat() == null ? RNNFormat.NCW : type.getFormat();
        int size = (int) type.getSize();
        int steps = (int) type.getTimeSeriesLength();
        return switch (random.nextInt(26)) {
            case 0, 1 -> {
                Expression convolution = make(Convolution1DLayer.Builder.class, from(1, 3), from(1, 2))
                        .then("nOut", from(1, 4))
                        .maybe("activation", activation())
                        .then(
                                "convolutionMode",
                                one(ConvolutionMode.Same, ConvolutionMode.Causal, ConvolutionMode.Truncate));
                if (chance(0.2)) {
                    convolution = convolution.maybe("dilation", 2);
                }
                yield decorated(convolution.then("build"), true);
            }
            case 2 ->
                make(Subsampling1DLayer.Builder.class, one(PoolingType.MAX, PoolingType.AVG), 2, from(1, 2))
                        .maybe("convolutionMode", one(ConvolutionMode.Same, ConvolutionMode.Truncate))
                        .then("build");
            case 3 -> make(Upsampling1D.Builder.class, 2).then("build");
            case 4 -> make(Cropping1D.Builder.class, 1).then("build");
            case 5 ->
                make(ZeroPadding1DLayer.Builder.class, from(0, 2), from(0, 2)).then("build");
            case 6, 7 -> pooling();
            case 8 -> dense(from(1, 4));
            case 9, 10 ->
                format == RNNFormat.NCW
                        ? make(TimeDistributed.class, dense(from(1, 4)))
                        : make(TimeDistributed.class, dense(from(1, 4)), format);
            case 11 ->
                decorated(
                        make(SelfAttentionLayer.Builder.class)
                                .then("nHeads", 1)
                                .then("nOut", from(1, 4))
                                .then("headSize", 2)
                                .then("projectInput", true)
                                .then("build"),
                        false);
            case 12 ->
                decorated(
                        make(RecurrentAttentionLayer.Builder.class)
                                .then("nIn", size)
                                .then("nHeads", 1)
                                .then("nOut", from(1, 3))
                                .then("headSize", 2)
                                .then("projectInput", true)
                                .then("build"),
                        false);
            case 13 ->
                decorated(
                        make(LocallyConnected1D.Builder.class)
                                .then("kernelSize", from(1, 2))
                                .then("nOut", from(1, 3))
                                .then("setInputSize", Math.max(1, steps))
                                .then("build"),
                        false);
            case 14 -> make(MaskLayer.class);
            case 15 ->
                make(PReLULayer.Builder.class)
                        .then(
                                "inputShape",
                                format == RNNFormat.NCW
                                        ? new long[] {size, Math.max(1, steps)}
                                        : new long[] {Math.max(1, steps), size})
                        .then("build");
            default -> recurrent(format);
        };
    }

    private Expression pooling() {
        return make(
                        GlobalPoolingLayer.Builder.class,
                        one(PoolingType.MAX, PoolingType.AVG, PoolingType.SUM, PoolingType.PNORM))
                .then("build");
    }

    private Expression picture(InputTypeConvolutional type) {
        int channels = (int) type.getChannels();
        int k = from(1, 3);
        int[] kernel = {k, from(1, 3)};
        int[] stride = {from(1, 2), from(1, 2)};
        var mode = one(ConvolutionMode.Same, ConvolutionMode.Truncate);
        return switch (random.nextInt(24)) {
            case 0, 1, 2, 3, 4 -> {
                Expression convolution = make(ConvolutionLayer.Builder.class, kernel)
                        .then("nOut", from(1, 4))
                        .maybe("stride", stride)
                        .maybe("activation", activation())
                        .then("convolutionMode", mode);
                if (chance(0.2)) {
                    convolution = convolution.maybe("dilation", new int[] {from(1, 2), from(1, 2)});
                }
                if (chance(0.2)) {
                    convolution = convolution.maybe("hasBias", false);
                }
                if (chance(0.15) && mode == ConvolutionMode.Truncate) {
                    convolution = convolution.maybe("padding", new int[] {1, 1});
                }
                yield decorated(convolution.then("build"), true);
            }
            case 5 ->
                decorated(
                        make(WeightStandardizedConvolution.Builder.class, kernel)
                                .then("nOut", from(1, 4))
                                .maybe("activation", activation())
                                .then("convolutionMode", mode)
                                .then("build"),
                        true);
            case 6 ->
                decorated(
                        make(Deconvolution2D.Builder.class, kernel)
                                .then("nOut", from(1, 3))
                                .maybe("stride", stride)
                                .then("convolutionMode", mode)
                                .then("build"),
                        true);
            case 7 ->
                decorated(
                        make(DepthwiseConvolution2D.Builder.class, kernel)
                                .then("depthMultiplier", from(1, 2))
                                .maybe("stride", stride)
                                .then("convolutionMode", mode)
                                .then("build"),
                        true);
            case 8 ->
                decorated(
                        make(SeparableConvolution2D.Builder.class, kernel)
                                .then("depthMultiplier", from(1, 2))
                                .then("nOut", from(1, 3))
                                .maybe("stride", stride)
                                .then("convolutionMode", mode)
                                .then("build"),
                        true);
            case 9, 10 ->
                make(SubsamplingLayer.Builder.class, one(PoolingType.MAX, PoolingType.AVG, PoolingType.PNORM))
                        .maybe("pnorm", 2)
                        .then("kernelSize", new int[] {2, 2})
                        .maybe("stride", stride)
                        .then("convolutionMode", mode)
                        .then("build");
            case 11 -> make(Upsampling2D.Builder.class, 2).then("build");
            case 12 ->
                make(ZeroPaddingLayer.Builder.class, from(0, 2), from(0, 2)).then("build");
            case 13 -> make(Cropping2D.Builder.class, 1, 1).then("build");
            case 14 ->
                make(SpaceToDepthLayer.Builder.class, 2, type.getFormat()).then("build");
            case 15 -> make(LocalResponseNormalization.Builder.class).then("build");
            case 16 ->
                make(GroupNormalization.Builder.class, channels % 2 == 0 ? 2 : 1)
                        .then("build");
            case 17 ->
                make(PReLULayer.Builder.class)
                        .then(
                                "inputShape",
                                type.getFormat() == CNN2DFormat.NHWC
                                        ? new long[] {type.getHeight(), type.getWidth(), channels}
                                        : new long[] {channels, type.getHeight(), type.getWidth()})
                        .then("build");
            case 18 -> pooling();
            case 19 ->
                decorated(
                        make(LocallyConnected2D.Builder.class)
                                .then("kernelSize", new int[] {2, 2})
                                .then("nOut", from(1, 2))
                                .then("setInputSize", new int[] {(int) type.getHeight(), (int) type.getWidth()})
                                .then("build"),
                        false);
            case 20 ->
                make(PrimaryCapsules.Builder.class, 2, 2)
                        .then("kernelSize", new int[] {2, 2})
                        .then("stride", new int[] {1, 1})
                        .then("build");
            case 21 -> chance(0.3) ? make(BatchNormalization.Builder.class).then("build") : dense(from(1, 6));
            default -> dense(from(1, 6));
        };
    }

    private Expression volume(InputTypeConvolutional3D type) {
        var format = type.getDataFormat();
        return switch (random.nextInt(10)) {
            case 0, 1, 2 ->
                decorated(
                        make(Convolution3D.Builder.class, new int[] {2, 1, 2})
                                .then("nOut", from(1, 3))
                                .then("dataFormat", format)
                                .maybe("activation", activation())
                                .then("convolutionMode", one(ConvolutionMode.Same, ConvolutionMode.Truncate))
                                .then("build"),
                        true);
            case 3 ->
                decorated(
                        make(Deconvolution3D.Builder.class)
                                .then("kernelSize", new int[] {2, 2, 2})
                                .then("stride", new int[] {1, 1, 1})
                                .then("nOut", from(1, 2))
                                .then("dataFormat", format)
                                .then("build"),
                        true);
            case 4 ->
                make(Subsampling3DLayer.Builder.class, one(PoolingType.MAX, PoolingType.AVG))
                        .then("kernelSize", new int[] {2, 2, 2})
                        .then("dataFormat", format)
                        .then("convolutionMode", ConvolutionMode.Same)
                        .then("build");
            case 5 ->
                make(Upsampling3D.Builder.class, 2).then("dataFormat", format).then("build");
            case 6 -> make(Cropping3D.Builder.class, 0, 1, 0).then("build");
            case 7 -> make(ZeroPadding3DLayer.Builder.class, 1, 0, 1).then("build");
            case 8 -> pooling();
            default -> dense(from(1, 4));
        };
    }

    /** What makes a vector of capsules. */
    Expression capsules() {
        return make(CapsuleLayer.Builder.class, 2, 2, 2).then("build");
    }

    Expression capsuleStrength() {
        return make(CapsuleStrengthLayer.Builder.class).then("build");
    }

    /** An output layer on this type, with its loss. */
    record Output(Expression layer, Loss loss) {}

    Output output(InputType type) {
        int width = from(1, 4);
        return switch (type.getType()) {
            case RNN -> {
                var recurrent = (InputTypeRecurrent) type;
                boolean lossOnly = chance(0.2);
                Loss loss = loss(lossOnly ? (int) recurrent.getSize() : width);
                Expression layer = lossOnly
                        ? make(RnnLossLayer.Builder.class).then("lossFunction", loss.loss())
                        : make(RnnOutputLayer.Builder.class)
                                .then("lossFunction", loss.loss())
                                .then("nOut", width);
                if (recurrent.getFormat() == RNNFormat.NWC) {
                    layer = layer.then("dataFormat", RNNFormat.NWC);
                }
                layer = layer.then("activation", loss.activation()).then("build");
                yield new Output(lossOnly ? layer : decorated(layer, true), loss);
            }
            case CNN -> {
                var image = (InputTypeConvolutional) type;
                Loss loss = loss((int) image.getChannels());
                yield new Output(
                        make(CnnLossLayer.Builder.class)
                                .then("lossFunction", loss.loss())
                                .then("format", image.getFormat())
                                .then("activation", loss.activation())
                                .then("build"),
                        loss);
            }
            case CNN3D -> {
                var volume = (InputTypeConvolutional3D) type;
                Loss loss = loss((int) volume.getChannels());
                yield new Output(
                        make(Cnn3DLossLayer.Builder.class, volume.getDataFormat())
                                .then("lossFunction", loss.loss())
                                .then("activation", loss.activation())
                                .then("build"),
                        loss);
            }
            default -> {
                boolean lossOnly = chance(0.15) && type instanceof InputType.InputTypeFeedForward;
                Loss loss = loss(lossOnly ? (int) type.arrayElementsPerExample() : width);
                if (lossOnly) {
                    yield new Output(
                            make(LossLayer.Builder.class)
                                    .then("lossFunction", loss.loss())
                                    .then("activation", loss.activation())
                                    .then("build"),
                            loss);
                }
                Expression layer = make(OutputLayer.Builder.class)
                        .then("lossFunction", loss.loss())
                        .then("nOut", width)
                        .then("activation", loss.activation());
                if (chance(0.1)) {
                    layer = layer.maybe("hasBias", false);
                }
                yield new Output(decorated(layer.then("build"), true), loss);
            }
        };
    }
}
