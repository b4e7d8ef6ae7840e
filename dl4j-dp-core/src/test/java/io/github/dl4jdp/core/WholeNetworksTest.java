// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.core.mechanism.TrainableLayer;
import java.util.Collection;
import java.util.Objects;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whole networks against DL4J's own gradients of batches of one: every norm, every row and the clipped sum, the last two relative in L2 for
 * each parameter array by itself.
 */
class WholeNetworksTest {
    private static final Logger log = LoggerFactory.getLogger(WholeNetworksTest.class);

    static Stream<Arguments> networks() {
        return WholeNetworks.all().keySet().stream()
                .flatMap(name ->
                        Stream.of(Arguments.of(name, DataType.DOUBLE, 1e-9), Arguments.of(name, DataType.FLOAT, 1e-4)));
    }

    @ParameterizedTest(name = "{0}, {1}")
    @MethodSource("networks")
    void gradients_wholeNetwork_equalBatchesOfOne(String name, DataType type, double tolerance) {
        Nd4j.getRandom().setSeed(31);
        var sample = Objects.requireNonNull(WholeNetworks.all().get(name)).apply(type);
        Model network = sample.network();
        INDArray expected = network instanceof ComputationGraph graph
                ? BatchesOfOne.gradients(graph, sample.data())
                : BatchesOfOne.gradients((MultiLayerNetwork) network, dataSet(sample.data()));
        eraseFrozen(network, expected);
        INDArray norms = expected.norm2(1);
        double clippingNorm = norms.medianNumber().doubleValue();
        INDArray clipped = Nd4j.zeros(DataType.DOUBLE, expected.size(1));
        for (int i = 0; i < WholeNetworks.EXAMPLES; i++) {
            clipped.addi(expected.getRow(i).mul(Math.min(1, clippingNorm / norms.getDouble(i))));
        }

        INDArray rows = PerExampleGradients.materialize(network, sample.data());
        double worst = relative(PerExampleGradients.norms(network, sample.data()), norms);
        INDArray sum = PerExampleGradients.clippedSum(network, sample.data(), clippingNorm);
        long from = 0;
        for (INDArray parameter : parameters(network)) {
            var range = NDArrayIndex.interval(from, from + parameter.length());
            worst = Math.max(worst, relative(sum.get(range), clipped.get(range)));
            for (int i = 0; i < WholeNetworks.EXAMPLES; i++) {
                worst = Math.max(
                        worst,
                        relative(rows.getRow(i).get(range), expected.getRow(i).get(range)));
            }
            from += parameter.length();
        }

        log.info("{}, {}: largest relative error {}", name, type, worst);
        assertThat(from).isEqualTo(expected.size(1));
        assertThat(worst).isLessThan(tolerance);
    }

    private static @Nullable INDArray first(INDArray @Nullable [] arrays) {
        return arrays == null ? null : arrays[0];
    }

    private static DataSet dataSet(MultiDataSet data) {
        return new DataSet(
                data.getFeatures(0),
                data.getLabels(0),
                first(data.getFeaturesMaskArrays()),
                first(data.getLabelsMaskArrays()));
    }

    private static Collection<INDArray> parameters(Model network) {
        return network instanceof ComputationGraph graph
                ? graph.paramTable().values()
                : ((MultiLayerNetwork) network).paramTable().values();
    }

    /** DL4J leaves in the gradient of a frozen layer what was there before. */
    private static void eraseFrozen(Model network, INDArray rows) {
        if (network instanceof MultiLayerNetwork layers) {
            long from = 0;
            for (var layer : layers.getLayers()) {
                if (!TrainableLayer.trains(layer) && layer.numParams() > 0) {
                    rows.get(NDArrayIndex.all(), NDArrayIndex.interval(from, from + layer.numParams()))
                            .assign(0);
                }
                from += layer.numParams();
            }
        }
    }

    private static double relative(INDArray actual, INDArray expected) {
        double length = expected.norm2Number().doubleValue();
        double error =
                actual.castTo(DataType.DOUBLE).sub(expected).norm2Number().doubleValue();
        return length == 0 ? error : error / length;
    }

    /** The measure itself: it sees an error of one part in a hundred thousand in the smallest parameter array. */
    @ParameterizedTest
    @CsvSource({"1e-5", "1e-3"})
    void relative_wrongByAPart_isThatPart(double part) {
        INDArray expected = Nd4j.createFromArray(3.0, 4.0);
        assertThat(relative(expected.mul(1 + part), expected))
                .isCloseTo(part, org.assertj.core.data.Offset.offset(1e-9));
    }
}
