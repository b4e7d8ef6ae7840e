// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.core.internal.arrays.Norms;
import io.github.dl4jdp.core.internal.arrays.Slices;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration.ListBuilder;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.Convolution1DLayer;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.EmbeddingSequenceLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.LocallyConnected1D;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PReLULayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.SeparableConvolution2D;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.weights.WeightInit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/**
 * No example moves a clipped sum by more than C, in floating point either: examples of every magnitude, with terms that cancel, zeros, subnormal and
 * non-finite numbers, among ordinary ones.
 */
class SumRoundingTest {
    private static final int EXAMPLES = 12;
    private static final int STEPS = 6;
    private static final int WIDTH = 8;
    private static final int OUTPUTS = 9;
    private static final int TOKENS = 4;
    private static final double TOLERANCE = 1e-5;

    /** What the input of a network is. */
    private enum Input {
        ROWS,
        SERIES,
        TOKENS_OF_SERIES,
        IMAGES
    }

    private record Case(String name, Input input, boolean outputSeries, UnaryOperator<ListBuilder> layers) {
        @Override
        public String toString() {
            return name;
        }

        MultiLayerNetwork network(DataType type, boolean zero) {
            var builder = new NeuralNetConfiguration.Builder()
                    .dataType(type)
                    .seed(3)
                    .activation(Activation.IDENTITY)
                    .weightInit(zero ? WeightInit.ZERO : WeightInit.XAVIER)
                    .list();
            var list = layers.apply(builder)
                    .setInputType(
                            switch (input) {
                                case ROWS -> InputType.feedForward(WIDTH);
                                case SERIES -> InputType.recurrent(WIDTH, STEPS);
                                case TOKENS_OF_SERIES -> InputType.recurrent(TOKENS, STEPS);
                                case IMAGES -> InputType.convolutional(5, 5, 2);
                            });
            var network = new MultiLayerNetwork(list.build());
            network.init();
            return network;
        }

        DataSet data(DataType type, long seed) {
            var random = new Random(seed);
            long[] shape =
                    switch (input) {
                        case ROWS -> new long[] {EXAMPLES, WIDTH};
                        case SERIES -> new long[] {EXAMPLES, WIDTH, STEPS};
                        case TOKENS_OF_SERIES -> new long[] {EXAMPLES, 1, STEPS};
                        case IMAGES -> new long[] {EXAMPLES, 2, 5, 5};
                    };
            INDArray features = Nd4j.create(type, shape);
            INDArray labels =
                    outputSeries ? Nd4j.create(type, EXAMPLES, OUTPUTS, STEPS) : Nd4j.create(type, EXAMPLES, OUTPUTS);
            for (int i = 0; i < EXAMPLES; i++) {
                boolean token = input == Input.TOKENS_OF_SERIES;
                fill(random, Slices.at(features, 0, i), type, token);
                fill(random, Slices.at(labels, 0, i), type, false);
            }
            return new DataSet(features, labels);
        }
    }

    /** One example: ordinary, of any magnitude, with equal features and labels that cancel over time, zero, or not finite. */
    private static void fill(Random random, INDArray into, DataType type, boolean token) {
        double range = type == DataType.FLOAT ? 37 : 290;
        double size = random.nextInt(3) == 0 ? 1 : Math.pow(10, (2 * random.nextDouble() - 1) * range);
        if (random.nextInt(12) == 0) {
            size = type == DataType.FLOAT ? 1e-41 : 1e-310;
        }
        int kind = random.nextInt(12);
        double[] values = new double[Math.toIntExact(into.length())];
        for (int j = 0; j < values.length; j++) {
            values[j] = token
                    ? random.nextInt(TOKENS)
                    : switch (kind) {
                        case 0 -> 0;
                        case 1, 2, 3 -> j % 2 == 0 ? size : -size;
                        case 4, 5 -> size;
                        case 6 -> size * Math.pow(10, random.nextInt(9) - 4);
                        case 7 -> random.nextInt(40) == 0 ? Double.NaN : random.nextGaussian();
                        default -> random.nextGaussian() * size;
                    };
        }
        into.assign(Nd4j.createFromArray(values).reshape('c', into.shape()).castTo(type));
    }

    private static RnnOutputLayer seriesOut(LossFunction loss) {
        return new RnnOutputLayer.Builder(loss)
                .activation(Activation.IDENTITY)
                .nOut(OUTPUTS)
                .build();
    }

    private static OutputLayer out(LossFunction loss) {
        return new OutputLayer.Builder(loss)
                .activation(Activation.IDENTITY)
                .nOut(OUTPUTS)
                .build();
    }

