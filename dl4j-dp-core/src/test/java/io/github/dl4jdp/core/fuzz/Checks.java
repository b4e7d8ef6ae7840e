// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.fuzz;

import io.github.dl4jdp.accountant.RdpAccountant;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.ExecutionOptions;
import io.github.dl4jdp.core.PerExampleGradients;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.fuzz.Finding.Kind;
import io.github.dl4jdp.core.internal.arrays.Rounding;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.layers.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.lossfunctions.impl.LossMixtureDensity;

/** What must hold of every network that {@code check} lets pass. */
final class Checks {
    private static final double SLACK = 1e-5;
    private final FuzzCase one;

    private Checks(FuzzCase one) {
        this.one = one;
    }

    static Finding of(FuzzCase one) {
        PrintStream out = System.out;
        System.setOut(new PrintStream(
                OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8)); // SameDiff says what it does
        try {
            return new Checks(one).check();
        } finally {
            System.setOut(out);
        }
    }

    /** The sums that a run released, as a listener sees them, and how it ended. */
    record Released(
            List<double[]> sums, long steps, @Nullable RuntimeException failure) {}

    private Finding check() {
        Model network;
        DataType type;
        try {
            network = one.network().build();
            if (network.params() == null || network.numParams() == 0) {
                return new Finding(Kind.DL4J_FAILS, "no parameters");
            }
            type = network.params().dataType();
        } catch (RuntimeException e) {
            return new Finding(Kind.DL4J_FAILS, text(e));
        }
        DpSgdPlan plan = one.run().plan(one.data().size());
        var problems = PrivacyEngine.check(network, plan);
        if (!problems.isEmpty()) {
            return new Finding(Kind.REFUSED, problems.toString());
        }
        boolean random = Generator.isRandom(one.network());
        Nd4j.getRandom().setSeed(1);
        Released run = run(one.data(), one.run().options());
        Finding failure = failure(run);
        if (failure != null) {
            return failure;
        }
        Nd4j.getRandom().setSeed(2);
        Released neighbor = run(one.neighbor(), one.run().options());
        failure = failure(neighbor);
        if (failure != null) {
            return failure;
        }
        // The clipping norm of the second lot follows the first one's norms.
        int comparable = one.run().kind() == FuzzCase.Kind.ADAPTIVE
                ? Math.max(1, run.sums().size() / FuzzCase.LOTS)
                : run.sums().size();
        for (int i = 0; i < comparable; i++) {
            double apart = distance(run.sums().get(i), neighbor.sums().get(i))
                    / one.run().norm();
            if (!(apart <= one.bound() * (1 + SLACK) + rounding(type))) {
                return new Finding(Kind.APART, "release " + i + ": " + apart + " C apart, bound " + one.bound());
            }
        }
        Nd4j.getRandom().setSeed(3);
        Released other = run(one.data(), one.run().otherOptions());
        failure = failure(other);
        if (failure != null) {
            return failure;
        }
        for (int i = 0; i < comparable; i++) {
            double apart =
                    distance(run.sums().get(i), other.sums().get(i)) / one.run().norm();
            double most = Math.min(
                    one.data().size(),
                    Math.max(norm(run.sums().get(i)) / one.run().norm(), 1e-3));
            if (!(apart <= (one.plain() ? tolerance(type) * most : one.bound()))) {
                return new Finding(
                        Kind.BATCHES,
                        "release " + i + ": " + apart + " C apart, the sum is "
                                + norm(run.sums().get(i)) / one.run().norm() + " C long");
            }
        }
        if (!random && one.run().segment() == 0 && !one.run().pads()) {
            Finding rows = rows(network, type, run.sums().get(0));
            if (rows != null) {
                return rows;
            }
        }
        return one.seed() % 16 == 0 ? epsilon() : new Finding(Kind.HOLDS, "");
    }

    private double tolerance(DataType type) {
        if (type == DataType.FLOAT) {
            return 2e-3;
        }
        // DL4J's LossMixtureDensity computes in single precision all the same.
        return one.network().types().contains(LossMixtureDensity.Builder.class) ? 1e-6 : 1e-8;
    }

    /** What adding up may lose of the sum, in clipping norms: less than a hundredth of the noise's least bit matters. */
    private double rounding(DataType type) {
        return type == DataType.DOUBLE ? 0 : 1e-6 * one.data().size();
    }

    private static String text(Throwable e) {
        StackTraceElement[] trace = e.getStackTrace();
        return e.getClass().getSimpleName() + ": " + e.getMessage() + (trace.length > 0 ? " at " + trace[0] : "");
    }

