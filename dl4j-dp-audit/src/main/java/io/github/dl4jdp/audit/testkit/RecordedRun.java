// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit.testkit;

import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.ExecutionOptions;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.mechanism.Sampling;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.datasets.iterator.utilty.ListDataSetIterator;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.profiler.OpProfiler;
import org.nd4j.linalg.profiler.ProfilerConfig;
import org.nd4j.shade.guava.base.Joiner;

/**
 * One training run under the engine, recorded so that it can be compared with the run on a neighboring data set (Cebere et al. 2026,
 * arXiv 2602.17454): all random draws are the same, those of sampling indexed by example, so that whatever differs comes from the data.
 *
 * @param callbacks what listeners were told, with the shapes of what they could see
 * @param operations ND4J's element-wise, reducing and random operations, in their order
 * @param shapes the same with the shapes of their arguments
 * @param releases what was in the gradient views at the end of each backward pass, times the expected lot size [numParams], in double precision
 */
public record RecordedRun(
        List<String> callbacks, List<String> operations, List<String> shapes, List<INDArray> releases) {

    /** Trains a network that stands as it was made; the plan must be seeded. */
    public static RecordedRun of(
            Model network, DpSgdPlan plan, int physicalBatchSize, GradientRules rules, MultiDataSet data) {
        var run = new RecordedRun(new ArrayList<>(), new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
        Nd4j.getRandom().setSeed(99);
        try (var engine = PrivacyEngine.attach(
                network, plan, ExecutionOptions.defaults().withPhysicalBatchSize(physicalBatchSize), rules)) {
            network.addListeners(run.listener());
            OpProfiler profiler = OpProfiler.getInstance();
            profiler.reset();
            profiler.addListener(op -> {
                run.operations.add(op.opName());
                run.shapes.add(op.opName() + shape(op.x()) + shape(op.y()) + shape(op.z()));
            });
            Nd4j.getExecutioner()
                    .setProfilingConfig(
                            ProfilerConfig.builder().checkElapsedTime(true).build());
            try {
                fit(network, engine, plan, data);
            } finally {
                Nd4j.getExecutioner()
                        .setProfilingConfig(ProfilerConfig.builder().build());
                profiler.reset();
            }
            run.releases.replaceAll(released -> released.mul(plan.expectedLotSize()));
            run.callbacks.add("steps " + engine.steps() + " epsilon " + engine.epsilon());
        }
        return run;
    }

    private static void fit(Model network, PrivacyEngine engine, DpSgdPlan plan, MultiDataSet data) {
        if (plan.sampling() == Sampling.GIVEN_BATCHES) {
            fitGiven(network, engine, plan, data);
        } else if (network instanceof MultiLayerNetwork layers) {
            var one = new DataSet(
                    data.getFeatures(0), data.getLabels(0), data.getFeaturesMaskArray(0), data.getLabelsMaskArray(0));
            layers.fit(engine.lots(one), plan.epochs());
        } else {
            ((ComputationGraph) network).fit(engine.lots(data), plan.epochs());
        }
    }

    /** Batches in the order of the data, the same in every pass. */
    private static void fitGiven(Model network, PrivacyEngine engine, DpSgdPlan plan, MultiDataSet data) {
        if (data.numFeatureArrays() != 1 || data.numLabelsArrays() != 1) {
            throw new IllegalArgumentException(
                    "data must have one array of features and one of labels for given batches, had "
                            + data.numFeatureArrays() + " and " + data.numLabelsArrays());
        }
        var batches = new ListDataSetIterator<>(
                new DataSet(data.getFeatures(0), data.getLabels(0)).asList(), Math.toIntExact(plan.expectedLotSize()));
        if (network instanceof MultiLayerNetwork layers) {
            layers.fit(engine.lots(batches), plan.epochs());
        } else {
            ((ComputationGraph) network).fit(engine.lots(batches), plan.epochs());
        }
    }

    /**
     * What the noise of a run is mixed from: C times its noise. Noise is what the releases have more than those of the same run without.
     *
     * @param without the run without noise, of a network of learning rate zero
     * @param coefficients of C, see {@link io.github.dl4jdp.accountant.CorrelationMatrix#coefficients()}
     * @return lot by lot [numParams]
     */
    public List<INDArray> draws(RecordedRun without, double[] coefficients) {
        var draws = new ArrayList<INDArray>();
        for (int t = 0; t < releases.size(); t++) {
            INDArray draw = Nd4j.zeros(DataType.DOUBLE, releases.get(t).length());
            for (int j = 0; j < coefficients.length && j <= t; j++) {
                draw.addi(releases.get(t - j).sub(without.releases.get(t - j)).mul(coefficients[j]));
            }
            draws.add(draw);
        }
        return draws;
    }

    private static String shape(@Nullable INDArray array) {
        return array == null ? "" : Arrays.toString(array.shape());
    }

    private BaseTrainingListener listener() {
        return new BaseTrainingListener() {
            @Override
            public void onEpochStart(Model model) {
                callbacks.add("epoch");
            }

            @Override
            public void onForwardPass(Model model, List<INDArray> activations) {
                callbacks.add("forward "
                        + Joiner.on(' ')
                                .join(activations.stream()
                                        .map(RecordedRun::shape)
                                        .toList()));
            }

            @Override
            public void onForwardPass(Model model, Map<String, INDArray> activations) {
                var shapes = new ArrayList<String>();
                activations.forEach((name, array) -> shapes.add(name + shape(array)));
                callbacks.add("forward " + Joiner.on(' ').join(shapes));
            }

            @Override
            public void onBackwardPass(Model model) {
                INDArray gradient = model.gradient().gradient();
                callbacks.add("backward " + shape(gradient));
                releases.add(gradient.castTo(DataType.DOUBLE).dup().reshape(gradient.length()));
            }

            @Override
            public void onGradientCalculation(Model model) {
                callbacks.add("gradient " + shape(model.gradient().gradient()));
            }

            @Override
            public void iterationDone(Model model, int iteration, int epoch) {
                callbacks.add("iteration " + iteration + " of epoch " + epoch);
            }
        };
    }

    /** How far the releases of two runs are apart, lot by lot. */
    public static List<Double> distances(RecordedRun one, RecordedRun other) {
        var distances = new ArrayList<Double>();
        for (int i = 0; i < one.releases.size(); i++) {
            distances.add(one.releases.get(i).distance2(other.releases.get(i)));
        }
        return distances;
    }

    /** Whether {@code operations} are those of the other run with nothing but insertions between them. */
    public static boolean isSubsequence(List<String> operations, List<String> of) {
        int next = 0;
        for (String operation : of) {
            if (next < operations.size() && operations.get(next).equals(operation)) {
                next++;
            }
        }
        return next == operations.size();
    }
}
