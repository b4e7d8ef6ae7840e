// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.distribution.BinomialDistribution;
import org.deeplearning4j.nn.conf.distribution.LogNormalDistribution;
import org.deeplearning4j.nn.conf.distribution.NormalDistribution;
import org.deeplearning4j.nn.conf.distribution.TruncatedNormalDistribution;
import org.deeplearning4j.nn.conf.distribution.UniformDistribution;
import org.deeplearning4j.nn.conf.dropout.AlphaDropout;
import org.deeplearning4j.nn.conf.dropout.Dropout;
import org.deeplearning4j.nn.conf.dropout.GaussianDropout;
import org.deeplearning4j.nn.conf.dropout.GaussianNoise;
import org.deeplearning4j.nn.conf.dropout.IDropout;
import org.deeplearning4j.nn.conf.dropout.SpatialDropout;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ActivationLayer;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.DropoutLayer;
import org.deeplearning4j.nn.conf.layers.GravesLSTM;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.SubsamplingLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.conf.layers.recurrent.TimeDistributed;
import org.deeplearning4j.nn.conf.layers.util.MaskZeroLayer;
import org.deeplearning4j.nn.conf.weightnoise.DropConnect;
import org.deeplearning4j.nn.conf.weightnoise.IWeightNoise;
import org.deeplearning4j.nn.conf.weightnoise.WeightNoise;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import org.nd4j.linalg.schedule.MapSchedule;
import org.nd4j.linalg.schedule.ScheduleType;

/** Small networks with every part that draws random numbers, in every place, made up from a seed. */
@SuppressWarnings("deprecation") // DL4J calls GravesLSTM deprecated, and networks with it exist
public final class RandomPartsNetworks {
    public static final int EXAMPLES = 101;
    static final int LENGTH = 5;
    static final int FEATURES = 4;

    private final SplittableRandom random;
    public final NetworkKind kind;
    public final DataType type;
    public final String description;
    private final InputType input;
    private final List<Layer> layers = new ArrayList<>();
    private final boolean differentiable;
    private final RNNFormat format;

    /**
     * @param seed says everything about the network
     * @param differentiable leaves out what DL4J does not differentiate rightly: RRELU, factors on weights, frozen layers, dropout on a recurrent output, MaskZero
     */
    public RandomPartsNetworks(long seed, boolean differentiable) {
        this.differentiable = differentiable;
        random = new SplittableRandom(seed);
        kind = random.nextBoolean() ? NetworkKind.MULTI_LAYER : NetworkKind.GRAPH;
        type = differentiable || random.nextInt(3) > 0 ? DataType.DOUBLE : DataType.FLOAT;
        format = random.nextBoolean() ? RNNFormat.NCW : RNNFormat.NWC;
        int family = random.nextInt(3);
        input = switch (family) {
            case 0 -> dense();
            case 1 -> pictures();
            default -> sequences();
        };
        var names = new StringBuilder(kind + " " + type + " " + format);
        for (Layer layer : layers) {
            names.append(' ').append(layer.getClass().getSimpleName());
        }
        description = names.toString();
    }

    private InputType dense() {
        freeze(new DenseLayer.Builder().nOut(5).activation(Activation.TANH));
        if (random.nextBoolean()) {
            layers.add(new DropoutLayer.Builder(dropout(2)).build());
        }
        layers.add(new DenseLayer.Builder()
                .nOut(4)
                .activation(activation())
                .dropOut(dropout(2))
                .weightNoise(weightNoise())
                .build());
        if (random.nextBoolean() && !differentiable) {
            layers.add(
                    new ActivationLayer.Builder().activation(Activation.RRELU).build());
        }
        if (random.nextBoolean() && !differentiable) {
            layers.add(new FrozenLayerWithBackprop(new DenseLayer.Builder()
                    .nOut(4)
                    .activation(Activation.SIGMOID)
                    .dropOut(dropout(2))
                    .build()));
        }
        output();
        return InputType.feedForward(FEATURES);
    }

