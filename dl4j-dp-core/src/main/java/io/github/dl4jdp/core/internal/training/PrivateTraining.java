// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import io.github.dl4jdp.core.data.InMemoryExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.gradient.DataPreProcessors;
import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.gradient.LayerTape;
import io.github.dl4jdp.core.internal.DataSize;
import io.github.dl4jdp.core.internal.arrays.CpuBlas;
import io.github.dl4jdp.core.internal.arrays.Nd4jThreads;
import io.github.dl4jdp.core.internal.charging.PrivacyAccount;
import io.github.dl4jdp.core.internal.charging.Spending;
import io.github.dl4jdp.core.internal.charging.TrainingProgress;
import io.github.dl4jdp.core.internal.network.AccountCarriers;
import io.github.dl4jdp.core.internal.network.BackwardPass;
import io.github.dl4jdp.core.internal.network.DpNetwork;
import io.github.dl4jdp.core.internal.network.ExampleWeights;
import io.github.dl4jdp.core.internal.network.LayerPast;
import io.github.dl4jdp.core.internal.plan.CompletePlan;
import io.github.dl4jdp.core.internal.plan.Segment;
import io.github.dl4jdp.core.internal.plan.Truncation;
import io.github.dl4jdp.core.mechanism.Charge;
import io.github.dl4jdp.core.mechanism.Clipping;
import io.github.dl4jdp.core.mechanism.LotSums;
import io.github.dl4jdp.core.mechanism.Mechanism;
import io.github.dl4jdp.core.mechanism.PrivateStep;
import io.github.dl4jdp.core.mechanism.Sampling;
import io.github.dl4jdp.core.mechanism.TrainableLayer;
import io.github.dl4jdp.core.random.RandomStreams;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.LongUnaryOperator;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.deeplearning4j.nn.api.Model;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.Sgd;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A network in private training: the life of a lot from its drawing to the update.
 *
 * <h2>Formal guarantee</h2>
 *
 * The training data reach the network's parameters, updater and gradient views by {@link PrivateStep} alone, once a lot or, with truncated
 * backpropagation through time, once for each of the plan's segments, after the lot was charged for all of them.
 */
public final class PrivateTraining implements AutoCloseable, DpNetwork.UpdateGate {
    private static final Logger log = LoggerFactory.getLogger(PrivateTraining.class);
    /** DL4J's methods from the forward pass to the update and the listeners after it. */
    private static final Set<String> PASS = Set.of("computeGradientAndScore", "gradientAndScore", "optimize");

    /** Where the network stands between lots; every entry point checks it. */
    private enum Lifecycle {
        /** No lot under way. */
        IDLE,
        /** A lot is drawn, its last physical batch has been handed to {@code fit}, and the release of it or of its next segment is to come. */
        EXPECTING,
        /** The gradient views hold the noised sum, and the updater has not run yet. */
        RELEASED,
        /** The network trains without privacy again. */
        DETACHED
    }

    private final DpNetwork network;
    private final ExampleShapes shapes;
    private final CompletePlan plan;
    private final GradientRules rules;
    private final ShardSummer summer;
    private final BackwardPass pass;
    private final Nd4jThreads nd4jThreads;
    private final RandomStreams streams;
    private final PrivateStep step;
    private final AugmentedLots augmentedLots;
    private final Spending spending;
    /** The identity of this session in the network's account. */
    private final String session = UUID.randomUUID().toString();

    private final Mechanism mechanism;
    private final AccountCarriers carriers;
    private final TrainingProgress before;
    private PrivacyAccount account;
    private final Set<String> fitted = new LinkedHashSet<>();
    private final LotDesk desk;
    private Lifecycle lifecycle = Lifecycle.IDLE;
    private @Nullable MultiDataSet expected;
    private int expectedUnits;
    private int expectedEach = 1;
    /** See {@link LotContents}. */
    private long expectedContents;

    /** Whether code other than DL4J's can change the lot before the network has trained on it. */
    private boolean isExposed;

    private long[] expectedMembers = {};
    private double @Nullable [] @Nullable [] weights;
    /** What the lot under way is paid with. */
    private @Nullable Charge charge;

