// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.gradient.PerExampleGradientRule;
import java.util.Arrays;
import java.util.Set;
import java.util.function.Supplier;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.constraints.IntRange;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Sgd;

/**
 * What every {@link PerExampleGradientRule} must satisfy: extend it, return networks that hold the layer from {@link #cases}, and for a
 * rule of your own override {@link #rules}. jqwik runs the properties, each on a few of the cases, with batches of one to five examples.
 *
 * <p>The oracle is DL4J itself with batches of one example. Errors are relative, in L2, for each parameter: 1e-9 in double precision, 1e-4 in
 * single precision.
 */
public abstract class GradientRuleContract {
    private static final int MAX_EXAMPLES = 5;
    private static final int TRIES = 6;
    private static final String SEED = "20260";

    /** Networks with the layer under test: draw sizes, modes, bias, masks, dropout. */
    protected abstract Arbitrary<GradientCase> cases();

    /** Rules for every layer of the {@link #cases}, and opt-ins for the cases' own parts. */
    protected GradientRules rules() {
        return GradientRules.builtIn();
    }

    @Provide
    Arbitrary<GradientCase> gradientCases() {
        return cases();
    }

    @Provide
    Arbitrary<DataType> types() {
        return Arbitraries.of(DataType.DOUBLE, DataType.FLOAT);
    }

    /** Rounding of a well-conditioned gradient: the bar for parameters whose gradient is not a small rest of large terms. */
    static double tolerance(DataType type) {
        return type == DataType.DOUBLE ? 1e-9 : 1e-4;
    }

    @Property(tries = 2 * TRIES, seed = SEED, shrinking = ShrinkingMode.OFF)
    void addRow_anyExample_equalsBatchOfOne(
            @ForAll("gradientCases") GradientCase gradientCase,
            @ForAll("types") DataType type,
            @ForAll @IntRange(min = 1, max = MAX_EXAMPLES) int examples,
            @ForAll @IntRange(min = 0, max = 99) int seed) {
        assertRowsEqualBatchesOfOne(gradientCase, type, examples, seed);
    }

    /** The property above for one case: for tests that go through a list of layers. */
    protected final void assertRowsEqualBatchesOfOne(
            GradientCase gradientCase, DataType type, int examples, long seed) {
        MultiLayerNetwork network = gradientCase.network(type);
        DataSet data = gradientCase.data(network, examples, seed);
        INDArray rows = run(network, data, ones(examples)).rows();
        for (int i = 0; i < examples; i++) {
            assertSame(network, rows.getRow(i), batchOfOne(network, GradientCase.example(data, i)), tolerance(type));
        }
    }

    @Property(tries = TRIES, seed = SEED, shrinking = ShrinkingMode.OFF)
    void addSquaredNorms_anyBatch_equalsNormsOfRows(
            @ForAll("gradientCases") GradientCase gradientCase,
            @ForAll("types") DataType type,
            @ForAll @IntRange(min = 1, max = MAX_EXAMPLES) int examples) {
        MultiLayerNetwork network = gradientCase.network(type);
        RecordedPass pass = run(network, gradientCase.data(network, examples, 3), ones(examples));
        for (int i = 0; i < examples; i++) {
            double expected = pass.rows().getRow(i).norm2Number().doubleValue();
            assertThat(Math.sqrt(pass.squaredNorms()[i])).isCloseTo(expected, within(expected * tolerance(type)));
        }
    }

    @Property(tries = TRIES, seed = SEED, shrinking = ShrinkingMode.OFF)
    void addWeightedSum_anyWeights_equalsWeightedSumOfRows(
            @ForAll("gradientCases") GradientCase gradientCase,
            @ForAll("types") DataType type,
            @ForAll @IntRange(min = 1, max = MAX_EXAMPLES) int examples) {
        MultiLayerNetwork network = gradientCase.network(type);
        double[] weights = weights(examples);
        RecordedPass pass = run(network, gradientCase.data(network, examples, 4), weights);
        INDArray expected =
                pass.rows().mulColumnVector(Nd4j.createFromArray(weights)).sum(0);
        assertSame(network, pass.sum(), expected, tolerance(type));
    }

