// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.core.data.Augmentation;
import io.github.dl4jdp.core.mechanism.Clipping;
import java.util.ArrayList;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;

/** What is released with augmentation multiplicity; the gradients themselves are in {@link AveragedGradientsTest}. */
class AugmentationTest extends AugmentedRuns {
    /** Number of the dense layer's parameters, which come first. */
    private static final int DENSE = 25;

    @ParameterizedTest
    @MethodSource("kindsOfNetworks")
    void fit_copiesThatAreAllTheSame_trainsAsOneCopy(NetworkKind kind, Clipping clipping) {
        Model one = kind.classifier(DataType.DOUBLE, new Adam(0.05));
        Model several = kind.classifier(DataType.DOUBLE, new Adam(0.05));
        var engineOfOne = PrivacyEngine.attach(one, plan(clipping), physicalBatch(2));
        kind.fit(one, engineOfOne.lots(data(EXAMPLES)), 2);
        var engine = PrivacyEngine.attach(several, copied(clipping), physicalBatch(2 * COPIES));
        kind.fit(several, engine.lots(data(EXAMPLES), IDENTITY), 2);
        assertThat(engine.steps()).isEqualTo(6);
        assertThat(several.params().distance2(one.params())).isLessThan(1e-10);
        assertThat(engine.epsilon()).isEqualTo(engineOfOne.epsilon());
        assertThat(engine.clippingNorm()).isEqualTo(engineOfOne.clippingNorm());
    }

    @ParameterizedTest
    @EnumSource
    void fit_noClippingNoNoiseSameCopies_trainsAsPlainDl4j(NetworkKind kind) {
        DataSet data = data(EXAMPLES);
        Model plain = kind.classifier(DataType.DOUBLE, new Adam(0.05));
        Model several = kind.classifier(DataType.DOUBLE, new Adam(0.05));
        var plan = DpSgdPlan.fixedSize(EXAMPLES, EXAMPLES)
                .withSteps(5)
                .withClippingNorm(1e30)
                .withoutNoise()
                .withDelta(1e-5)
                .withAugmentationMultiplicity(COPIES);
        var engine = PrivacyEngine.attach(several, plan, physicalBatch(9));
        train(kind, several, engine.lots(data, IDENTITY), 5);
        for (int i = 0; i < 5; i++) {
            kind.fit(plain, data);
        }
        assertThat(several.params().distance2(plain.params())).isLessThan(1e-10);
    }

    /** The copies that the augmentation made, row by row, averaged and clipped by hand. */
    @ParameterizedTest
    @MethodSource("kinds")
    void fit_copiesThatDiffer_sumsTheClippedMeans(Clipping clipping) {
        DataSet data = data(EXAMPLES);
        var plan = DpSgdPlan.fixedSize(EXAMPLES, EXAMPLES)
                .withSteps(1)
                .withClipping(clipping)
                .withoutNoise()
                .withDelta(1e-5)
                .withAugmentationMultiplicity(COPIES)
                .withSeed(7);
        var made = new ArrayList<INDArray>();
        releases(
                NetworkKind.MULTI_LAYER,
                plan,
                data,
                IDENTITY.andThen((features, random) -> {
                    INDArray copy = SHIFT.augment(features.dup(), random);
                    made.add(copy);
                    return copy;
                }),
                physicalBatch(100));
        MultiLayerNetwork look = Networks.classifier(DataType.DOUBLE, new Sgd(0));
        INDArray expected = Nd4j.zeros(DataType.DOUBLE, look.numParams());
        for (int i = 0; i < EXAMPLES; i++) {
            INDArray mean = Nd4j.zeros(DataType.DOUBLE, look.numParams());
            for (int k = 0; k < COPIES; k++) {
                var copy =
                        new DataSet(made.get(k * EXAMPLES + i), data.getLabels().getRow(i, true));
                mean.addi(PerExampleGradients.materialize(look, copy).getRow(0).div(COPIES));
            }
            assertThat(made.get(i).distance2(made.get(EXAMPLES + i))).isGreaterThan(1e-6);
            expected.addi(clipped(clipping, mean));
        }
        for (int size : new int[] {1, 7, 100}) {
            INDArray sum = releases(NetworkKind.MULTI_LAYER, plan, data, SHIFT, physicalBatch(size))
                    .get(0);
            assertThat(sum.distance2(expected)).isLessThan(1e-12);
        }
    }