    private PrivateStep.@Nullable Lot open;
    /** Number of the segment, from 0, whose release is next. */
    private long segment;

    private long steps;

    /** What the pass of random allocation that is under way is paid with: this session drew its lots, and another one could not. */
    private @Nullable Charge passCharge;

    private long chargedPass;

    /** Of the data that lots were drawn from first. */
    private @Nullable DataOrder order;

    /** Whether DL4J has been through a whole pass over data of this run, the score at its end included. */
    private boolean rehearsed;

    /** Why the lot that is out cannot be trained on. */
    private @Nullable RuntimeException failure;

    /**
     * Hooks a network that {@code ModelValidator} found in order.
     *
     * @param wrap puts the plan around an updater of DL4J's
     */
    public PrivateTraining(
            Model model,
            CompletePlan plan,
            UnaryOperator<IUpdater> wrap,
            Execution options,
            GradientRules rules,
            TrainingProgress progress,
            Spending spending) {
        this.plan = plan;
        this.mechanism = plan.mechanism();
        this.rules = rules;
        this.network = DpNetwork.of(model);
        List<LayerPast> past = network.past();
        network.privatize(wrap);
        this.streams = RandomStreams.of(mechanism.seed());
        this.shapes = new ExampleShapes(model, plan);
        shapes.pin(progress.shapes());
        this.summer = new ShardSummer(network, mechanism, rules, options.threads(), streams);
        this.pass = summer.pass();
        this.nd4jThreads = Nd4jThreads.of(options.threads(), pass.sharesAllWork());
        if (dependsOnPlaces()) {
            fitted.add(
                    "the places of examples in their physical batches change the sum of their clipped gradients by no more than the noise covers:"
                            + " not where gradients are little but rounding (docs/threat-model.md, floating point). No product of this network depends on places with org.bytedeco:dnnl on the class path and"
                            + " none but dense, convolutional and LSTM layers; or train in DOUBLE");
        }
        network.installUpdater(this);
        Double reached = progress.clippingNorm();
        this.step = new PrivateStep(
                mechanism,
                streams,
                reached != null && mechanism.clipping() instanceof Clipping.Adaptive
                        ? reached
                        : mechanism.clipping().norm(),
                network.trainable(),
                model.numParams(),
                model.params().dataType(),
                options.threads());
        this.augmentedLots = summer.augmentedLots();
        this.spending = spending;
        // Where every lot is charged, the ledger may know of more lots than the model.
        this.steps = mechanism.chargesByPass() ? progress.steps() : spending.charges();
        step.continueAfter(steps);
        spending.takeNoise(step::readNoise);
        this.desk = new LotDesk(model, this::isGiven, this::withdraw);
        this.before = progress;
        this.account = progress.account();
        this.carriers = new AccountCarriers(network, plan.stored(), account, past);
        spending.ownSession(session);
        // The configuration is fresh: a network that is saved before its next step must not have forgotten the earlier
        // ones.
        noteProgress();
        network.keepConfiguration();
    }

    /** Whether a row's last bits may depend on its place in a physical batch: where not all products are oneDNN's, as those of frozen layers are not. */
    private boolean dependsOnPlaces() {
        CpuBlas blas = CpuBlas.find();
        long withParameters = Arrays.stream(network.layers())
                .filter(layer -> layer.numParams() > 0)
                .count();
        return network.model().params().dataType() == DataType.FLOAT
                && !(blas != null
                        && blas.usesOneDnn()
                        && pass.keepsBitsOfRows()
                        && network.trainable().size() == withParameters);
    }

    CompletePlan plan() {
        return plan;
    }

    /** Who may have a lot. */
    LotDesk desk() {
        return desk;
    }

    /** Whether a fit of the lot that is out has begun. */
    private boolean isGiven() {
        MultiDataSet lot = expected;
        return lot != null && network.isGiven(lot, firstSegment());
    }

    /** Drops the lot that is out: nothing of it was released. */
    private void withdraw() {
        closePass();
        expected = null;
        charge = null;
        open = null;
        lifecycle = lifecycle == Lifecycle.DETACHED ? Lifecycle.DETACHED : Lifecycle.IDLE;
        returnThreads();
    }