    /**
     * Copies of examples: their gradients are summed before the norm is taken. Rules of your own may leave that to the engine, which then makes the
     * sums of rows.
     */
    @Property(tries = TRIES, seed = SEED, shrinking = ShrinkingMode.OFF)
    void sumOfCopies_anyBatch_sumsRowsBeforeTheNorm(
            @ForAll("gradientCases") GradientCase gradientCase,
            @ForAll("types") DataType type,
            @ForAll @IntRange(min = 1, max = 3) int examples,
            @ForAll @IntRange(min = 2, max = 3) int copies) {
        if (!rules().added().isEmpty()) {
            return;
        }
        MultiLayerNetwork network = gradientCase.network(type);
        DataSet data = gradientCase.data(network, examples * copies, 10);
        double[] weights = weights(examples);
        INDArray rows = run(network, data, ones(examples * copies)).rows();
        RecordedPass pass = RecordedPass.run(network, rules(), data, weights, Set.of(), copies);
        INDArray expectedSum = Nd4j.zeros(DataType.DOUBLE, network.numParams());
        for (int i = 0; i < examples; i++) {
            INDArray expected = Nd4j.zeros(DataType.DOUBLE, network.numParams());
            for (int k = 0; k < copies; k++) {
                expected.addi(rows.getRow(k * examples + i));
            }
            assertSame(network, pass.rows().getRow(i), expected, tolerance(type));
            double norm = expected.norm2Number().doubleValue();
            assertThat(Math.sqrt(pass.squaredNorms()[i])).isCloseTo(norm, within(norm * tolerance(type)));
            expectedSum.addi(expected.mul(weights[i]));
        }
        assertSame(network, pass.sum(), expectedSum, tolerance(type));

        int bad = examples - 1;
        weights[bad] = 0;
        INDArray expected = RecordedPass.run(network, rules(), data, weights, Set.of(), copies)
                .sum();
        data.getLabels().get(NDArrayIndex.point(bad)).assign(Double.NaN);
        pass = RecordedPass.run(network, rules(), data, weights, Set.of(bad), copies);
        assertSame(network, pass.sum(), expected, tolerance(type));
        for (int i = 0; i < examples; i++) {
            assertThat(Double.isFinite(pass.squaredNorms()[i])).isEqualTo(i != bad);
        }
    }

    @Property(tries = TRIES, seed = SEED, shrinking = ShrinkingMode.OFF)
    void addRow_otherExampleChanged_staysTheSame(
            @ForAll("gradientCases") GradientCase gradientCase,
            @ForAll @IntRange(min = 2, max = MAX_EXAMPLES) int examples) {
        MultiLayerNetwork network = gradientCase.network(DataType.DOUBLE);
        DataSet data = gradientCase.data(network, examples, 5);
        DataSet changed = gradientCase.data(network, examples, 6);
        int same = examples / 2;
        copyExample(data, changed, same);
        INDArray row = run(network, data, ones(examples)).rows().getRow(same);
        INDArray again = run(network, changed, ones(examples)).rows().getRow(same);
        assertThat(again.distance2(row))
                .isLessThanOrEqualTo(1e-12 * row.norm2Number().doubleValue());
    }

    @Property(tries = TRIES, seed = SEED, shrinking = ShrinkingMode.OFF)
    void discard_nonFiniteExample_contributesNothing(
            @ForAll("gradientCases") GradientCase gradientCase,
            @ForAll("types") DataType type,
            @ForAll @IntRange(min = 2, max = MAX_EXAMPLES) int examples) {
        MultiLayerNetwork network = gradientCase.network(type);
        DataSet data = gradientCase.data(network, examples, 7);
        double[] weights = ones(examples);
        int bad = examples / 2;
        weights[bad] = 0;
        INDArray expected = run(network, data, weights).sum();
        data.getLabels().get(NDArrayIndex.point(bad)).assign(Double.NaN);
        if (gradientCase.vocabulary() == 0) {
            data.getFeatures().get(NDArrayIndex.point(bad)).assign(Double.NaN);
        }
        RecordedPass pass = RecordedPass.run(network, rules(), data, weights, Set.of(bad), 1);
        assertSame(network, pass.sum(), expected, tolerance(type));
        for (int i = 0; i < examples; i++) {
            assertThat(Double.isFinite(pass.squaredNorms()[i])).isEqualTo(i != bad);
        }
    }

    @Property(tries = 3, seed = SEED, shrinking = ShrinkingMode.OFF)
    void discard_onlyExample_leavesZero(
            @ForAll("gradientCases") GradientCase gradientCase, @ForAll("types") DataType type) {
        MultiLayerNetwork network = gradientCase.network(type);
        DataSet data = gradientCase.data(network, 1, 8);
        RecordedPass pass = RecordedPass.run(network, rules(), data, new double[] {0}, Set.of(0), 1);
        assertThat(pass.sum().normmaxNumber().doubleValue()).isZero();
    }