    private static List<Case> cases() {
        return List.of(
                new Case("output", Input.ROWS, false, b -> b.layer(out(LossFunction.MSE))),
                new Case("dense", Input.ROWS, false, b -> b.layer(
                                new DenseLayer.Builder().nOut(7).build())
                        .layer(out(LossFunction.L2))),
                new Case("layer norm", Input.ROWS, false, b -> b.layer(new DenseLayer.Builder()
                                .nOut(7)
                                .hasLayerNorm(true)
                                .build())
                        .layer(new PReLULayer.Builder().inputShape(7).build())
                        .layer(out(LossFunction.L2))),
                new Case("output over time", Input.SERIES, true, b -> b.layer(seriesOut(LossFunction.MSE))),
                new Case("absolute loss over time", Input.SERIES, true, b -> b.layer(seriesOut(LossFunction.L1))),
                new Case("recurrent", Input.SERIES, true, b -> b.layer(new SimpleRnn.Builder()
                                .nOut(5)
                                .activation(Activation.TANH)
                                .build())
                        .layer(seriesOut(LossFunction.L2))),
                new Case("LSTM", Input.SERIES, true, b -> b.layer(new LSTM.Builder()
                                .nOut(5)
                                .activation(Activation.TANH)
                                .build())
                        .layer(seriesOut(LossFunction.L2))),
                new Case("tokens", Input.TOKENS_OF_SERIES, true, b -> b.layer(new EmbeddingSequenceLayer.Builder()
                                .nIn(TOKENS)
                                .nOut(5)
                                .build())
                        .layer(seriesOut(LossFunction.L2))),
                new Case("convolution", Input.IMAGES, false, b -> b.layer(
                                new ConvolutionLayer.Builder(3, 3).nOut(4).build())
                        .layer(out(LossFunction.L2))),
                new Case("separable", Input.IMAGES, false, b -> b.layer(
                                new SeparableConvolution2D.Builder(3, 3).nOut(4).build())
                        .layer(out(LossFunction.L2))),
                new Case("convolution over time", Input.SERIES, false, b -> b.layer(
                                new Convolution1DLayer.Builder(2).nOut(4).build())
                        .layer(new GlobalPoolingLayer.Builder(org.deeplearning4j.nn.conf.layers.PoolingType.SUM)
                                .build())
                        .layer(out(LossFunction.L2))),
                new Case("slices", Input.SERIES, true, b -> b.layer(new LocallyConnected1D.Builder()
                                .nIn(WIDTH)
                                .nOut(4)
                                .kernelSize(1)
                                .stride(1)
                                .setInputSize(STEPS)
                                .activation(Activation.TANH)
                                .build())
                        .layer(seriesOut(LossFunction.L2))));
    }

    static Stream<Arguments> casesAndTypes() {
        return cases().stream()
                .flatMap(one -> Stream.of(DataType.FLOAT, DataType.DOUBLE).map(type -> Arguments.of(one, type)));
    }

    @ParameterizedTest(name = "{0} {1}")
    @MethodSource("casesAndTypes")
    void clippedSum_neighbors_areAtMostTheSensitivityApart(Case one, DataType type) {
        for (int seed = 0; seed < 4; seed++) {
            MultiLayerNetwork network = one.network(type, seed % 2 == 0);
            DataSet data = one.data(type, seed);
            DataSet others = one.data(type, 1000 + seed);
            double clippingNorm = seed % 3 == 0 ? 1 : seed % 3 == 1 ? 1e-3 : 50;
            double[] all = sum(network, data, clippingNorm);
            for (int i = 0; i < 3; i++) {
                int removed = (3 * i + seed) % EXAMPLES;
                assertApart(all, sum(network, without(data, removed), clippingNorm), clippingNorm);
                DataSet replaced =
                        new DataSet(data.getFeatures().dup(), data.getLabels().dup());
                Slices.at(replaced.getFeatures(), 0, removed).assign(Slices.at(others.getFeatures(), 0, removed));
                Slices.at(replaced.getLabels(), 0, removed).assign(Slices.at(others.getLabels(), 0, removed));
                assertApart(all, sum(network, replaced, clippingNorm), 2 * clippingNorm);
            }
        }
    }

    private static void assertApart(double[] a, double[] b, double sensitivity) {
        double[] difference = new double[a.length];
        for (int j = 0; j < a.length; j++) {
            difference[j] = a[j] - b[j];
        }
        assertThat(Norms.of(difference, 0, difference.length)).isLessThanOrEqualTo(sensitivity * (1 + TOLERANCE));
    }

    private static double[] sum(MultiLayerNetwork network, DataSet data, double clippingNorm) {
        return PerExampleGradients.clippedSum(network, data, clippingNorm)
                .castTo(DataType.DOUBLE)
                .toDoubleVector();
    }