    private Segment firstSegment() {
        Truncation truncation = plan.truncation().orElse(null);
        return truncation == null ? Segment.WHOLE : truncation.segment(0);
    }

    /** The layers that train, in the order of the flattened parameters. */
    public List<TrainableLayer> trainable() {
        return network.trainable();
    }

    /** The rules by which the layers were hooked. */
    public GradientRules rules() {
        return rules;
    }

    public Spending spending() {
        return spending;
    }

    /** The number of lots released so far. */
    public long steps() {
        return steps;
    }

    /** The clipping norm in force for the next lot. */
    public double clippingNorm() {
        return step.clippingNorm();
    }

    /** The number of lots that the plan still allows. */
    public long remainingSteps() {
        long planned = Math.max(0, mechanism.steps() - steps);
        if (mechanism.sampling() == Sampling.RANDOM_ALLOCATION) {
            return Math.min(planned, payableLots());
        }
        return mechanism.chargesByPass() ? planned : Math.min(planned, spending.remainingCharges());
    }

    /** The lots that the passes which are charged, or may be, have left. The rest of a pass that another session began is another pass. */
    private long payableLots() {
        long pass = mechanism.passOf(steps + 1);
        Charge kept = passCharge;
        boolean isPaid = kept != null && kept.isRecorded() && chargedPass == pass;
        long passes = (isPaid ? 1 : 0) + Math.min(remainingPasses(), mechanism.steps());
        return passes == 0 ? 0 : mechanism.lotsAfter(Math.addExact(pass - 1, passes)) - steps;
    }

    /** What a lot is paid with: a charge of its own, or that of its pass. */
    Charge chargeOf(long lot) {
        if (mechanism.sampling() != Sampling.RANDOM_ALLOCATION) {
            return spending.nextCharge();
        }
        long pass = mechanism.passOf(lot);
        Charge kept = passCharge;
        if (kept == null || chargedPass != pass || spending.isOvertaken(kept)) {
            kept = beginPass();
            passCharge = kept;
            chargedPass = pass;
        }
        return kept;
    }

    /**
     * Looks at a stage on the way of the examples, and all inside it. Names what holds statistics of data, once.
     *
     * @param stage a preprocessor, an iterator or a {@code DataStage}
     * @throws IllegalArgumentException if a preprocessor is not known to compute every example independently, or something has constants of a release that is not charged
     */
    void noticeStage(@Nullable Object stage) {
        if (stage == null) {
            return;
        }
        DataPreProcessors.requireExampleWise(stage, rules);
        account.requireReleases(DataPreProcessors.releases(stage));
        DataPreProcessors.assumptions(stage).stream()
                .filter(fitted::add)
                .forEach(assumption -> log.warn("Assumed: {}.", assumption));
    }

    /**
     * Looks at the data that a lot is to be drawn from, where that rests on the place of an example in them.
     *
     * @throws IllegalStateException if their order is another one than at first
     */
    void requireSameOrder(RandomAccessExamples data) {
        if (!mechanism.restsOnOrder()) {
            return;
        }
        DataOrder first = order;
        if (first == null) {
            order = DataOrder.of(data);
        } else {
            first.require(data);
        }
    }

    /** Lots are summed elsewhere. */
    void noticeSums(LotSums sums) {
        fitted.addAll(sums.assumptions());
        if (sums.isAugmented()) {
            augmentedLots.noteUse();
        }
    }

    /** What has to be assumed of where lots are summed, and of the preprocessors that the training data went through. */
    public List<String> fittedPreprocessing() {
        return List.copyOf(fitted);
    }

    /** Keeps the shape of an example from depending on others. */
    public ExampleShapes shapes() {
        return shapes;
    }

    /** Makes the copies of augmented examples, and knows how many there are of each. */
    public AugmentedLots augmentedLots() {
        return augmentedLots;
    }