    @Property(tries = TRIES, seed = SEED, shrinking = ShrinkingMode.OFF)
    void backpropGradient_anyBatch_writesNothingIntoGradientViews(@ForAll("gradientCases") GradientCase gradientCase) {
        MultiLayerNetwork network = gradientCase.network(DataType.FLOAT);
        RecordedPass pass = run(network, gradientCase.data(network, 2, 9), ones(2));
        assertThat(pass.gradientViews().normmaxNumber().doubleValue()).isZero();
    }

    /** The engine's view of the privacy properties: see {@link NeighboringRuns}. */
    @Property(tries = 3, seed = SEED, shrinking = ShrinkingMode.OFF)
    void release_neighboringData_differsByTheSensitivityAndByNothingElse(
            @ForAll("gradientCases") GradientCase gradientCase, @ForAll("types") DataType type) {
        GradientCase still = gradientCase.withConfiguration(
                builder -> gradientCase.configuration().apply(builder).updater(new Sgd(0)));
        MultiLayerNetwork network = still.network(type);
        INDArray params = network.params().dup();
        DataSet data = still.data(network, MAX_EXAMPLES, 5);
        DataSet replacement = still.data(network, MAX_EXAMPLES, 6);
        if (still.vocabulary() == 0) {
            replacement.getFeatures().muli(100);
        }
        double[] squaredNorms = run(network, data, ones(MAX_EXAMPLES)).squaredNorms();
        double clippingNorm = Math.sqrt(
                Arrays.stream(squaredNorms).sorted().skip(2).findFirst().orElseThrow());
        Supplier<Model> networks = () -> {
            MultiLayerNetwork again = still.network(type);
            again.setParams(params);
            return again;
        };
        new NeighboringRuns(
                        networks,
                        (MultiDataSet) data.toMultiDataSet(),
                        (MultiDataSet) replacement.toMultiDataSet(),
                        rules())
                .check(clippingNorm);
    }

    private RecordedPass run(MultiLayerNetwork network, DataSet data, double[] weights) {
        return RecordedPass.run(network, rules(), data, weights, Set.of(), 1);
    }

    /** DL4J's own gradient of a batch of one [numParams], in double precision. */
    static INDArray batchOfOne(MultiLayerNetwork network, DataSet example) {
        network.setInput(example.getFeatures());
        network.setLabels(example.getLabels());
        network.setLayerMaskArrays(example.getFeaturesMaskArray(), example.getLabelsMaskArray());
        network.computeGradientAndScore();
        INDArray gradient = network.getFlattenedGradients()
                .reshape(network.numParams())
                .castTo(DataType.DOUBLE)
                .dup();
        network.clearLayerMaskArrays();
        return gradient;
    }

    /**
     * Compares two gradients parameter by parameter. A parameter whose gradient is below a hundredth of the whole gradient (a thousandth in
     * double precision) is a rest of larger terms that cancel, so its error is taken relative to that.
     */
    private static void assertSame(MultiLayerNetwork network, INDArray actual, INDArray expected, double tolerance) {
        double total = expected.norm2Number().doubleValue();
        double floor = total * (tolerance < 1e-6 ? 1e-3 : 1e-2);
        long from = 0;
        for (var layer : network.getLayers()) {
            for (var parameter : layer.paramTable().entrySet()) {
                long to = from + parameter.getValue().length();
                INDArray a = actual.get(NDArrayIndex.interval(from, to));
                INDArray e = expected.get(NDArrayIndex.interval(from, to));
                double scale = Math.max(e.norm2Number().doubleValue(), floor);
                assertThat(a.distance2(e))
                        .as(
                                "error in %s of %s, whose norm is %s of %s",
                                parameter.getKey(), layer.getClass().getSimpleName(), e.norm2Number(), total)
                        .isLessThanOrEqualTo(tolerance * scale);
                from = to;
            }
        }
    }

    private static void copyExample(DataSet from, DataSet to, int i) {
        copy(from.getFeatures(), to.getFeatures(), i);
        copy(from.getLabels(), to.getLabels(), i);
        if (from.getFeaturesMaskArray() != null) {
            copy(from.getFeaturesMaskArray(), to.getFeaturesMaskArray(), i);
        }
        if (from.getLabelsMaskArray() != null) {
            copy(from.getLabelsMaskArray(), to.getLabelsMaskArray(), i);
        }
    }

    private static void copy(INDArray from, INDArray to, int i) {
        to.get(NDArrayIndex.point(i)).assign(from.get(NDArrayIndex.point(i)));
    }

    /** Different ones between 0 and 1. */
    private static double[] weights(int examples) {
        double[] weights = new double[examples];
        Arrays.setAll(weights, i -> (0.3 + 0.618 * i) % 1);
        return weights;
    }

    private static double[] ones(int examples) {
        double[] ones = new double[examples];
        Arrays.fill(ones, 1);
        return ones;
    }
}