    private @Nullable Finding failure(Released run) {
        RuntimeException failure = run.failure();
        if (failure == null) {
            return null;
        }
        long released = run.sums().size() / one.run().plan(one.data().size()).releasesPerLot();
        if (run.steps() > released) {
            // Where DL4J cannot compute the score of any batch, it says so after the release.
            return new Finding(
                    crash() == Kind.DL4J_FAILS ? Kind.DL4J_FAILS : Kind.CHARGED,
                    run.steps() + " lots charged, " + released + " released: " + text(failure));
        }
        boolean refused = (failure instanceof IllegalArgumentException
                        || failure instanceof IllegalStateException
                        || failure instanceof UnsupportedOperationException)
                && failure.getStackTrace().length > 0
                && failure.getStackTrace()[0].getClassName().startsWith("io.github.dl4jdp.core.")
                && !failure.getStackTrace()[0].getClassName().contains(".fuzz.");
        return new Finding(refused ? Kind.REFUSED_LATE : crash(), text(failure));
    }

    /** What an exception means that is none of ours. Asked late: networks that are refused may damage memory in DL4J. */
    private Kind crash() {
        try {
            Model network = one.network().build();
            for (Examples examples : List.of(one.data(), one.neighbor())) {
                fit(network, examples.dataSet(network.params().dataType()));
            }
        } catch (RuntimeException e) {
            return Kind.DL4J_FAILS;
        }
        return takesEachAlone() ? Kind.CRASH : Kind.DL4J_FAILS_ALONE;
    }

    /** Whether DL4J can do what is left to it: physical batches of one, and slices of one. */
    private boolean takesEachAlone() {
        try {
            Model network = one.network().build();
            for (Examples examples : List.of(one.data(), one.neighbor())) {
                for (int i = 0; i < examples.size(); i++) {
                    fit(network, examples.rows(i).dataSet(network.params().dataType()));
                }
            }
            return true;
        } catch (RuntimeException e) {
            return false;
        }
    }

    private Released run(Examples examples, ExecutionOptions options) {
        Model network = one.network().build();
        var sums = new ArrayList<double[]>();
        DpSgdPlan plan = one.run().plan(examples.size());
        PrivacyEngine engine = null;
        try {
            engine = PrivacyEngine.attach(network, plan, options);
            var listener = new BaseTrainingListener() {
                @Override
                public void onGradientCalculation(Model model) {
                    double[] sum = gradient(model);
                    Arrays.setAll(sum, i -> sum[i] * plan.expectedLotSize());
                    sums.add(sum);
                }
            };
            if (network instanceof MultiLayerNetwork list) {
                list.setListeners(listener);
            } else {
                ((ComputationGraph) network).setListeners(listener);
            }
            train(network, engine, examples);
            return new Released(sums, engine.steps(), null);
        } catch (RuntimeException e) {
            return new Released(sums, engine == null ? 0 : engine.steps(), e);
        } finally {
            if (engine != null) {
                engine.close();
            }
        }
    }

    private void train(Model network, PrivacyEngine engine, Examples examples) {
        MultiDataSet data = examples.dataSet(network.params().dataType());
        RandomAccessExamples source = one.run().pads() ? new PaddedExamples(data) : RandomAccessExamples.of(data);
        boolean copies = one.run().copies() > 1;
        int epochs = engine.plan().epochs();
        if (network instanceof MultiLayerNetwork list) {
            list.fit(copies ? engine.lots(source, Checks::copy) : engine.lots(source), epochs);
        } else {
            ((ComputationGraph) network)
                    .fit(copies ? engine.multiLots(source, Checks::copy) : engine.multiLots(source), epochs);
        }
    }

    private static INDArray copy(INDArray features, java.util.random.RandomGenerator random) {
        return features.muli(random.nextInt(3));
    }

    static DataSet single(MultiDataSet data) {
        return new org.nd4j.linalg.dataset.DataSet(
                data.getFeatures(0),
                data.getLabels(0),
                data.getFeaturesMaskArrays() == null ? null : data.getFeaturesMaskArray(0),
                data.getLabelsMaskArrays() == null ? null : data.getLabelsMaskArray(0));
    }

    static void fit(Model network, MultiDataSet data) {
        if (network instanceof MultiLayerNetwork list) {
            list.fit(single(data));
        } else {
            ((ComputationGraph) network).fit(data);
        }
    }