    /** Unhooks the network, which stays private and does not train meanwhile. */
    @Override
    public void close() {
        if (lifecycle == Lifecycle.DETACHED) {
            return;
        }
        requireNoPass();
        carriers.acceptUpdate();
        takeUpLastChanges();
        unhook();
        network.removeUpdater();
        end(false);
    }

    /** Gives the network back to plain DL4J; its account stays in its network. */
    public void detach() {
        requireAttached();
        requireNoPass();
        carriers.acceptUpdate();
        takeUpLastChanges();
        unhook();
        network.restoreUpdater();
        end(true);
    }

    /**
     * As {@link #takeUpChanges}, but parameters that this run cannot account for do not keep the network from being given back: their account stays in it, and
     * the next engine refuses them again. Of accounts that contradict each other none holds: epsilon is infinite.
     */
    private void takeUpLastChanges() {
        carriers.readAll();
        try {
            takeUpChanges();
        } catch (IllegalStateException | IllegalArgumentException refusal) {
            try {
                takeUp(strangers());
            } catch (IllegalArgumentException contradiction) {
                account = account.withUnprotected(
                        "refused-" + session, "its parameters came together where " + contradiction.getMessage());
            }
            log.warn("The network holds parameters that this engine cannot account for: {}", refusal.getMessage());
        }
    }

    /** Without its hooks, a pass that is under way would leave plain gradients in the network. */
    private void requireNoPass() {
        Set<Thread> threads = new LinkedHashSet<>(Set.of(Thread.currentThread()));
        desk.outThread().ifPresent(threads::add);
        if (threads.stream().anyMatch(thread -> isIn(thread, PASS::contains))) {
            throw new IllegalStateException(
                    "close() and detach() must not be called while fit is under way, by a listener for example; call them after fit");
        }
    }

    /** Whether a thread is in one of DL4J's methods. */
    private static boolean isIn(Thread thread, Predicate<String> method) {
        return Arrays.stream(thread.getStackTrace())
                .anyMatch(frame -> method.test(frame.getMethodName())
                        && frame.getClassName().startsWith("org.deeplearning4j."));
    }

    /** First of all, so that DL4J's own updater is built on the layers and configurations that stay. */
    private void unhook() {
        summer.close();
    }

    private void end(boolean detached) {
        carriers.release(progress(), detached);
        closePass();
        nd4jThreads.release();
        lifecycle = Lifecycle.DETACHED;
        try {
            spending.leaveNoise(step.mixed(), step::writeNoise);
        } finally {
            spending.close();
        }
    }

    /** A copy of the network that any DL4J program loads: its updaters leave the parameters alone, and its account is in a constraint of DL4J's. */
    public Model exportable() {
        carriers.readAll();
        takeUpChanges();
        Model copy = network.copy(updater -> new Sgd(0));
        DpNetwork.of(copy).export(progress(), plan.stored(), carriers.past(progress()));
        return copy;
    }

    /** Everything that went into the network's parameters, as far as it is known. */
    public PrivacyAccount account() {
        return account;
    }

    /** Takes up what was put into the network meanwhile, whatever became of the last lot. While another thread is in {@code fit}, it looks for itself. */
    public void lookAtParameters() {
        if (lifecycle != Lifecycle.DETACHED && !isInFitElsewhere()) {
            carriers.readAll();
            takeUpChanges();
        }
    }

    private boolean isInFitElsewhere() {
        Set<Thread> others = desk.trainers();
        others.remove(Thread.currentThread());
        return others.stream().anyMatch(thread -> isIn(thread, method -> method.startsWith("fit")));
    }

    /**
     * Takes up what parameters bring with them that the engine did not put where they are: those of another private run have its account, others were changed
     * without privacy.
     */
    private void takeUpChanges() {
        Strangers strangers = strangers();
        if (strangers.layers().isEmpty() && strangers.states().isEmpty()) {
            return;
        }
        if (!strangers.account().equals(account)) {
            // Where it is refused, nothing is taken up: neither here nor in the network's configuration.
            spending.add(strangers.account());
            log.warn(
                    "The network's parameters, or its updater's state, were changed outside this engine: epsilon is {} from now on.",
                    spending.epsilon());
        }
        takeUp(strangers);
        noteProgress();
    }

