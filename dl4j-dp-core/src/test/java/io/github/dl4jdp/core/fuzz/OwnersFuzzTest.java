// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.ExecutionOptions;
import io.github.dl4jdp.core.PerExampleGradients;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.data.GroupedExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/**
 * Random networks whose rows have owners: an owner with all rows moves a sum by the clipping norm at most, and the sum is that of the clipped means of DL4J's own gradients.
 */
class OwnersFuzzTest {
    private static final int CASES = 160;
    /** Rows of the owner who leaves, the last ones: the others keep their numbers. */
    private static final int LEAVING = 3;

    private static final int OTHERS = 2;

    /** Of a case; null where DL4J, or the library, does not train it. */
    private record Outcome(double apart, double fromRows) {}

    @Test
    void check_randomNetworks_keepOwnersApart() {
        PrintStream out = System.out;
        System.setOut(new PrintStream(
                OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8)); // SameDiff says what it does
        int checked = 0;
        int compared = 0;
        var faults = new ArrayList<String>();
        try {
            for (long seed = 1; seed <= CASES; seed++) {
                FuzzCase one = Generator.draw(seed);
                if (one == null
                        || one.run().segment() > 0
                        || one.run().pads()
                        || one.data().size() < LEAVING + OTHERS
                        || Checks.of(one).kind() != Finding.Kind.HOLDS) {
                    continue;
                }
                Outcome outcome = check(one);
                if (outcome == null) {
                    continue;
                }
                checked++;
                compared += Double.isNaN(outcome.fromRows()) ? 0 : 1;
                if (!(outcome.apart() <= 1 + 1e-5 + 1e-5 * one.data().size()) || outcome.fromRows() > 0.01) {
                    faults.add(outcome + "; " + one);
                }
            }
        } finally {
            System.setOut(out);
        }
        System.out.println(checked + " cases, " + compared + " compared with rows");
        assertThat(faults).isEmpty();
        assertThat(checked).isGreaterThan(CASES / 8);
        assertThat(compared).isGreaterThan(CASES / 50);
    }

    /** The owner of each row: two owners of different numbers of rows, and the one who leaves. */
    private static long[] owners(int rows) {
        return IntStream.range(0, rows)
                .mapToLong(row -> row >= rows - LEAVING ? 9 : row % 3 == 0 ? 1 : 2)
                .toArray();
    }

    private static @Nullable Outcome check(FuzzCase one) {
        int rows = one.data().size();
        long[] owners = owners(rows);
        int[] staying = IntStream.range(0, rows - LEAVING).toArray();
        // More rows than the maximum where the gradients are compared with each other, all of them where they are
        // compared with DL4J's.
        List<double[]> with = sums(one, one.data(), owners, 2);
        List<double[]> without = sums(one, one.data().rows(staying), Arrays.copyOf(owners, rows - LEAVING), 2);
        List<double[]> whole = sums(one, one.data(), owners, rows);
        if (with.isEmpty() || without.isEmpty() || whole.isEmpty()) {
            return null;
        }
        double norm = one.run().norm();
        double apart = 0;
        // The clipping norm of the second lot follows the first one's norms.
        int comparable = one.run().kind() == FuzzCase.Kind.ADAPTIVE ? 1 : with.size();
        for (int lot = 0; lot < comparable; lot++) {
            apart = Math.max(apart, distance(with.get(lot), without.get(lot)) / norm);
        }
        boolean isExact = one.plain()
                && one.run().kind() == FuzzCase.Kind.FLAT
                && one.run().copies() == 1
                && !Generator.isRandom(one.network());
        return new Outcome(apart, isExact ? distance(whole.get(0), expected(one, owners)) / norm : Double.NaN);
    }

    /** The clipped means of the rows of each owner, from the gradients of single rows. */
    private static double[] expected(FuzzCase one, long[] owners) {
        Model network = one.network().build();
        INDArray all = PerExampleGradients.materialize(
                        network, one.data().dataSet(network.params().dataType()))
                .castTo(DataType.DOUBLE);
        double[] sum = new double[Math.toIntExact(network.numParams())];
        for (long owner : Arrays.stream(owners).distinct().toArray()) {
            int[] own = IntStream.range(0, owners.length)
                    .filter(row -> owners[row] == owner)
                    .toArray();
            double[] mean = new double[sum.length];
            for (int row : own) {
                double[] gradient = all.getRow(row).dup('c').toDoubleVector();
                for (int i = 0; i < mean.length; i++) {
                    mean[i] += gradient[i] / own.length;
                }
            }
            double length = Checks.norm(mean);
            if (Double.isFinite(length) && length > 0) {
                double factor = Math.min(1, one.run().norm() / length);
                for (int i = 0; i < mean.length; i++) {
                    sum[i] += factor * mean[i];
                }
            }
        }
        return sum;
    }

    private static double distance(double[] one, double[] other) {
        double[] difference = new double[one.length];
        Arrays.setAll(difference, i -> one[i] - other[i]);
        return Checks.norm(difference);
    }

    /** What a run released, without noise and division; empty if it cannot be trained. */
    private static List<double[]> sums(FuzzCase one, Examples examples, long[] owners, int maximumRows) {
        long people = OTHERS + 1;
        DpSgdPlan plan = DpSgdPlan.poisson(people, people)
                .withUnit("owner", maximumRows)
                .withAugmentationMultiplicity(one.run().copies())
                .withSteps(FuzzCase.LOTS)
                .withClipping(one.run().clipping())
                .withoutNoise()
                .withDelta(1e-5)
                .withSeed(7);
        var sums = new ArrayList<double[]>();
        try {
            Model network = one.network().build();
            MultiDataSet data = examples.dataSet(network.params().dataType());
            var options = ExecutionOptions.defaults()
                    .withPhysicalBatchSize(Math.max(
                            one.run().physicalBatch(), maximumRows * one.run().copies()));
            try (PrivacyEngine engine = PrivacyEngine.attach(network, plan, options)) {
                network.addListeners(new BaseTrainingListener() {
                    @Override
                    public void onGradientCalculation(Model model) {
                        double[] sum = Checks.gradient(model);
                        Arrays.setAll(sum, i -> sum[i] * people);
                        sums.add(sum);
                    }
                });
                var grouped = GroupedExamples.of(RandomAccessExamples.of(data), owners);
                boolean copies = one.run().copies() > 1;
                if (network instanceof MultiLayerNetwork list) {
                    list.fit(
                            copies ? engine.lots(grouped, (features, random) -> features) : engine.lots(grouped),
                            plan.epochs());
                } else {
                    ((ComputationGraph) network)
                            .fit(
                                    copies
                                            ? engine.multiLots(grouped, (features, random) -> features)
                                            : engine.multiLots(grouped),
                                    plan.epochs());
                }
            }
            return sums;
        } catch (RuntimeException e) {
            return List.of();
        }
    }
}