    static double[] gradient(Model network) {
        INDArray flat = network instanceof MultiLayerNetwork list
                ? list.getFlattenedGradients()
                : ((ComputationGraph) network).getFlattenedGradients();
        return flat.castTo(DataType.DOUBLE).reshape(network.numParams()).toDoubleVector();
    }

    static double norm(double[] vector) {
        double largest = 0;
        for (double x : vector) {
            largest = Math.max(largest, Math.abs(x));
        }
        if (largest == 0 || Double.isInfinite(largest)) {
            return largest;
        }
        double sum = 0;
        for (double x : vector) {
            sum += (x / largest) * (x / largest);
        }
        return largest * Math.sqrt(sum);
    }

    private static double distance(double[] one, double[] other) {
        double[] difference = new double[one.length];
        for (int i = 0; i < one.length; i++) {
            difference[i] = one[i] - other[i];
        }
        return norm(difference);
    }

    private static double[] row(INDArray all, int row) {
        return all.getRow(row).castTo(DataType.DOUBLE).dup('c').toDoubleVector();
    }

    private @Nullable Finding rows(Model network, DataType type, double[] sum) {
        int examples = one.data().size();
        double[][] rows = new double[examples][];
        double[] norms;
        double[] clipped;
        double norm = one.run().norm();
        try {
            // New arrays each time: DL4J's LossWasserstein changes labels under fractional masks.
            INDArray all = PerExampleGradients.materialize(network, one.data().dataSet(type));
            for (int i = 0; i < examples; i++) {
                rows[i] = row(all, i);
            }
            norms = PerExampleGradients.norms(network, one.data().dataSet(type))
                    .castTo(DataType.DOUBLE)
                    .toDoubleVector();
            clipped = PerExampleGradients.clippedSum(network, one.data().dataSet(type), norm)
                    .castTo(DataType.DOUBLE)
                    .dup('c')
                    .toDoubleVector();
        } catch (RuntimeException e) {
            return new Finding(crash(), "PerExampleGradients: " + text(e));
        }
        double tolerance = tolerance(type);
        double[] expected = new double[network.numParams() > Integer.MAX_VALUE ? 0 : (int) network.numParams()];
        double most = Arrays.stream(norms).filter(Double::isFinite).max().orElse(0);
        boolean isCompared = true;
        for (int i = 0; i < examples; i++) {
            double own = norm(rows[i]);
            boolean finite = Arrays.stream(rows[i]).allMatch(Double::isFinite);
            double representable = type == DataType.DOUBLE ? 1e-290 : 1e-30;
            boolean isRepresentable = finite && own < (type == DataType.DOUBLE ? 1e300 : 3e38);
            if (isRepresentable
                    ? !(Math.abs(norms[i] - own)
                            <= tolerance * own + representable + (one.plain() ? tolerance * 1e-3 * most : 0))
                    : Double.isFinite(norms[i]) && !finite && one.plain()) {
                return new Finding(Kind.NORMS, "example " + i + ": norm " + norms[i] + ", its row is " + own + " long");
            }
            // Rows about as long as the type's largest number fade, and longer ones count as nothing, whatever their
            // numbers.
            isCompared &= isRepresentable || !finite;
            double factor = finite ? Math.min(1, norm / own) : 0;
            for (int k = 0; k < expected.length && finite && own > 0; k++) {
                expected[k] += factor * rows[i][k];
            }
        }
        double allowed = norm * examples * (one.plain() ? tolerance : 0.01) + 1e-6 * norm;
        if (isCompared && !(distance(clipped, expected) <= allowed) && Double.isFinite(norm(expected))) {
            return new Finding(
                    Kind.SUM,
                    "clippedSum " + distance(clipped, expected) / norm + " C from the sum of the clipped rows");
        }
        if (one.run().kind() == FuzzCase.Kind.FLAT
                && one.run().copies() == 1
                && isCompared
                && !(distance(sum, expected) <= allowed)
                && Double.isFinite(norm(expected))) {
            return new Finding(
                    Kind.SUM,
                    "the released sum is " + distance(sum, expected) / norm + " C from that of the clipped rows");
        }
        return one.plain() && hasPlainMasks() ? againstDl4j(type, rows) : null;
    }

    /** Masks of the labels that DL4J takes as zeros and ones, and not as weights of examples. */
    private boolean hasPlainMasks() {
        for (int i = 0; i < one.data().labels().size(); i++) {
            Values mask = one.data().labelsMasks().get(i);
            if (mask != null
                    && (Arrays.stream(mask.numbers()).anyMatch(x -> x != 0 && x != 1)
                            || (one.data().labels().get(i).shape().length == 2 && mask.shape()[1] == 1))) {
                return false;
            }
            if (mask == null
                    && one.data().featuresMasks().stream()
                            .anyMatch(
                                    m -> m != null && Arrays.stream(m.numbers()).anyMatch(x -> x != 0 && x != 1))) {
                return false;
            }
        }
        return true;
    }

