// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import io.github.dl4jdp.accountant.CorrelationMatrix;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.ExecutionOptions;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.data.GroupedExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.mechanism.LotSums;
import io.github.dl4jdp.core.mechanism.Sampling;
import io.github.dl4jdp.core.random.RandomStreams;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import java.util.stream.LongStream;
import org.deeplearning4j.nn.api.Model;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/**
 * Attacks single steps of the engine from the inside: a canary with a long gradient is or is not in the data, by the toss of a coin, and an attacker
 * who sees the gradient that listeners see, and the change of the parameters, guesses which. For a test in your own build, on your own network:
 *
 * <pre>{@code
 * StepAudit.of(() -> myNetwork(), plan, data, canary).assertNotBroken();
 * }</pre>
 *
 * <p>Every trial is one step of {@code plan} from the same parameters, by DL4J's own {@code fit}. An attack (a value to look at and a threshold) is chosen in
 * the first half of the trials and its error rates are measured in the second. They contradict the plan if no attacker can make both so small under
 * {@code plan.stepEvent()}.
 *
 * <p>With correlated noise ({@code DpSgdPlan.withCorrelatedNoise} on given batches), a trial is a whole run of the plan, from the same parameters in every step: the canary is, or is not, in the first batch of each pass. The attacker knows the coefficients: it undoes the
 * correlation, which leaves the draws, and weighs the steps by what the canary adds to each. The claim is {@code plan.event()}. Keep such a plan short.
 *
 * <p>What it finds: noise that is missing, too small, used twice or missing on some parameters; clipping that is missing, or not example by
 * example; a divisor that depends on the lot; your own rules ({@link #withRules}) whose norms are too small. A plan
 * of few examples ({@code DpSgdPlan.poisson(4, 4)}) is the most revealing. What it cannot find: a generator that is predictable, a
 * fault that no step shows, a wrong accountant.
 *
 * <h2>Formal guarantee</h2>
 *
 * Steps that satisfy {@code plan.stepEvent()} under adding or removing one unit of the plan, an example or an owner with all rows, are accused with probability {@code 1 - confidence} at
 * most, over the coins and the noise.
 *
 * <p>Source: Nasr et al., Tight Auditing of Differentially Private Machine Learning, USENIX Security 2023.
 */
public final class StepAudit implements Cloneable {
    private static final int TRIALS = 2000;
    private static final double CONFIDENCE = 0.999;

    private final Supplier<? extends Model> network;
    private final DpSgdPlan plan;
    private final MultiDataSet data;
    private final MultiDataSet canary;
    private int trials = TRIALS;
    private double confidence = CONFIDENCE;
    private ExecutionOptions options = ExecutionOptions.defaults();
    private GradientRules rules = GradientRules.builtIn();
    private DpEvent stepEvent;
    private RandomGenerator random = RandomStreams.secure().stream("canaries", 0);
    private @Nullable Sums sums;

    private record Sums(LotSums with, LotSums without) {}

    private StepAudit(
            Supplier<? extends Model> network,
            DpSgdPlan plan,
            MultiDataSet data,
            MultiDataSet canary,
            DpEvent stepEvent) {
        this.network = network;
        this.plan = plan;
        this.data = data;
        this.canary = canary;
        this.stepEvent = stepEvent;
    }

    /**
     * An audit of 2000 trials at confidence 0.999.
     *
     * @param network gives a fresh network of initialized parameters, which the audit attaches the plan to
     * @param plan Poisson-sampled with independent noise, whose length does not matter, or of given batches with correlated noise; complete, without a ledger
     * @param data {@code plan.examples()} examples, made up or public; for a plan with {@link DpSgdPlan#withUnit}, one row of each owner
     * @param canary one example whose gradient is longer than the plan's clipping norm, such as one with large features or a wrong label; for a plan with {@link DpSgdPlan#withUnit}, up to {@code
     *     plan.maximumRows()} rows of one owner, whose mean gradient is
     * @throws IllegalArgumentException if the plan is of another kind or has a ledger, the data are not as many as its examples, or the
     *     canary is not one example, or has more rows than one owner has in a lot
     * @throws IllegalStateException if the plan is not complete
     */
    public static StepAudit of(Supplier<? extends Model> network, DpSgdPlan plan, DataSet data, DataSet canary) {
        return of(network, plan, multi(data), multi(canary));
    }

