// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.data.InMemoryExamples;
import io.github.dl4jdp.core.gradient.GradientRules;
import java.util.List;
import java.util.function.Supplier;
import org.deeplearning4j.nn.api.Model;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * Record and replay: a run, the run without what one example contributes, and the run with another example in its place. What is released
 * may differ by the sensitivity, and nothing else may: neither what happens nor the shapes of anything.
 *
 * @param networks makes the same network, of learning rate zero, again and again
 * @param data one for each of the plan's examples
 * @param replacement what the last example may be replaced by, last in another data set of the same shapes
 * @param rules those that know the network's layers
 */
public record NeighboringRuns(
        Supplier<Model> networks, MultiDataSet data, MultiDataSet replacement, GradientRules rules) {
    /** Rounding of sums and norms in the network's data type. */
    private static final double SLACK = 1 + 1e-5;

    private static final int LOT_SIZE = 3;
    private static final int PHYSICAL_BATCH = 3;

    /** Poisson lots without noise, in several physical batches: with this seed the last example is in some lots and not in others. */
    public static DpSgdPlan plan(long examples, double clippingNorm) {
        return DpSgdPlan.poisson(examples, LOT_SIZE)
                .withSteps(4)
                .withClippingNorm(clippingNorm)
                .withoutNoise()
                .withDelta(1e-5)
                .withSeed(8);
    }

    /** Checks all of the above. */
    public void check(double clippingNorm) {
        RecordedRun run = run(data, clippingNorm);
        RecordedRun without = run(zeroedOut(), clippingNorm);
        RecordedRun other = run(replaced(), clippingNorm);

        List<Double> zeroOut = RecordedRun.distances(run, without);
        List<Double> replaceOne = RecordedRun.distances(run, other);
        assertThat(zeroOut).allSatisfy(d -> assertThat(d).isLessThanOrEqualTo(clippingNorm * SLACK));
        assertThat(replaceOne).allSatisfy(d -> assertThat(d).isLessThanOrEqualTo(2 * clippingNorm * SLACK));
        assertThat(zeroOut.stream().filter(d -> d > 0).count()).isBetween(1L, 3L);
        assertThat(replaceOne.stream().filter(d -> d > 0).count()).isBetween(1L, 3L);

        assertThat(without.callbacks()).isEqualTo(run.callbacks());
        assertThat(other.callbacks()).isEqualTo(run.callbacks());
        assertThat(run.operations()).isNotEmpty();
        // An example whose terms are large against its gradient is summed by itself: more is done, and nothing else.
        assertThat(RecordedRun.isSubsequence(run.operations(), other.operations())
                        || RecordedRun.isSubsequence(other.operations(), run.operations()))
                .isTrue();
        // Zeroing the rows of the example that cannot be used is all that is done besides.
        assertThat(RecordedRun.isSubsequence(run.shapes(), without.shapes())).isTrue();
    }

    private RecordedRun run(MultiDataSet set, double clippingNorm) {
        return RecordedRun.of(
                networks.get(), plan(set.getFeatures(0).size(0), clippingNorm), PHYSICAL_BATCH, rules, copy(set));
    }

    /** The last example has labels that make its gradient useless: the engine lets it contribute nothing. */
    private MultiDataSet zeroedOut() {
        MultiDataSet set = copy(data);
        for (INDArray labels : set.getLabels()) {
            last(labels).assign(Double.NaN);
        }
        return set;
    }

    private MultiDataSet replaced() {
        MultiDataSet set = copy(data);
        for (int i = 0; i < set.getFeatures().length; i++) {
            last(set.getFeatures(i)).assign(last(replacement.getFeatures(i)));
        }
        for (int i = 0; i < set.getLabels().length; i++) {
            last(set.getLabels(i)).assign(last(replacement.getLabels(i)));
        }
        return set;
    }

    private static INDArray last(INDArray array) {
        return array.get(NDArrayIndex.point(array.size(0) - 1));
    }

    private static MultiDataSet copy(MultiDataSet data) {
        return (MultiDataSet) InMemoryExamples.map(data, INDArray::dup);
    }
}
