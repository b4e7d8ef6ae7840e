// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.dl4jdp.core.internal.arrays.CpuBlas;
import io.github.dl4jdp.core.internal.arrays.Norms;
import io.github.dl4jdp.core.internal.arrays.Rounding;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration.ListBuilder;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.SelfAttentionLayer;
import org.deeplearning4j.nn.conf.layers.SubsamplingLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/**
 * The rows of the examples depend on their places in the physical batches by less than the noise pays for: examples removed at the front, drawn in another order, in
 * batches of every size.
 */
class RowPlacesTest {
    private static final int EXAMPLES = 97;
    private static final int CLASSES = 4;

    /** How many rows of a batch of {@value #EXAMPLES} are compared, and how the rest is put in their way. */
    private static final int ORDERS = 6;

    @SuppressWarnings("ImmutableEnumChecker") // configurations that no test changes
    private enum Kind {
        REGRESSION(InputType.feedForward(300), b -> {}),
        DENSE(InputType.feedForward(61), b -> b.layer(
                        new DenseLayer.Builder().nOut(67).build())
                .layer(new DenseLayer.Builder()
                        .nOut(33)
                        .activation(Activation.RELU)
                        .build())),
        DEEP(InputType.feedForward(30), b -> {
            for (int i = 0; i < 8; i++) {
                b.layer(new DenseLayer.Builder().nOut(29).build());
            }
        }),
        CONVOLUTION(InputType.convolutional(9, 9, 3), b -> b.layer(
                        new ConvolutionLayer.Builder(3, 3).nOut(10).build())
                .layer(new SubsamplingLayer.Builder()
                        .kernelSize(2, 2)
                        .stride(2, 2)
                        .build())
                .layer(new DenseLayer.Builder().nOut(17).build())),
        LSTMS(InputType.recurrent(7, 12), b -> b.layer(
                        new LSTM.Builder().nOut(13).build())
                .layer(new LastTimeStep(new LSTM.Builder().nOut(9).build()))),
        RECURRENT(
                InputType.recurrent(7, 12),
                b -> b.layer(new LastTimeStep(new SimpleRnn.Builder().nOut(13).build()))),
        ATTENTION(InputType.recurrent(7, 5), b -> b.layer(new SelfAttentionLayer.Builder()
                        .nOut(8)
                        .nHeads(2)
                        .projectInput(true)
                        .build())
                .layer(new GlobalPoolingLayer()));

        final InputType input;
        final UnaryOperator<ListBuilder> layers;

        Kind(InputType input, java.util.function.Consumer<ListBuilder> layers) {
            this.input = input;
            this.layers = builder -> {
                layers.accept(builder);
                return builder;
            };
        }

        MultiLayerNetwork network(DataType type, long seed) {
            var builder = new NeuralNetConfiguration.Builder()
                    .seed(seed)
                    .dataType(type)
                    .activation(Activation.TANH)
                    .list();
            var network = new MultiLayerNetwork(layers.apply(builder)
                    .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                            .activation(Activation.SOFTMAX)
                            .nOut(CLASSES)
                            .build())
                    .setInputType(input)
                    .build());
            network.init();
            return network;
        }

        DataSet data(DataType type, Random random) {
            double[] values = new double[Math.toIntExact(Arrays.stream(shape()).reduce(1, (a, b) -> a * b))];
            int row = values.length / EXAMPLES;
            for (int i = 0; i < values.length; i++) {
                // Of each example's own size, three orders of magnitude apart.
                values[i] = random.nextGaussian() * Math.pow(10, (i / row) % 4 - 2);
            }
            INDArray features = Nd4j.create(values, shape(), 'c').castTo(type);
            INDArray labels = Nd4j.zeros(type, EXAMPLES, CLASSES);
            for (int i = 0; i < EXAMPLES; i++) {
                labels.putScalar(i, random.nextInt(CLASSES), 1);
            }
            return new DataSet(features, labels);
        }