    /**
     * Parameters that the engine did not put where they are.
     *
     * @param layers their fingerprints and what is known of them, by the index of their layer
     * @param states the fingerprints of an updater's state that it did not leave there
     * @param account the network's account with theirs
     */
    private record Strangers(Map<Integer, Stranger> layers, Set<Long> states, PrivacyAccount account) {}

    private record Stranger(Set<Long> fingerprints, LayerPast past) {}

    private Strangers strangers() {
        boolean isTrained = !account.sessions().isEmpty();
        PrivacyAccount known = account;
        var layers = new TreeMap<Integer, Stranger>();
        for (var layer : carriers.strangers().entrySet()) {
            LayerPast past = DpNetwork.recognized(
                    new LayerPast(known, Set.of(), Set.of()),
                    layer.getValue(),
                    isTrained,
                    DpNetwork.name(network.layers()[layer.getKey()], layer.getKey()));
            known = past.account();
            layers.put(layer.getKey(), new Stranger(layer.getValue(), past));
        }
        Set<Long> states = carriers.strangeStates();
        return new Strangers(layers, states, DpNetwork.withStates(known, states, isTrained));
    }

    private void takeUp(Strangers strangers) {
        strangers
                .layers()
                .forEach((index, stranger) -> carriers.copied(index, stranger.fingerprints(), stranger.past()));
        carriers.copiedStates(strangers.states());
        account = strangers.account();
    }

    public void requireAttached() {
        requireAttached("the engine was detached from its network; attach a new one");
    }

    /** Refuses a detached engine by a message that says what to do about it. */
    public void requireAttached(String message) {
        if (lifecycle == Lifecycle.DETACHED) {
            throw new IllegalStateException(message);
        }
    }

    /**
     * Requires a data set to have as many units as the plan allows.
     *
     * @throws IllegalArgumentException if it has not
     */
    public void requireSize(long units) {
        DataSize.require(
                units,
                mechanism.examples(),
                mechanism.relation(),
                "plan.examples",
                mechanism.unit().plural());
    }

    /** Draws the members of a lot, the next one or the one after it, from a data set of {@code size} examples. */
    long[] drawLot(long lot, long size) {
        return step.draw(lot, size);
    }

    /** Draws the rows of members of a lot, by how many each one has. */
    long[][] drawRows(long lot, long[] members, LongUnaryOperator rows) {
        return step.drawRows(lot, members, rows);
    }

    /**
     * Starts a lot. One that was started and not released before is dropped.
     *
     * @param paidWith what it is paid with
     */
    void beginLot(Charge paidWith) {
        requireAttached();
        requireIntact();
        requireStepsLeft();
        carriers.acceptUpdate();
        takeUpChanges();
        requireStepsLeft();
        nd4jThreads.hold();
        network.requireFiniteParameters();
        closePass();
        summer.beginDraws();
        expected = null;
        segment = 0;
        network.clearMasks();
        shapes.begin();
        charge = null;
        open = null;
        lifecycle = Lifecycle.IDLE;
        charge = paidWith;
        open = step.open(paidWith, steps + 1, 0);
        if (plan.truncation().isPresent()) {
            network.clearCarriedState();
        }
    }

    /** No lot follows for now: ND4J gets its threads back. */
    void returnThreads() {
        nd4jThreads.release();
    }

    /** The most examples of a physical batch, all copies of each: with truncated backpropagation through time, whatever the lot has. */
    public int physicalBatchSize(Execution options) {
        return plan.truncation().isEmpty() ? summer.physicalBatchSize(options) : Integer.MAX_VALUE;
    }

    /** Begins a pass that is charged as one, before anything of it is looked at, and gives what its lots are paid with. */
    Charge beginPass() {
        requireAttached();
        carriers.acceptUpdate();
        takeUpChanges();
        network.requireFiniteParameters();
        requirePassesLeft();
        return spending.nextChargeOfNewPass();
    }

    private void requirePassesLeft() {
        if (remainingPasses() == 0) {
            throw new IllegalStateException(
                    spending.remainingCharges() == 0
                            ? spending.exhausted()
                            : "the plan is exhausted: all of its " + plan.passes() + " passes are charged");
        }
    }