    /** As {@link #of(Supplier, DpSgdPlan, DataSet, DataSet)}, for networks of several inputs or outputs. */
    public static StepAudit of(
            Supplier<? extends Model> network, DpSgdPlan plan, MultiDataSet data, MultiDataSet canary) {
        Objects.requireNonNull(network, "network");
        boolean isRun = plan.correlatedNoise().isPresent();
        if (isRun && plan.sampling() != Sampling.GIVEN_BATCHES) {
            throw new IllegalArgumentException("plan must have given batches to be audited with correlated noise, had "
                    + plan.sampling() + " lots: audit a plan of DpSgdPlan.givenBatches with the same noise");
        }
        if (isRun && plan.relation() != NeighboringRelation.ZERO_OUT) {
            throw new IllegalArgumentException(
                    "plan must be under ZERO_OUT to be audited with correlated noise, was under " + plan.relation());
        }
        if (!isRun
                && (plan.sampling() != Sampling.POISSON || plan.relation() != NeighboringRelation.ADD_OR_REMOVE_ONE)) {
            throw new IllegalArgumentException("plan must have Poisson lots under ADD_OR_REMOVE_ONE to be audited, had "
                    + plan.sampling() + " lots under " + plan.relation()
                    + ": audit a Poisson plan of the same clipping and noise");
        }
        if (plan.ledger().isPresent()) {
            throw new IllegalArgumentException("plan must have no ledger, had "
                    + plan.ledger().get() + ": the steps of an audit are not training and must not be charged to it");
        }
        long rows = data.getFeatures(0).size(0);
        if (rows != plan.examples()) {
            throw new IllegalArgumentException(
                    "data must have plan.examples = " + plan.examples() + " examples, had " + rows);
        }
        long canaries = canary.getFeatures(0).size(0);
        if (canaries < 1 || canaries > plan.maximumRows()) {
            throw new IllegalArgumentException("canary must be 1 "
                    + (plan.maximumRows() > 1 ? "to " + plan.maximumRows() + " rows of one " + plan.unit() : "example")
                    + ", was " + canaries);
        }
        return new StepAudit(network, plan, data, canary, isRun ? plan.event() : plan.stepEvent());
    }

    private static MultiDataSet multi(DataSet data) {
        return ((org.nd4j.linalg.dataset.DataSet) data).toMultiDataSet();
    }

    /**
     * This audit with another number of steps: more of them find smaller faults.
     *
     * @throws IllegalArgumentException if {@code trials < 4}
     */
    public StepAudit withTrials(int trials) {
        if (trials < 4) {
            throw new IllegalArgumentException("trials must be at least 4, was " + trials);
        }
        return with(audit -> audit.trials = trials);
    }

    /**
     * This audit with another confidence: a correct engine is accused with probability {@code 1 - confidence} at most.
     *
     * @throws IllegalArgumentException if {@code confidence} is not in (0, 1)
     */
    public StepAudit withConfidence(double confidence) {
        AuditArguments.confidence(confidence);
        return with(audit -> audit.confidence = confidence);
    }

    /** This audit with other options, such as small physical batches, which must not change the guarantee. */
    public StepAudit withOptions(ExecutionOptions options) {
        Objects.requireNonNull(options, "options");
        return with(audit -> audit.options = options);
    }

    /** This audit with rules for your own layers, on which the guarantee depends too. */
    public StepAudit withRules(GradientRules rules) {
        Objects.requireNonNull(rules, "rules");
        return with(audit -> audit.rules = rules);
    }

    /** This audit against another claim than {@code plan.stepEvent()}: the claimed cost of one step. */
    public StepAudit withClaim(DpEvent stepEvent) {
        Objects.requireNonNull(stepEvent, "stepEvent");
        return with(audit -> audit.stepEvent = stepEvent);
    }

    /**
     * This audit with lots that are summed elsewhere, by workers of a cluster for example.
     *
     * @param with sums of the data with the canary as one more example
     * @param without sums of the data alone
     * @throws IllegalArgumentException if {@code with} is not of one example more than {@code without}, or a plan's lots cannot be summed elsewhere
     */
    public StepAudit withSums(LotSums with, LotSums without) {
        if (with.size() != without.size() + 1) {
            throw new IllegalArgumentException("with must be of one example more than without, the canary, was of "
                    + with.size() + " and " + without.size());
        }
        if (!plan.unit().equals("example") || plan.correlatedNoise().isPresent()) {
            throw new IllegalArgumentException(
                    "plan must have the example as its unit and independent noise to be audited with sums from elsewhere");
        }
        return with(audit -> audit.sums = new Sums(with, without));
    }

    StepAudit withCoins(RandomGenerator coins) {
        return with(audit -> audit.random = coins);
    }