    private @Nullable Finding againstDl4j(DataType type, double[][] rows) {
        boolean frozen = one.network().types().stream()
                .anyMatch(part -> part.getSimpleName().startsWith("Frozen"));
        var theirs = new double[rows.length][];
        Model fresh = one.network().build();
        double typical = 0;
        for (int i = 0; i < rows.length; i++) {
            try {
                theirs[i] = alone(fresh, one.data().rows(i).dataSet(type));
            } catch (RuntimeException e) {
                return null;
            }
            double own = norm(theirs[i]);
            typical = Double.isFinite(own) ? Math.max(typical, own) : typical;
        }
        double tolerance = type == DataType.DOUBLE ? tolerance(type) : 5e-3;
        for (int i = 0; i < rows.length; i++) {
            if (!Double.isFinite(norm(theirs[i])) || Arrays.stream(theirs[i]).anyMatch(Double::isNaN)) {
                continue;
            }
            double[] difference = new double[rows[i].length];
            for (int k = 0; k < difference.length; k++) {
                int column = k;
                boolean still = frozen && Arrays.stream(rows).allMatch(row -> row[column] == 0);
                difference[k] = still ? 0 : rows[i][k] - theirs[i][k];
            }
            double off = norm(difference);
            if (!(off <= tolerance * Math.max(norm(theirs[i]), typical) + rowsByPlace(type))) {
                return new Finding(Kind.ROWS, "example " + i + ": off by " + off + " of " + norm(theirs[i]));
            }
        }
        return null;
    }

    /**
     * What the place in a physical batch may make of a row. A gradient that is zero but for rounding, of a cosine of single numbers say, consists of nothing else: DL4J itself
     * computes another one for each size of batch.
     */
    private double rowsByPlace(DataType type) {
        return 2 * Rounding.rows(type, 1) * one.run().norm();
    }

    /** DL4J's own gradient of a batch of one. */
    static double[] alone(Model network, MultiDataSet data) {
        if (network instanceof MultiLayerNetwork list) {
            DataSet single = single(data);
            list.setInput(single.getFeatures());
            list.setLabels(single.getLabels());
            list.setLayerMaskArrays(single.getFeaturesMaskArray(), single.getLabelsMaskArray());
            list.computeGradientAndScore();
            double[] gradient = flat(list.gradient().gradient());
            list.clearLayerMaskArrays();
            return gradient;
        }
        var graph = (ComputationGraph) network;
        graph.setInputs(data.getFeatures());
        graph.setLabels(data.getLabels());
        graph.setLayerMaskArrays(data.getFeaturesMaskArrays(), data.getLabelsMaskArrays());
        graph.computeGradientAndScore();
        double[] gradient = flat(graph.gradient().gradient());
        graph.clearLayerMaskArrays();
        return gradient;
    }

    private static double[] flat(INDArray gradient) {
        return gradient.castTo(DataType.DOUBLE).reshape(gradient.length()).toDoubleVector();
    }

    private Finding epsilon() {
        Model network = one.network().build();
        Examples examples = one.data();
        DpSgdPlan plan = one.run()
                .plan(examples.size())
                .withNoiseMultiplier(1.5)
                .withAccountant(io.github.dl4jdp.accountant.AccountantKind.RDP);
        var engine = PrivacyEngine.attach(network, plan, one.run().options());
        try {
            train(network, engine, examples);
            double expected =
                    new RdpAccountant(plan.relation()).compose(plan.event()).epsilon(1e-5);
            // A run with a seed is not private, whatever its noise.
            double reported = engine.epsilon();
            return reported >= expected * (1 - 1e-9)
                            && (Double.isInfinite(reported) || reported <= expected * (1 + 1e-6))
                    ? new Finding(Kind.HOLDS, "")
                    : new Finding(Kind.EPSILON, "epsilon " + reported + ", the plan's event has " + expected);
        } catch (RuntimeException e) {
            return new Finding(Kind.CRASH, "with noise: " + text(e));
        } finally {
            engine.close();
        }
    }

    static boolean isStill(Layer layer) {
        return layer instanceof FrozenLayer || layer instanceof FrozenLayerWithBackprop;
    }
}