    /** The passes that the plan still allows to begin, where a pass is charged as one. */
    public long remainingPasses() {
        return mechanism.chargesByPass()
                ? Math.min(Math.max(0, plan.passes() - spending.charges()), spending.remainingCharges())
                : Math.min(Math.max(0, plan.passes() - spending.passes()), remainingSteps());
    }

    /** The passes in which all remaining lots are released. */
    public long remainingEpochs() {
        long left = remainingSteps();
        if (mechanism.sampling() == Sampling.GIVEN_BATCHES) {
            return remainingPasses();
        }
        return left == 0 ? 0 : mechanism.passOf(steps + left) - mechanism.passOf(steps + 1) + 1;
    }

    private void noteProgress() {
        long charges = spending.charges() - spending.chargesBefore();
        if (charges > 0) {
            account = account.with(
                    session,
                    new PrivacyAccount.Session(
                            plan.released(),
                            spending.noiseBegan(),
                            spending.chargesBefore(),
                            charges,
                            spending.head()));
        }
        TrainingProgress now = progress();
        network.setProgress(now);
        carriers.note(now);
    }

    private TrainingProgress progress() {
        var run = new ArrayList<>(before.run());
        if (account.sessions().containsKey(session)) {
            run.add(session);
        }
        return new TrainingProgress(
                steps,
                spending.charges(),
                spending.head(),
                mechanism.clipping() instanceof Clipping.Adaptive ? step.clippingNorm() : null,
                run,
                account,
                shapes.pinned());
    }

    public void requireStepsLeft() {
        if (remainingSteps() > 0) {
            return;
        }
        if (steps >= mechanism.steps()) {
            throw new IllegalStateException(
                    "the plan is exhausted: all of its " + mechanism.steps() + " steps are done");
        }
        throw new IllegalStateException(
                spending.remainingCharges() == 0
                        ? spending.exhausted()
                        : "the plan is exhausted after " + steps + " of its " + mechanism.steps()
                                + " steps: all of its "
                                + plan.passes()
                                + " passes are charged. A pass that was interrupted costs another one for its rest; stop at the end of a pass");
    }

    /**
     * Runs a physical batch that does not end its lot.
     *
     * @param units how many of its units count: the first ones
     * @param each how many examples every unit of the batch has
     * @param members number of each example in its data set or pass
     */
    void accumulate(MultiDataSet batch, int units, int each, long[] members) {
        var weighted = summer.weighted(batch);
        int rows = augmentedLots.examplesOf(weighted.batch()) / each;
        PrivateStep.Lot sum = Objects.requireNonNull(open);
        summer.run(streams.lotKey(steps + 1), steps + 1, weighted, members, tapes -> sum.add(tapes, units, rows, each));
        rehearsed = true;
    }

    /** A lot that is summed in parts elsewhere, as {@code fit} is to have it: a stand-in that contributes nothing. */
    MultiDataSet lotOf(LotSums sums) {
        beginLot(spending.nextCharge());
        PrivateStep.Lot lot = Objects.requireNonNull(open);
        MultiDataSet standIn =
                ExampleWeights.unambiguous(augmentedLots.repeated(InMemoryExamples.map(sums.standIn(), INDArray::dup)));
        requireDeclaredShapes(standIn, shapes.shaped(standIn, true));
        requireFitting(standIn);
        sums.sum(lot.task(network.iterations(), network.epochs())).forEach(lot::add);
        for (INDArray[] arrays : new INDArray[][] {standIn.getFeatures(), standIn.getLabels()}) {
            for (INDArray array : arrays) {
                array.assign(0);
            }
        }
        return expect(standIn, 0, 1, new long[] {0}, true);
    }

    /** What fails for its shapes alone fails here, before anything is asked of others, and with a message that cannot hold data. */
    private void requireFitting(MultiDataSet standIn) {
        if (rehearsed) {
            return;
        }
        try {
            rehearse(summer.weighted(standIn), new long[] {0});
        } catch (RuntimeException e) {
            throw new IllegalArgumentException(
                    "the examples must have the shapes that the network takes, but it fails on zeros of their shapes, features "
                            + shapes(standIn.getFeatures()) + " and labels " + shapes(standIn.getLabels()) + ": "
                            + e.getMessage() + ". Nothing was charged",
                    e);
        }
    }