    /** An audit with one setting changed; the only place in which it is not yet frozen. */
    private StepAudit with(Consumer<StepAudit> change) {
        try {
            var audit = (StepAudit) clone();
            change.accept(audit);
            return audit;
        } catch (CloneNotSupportedException e) {
            throw new AssertionError(e);
        }
    }

    /**
     * Runs the steps and the attack.
     *
     * @throws IllegalArgumentException if the canary's gradient is shorter than the clipping norm, or the trials are too few to contradict the claim at
     *     this confidence: both say how much is needed
     * @throws io.github.dl4jdp.core.UnsupportedModelException if the network cannot be trained with privacy
     */
    public StepAuditResult run() {
        var claim = new Claim(stepEvent);
        double alpha = (1 - confidence) / 2;
        boolean[] coins = toss(claim, alpha);
        Model model = network.get();
        var audited = new AuditedNetwork(model);
        double[] direction = audited.meanGradientOf(canary);
        double length = canaryLength(direction);
        var views = new StepViews(model, direction);
        List<List<double[]>> trials = measure(model, audited, views, coins);
        List<double[]> in = trials.get(0);
        List<double[]> out = trials.get(1);
        int inHalf = in.size() / 2;
        int outHalf = out.size() / 2;
        var attack = ThresholdAttack.best(views.names(), in.subList(0, inHalf), out.subList(0, outHalf), claim, alpha);
        List<double[]> inTest = in.subList(inHalf, in.size());
        List<double[]> outTest = out.subList(outHalf, out.size());
        return StepAuditResult.of(
                claim, attack, inTest, outTest, confidence, plan.delta(), length / plan.clippingNorm());
    }

    /**
     * Fails if the attack contradicts the plan; for tests.
     *
     * @throws AssertionError if it does
     * @throws IllegalArgumentException as {@link #run}
     */
    public void assertNotBroken() {
        StepAuditResult result = run();
        if (result.isContradicted()) {
            throw new AssertionError(result.toString());
        }
    }

    private boolean[] toss(Claim claim, double alpha) {
        var coins = new boolean[trials];
        int in = 0;
        for (int i = 0; i < coins.length; i++) {
            coins[i] = random.nextBoolean();
            in += coins[i] ? 1 : 0;
        }
        int tested = Math.min(in, coins.length - in) / 2;
        if (tested < 1 || !claim.isRefutableBy(tested, alpha)) {
            int needed = 1;
            while (!claim.isRefutableBy(needed, alpha)) {
                needed++;
            }
            // Two halves of two kinds, and a tenth more since coins do not fall evenly.
            throw new IllegalArgumentException("trials must be at least " + (4 * needed + 4 * needed / 10 + 4)
                    + " to contradict " + stepEvent + " with confidence " + confidence + ", were "
                    + trials);
        }
        return coins;
    }

    private double canaryLength(double[] direction) {
        double squared = 0;
        for (double value : direction) {
            squared += value * value;
        }
        double length = Math.sqrt(squared);
        if (length >= plan.clippingNorm() && length < Double.POSITIVE_INFINITY) {
            return length;
        }
        // Too short, infinite or NaN
        throw new IllegalArgumentException("canary must have a finite gradient of at least plan.clippingNorm = "
                + plan.clippingNorm() + ", had one of norm " + length
                + ": give it larger features or a wrong label, or audit with a smaller clipping norm");
    }

    /** The measured values of the trials with the canary, and of those without. */
    private List<List<double[]>> measure(Model model, AuditedNetwork audited, StepViews views, boolean[] coins) {
        if (plan.correlatedNoise().isPresent()) {
            return measureRuns(model, views, coins);
        }
        // A calibrated plan would be calibrated anew to the audit's length; the noise is to stay.
        double sigma = plan.noiseMultiplier();
        DpSgdPlan run = (sigma == 0 ? plan.withoutNoise() : plan.withNoiseMultiplier(sigma)).withSteps(coins.length);
        INDArray initial = model.params().dup();
        double[] before = audited.parameters();
        MultiDataSet joined = AuditedNetwork.join(data, canary);
        var in = new ArrayList<double[]>();
        var out = new ArrayList<double[]>();
        try (PrivacyEngine engine = PrivacyEngine.attach(model, run, options, rules)) {
            audited.listen();
            Consumer<Boolean> step = steps(audited, engine, joined);
            for (boolean coin : coins) {
                step.accept(coin);
                double[] change = audited.parameters();
                for (int i = 0; i < change.length; i++) {
                    change[i] = before[i] - change[i];
                }
                (coin ? in : out).add(views.measure(audited.gradient(), change));
                audited.setParameters(initial);
            }
        }
        return List.of(in, out);
    }