    private static INDArray clipped(Clipping clipping, INDArray row) {
        if (clipping instanceof Clipping.Automatic automatic) {
            return row.mul(clipping.norm() / (row.norm2Number().doubleValue() + automatic.stability()));
        }
        if (clipping instanceof Clipping.PerLayer perLayer) {
            return Nd4j.concat(
                    0,
                    flat(
                            row.get(NDArrayIndex.interval(0, DENSE)),
                            perLayer.norms().get(0)),
                    flat(
                            row.get(NDArrayIndex.interval(DENSE, row.length())),
                            perLayer.norms().get(1)));
        }
        return flat(row, clipping.norm());
    }

    private static INDArray flat(INDArray row, double bound) {
        return row.mul(Math.min(1, bound / row.norm2Number().doubleValue()));
    }

    /** The draws of the other examples stay as they are, so the sums of neighboring data sets are one clipped mean apart. */
    @ParameterizedTest
    @MethodSource("kindsOfNetworks")
    void fit_oneExampleRemoved_movesTheSumByTheNormAtMost(NetworkKind kind, Clipping clipping) {
        int examples = 120;
        DataSet whole = data(examples);
        whole.getFeatures().getRow(examples - 1).muli(50);
        var rest = new ArrayList<DataSet>(whole.asList());
        rest.remove(examples - 1);
        // The norm that an adaptive run has reached differs between neighbors, and is part of what is released.
        Clipping still = clipping instanceof Clipping.Adaptive ? Clipping.flat(0.5) : clipping;
        var plan = DpSgdPlan.poisson(examples, 12)
                .withSteps(30)
                .withClipping(still)
                .withNoiseMultiplier(1)
                .withDelta(1e-5)
                .withSeed(5)
                .withAugmentationMultiplicity(COPIES);
        var with = releases(kind, plan, whole, SHIFT, physicalBatch(20));
        var without = releases(kind, plan, DataSet.merge(rest), SHIFT, physicalBatch(20));
        double furthest = 0;
        int same = 0;
        for (int lot = 0; lot < with.size(); lot++) {
            double distance = with.get(lot).distance2(without.get(lot));
            assertThat(distance).isLessThanOrEqualTo(still.norm() * (1 + 1e-9));
            furthest = Math.max(furthest, distance);
            same += distance == 0 ? 1 : 0;
        }
        // Per layer, only the output layer's bound is reached: 0.4 of 0.5.
        assertThat(furthest).isGreaterThan(0.75 * still.norm());
        assertThat(same).isBetween(10, 29);
    }

    @ParameterizedTest
    @EnumSource
    void fit_oneCopyThatIsNoNumber_contributesNothingOfItsExample(NetworkKind kind) {
        DataSet data = data(EXAMPLES);
        var plan = DpSgdPlan.fixedSize(EXAMPLES, EXAMPLES)
                .withSteps(1)
                .withClippingNorm(0.5)
                .withoutNoise()
                .withDelta(1e-5)
                .withAugmentationMultiplicity(COPIES)
                .withSeed(7);
        Augmentation breaks = (features, random) -> {
            // Of the example that is marked, about every second copy.
            boolean marked = features.getDouble(0, 0) == 77;
            return marked && random.nextBoolean() ? features.assign(Double.NaN) : SHIFT.augment(features, random);
        };
        data.getFeatures().putScalar(3, 0, 77);
        INDArray sum = releases(kind, plan, data, breaks, physicalBatch(100)).get(0);
        data.getFeatures().getRow(3).assign(Double.NaN);
        INDArray without = releases(kind, plan, data, SHIFT, physicalBatch(100)).get(0);
        assertThat(sum.distance2(without)).isLessThan(1e-12);
        assertThat(sum.norm2Number().doubleValue()).isPositive();
    }
}