    /** A whole pass that is recorded and thrown away. */
    private void rehearse(ExampleWeights weighted, long[] members) {
        summer.run(streams.lotKey(steps + 1), steps + 1, weighted, members, tapes -> {});
        rehearsed = true;
    }

    private static String shapes(INDArray[] arrays) {
        return Arrays.stream(arrays)
                .map(array -> Arrays.toString(array.shape()))
                .collect(Collectors.joining(", "));
    }

    /** What is summed elsewhere is not padded here. */
    private static void requireDeclaredShapes(MultiDataSet standIn, MultiDataSet shaped) {
        for (int i = 0; i < standIn.numFeatureArrays(); i++) {
            long[] given = standIn.getFeatures(i).shape();
            long[] declared = shaped.getFeatures(i).shape();
            if (!Arrays.equals(given, declared)) {
                throw new IllegalArgumentException(
                        "examples that are summed elsewhere must have the shape that the plan declares, "
                                + Arrays.toString(declared) + " for array " + i
                                + " of the features, examples first; had "
                                + Arrays.toString(given) + ". Pad them before they are written");
            }
        }
    }

    /** Ends a part of the lot under way. */
    void endShard() {
        Objects.requireNonNull(open).endShard();
    }

    private void closePass() {
        summer.closePass();
    }

    /**
     * Hands out the last physical batch of a lot: the next backward pass must be over it, or the next ones over its segments.
     *
     * @param units how many of its units count: the first ones, or none
     * @param each how many examples every unit of the batch has
     * @param members number of each example in its data set or pass
     * @param isShared whether another thread, or code that made the batch, may still write on its arrays
     * @throws IllegalArgumentException if the plan declares truncated backpropagation through time and the batch does not fit its maximum length
     */
    MultiDataSet expect(MultiDataSet last, int units, int each, long[] members, boolean isShared) {
        Truncation truncation = plan.truncation().orElse(null);
        MultiDataSet lot = truncation == null ? last : SequencePadding.pad(last, truncation);
        var weighted = summer.weighted(lot);
        failure = null;
        if (!rehearsed && truncation == null) {
            // What DL4J fails on after the release, in the score that ends a pass, fails here, where nothing is
            // charged.
            try {
                rehearse(weighted, members);
            } catch (RuntimeException e) {
                failure = e; // only for the fit: other readers may have the lot
            }
        }
        expected = weighted.batch();
        weights = weighted.weights();
        expectedUnits = units;
        expectedEach = each;
        expectedMembers = members;
        isExposed = isShared || !rules.assumptions().isEmpty() || network.hasCodeOfUsers() || !LotCaller.isFitItself();
        expectedContents = contents(weighted.batch());
        segment = 0;
        openPass(weighted.batch());
        desk.handedOut(steps + 1);
        return weighted.batch();
    }

    private void openPass(MultiDataSet lot) {
        lifecycle = Lifecycle.EXPECTING;
        long number = segment == 0 ? steps + 1 : steps;
        int rows = (int) lot.getFeatures(0).size(0);
        summer.openDraws(streams.lotKey(number), number, segment, expectedMembers, rows);
        pass.open(rows, weights, new BackwardPass.Observer() {
            @Override
            public void starting() {
                desk.requireSameThread();
                RuntimeException rehearsal = failure;
                if (rehearsal != null) {
                    throw rehearsal;
                }
                requireIntact();
                network.requireReleasable();
                requireUnchanged(lot);
                if (mechanism.chargesByPass() && !Objects.requireNonNull(charge).isRecorded()) {
                    requirePassesLeft();
                }
            }

            @Override
            public void complete(List<LayerTape> tapes) {
                release(tapes);
            }
        });
    }

    private long contents(MultiDataSet lot) {
        return isExposed ? LotContents.of(lot) : LotContents.ofPart(lot, steps);
    }