        private long[] shape() {
            long[] shape = input.getShape(true).clone();
            shape[0] = EXAMPLES;
            return shape;
        }
    }

    private static INDArray rows(INDArray all, int[] places) {
        long[] shape = all.shape().clone();
        INDArray flat = all.reshape('c', shape[0], all.length() / shape[0]);
        shape[0] = places.length;
        return Nd4j.pullRows(flat, 1, places, 'c').reshape('c', shape);
    }

    private static double[][] clippedRows(MultiLayerNetwork network, DataSet data, int[] places, double norm) {
        INDArray all = PerExampleGradients.materialize(
                network, new DataSet(rows(data.getFeatures(), places), rows(data.getLabels(), places)));
        double[][] clipped = new double[places.length][];
        for (int i = 0; i < places.length; i++) {
            clipped[i] = all.getRow(i).castTo(DataType.DOUBLE).toDoubleVector();
            double own = Norms.of(clipped[i], 0, clipped[i].length);
            double factor = Math.min(1, norm / own);
            for (int k = 0; k < clipped[i].length; k++) {
                clipped[i][k] *= factor;
            }
        }
        return clipped;
    }

    /** False failures: none, the seeds are fixed. */
    @ParameterizedTest
    @EnumSource
    void rows_otherPlaces_differByLessThanTheNoisePaysFor(Kind kind) {
        for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
            var random = new Random(5);
            MultiLayerNetwork network = kind.network(type, 11);
            DataSet data = kind.data(type, random);
            int[] all = new int[EXAMPLES];
            Arrays.setAll(all, i -> i);
            for (double norm : new double[] {1e-3, 1}) {
                double[][] reference = clippedRows(network, data, all, norm);
                for (int order = 0; order < ORDERS; order++) {
                    int[] places = order == 0 ? Arrays.copyOfRange(all, 1, EXAMPLES) : places(random);
                    double[][] moved = clippedRows(network, data, places, norm);
                    // Longer than the difference of the sums: what the examples' differences could add up to.
                    double together = 0;
                    for (int i = 0; i < places.length; i++) {
                        double[] difference = moved[i].clone();
                        for (int k = 0; k < difference.length; k++) {
                            difference[k] -= reference[places[i]][k];
                        }
                        together += Norms.of(difference, 0, difference.length);
                    }
                    assertThat(together)
                            .as("%s, C = %s, %d examples", type, norm, places.length)
                            .isLessThanOrEqualTo(2 * Rounding.rows(type, places.length) * norm);
                }
            }
        }
    }

    /** No bit depends on the place where oneDNN makes the products; simple recurrent and attention layers have ND4J's. False failures: none, the seeds are fixed. */
    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            names = {"ATTENTION", "RECURRENT"})
    void rows_otherPlacesWithOneDnn_haveTheSameBits(Kind kind) {
        CpuBlas blas = CpuBlas.find();
        assumeTrue(blas != null && blas.usesOneDnn(), "without oneDNN");
        var random = new Random(7);
        MultiLayerNetwork network = kind.network(DataType.FLOAT, 11);
        DataSet data = kind.data(DataType.FLOAT, random);
        int[] all = new int[EXAMPLES];
        Arrays.setAll(all, i -> i);
        double[][] reference = clippedRows(network, data, all, Double.MAX_VALUE);
        for (int order = 0; order < 3 * ORDERS; order++) {
            int[] places = order == 0 ? Arrays.copyOfRange(all, 1, EXAMPLES) : places(random);
            double[][] moved = clippedRows(network, data, places, Double.MAX_VALUE);
            for (int i = 0; i < places.length; i++) {
                assertThat(moved[i])
                        .as("%s, row %d of %d", kind, i, places.length)
                        .isEqualTo(reference[places[i]]);
            }
        }
    }

    /** What is not so by construction stands in the report. */
    @ParameterizedTest
    @EnumSource
    void report_rowsThatMayDependOnTheirPlaces_areAnAssumption(Kind kind) {
        CpuBlas blas = CpuBlas.find();
        boolean isByConstruction =
                blas != null && blas.usesOneDnn() && kind != Kind.ATTENTION && kind != Kind.RECURRENT;
        assertThat(assumes(kind.network(DataType.FLOAT, 11))).isEqualTo(!isByConstruction);
        assertThat(assumes(kind.network(DataType.DOUBLE, 11))).isFalse();
        MultiLayerNetwork whole = kind.network(DataType.FLOAT, 11);
        if (whole.getnLayers() > 1 && whole.getLayer(0).numParams() > 0) {
            assertThat(assumes(new TransferLearning.Builder(whole)
                            .setFeatureExtractor(0)
                            .build()))
                    .isTrue();
        }
    }

    private static boolean assumes(MultiLayerNetwork network) {
        var plan = DpSgdPlan.poisson(100, 10)
                .withSteps(1)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5);
        try (PrivacyEngine engine = PrivacyEngine.attach(network, plan)) {
            return engine.report().assumptions().stream().anyMatch(one -> one.contains("places of examples"));
        }
    }

    private static int[] places(Random random) {
        List<Integer> shuffled = new ArrayList<>();
        for (int i = 0; i < EXAMPLES; i++) {
            shuffled.add(i);
        }
        Collections.shuffle(shuffled, random);
        return shuffled.stream()
                .limit(1 + random.nextInt(EXAMPLES - 1))
                .mapToInt(i -> i)
                .toArray();
    }
}