    private InputType pictures() {
        layers.add(new ConvolutionLayer.Builder(3, 3)
                .nOut(3)
                .activation(activation())
                .dropOut(dropout(4))
                .weightNoise(weightNoise())
                .build());
        layers.add(new SubsamplingLayer.Builder(SubsamplingLayer.PoolingType.AVG)
                .kernelSize(2, 2)
                .stride(2, 2)
                .dropOut(random.nextBoolean() ? dropout(4) : null)
                .build());
        layers.add(new DropoutLayer.Builder(dropout(4)).build());
        layers.add(new DenseLayer.Builder()
                .nOut(4)
                .activation(Activation.TANH)
                .dropOut(dropout(2))
                .build());
        output();
        return InputType.convolutional(6, 6, 2);
    }

    private InputType sequences() {
        if (kind == NetworkKind.MULTI_LAYER && random.nextBoolean() && !differentiable) {
            // Runs as in training, and backpropagation does not come to it.
            layers.add(new Bidirectional(recurrent(3)));
            layers.add(new FrozenLayer(new LSTM.Builder()
                    .nOut(4)
                    .activation(Activation.TANH)
                    .dataFormat(format)
                    .build()));
        }
        layers.add(wrapped(recurrent(3)));
        if (random.nextBoolean()) {
            layers.add(new DropoutLayer.Builder(dropout(3)).build());
        }
        layers.add(recurrent(4));
        switch (random.nextInt(3)) {
            case 0 -> {
                layers.add(new LastTimeStep(wrappedTwice(recurrent(3))));
                output();
            }
            case 1 -> {
                layers.add(new TimeDistributed(new DenseLayer.Builder()
                        .nOut(3)
                        .activation(Activation.TANH)
                        .dropOut(dropout(2))
                        .weightNoise(weightNoise())
                        .build()));
                rnnOutput();
            }
            default -> rnnOutput();
        }
        return InputType.recurrent(FEATURES, LENGTH, format);
    }

    private void freeze(DenseLayer.Builder builder) {
        // Only a list of layers may have something below the frozen layer that runs as in training.
        if (kind == NetworkKind.MULTI_LAYER && random.nextInt(3) == 0 && !differentiable) {
            layers.add(new DenseLayer.Builder()
                    .nOut(5)
                    .activation(Activation.TANH)
                    .dropOut(dropout(2))
                    .weightNoise(new DropConnect(0.7))
                    .build());
            layers.add(new FrozenLayer(builder.build()));
        } else {
            layers.add(builder.dropOut(dropout(2)).weightNoise(weightNoise()).build());
        }
    }

    private Layer recurrent(int nOut) {
        IDropout dropout = dropout(3);
        IWeightNoise noise = weightNoise();
        return switch (random.nextInt(3)) {
            case 0 ->
                new LSTM.Builder()
                        .nOut(nOut)
                        .activation(Activation.TANH)
                        .dataFormat(format)
                        .dropOut(dropout)
                        .weightNoise(noise)
                        .build();
            case 1 ->
                new SimpleRnn.Builder()
                        .nOut(nOut)
                        .activation(Activation.TANH)
                        .dataFormat(format)
                        .dropOut(dropout)
                        .weightNoise(noise)
                        .build();
            default ->
                new GravesLSTM.Builder()
                        .nOut(nOut)
                        .activation(Activation.TANH)
                        .dataFormat(format)
                        .dropOut(dropout)
                        .weightNoise(noise)
                        .build();
        };
    }

    private Layer wrapped(Layer layer) {
        return switch (random.nextInt(3)) {
            case 0 ->
                new Bidirectional(
                        Bidirectional.Mode.values()[random.nextInt(Bidirectional.Mode.values().length)], layer);
            case 1 -> differentiable || format == RNNFormat.NWC ? layer : new MaskZeroLayer(layer, 77);
            default -> layer;
        };
    }

    /** MaskZero inside a wrapper. */
    private Layer wrappedTwice(Layer layer) {
        return random.nextBoolean() && !differentiable && format == RNNFormat.NCW
                ? new MaskZeroLayer(layer, 77)
                : layer;
    }