    private void requireUnchanged(MultiDataSet lot) {
        if (segment == 0 && contents(lot) != expectedContents) {
            throw new IllegalStateException("the values of lot " + (steps + 1)
                    + " were changed after next() returned it: preprocessing must not depend on the other examples of the lot. Set"
                    + " preprocessors by setPreProcessor on the iterator of engine.lots, and do not change its lots");
        }
    }

    private void release(List<LayerTape> tapes) {
        MultiDataSet lot = Objects.requireNonNull(expected);
        Truncation truncation = plan.truncation().orElse(null);
        try {
            network.requirePassOver(lot, truncation == null ? Segment.WHOLE : truncation.segment(segment));
        } catch (IllegalStateException e) {
            // Another batch: the lot itself may still come.
            openPass(lot);
            throw e;
        }
        // What a listener has put into the network since the lot was drawn is not the engine's.
        takeUpChanges();
        expected = null;
        PrivateStep.Lot sum = Objects.requireNonNull(open);
        open = null;
        sum.add(tapes, expectedUnits, augmentedLots.examplesOf(lot) / expectedEach, expectedEach);
        sum.release(network.gradientView());
        lifecycle = Lifecycle.RELEASED;
        if (segment == 0) {
            // The lot is spent, whatever becomes of its later segments.
            steps++;
            shapes.keep();
            noteProgress();
            desk.released();
        }
        segment++;
        if (segment < mechanism.releasesPerLot()) {
            expected = lot;
        }
    }

    /** Whether no release about the last lot is still to come. */
    public boolean isLotComplete() {
        return expected == null;
    }

    /** See {@link PrivateStep#signalToNoisePower}; NaN unless a noised sum is in the gradient view. */
    public double signalToNoisePower() {
        return lifecycle == Lifecycle.RELEASED ? step.signalToNoisePower(network.gradientView()) : Double.NaN;
    }

    /** See {@code PrivacyStatus.clippedFraction}; NaN unless a noised sum is in the gradient view. Private data. */
    public double clippedFraction() {
        return lifecycle == Lifecycle.RELEASED ? step.clippedFraction() : Double.NaN;
    }

    @Override
    public void beforeUpdate() {
        if (lifecycle != Lifecycle.RELEASED) {
            throw new IllegalStateException(
                    "the updater was called without a released lot; train with net.fit(engine.lots(data), ...)");
        }
        takeUpChanges();
    }

    @Override
    public void afterUpdate() {
        lifecycle = Lifecycle.IDLE;
        closePass();
        MultiDataSet lot = expected;
        boolean isLastOfPass =
                lot == null && (remainingSteps() == 0 || steps == mechanism.lotsAfter(mechanism.passOf(steps)));
        // Not before DL4J has made the update, or the second of ND4J's threads would wait for more of that.
        carriers.expectUpdate(isLastOfPass ? this::returnThreads : () -> {});
        // What a schedule, a regularization or an updater of the user's own has put in, the update is subtracted from.
        takeUpChanges();
        if (lot != null) {
            open = step.open(Objects.requireNonNull(charge), steps, segment);
            openPass(lot);
        }
    }

    private void requireIntact() {
        if (!network.dividesByBatchSize()) {
            throw new IllegalStateException(
                    "miniBatch(false) was set after the network was attached: its preprocessors would treat all examples as one; set it to true");
        }
        if (!network.isIntact()) {
            throw new IllegalStateException(
                    "a layer of the network was replaced after it was attached; close() the engine and attach the plan again, which keeps the privacy account");
        }
        network.changedConfiguration().ifPresent(change -> {
            throw new IllegalStateException(change
                    + " was changed after the network was attached: what it computes now has not been checked. Change it back, or close() the engine and attach the plan again,"
                    + " which checks the network and keeps the privacy account");
        });
        if (network.currentUpdater() != network.updater()) {
            throw new IllegalStateException(
                    "the network's updater was replaced after it was attached (setLearningRate and clear do that);"
                            + " close() the engine and attach the plan again, which keeps the privacy account; for another learning rate use a schedule, or set"
                            + " the rate between close() and attach");
        }
    }
}