    private static DataSet without(DataSet data, int example) {
        var features = new ArrayList<INDArray>();
        var labels = new ArrayList<INDArray>();
        for (int i = 0; i < data.numExamples(); i++) {
            if (i != example) {
                features.add(Slices.range(data.getFeatures(), 0, i, i + 1));
                labels.add(Slices.range(data.getLabels(), 0, i, i + 1));
            }
        }
        return new DataSet(
                Nd4j.concat(0, features.toArray(INDArray[]::new)), Nd4j.concat(0, labels.toArray(INDArray[]::new)));
    }

    @ParameterizedTest(name = "{0} {1}")
    @MethodSource("casesAndTypes")
    void norms_anyMagnitude_areThoseOfTheRows(Case one, DataType type) {
        double largest = type == DataType.FLOAT ? Float.MAX_VALUE : Double.MAX_VALUE;
        double smallest = type == DataType.FLOAT ? 1e-30 : 1e-290;
        for (int seed = 0; seed < 4; seed++) {
            MultiLayerNetwork network = one.network(type, seed % 2 == 0);
            DataSet data = one.data(type, seed);
            double[] norms = PerExampleGradients.norms(network, data)
                    .castTo(DataType.DOUBLE)
                    .toDoubleVector();
            double[][] rows = PerExampleGradients.materialize(network, data)
                    .castTo(DataType.DOUBLE)
                    .toDoubleMatrix();
            for (int i = 0; i < rows.length; i++) {
                double expected = Norms.of(rows[i], 0, rows[i].length);
                if (!(expected <= largest)) {
                    assertThat(norms[i] <= largest)
                            .as("row %s is not finite", i)
                            .isFalse();
                } else {
                    // A product in floating point is its terms' rounding away from the exact one; what is far below the
                    // range's end is that of one term.
                    double tolerance = type == DataType.FLOAT ? 1e-3 : 1e-6;
                    assertThat(Math.abs(norms[i] - expected))
                            .as("norm %s of row %s of norm %s", norms[i], i, expected)
                            .isLessThanOrEqualTo(expected * tolerance + smallest);
                }
            }
        }
    }

    /** Terms of a sequence that cancel: the gradient is zero, and a product over the batch would lose everybody else's. */
    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"FLOAT", "DOUBLE"})
    void clippedSum_cancellingGiant_absorbsNobody(DataType type) {
        int n = 60;
        double giant = type == DataType.FLOAT ? 0x1p40 : 0x1p70;
        MultiLayerNetwork network =
                new Case("", Input.SERIES, true, b -> b.layer(seriesOut(LossFunction.L1))).network(type, true);
        INDArray features = Nd4j.ones(type, n + 1, WIDTH, 2).muli(2);
        INDArray labels = Nd4j.ones(type, n + 1, OUTPUTS, 2).muli(1e30);
        Slices.at(features, 0, n / 2).assign(giant);
        Slices.at(Slices.at(labels, 0, n / 2), 1, 1).muli(-1);
        var data = new DataSet(features, labels);
        double[] with = sum(network, data, 1);
        double[] without = sum(network, without(data, n / 2), 1);
        assertThat(Norms.of(without, 0, without.length)).isGreaterThan(n * 0.99);
        assertApart(with, without, TOLERANCE);
    }

    /** What one example adds to a sum of one is its gradient, clipped, wherever it lies in the range of numbers. */
    @Test
    void clippedSum_oneExampleOfAnyMagnitude_isItsGradientClipped() {
        for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
            MultiLayerNetwork network = cases().get(0).network(type, true);
            double[][] pairs = type == DataType.FLOAT
                    ? new double[][] {
                        {1e30, 1e-25}, {1e38, 1e-38}, {3e38, 1e-43}, {1e-20, 1e25}, {1e-41, 1e38}, {1e19, 1e19}
                    }
                    : new double[][] {
                        {1e300, 1e-290}, {1e-290, 1e300}, {1e150, 1e150}, {1e308, 1e-320}, {1e-160, 1e-140}
                    };
            for (double[] pair : pairs) {
                var data = new DataSet(
                        Nd4j.zeros(type, 1, WIDTH).putScalar(0, 2, pair[0]),
                        Nd4j.zeros(type, 1, OUTPUTS).putScalar(0, 5, -pair[1]));
                double[] row = PerExampleGradients.materialize(network, data)
                        .castTo(DataType.DOUBLE)
                        .toDoubleVector();
                double norm = Norms.of(row, 0, row.length);
                double[] sum = sum(network, data, 1);
                double expected =
                        norm > (type == DataType.FLOAT ? Float.MAX_VALUE : Double.MAX_VALUE) ? 0 : Math.min(1, norm);
                assertThat(Norms.of(sum, 0, sum.length))
                        .as("%s features %s label %s gradient %s", type, pair[0], pair[1], norm)
                        .isBetween(expected * (1 - 1e-4) - 1e-44, expected * (1 + TOLERANCE) + 1e-44);
            }
        }
    }
}