    private void output() {
        layers.add(new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(3)
                .activation(Activation.SOFTMAX)
                .dropOut(dropout(2))
                .weightNoise(weightNoise())
                .build());
    }

    private void rnnOutput() {
        layers.add(new RnnOutputLayer.Builder(LossFunction.MCXENT)
                .nOut(3)
                .dataFormat(format)
                .activation(Activation.SOFTMAX)
                .dropOut(differentiable ? null : dropout(2))
                .weightNoise(differentiable ? null : weightNoise())
                .build());
    }

    private Activation activation() {
        return random.nextInt(3) == 0 && !differentiable ? Activation.RRELU : Activation.TANH;
    }

    private IDropout dropout(int rank) {
        var p = new MapSchedule(ScheduleType.ITERATION, java.util.Map.of(0, 0.6, 2, 0.8));
        return switch (random.nextInt(rank > 2 ? 7 : 6)) {
            case 0, 1 -> new Dropout(0.6);
            case 2 -> new Dropout(p);
            case 3 -> new GaussianDropout(0.4);
            case 4 -> new GaussianNoise(0.5);
            case 5 -> new AlphaDropout(0.7);
            default -> new SpatialDropout(0.6);
        };
    }

    private @Nullable IWeightNoise weightNoise() {
        if (differentiable) {
            return random.nextBoolean() ? null : new WeightNoise(new NormalDistribution(0, 0.5), true, true);
        }
        return switch (random.nextInt(9)) {
            case 0 -> new DropConnect(0.6);
            case 1 -> new DropConnect(0.7, true);
            case 2 -> new WeightNoise(new NormalDistribution(0, 0.5), true, true);
            case 3 -> new WeightNoise(new UniformDistribution(0.5, 1.5), false);
            case 4 -> new WeightNoise(new TruncatedNormalDistribution(1, 0.3), false);
            case 5 -> new WeightNoise(new LogNormalDistribution(0, 0.4), false);
            case 6 -> new WeightNoise(new BinomialDistribution(3, 0.4), false);
            default -> null;
        };
    }

    /** The network, always with the same parameters. */
    public Model build(long networkSeed) {
        var copies = layers.stream().map(Layer::clone).toArray(Layer[]::new);
        Model network = kind.chain(
                new NeuralNetConfiguration.Builder()
                        .seed(networkSeed)
                        .dataType(type)
                        .updater(new Sgd(0)),
                input,
                copies);
        var values =
                new SplittableRandom(4).doubles(network.numParams(), -0.7, 0.7).toArray();
        network.setParams(Nd4j.createFromArray(values)
                .castTo(type)
                .reshape(network.params().shape()));
        return network;
    }

    public DataSet data(long seed, int examples) {
        var values = new SplittableRandom(seed);
        long[] shape = input.getShape(true).clone();
        shape[0] = examples;
        INDArray features = Nd4j.zeros(type, shape);
        for (long i = 0; i < features.length(); i++) {
            features.putScalar(i, values.nextDouble(-2, 2));
        }
        boolean perStep = layers.get(layers.size() - 1) instanceof RnnOutputLayer;
        long[] out = !perStep
                ? new long[] {examples, 3}
                : format == RNNFormat.NCW ? new long[] {examples, 3, LENGTH} : new long[] {examples, LENGTH, 3};
        INDArray labels = Nd4j.zeros(type, out);
        for (int i = 0; i < examples; i++) {
            for (int t = 0; t < (perStep ? LENGTH : 1); t++) {
                int c = values.nextInt(3);
                if (!perStep) {
                    labels.putScalar(i, c, 1);
                } else if (format == RNNFormat.NCW) {
                    labels.putScalar(i, c, t, 1);
                } else {
                    labels.putScalar(i, t, c, 1);
                }
            }
        }
        return new DataSet(features, labels);
    }

    public static DataSet without(DataSet data, int from) {
        var rows = NDArrayIndex.interval(0, from);
        return new DataSet(
                data.getFeatures().get(rows).dup(), data.getLabels().get(rows).dup());
    }
}