    /** The same of whole runs. What is looked at is {@code sum_t v_t (C r)_t}, r the releases and v what the canary adds to C x, in clipping norms: against independent draws, no other combination tells more. */
    private List<List<double[]>> measureRuns(Model first, StepViews views, boolean[] coins) {
        double sigma = plan.noiseMultiplier();
        DpSgdPlan run = sigma == 0 ? plan.withoutNoise() : plan.withNoiseMultiplier(sigma);
        int steps = Math.toIntExact(run.steps());
        double[] coefficients = CorrelationMatrix.of(plan.correlatedNoise().orElseThrow(), steps, 1, 1)
                .coefficients();
        INDArray initial = first.params().dup();
        double[] before = new AuditedNetwork(first).parameters();
        var batches = new CanaryBatches(data, canary, Math.toIntExact(plan.expectedLotSize()));
        double[] added = times(coefficients, batches.places(steps));
        var in = new ArrayList<double[]>();
        var out = new ArrayList<double[]>();
        for (boolean coin : coins) {
            Model model = network.get();
            var audited = new AuditedNetwork(model);
            audited.setParameters(initial);
            var gradient = new double[before.length];
            var change = new double[before.length];
            // Step t counts by sum over s >= t of v_s c_(s - t): C transposed, times v.
            double[] weights = reversed(times(coefficients, reversed(added)));
            try (PrivacyEngine engine = PrivacyEngine.attach(model, run, options, rules)) {
                audited.listen();
                Runnable step = audited.steps(engine, batches.iterator(coin));
                for (int t = 0; t < steps; t++) {
                    step.run();
                    double[] after = audited.parameters();
                    double[] released = audited.gradient();
                    for (int i = 0; i < before.length; i++) {
                        gradient[i] += weights[t] * released[i];
                        change[i] += weights[t] * (before[i] - after[i]);
                    }
                    audited.setParameters(initial);
                }
            }
            (coin ? in : out).add(views.measure(gradient, change));
        }
        return List.of(in, out);
    }

    /** The product of a lower-triangular Toeplitz matrix and a vector. */
    private static double[] times(double[] coefficients, double[] values) {
        var product = new double[values.length];
        for (int t = 0; t < values.length; t++) {
            for (int j = 0; j < coefficients.length && j <= t; j++) {
                product[t] += coefficients[j] * values[t - j];
            }
        }
        return product;
    }

    private static double[] reversed(double[] values) {
        var reversed = new double[values.length];
        for (int t = 0; t < values.length; t++) {
            reversed[t] = values[values.length - 1 - t];
        }
        return reversed;
    }

    /** One step, with the canary or without it. */
    private Consumer<Boolean> steps(AuditedNetwork audited, PrivacyEngine engine, MultiDataSet joined) {
        Sums sums = this.sums;
        if (sums != null) {
            Runnable with = audited.steps(engine, sums.with());
            Runnable without = audited.steps(engine, sums.without());
            return coin -> (coin ? with : without).run();
        }
        if (!plan.unit().equals("example")) {
            long[] owners = LongStream.range(0, joined.getFeatures(0).size(0))
                    .map(row -> Math.min(row, plan.examples()))
                    .toArray();
            Runnable with = audited.steps(engine, GroupedExamples.of(joined, owners));
            Runnable without = audited.steps(
                    engine, GroupedExamples.of(data, Arrays.copyOf(owners, Math.toIntExact(plan.examples()))));
            return coin -> (coin ? with : without).run();
        }
        var source = new CoinTossedExamples(RandomAccessExamples.of(joined), plan.examples());
        Runnable step = audited.steps(engine, source);
        return coin -> {
            source.setCanaryIn(coin);
            step.run();
        };
    }

    /** The data, with the canary behind the last example or without it. */
    private static final class CoinTossedExamples implements RandomAccessExamples {
        private final RandomAccessExamples all;
        private final long examples;
        private boolean canaryIn;

        CoinTossedExamples(RandomAccessExamples all, long examples) {
            this.all = all;
            this.examples = examples;
        }

        void setCanaryIn(boolean canaryIn) {
            this.canaryIn = canaryIn;
        }

        @Override
        public boolean hasFixedShapes() {
            return all.hasFixedShapes();
        }

        @Override
        public long size() {
            return canaryIn ? examples + 1 : examples;
        }

        @Override
        public MultiDataSet get(long[] indices) {
            return all.get(indices);
        }
    }
}
