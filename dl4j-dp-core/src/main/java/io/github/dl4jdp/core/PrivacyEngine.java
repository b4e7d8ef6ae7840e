// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.data.Augmentation;
import io.github.dl4jdp.core.data.GroupedExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.internal.DataSize;
import io.github.dl4jdp.core.internal.arrays.Nd4jBuild;
import io.github.dl4jdp.core.internal.charging.LedgerOpener;
import io.github.dl4jdp.core.internal.charging.PrivacyAccount;
import io.github.dl4jdp.core.internal.charging.Spending;
import io.github.dl4jdp.core.internal.check.ModelValidator;
import io.github.dl4jdp.core.internal.network.DpNetwork;
import io.github.dl4jdp.core.internal.plan.CompletePlan;
import io.github.dl4jdp.core.internal.training.Execution;
import io.github.dl4jdp.core.internal.training.GivenBatches;
import io.github.dl4jdp.core.internal.training.LotIterator;
import io.github.dl4jdp.core.internal.training.LotSource;
import io.github.dl4jdp.core.internal.training.MultiLotIterator;
import io.github.dl4jdp.core.internal.training.PrivateTraining;
import io.github.dl4jdp.core.mechanism.Clipping;
import io.github.dl4jdp.core.mechanism.LotSums;
import io.github.dl4jdp.core.mechanism.PrivateStep;
import io.github.dl4jdp.core.mechanism.Sampling;
import io.github.dl4jdp.core.mechanism.TrainableLayer;
import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Model;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.dataset.api.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.dataset.api.iterator.MultiDataSetIterator;
import org.nd4j.linalg.factory.Nd4j;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes an existing DL4J network train with differential privacy, by DL4J's own {@code fit}.
 *
 * <pre>{@code
 * PrivacyEngine engine = PrivacyEngine.attach(net, plan);
 * net.addListeners(new PrivacyListener(engine, 10));
 * net.fit(engine.lots(trainingData), plan.epochs());
 * System.out.println(engine.report());
 * }</pre>
 *
 * <p>While attached, the network trains on the engine's lots only: any other {@code fit}, {@code pretrain} or gradient
 * computation is refused. Evaluation and {@code output} work as always.
 *
 * <h2>Formal guarantee</h2>
 *
 * After {@code t} lots, the parameters, the updater's state, and every gradient that a listener can see are the output of {@code t} adaptively
 * composed releases {@code (sum of clipped gradients + N(0, (sigma C)^2 I)) / L}, or of {@code t} times {@link DpSgdPlan#releasesPerLot()} with
 * truncated backpropagation through time, and post-processing of them: they satisfy
 * {@link #guarantee()}, one training example being the unit of privacy, or one owner of examples by {@link DpSgdPlan#withUnit}. Assumed: the initial parameters do not depend on the
 * training data, each example is one row of the data set, or has its owner's id, and the random generator is secure. Not covered: the training score and
 * anything else computed from the data (evaluation on it, statistics for normalization, early stopping by its score).
 */
public final class PrivacyEngine implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(PrivacyEngine.class);

    private static final String EARLIER_SESSIONS =
            "epsilon includes what was charged before this engine was attached: what the reports of those runs, searches and"
                    + " releases assume holds too, and is not repeated here";

    private final PrivateTraining training;
    private final DpSgdPlan plan;
    private final Execution options;
    private final boolean continues;

    private PrivacyEngine(PrivateTraining training, DpSgdPlan plan, ExecutionOptions options) {
        this.training = training;
        this.plan = plan;
        this.options = options.resolved();
        this.continues = training.steps() > 0 || hasPast();
    }

    /**
     * Attaches a plan to an initialized network, new or already trained.
     *
     * <p>{@link #epsilon()} starts with the account of the network's parameters: everything charged to them before, under this plan or another, in
     * this network or one that they were copied or transferred from. A network that already trains under the plan continues where it stopped.
     *
     * @param network a {@code MultiLayerNetwork} or a {@code ComputationGraph}
     * @throws UnsupportedModelException if the network cannot be trained with privacy; it lists every problem, and nothing is changed
     * @throws IllegalArgumentException if the plan has clipping norms for another number of layers than train, or its noise cannot be drawn for as many
     *     parameters as the network trains: {@code noiseMultiplier * sqrt(parameters)} is at most 2^25
     * @throws IllegalArgumentException if the network was trained under another plan, and this one is not {@link DpSgdPlan#continuing()}
     * @throws IllegalStateException if the plan is not complete
     */
    public static PrivacyEngine attach(Model network, DpSgdPlan plan) {
        return attach(network, plan, ExecutionOptions.defaults());
    }

    /** As {@link #attach(Model, DpSgdPlan)}, with options that cannot change the guarantee. */
    public static PrivacyEngine attach(Model network, DpSgdPlan plan, ExecutionOptions options) {
        return attach(network, plan, options, GradientRules.builtIn());
    }

    /** As {@link #attach(Model, DpSgdPlan, ExecutionOptions)}, with rules for your own layers. */
    public static PrivacyEngine attach(Model network, DpSgdPlan plan, ExecutionOptions options, GradientRules rules) {
        // The updater's state and the gradient view stay: in a workspace of the caller's, others would write on them.
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            return attach(network, plan, options, rules, LedgerOpener.onDisk(plan.ledgerKey()));
        }
    }

    /** As {@link #attach(Model, DpSgdPlan, ExecutionOptions, GradientRules)}, with ledgers opened otherwise. */
    static PrivacyEngine attach(
            Model network, DpSgdPlan plan, ExecutionOptions options, GradientRules rules, LedgerOpener ledgers) {
        CompletePlan complete = plan.complete();
        var problems = ModelValidator.problems(
                network,
                rules,
                complete.exampleShape().sequenceLength(),
                complete.truncation().orElse(null));
        if (!problems.isEmpty()) {
            throw UnsupportedModelException.of(problems);
        }
        var configuration = DpNetwork.of(network);
        List<Layer> trainable = DpNetwork.of(network).trainableLayers();
        PrivateStep.requireFeasible(
                complete.mechanism(),
                trainable.size(),
                trainable.stream().mapToLong(Layer::numParams).sum());
        var progress = configuration.progressUnder(
                complete, stored -> PlanJson.fromMap(stored).complete());
        var spending = Spending.resume(complete, configuration.description(), progress, ledgers);
        DpSgdPlan settled = plan.settled();
        PrivateTraining training;
        try {
            spending.findNoise(
                    configuration.description() + " of " + network.params().dataType() + ", trained "
                            + trainable.stream()
                                    .map(layer -> layer.getIndex() + ":" + layer.numParams())
                                    .toList());
            training = new PrivateTraining(
                    network,
                    settled.complete(),
                    updater -> DpUpdater.of(updater, settled),
                    options.resolved(),
                    rules,
                    progress,
                    spending);
        } catch (RuntimeException | Error e) {
            // The ledger must not stay locked.
            spending.close();
            throw e;
        }
        warn(plan, training);
        return new PrivacyEngine(training, settled, options);
    }

    private static void warn(DpSgdPlan plan, PrivateTraining training) {
        List<TrainableLayer> trainable = training.trainable();
        training.account()
                .notPrivate()
                .forEach(words ->
                        log.warn("The network's past is NOT PRIVATE, so neither is any further training: {}.", words));
        training.account().forgottenInWords().forEach(words -> log.warn("Forgotten at the user's request: {}.", words));
        if (!training.spending().history().isEmpty()) {
            log.info(
                    "Epsilon starts at {}: it includes what the network's parameters have already cost, {}.",
                    training.spending().epsilon(),
                    training.spending().history());
        }
        if (!plan.isPrivate()) {
            log.warn(
                    "This run is NOT PRIVATE: {}.",
                    plan.seed().isPresent() ? "its randomness comes from a seed" : "it has no noise");
        }
        trainable.stream()
                .filter(layer -> layer.path().equals(TrainableLayer.SLICES))
                .forEach(layer -> log.info(
                        "Layer \"{}\" ({}) has no formula for per-example gradients: they are computed one example at a time,"
                                + " exactly but slowly.",
                        layer.name(),
                        layer.type()));
        if (Nd4jBuild.lacksOneDnn()) {
            log.info("Training would be up to twice as fast with oneDNN: add the natives of org.bytedeco:dnnl and"
                    + " org.bytedeco:opencl for this platform to the class path.");
        }
        if (plan.delta() * plan.examples() >= 1) {
            log.warn(
                    "delta = {} is not below 1/examples = {}: a mechanism that publishes one example in full can satisfy such a guarantee.",
                    plan.delta(),
                    1.0 / plan.examples());
        }
    }

    /**
     * Attaches the plan that the network's configuration carries in its {@link DpUpdater}.
     *
     * @throws IllegalArgumentException if no layer has a {@code DpUpdater}, or they carry different plans
     * @throws UnsupportedModelException if the network cannot be trained with privacy
     */
    public static PrivacyEngine attach(Model network) {
        List<DpSgdPlan> plans = configuration(network).storedPlans().stream()
                .map(PlanJson::fromMap)
                .distinct()
                .toList();
        if (plans.size() != 1) {
            throw new IllegalArgumentException(
                    plans.isEmpty()
                            ? "the network's configuration carries no plan: build it with .updater(DpUpdater.of(updater, plan)), or call"
                                    + " attach(network, plan)"
                            : "the network's layers must carry one plan, they carry " + plans);
        }
        return attach(network, plans.get(0));
    }

    /** Every problem that {@code attach} would refuse the network for; empty if there is none. Changes nothing. */
    public static List<ModelProblem> check(Model network) {
        return ModelProblem.of(ModelValidator.problems(network, GradientRules.builtIn(), 0, null));
    }

    /** Every problem that {@code attach} would refuse the network for under {@code plan}, which may declare truncated backpropagation through time. */
    public static List<ModelProblem> check(Model network, DpSgdPlan plan) {
        return check(network, plan, GradientRules.builtIn());
    }

    /** As {@link #check(Model, DpSgdPlan)}, with rules for your own layers and parts. */
    public static List<ModelProblem> check(Model network, DpSgdPlan plan, GradientRules rules) {
        return ModelProblem.of(ModelValidator.problems(network, rules, plan.sequenceLength(), plan.truncation()));
    }

    /** The lots of the plan over in-memory data, for {@code net.fit(lots, plan.epochs())}. */
    public DataSetIterator lots(DataSet data) {
        return lots(RandomAccessExamples.of(data));
    }

    /**
     * The lots of the plan, summed elsewhere, for {@code net.fit(lots, plan.epochs())}. Charge, noise, division and update are this engine's, as for lots that it sums itself.
     *
     * @param sums returns the clipped sums of all parts of a lot
     * @throws IllegalArgumentException as for {@link #lots(RandomAccessExamples)}, or if the plan has truncated backpropagation through time
     */
    public MultiDataSetIterator multiLots(LotSums sums) {
        return new MultiLotIterator(source(sums));
    }

    /** As {@link #multiLots(LotSums)}, for networks of one input and one output. */
    public DataSetIterator lots(LotSums sums) {
        return new LotIterator(source(sums));
    }

    private LotSource source(LotSums sums) {
        if (plan().releasesPerLot() > 1) {
            throw new IllegalArgumentException(
                    "a plan with truncated backpropagation through time cannot be summed in parts: each of its segments needs the update that the one"
                            + " before made; use engine.lots(data)");
        }
        if (plan().privacyUnit().isGroup() && !sums.hasOwners()) {
            throw new IllegalArgumentException("the sums must be over the rows of each " + plan().unit()
                    + ", the plan's unit of privacy, cut into parts by the owners of rows: were over rows");
        }
        if (!plan().privacyUnit().isGroup() && sums.hasOwners()) {
            throw new IllegalArgumentException(
                    "the sums are over the rows of owners, but the plan's unit of privacy is one row: use plan.withUnit(\"patient\", maximumRows), or data without owners");
        }
        if (plan().augmentationMultiplicity() > 1 && !sums.isAugmented()) {
            throw new IllegalStateException("the plan's augmentation multiplicity is "
                    + plan().augmentationMultiplicity() + ", but the sums are over examples as they are");
        }
        requireLots(sums.size());
        return new LotSource(training, sums, options);
    }

    /** As {@link #lots(DataSet)}, for networks of several inputs or outputs too. */
    public MultiDataSetIterator lots(MultiDataSet data) {
        return multiLots(RandomAccessExamples.of(data));
    }

    /**
     * The lots of the plan, for {@code net.fit(lots, plan.epochs())}.
     *
     * @param data the training set, each example with one array of features and one of labels; a {@link GroupedExamples} for a plan with {@link DpSgdPlan#withUnit}
     * @throws IllegalArgumentException under {@code ADD_OR_REMOVE_ONE}, if its size differs from {@code plan.examples()} by more than one example and more than 1 %, most likely a mistake: a check that reads
     *     the private data and is not covered by the guarantee; under {@code ZERO_OUT}, if it is larger (fewer examples are as if the missing ones were empty); under {@code REPLACE_ONE}, if it is another
     * @throws IllegalStateException if the plan's steps are done, the engine is detached, or the plan's augmentation multiplicity is more than 1
     */
    public DataSetIterator lots(RandomAccessExamples data) {
        return new LotIterator(source(data, null));
    }

    /** As {@link #lots(RandomAccessExamples)}, for networks of several inputs or outputs too. */
    public MultiDataSetIterator multiLots(RandomAccessExamples data) {
        return new MultiLotIterator(source(data, null));
    }

    /** As {@link #lots(RandomAccessExamples, Augmentation)}, over in-memory data. */
    public DataSetIterator lots(DataSet data, Augmentation augmentation) {
        return lots(RandomAccessExamples.of(data), augmentation);
    }

    /**
     * The lots of the plan with augmented examples: of each example of a lot the augmentation makes {@link DpSgdPlan#augmentationMultiplicity()} copies, by
     * default one; labels and masks are repeated, and dropout draws separately for each copy. A preprocessor set on the iterator works on the copies
     * and must keep their order.
     *
     * @param data the training set, each example with one array of features and one of labels
     * @param augmentation makes a copy from its example and randomness alone
     * @throws IllegalArgumentException if the size of {@code data} differs by more than 1 % from {@code plan.examples()}
     * @throws IllegalStateException if the plan's steps are done, or the engine is detached
     */
    public DataSetIterator lots(RandomAccessExamples data, Augmentation augmentation) {
        return new LotIterator(source(data, Objects.requireNonNull(augmentation, "augmentation")));
    }

    /** As {@link #lots(RandomAccessExamples, Augmentation)}, for networks of several outputs; the features must still be one array. */
    public MultiDataSetIterator multiLots(RandomAccessExamples data, Augmentation augmentation) {
        return new MultiLotIterator(source(data, Objects.requireNonNull(augmentation, "augmentation")));
    }

    /**
     * The batches of your own iterator as lots, in its order, for a plan made by {@link DpSgdPlan#givenBatches}. A pass is charged before the
     * first release about it; {@code reset()} ends it.
     *
     * @param iterator returns each example at most once between two resets, in an order that does not depend on the data
     * @throws IllegalStateException if the plan is of another kind, or its passes are all charged
     */
    public DataSetIterator lots(DataSetIterator iterator) {
        requireGivenBatches();
        return new LotIterator(GivenBatches.of(training, training.physicalBatchSize(options), iterator), iterator);
    }

    /** As {@link #lots(DataSetIterator)}, for networks of several inputs or outputs too. */
    public MultiDataSetIterator lots(MultiDataSetIterator iterator) {
        requireGivenBatches();
        return new MultiLotIterator(GivenBatches.of(training, training.physicalBatchSize(options), iterator), iterator);
    }

    private void requireGivenBatches() {
        training.requireAttached();
        DpSgdPlan plan = plan();
        if (plan.sampling() != Sampling.GIVEN_BATCHES) {
            throw new IllegalStateException("the plan's sampling must be GIVEN_BATCHES for a DataSetIterator, was "
                    + plan.sampling()
                    + ": its accounting does not hold for batches that the plan does not draw."
                    + " Use engine.lots(RecordExamples.inMemory(iterator)) if the data fit in memory and another"
                    + " RandomAccessExamples if not, or a plan by DpSgdPlan.givenBatches(examples, batchSize)");
        }
        training.requireStepsLeft();
    }

    private LotSource source(RandomAccessExamples data, @Nullable Augmentation augmentation) {
        training.requireAttached();
        DpSgdPlan plan = plan();
        if (augmentation == null && plan.augmentationMultiplicity() > 1) {
            throw new IllegalStateException("the plan's augmentation multiplicity is " + plan.augmentationMultiplicity()
                    + ", but no augmentation makes the copies: use engine.lots(data, augmentation)");
        }
        requireLots(units(data));
        return new LotSource(training, data, augmentation, options);
    }

    /** The number of units of a data set, which must be of the plan's kind. */
    private long units(RandomAccessExamples data) {
        boolean hasOwners = data instanceof GroupedExamples;
        if (plan.privacyUnit().isGroup() && !hasOwners) {
            throw new IllegalArgumentException("the data must have the " + plan.unit()
                    + " of each row, the plan's unit of privacy: use engine.lots(GroupedExamples.of(data, ids))");
        }
        if (!plan.privacyUnit().isGroup() && hasOwners) {
            throw new IllegalArgumentException(
                    "the data have the owner of each row, but the plan's unit of privacy is one row: use plan.withUnit(\"patient\", maximumRows), or the data without owners");
        }
        return data instanceof GroupedExamples grouped ? grouped.units() : data.size();
    }

    /** Requires that lots can be drawn from a data set of so many units. */
    private void requireLots(long size) {
        training.requireAttached();
        if (plan.sampling() == Sampling.GIVEN_BATCHES) {
            throw new IllegalStateException(
                    "the plan's sampling is GIVEN_BATCHES: pass a DataSetIterator, or draw lots by DpSgdPlan.poisson");
        }
        training.requireStepsLeft();
        training.requireSize(size);
        if (!DataSize.isNear(size, plan.examples())) {
            log.warn(
                    "The data set has {} {}, the plan {}: those that are missing are taken for empty records, and the divisor stays that of the plan.",
                    size,
                    plan.privacyUnit().plural(),
                    plan.examples());
        }
    }

    /** The spent privacy, including the accounts of parameters that were copied into the network since the last lot. */
    private Spending spending() {
        training.lookAtParameters();
        return training.spending();
    }

    /** The plan that this engine runs. */
    public DpSgdPlan plan() {
        return plan;
    }

    /** The number of lots released so far: each is charged before its noised sum leaves the engine. */
    public long steps() {
        return training.steps();
    }

    /** The number of lots that the plan still allows. */
    public long remainingSteps() {
        return training.remainingSteps();
    }

    /**
     * The number of passes that {@code net.fit(engine.lots(data), passes)} needs to release all {@link #remainingSteps()}: the plan's epochs for a new
     * run, fewer for one that was resumed.
     */
    public int remainingEpochs() {
        return Math.toIntExact(training.remainingEpochs());
    }

    /** The epsilon spent so far, at {@code plan.delta()} and under {@code plan.relation()}; infinite without noise. */
    public double epsilon() {
        return spending().epsilon();
    }

    /** The epsilon spent so far, for queries after every step: as cheap as the accountant allows, and up to about 0.1 % above {@link #epsilon()}. */
    public double runningEpsilon() {
        return remainingSteps() == 0 ? epsilon() : spending().runningEpsilon();
    }

    /** The moments accountant's epsilon where the plan has a tighter one. */
    public OptionalDouble momentsEpsilon() {
        return spending().momentsEpsilon();
    }

    /**
     * The clipping norm {@code C} in force for the next lot. With {@link Clipping.Adaptive} it moves from lot to lot; it is then part of the released
     * output, covered by the guarantee, and may be published.
     */
    public double clippingNorm() {
        return training.clippingNorm();
    }

    /** The guarantee of what was released so far. */
    public PrivacyGuarantee guarantee() {
        return new PrivacyGuarantee(epsilon(), plan().delta(), plan().relation());
    }

    /** What was run, what it guarantees and what it assumes. */
    public PrivacyReport report() {
        return new PrivacyReport(plan, state());
    }

    /** The epsilon of everything once the plan is at its end. */
    double epsilonAtEnd() {
        return spending().epsilonAtEnd();
    }

    /** Whether the plan does not begin with an epsilon of 0: something was charged before it, or correlated noise began anew. */
    boolean hasPast() {
        return !spending().history().isEmpty() || spending().noiseBegan() > 0;
    }

    /** How far the run has come. */
    RunState state() {
        Spending spending = spending();
        return new RunState(
                steps(),
                remainingSteps(),
                spending.epsilon(),
                Math.max(spending.epsilon(), spending.epsilonAtEnd()),
                spending.momentsEpsilon(),
                clippingNorm(),
                spending.history(),
                training.account(),
                spending.event(),
                spending.hasLedger(),
                Optional.ofNullable(spending.head()),
                training.trainable(),
                assumptions(),
                training.augmentedLots().wasUsed(),
                plan.correlation().isPresent() && !plan.seed().isPresent() ? spending.noiseBegan() : 0,
                training.shapes().matter());
    }

    private List<String> assumptions() {
        var assumptions = new ArrayList<>(training.rules().assumptions());
        assumptions.addAll(training.fittedPreprocessing());
        if (continues) {
            assumptions.add(EARLIER_SESSIONS);
        }
        return assumptions;
    }

    /**
     * Writes the trained model, for use and not for further training, as a file that any DL4J program loads: without the updaters, their state and
     * the plan. The privacy account stays in its configuration, in a form that DL4J knows: attached again, the model has the same epsilon. The file also holds {@link #report()}, as {@code privacy-report.json}, {@code privacy-report.md} and
     * {@code privacy-report.html}.
     *
     * @param file replaced if it exists, complete or not at all
     * @throws IOException if it cannot be written
     * @throws IllegalStateException if the engine is detached: the report does not cover what happened to the network since
     */
    public void exportForInference(File file) throws IOException {
        training.requireAttached(
                "exportForInference must be called before close() or detach(): call it on a new engine, PrivacyEngine.attach(network), which continues the account");
        InferenceExport.write(training.exportable(), report(), file);
    }

    /** Whether all releases about the last lot are done: false between the segments of truncated backpropagation through time. */
    boolean isLotComplete() {
        return training.isLotComplete();
    }

    /** See {@code PrivateStep.signalToNoisePower}. */
    double signalToNoisePower() {
        return training.signalToNoisePower();
    }

    /** See {@link PrivacyStatus#clippedFraction()}: private data. */
    double clippedFraction() {
        return training.clippedFraction();
    }

    /** The largest number of charges under the plan with which everything charged stays within {@code epsilon}. */
    long affordableCharges(double epsilon) {
        return spending().affordableCharges(epsilon);
    }

    /** The passes over the user's own iterator that the plan still allows to begin. */
    long remainingPasses() {
        return training.remainingPasses();
    }

    /**
     * Ends the run and releases the ledger's file. The network stays private: it can be saved, evaluated and attached again; until then it does not
     * train.
     */
    @Override
    public void close() {
        training.close();
    }

    /**
     * Returns the network to plain DL4J: original layers and updaters, with the updater's state. Later training has no privacy. The privacy account
     * stays in its configuration, through files and copies: an engine that is attached later continues from it. If the network was trained meanwhile,
     * the engine reports this and an infinite epsilon, unless {@link #forgetUnprotected} records that this was on other data. To attach another plan
     * or set a learning rate, {@link #close()} is enough.
     */
    public void detach() {
        training.detach();
        log.warn(
                "The network was detached after {} private steps and now trains without privacy. Its privacy account stays with it.",
                steps());
    }

    /**
     * Forgets the privacy account of a network; no other call does. Use it for a network that was initialized anew, or whose training data will never
     * be used for training or a release again. The engine logs it, and every later report names what was forgotten and why.
     *
     * @param network one that no engine is attached to; it is a plain DL4J network afterwards
     * @param reason for the report, not blank
     * @throws IllegalArgumentException if {@code reason} is blank
     * @throws IllegalStateException if an engine is attached to the network
     */
    public static void forget(Model network, String reason) {
        DpNetwork configuration = requireForgettable(network, reason);
        PrivacyAccount account = configuration.account();
        account.spentInWords()
                .forEach(words -> log.warn("Forgotten at the user's request: {}. Reason: {}.", words, reason));
        configuration.forget(account.forgetting(reason));
    }

    /**
     * Forgets that a network's parameters were changed without privacy after private training, by {@code fit} after {@link #detach()} or by hand: the
     * caller states that only other data, public or none, went into them. The charges of private training stay. The engine logs it, and every later report names
     * it with the reason.
     *
     * @param network one that no engine is attached to
     * @param reason for the report, not blank
     * @throws IllegalArgumentException if {@code reason} is blank
     * @throws IllegalStateException if an engine is attached to the network
     */
    public static void forgetUnprotected(Model network, String reason) {
        DpNetwork configuration = requireForgettable(network, reason);
        PrivacyAccount account = configuration.account();
        account.unprotected()
                .values()
                .forEach(words -> log.warn("Forgotten at the user's request: {}. Reason: {}.", words, reason));
        configuration.rewrite(account.forgettingUnprotected(reason));
    }

    private static DpNetwork requireForgettable(Model network, String reason) {
        if (reason.isBlank()) {
            throw new IllegalArgumentException("reason must state why the account may be forgotten, was blank");
        }
        DpNetwork configuration = configuration(network);
        if (DpNetwork.isAttached(configuration.currentUpdater())) {
            throw new IllegalStateException(
                    "the account of a network cannot be forgotten while a PrivacyEngine is attached to it; close() the engine first");
        }
        return configuration;
    }

    /** The configuration of a network, of which nothing else is required. */
    private static DpNetwork configuration(Model network) {
        if (!DpNetwork.isKnown(network)) {
            throw UnsupportedModelException.of(ModelValidator.problems(network, GradientRules.builtIn(), 0, null));
        }
        return DpNetwork.of(network);
    }
}
