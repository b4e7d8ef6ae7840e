// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.NoiseCalibration;
import io.github.dl4jdp.accountant.PrivacyAccountant;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.PrivacyLedger.Head;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import io.github.dl4jdp.accountant.RunCount;
import io.github.dl4jdp.core.data.GroupedExamples;
import io.github.dl4jdp.core.data.InMemoryExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.gradient.DataPreProcessors;
import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.internal.Require;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.Slices;
import io.github.dl4jdp.core.internal.charging.LedgerOpener;
import io.github.dl4jdp.core.internal.charging.PrivacyAccount;
import io.github.dl4jdp.core.internal.charging.Spending;
import io.github.dl4jdp.core.internal.network.DpNetwork;
import io.github.dl4jdp.core.internal.plan.OtherReleases;
import io.github.dl4jdp.core.mechanism.PrivateCounts;
import io.github.dl4jdp.core.mechanism.Sampling;
import io.github.dl4jdp.core.random.RandomStreams;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.random.RandomGenerator;
import java.util.stream.LongStream;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.dataset.api.iterator.MultiDataSetIterator;

/**
 * A search for hyper-parameters that pays for itself: trains networks with candidates drawn at random, a random number of times, and returns the best one with the cost of the whole search.
 *
 * <pre>{@code
 * PrivateSearch<Double> search = PrivateSearch.of(draft, List.of(0.003, 0.01, 0.03), RunCount.logarithmic(10))
 *         .withPrivateAccuracy(validation, 50)                   // noise of 50 examples
 *         .calibratedTo(new PrivacyGuarantee(1.0, 1e-5));
 * PrivateSearch.Best<Double, MultiLayerNetwork> best = search.run(rate -> network(rate), trainingData);
 * System.out.println(best.report());
 * }</pre>
 *
 * <p>Only the best run is disclosed. Nothing about the others may be: neither their number nor their scores, logs, models or running time.
 *
 * <p>Which run was best is an outcome of the search: what a listener keeps of that run, files and parameters of earlier steps, has the cost of the whole search. Every network of a search carries that cost from its first step
 * on, and what was kept is charged with it, and with its own run besides: more than it needs, never less. Bare arrays in another process are not recognized.
 *
 * <h2>Formal guarantee</h2>
 *
 * {@code RepeatAndSelect(run, count)} with run = the plan's event, composed with {@code Gaussian(noise)} where the score is {@link #withPrivateAccuracy}: network, candidate and score of the best run satisfy {@link
 * Best#guarantee} about training and validation examples together, or about owners of them with all rows where these are the plan's unit. The conditions of Papernot and Steinke (2022) hold by construction: the number of runs is drawn once, from {@code count}; candidates are drawn for each run, with
 * repetitions, by public odds; all runs have the same plan; a score that is not a number is the worst. Assumed: the candidates and the networks' initial parameters do not depend on private data, and a score that {@link
 * #withScore} was given is computed from the network and public data alone. A plan's other releases are charged once, beside the search.
 */
public final class PrivateSearch<C> {
    private static final String STREAM = "search";

    private final DpSgdPlan draft;
    private final List<C> candidates;
    private final RunCount count;
    private final @Nullable Score score;

    private PrivateSearch(DpSgdPlan draft, List<C> candidates, RunCount count, @Nullable Score score) {
        this.draft = draft;
        this.candidates = candidates;
        this.count = count;
        this.score = score;
    }

    /**
     * How a trained network is scored, and what that costs.
     *
     * @param example one validation example, which every network must take; null if there are none
     */
    private record Score(
            ToDoubleFunction<Model> of,
            DpEvent cost,
            String words,
            @Nullable MultiDataSet example,
            @Nullable Object data) {
        /** What has to be assumed of the way that the validation data went. */
        List<String> assumptions() {
            return data == null ? List.of() : DataPreProcessors.assumptions(data);
        }
    }

    /**
     * Describes a search.
     *
     * @param draft the plan of each run; its accountant becomes the moments accountant, the only one that bounds searches
     * @param candidates what to choose from, fixed beforehand; {@code run} builds a network from each
     * @param count distribution of the number of runs; not Poisson, which can give none
     * @throws IllegalArgumentException if there is no candidate, {@code count} is Poisson's, the plan has a seed or draws no lots, or the moments accountant cannot bound its lots: random allocation, a maximum lot size, Poisson
     *     lots under {@code REPLACE_ONE}
     */
    public static <C> PrivateSearch<C> of(DpSgdPlan draft, List<C> candidates, RunCount count) {
        if (candidates.isEmpty()) {
            throw new IllegalArgumentException("candidates must be one or more, were none");
        }
        if (count.shape() == Double.POSITIVE_INFINITY) {
            throw new IllegalArgumentException(
                    "count must give one run at least, was Poisson's, which can give none; use RunCount.logarithmic or geometric");
        }
        if (draft.seed().isPresent()) {
            throw new IllegalArgumentException(
                    "draft must have no seed, which would make every run the same and none private; leave out withSeed");
        }
        if (draft.sampling() == Sampling.GIVEN_BATCHES) {
            throw new IllegalArgumentException(
                    "draft must draw its lots, by DpSgdPlan.poisson or fixedSize, was " + draft.sampling());
        }
        if (draft.sampling() == Sampling.RANDOM_ALLOCATION || draft.hasMaximumLotSize()) {
            throw new IllegalArgumentException(
                    "draft must have lots that the moments accountant can bound, the only one for searches, had "
                            + (draft.sampling() == Sampling.RANDOM_ALLOCATION
                                    ? "random allocation"
                                    : "a maximum lot size")
                            + "; use DpSgdPlan.poisson without withMaximumLotSize");
        }
        if (draft.sampling() == Sampling.POISSON && draft.relation() == NeighboringRelation.REPLACE_ONE) {
            throw new IllegalArgumentException(
                    "draft.relation must be ADD_OR_REMOVE_ONE or ZERO_OUT for a search with Poisson lots, was REPLACE_ONE; use withRelation, or DpSgdPlan.fixedSize");
        }
        return new PrivateSearch<>(draft.withAccountant(AccountantKind.RDP), List.copyOf(candidates), count, null);
    }

    /** This search, scored by a function of the network and of public data alone: accuracy on data that need no protection. The larger the better. */
    public PrivateSearch<C> withScore(ToDoubleFunction<Model> value) {
        Objects.requireNonNull(value, "value");
        return new PrivateSearch<>(
                draft,
                candidates,
                count,
                new Score(value, new DpEvent.NoOp(), "a score that costs nothing", null, null));
    }

    /**
     * This search, scored by the number of correctly classified private examples, released with noise at every run. The validation examples are protected as the training examples are, and may be some of them; they are best kept apart.
     * Their number is divided by and in the report: like that of the training examples it is a constant that was known without counting, or the relation makes it public. Networks see them with their features mask.
     *
     * @param validation with one-hot labels [examples, classes], two classes at least, and without a labels mask
     * @param noise standard deviation of the noise in the number of correct examples; the larger, the cheaper: half of the noise that chance has, {@code sqrt(p (1 - p) n) / 2}, hardly matters
     * @throws IllegalArgumentException if {@code noise} is not finite and {@code > 0}, the labels are of one column or of time series or have a mask, or the plan's unit is the owner of rows: pass {@link GroupedExamples}
     */
    public PrivateSearch<C> withPrivateAccuracy(DataSet validation, double noise) {
        if (draft.privacyUnit().isGroup()) {
            throw new IllegalArgumentException(
                    "validation must have the " + draft.unit()
                            + " of each row, the draft's unit of privacy, whose rows may all be right or wrong together: pass GroupedExamples.of(validation, ids)");
        }
        MultiDataSet kept = InMemoryExamples.map(InMemoryExamples.toMultiDataSet(validation), HostArrays::kept);
        long rows = validation.numExamples();
        return withPrivateAccuracy(
                validation,
                noise,
                RandomAccessExamples.of(validation).get(new long[] {0}),
                "accuracy on " + rows + " private examples, with noise of " + noise + " examples",
                network -> noisyCorrect(network, kept, noise) / rows);
    }

    /**
     * As {@link #withPrivateAccuracy(DataSet, double)}, for a plan whose unit is the owner of rows: an owner counts for the share of the own rows that are classified correctly, so that one owner with all rows moves the sum by 1 at
     * most. The score is the mean over owners.
     *
     * @param noise standard deviation of the noise in the number of owners
     * @throws IllegalArgumentException if {@code noise} is not finite and {@code > 0}, the labels are of one column or of time series or have a mask, there are several arrays of features or labels, or the plan's unit is the example
     */
    public PrivateSearch<C> withPrivateAccuracy(GroupedExamples validation, double noise) {
        if (!draft.privacyUnit().isGroup()) {
            throw new IllegalArgumentException(
                    "validation has the owner of each row, but the draft's unit of privacy is one row: use draft.withUnit(\"patient\", maximumRows), or the rows without owners");
        }
        DataPreProcessors.requireExampleWise(validation, GradientRules.builtIn());
        long owners = validation.units();
        String plural = draft.privacyUnit().plural();
        return withPrivateAccuracy(
                validation,
                noise,
                validation.get(new long[] {validation.row(0, 0)}),
                "accuracy over " + owners + " " + plural + " with all rows, with noise of " + noise + " " + plural,
                network -> noisyCorrect(network, validation, noise) / owners);
    }

    private PrivateSearch<C> withPrivateAccuracy(
            Object data, double noise, MultiDataSet example, String words, ToDoubleFunction<Model> score) {
        Require.positive("noise", noise);
        requireOneOfEach(example);
        requireClasses("labels of validation", example.getLabels(0));
        var cost = PrivateCounts.event(noise, draft.relation(), OptionalLong.empty());
        return new PrivateSearch<>(draft, candidates, count, new Score(score, cost, words, example, data));
    }

    /** Whatever is in the validation data counts, or is refused: nothing is left unread. */
    private static void requireOneOfEach(MultiDataSet rows) {
        if (rows.numFeatureArrays() != 1 || rows.numLabelsArrays() != 1) {
            throw new IllegalArgumentException("validation must have one array of features and one of labels, had "
                    + rows.numFeatureArrays() + " and " + rows.numLabelsArrays()
                    + "; keep those that the networks of the candidates take");
        }
        if (mask(rows.getLabelsMaskArrays()) != null) {
            throw new IllegalArgumentException(
                    "validation must have no labels mask, had one: every row counts alike; leave out the rows that should not count, and the mask");
        }
    }

    private static @Nullable INDArray mask(@Nullable INDArray @Nullable [] masks) {
        return masks == null || masks.length == 0 ? null : masks[0];
    }

    /** The largest of one output is always the same, and of a series it would be that of one time step. */
    private static void requireClasses(String what, INDArray array) {
        if (array.rank() != 2 || array.size(1) < 2) {
            throw new IllegalArgumentException(
                    what + " must have the shape [examples, classes] with two classes at least, had "
                            + Arrays.toString(array.shape())
                            + (array.rank() == 2
                                    ? "; use one-hot labels of two classes and a softmax output for a yes or no"
                                    : "; let the network give one answer for each series (LastTimeStep or GlobalPoolingLayer)")
                            + ", or withScore on public data");
        }
    }

    /** Refuses a network that the validation data do not fit, while nothing is charged yet. */
    private static void requireFits(MultiDataSet example, Model network) {
        INDArray output;
        try {
            output = output(network, example.getFeatures(0), mask(example.getFeaturesMaskArrays()));
        } catch (RuntimeException e) {
            throw new IllegalArgumentException(
                    "validation must have features that the network of a candidate takes, had those of shape "
                            + Arrays.toString(example.getFeatures(0).shape()) + " for an example: " + e.getMessage(),
                    e);
        }
        requireClasses("the output of a candidate's network", output);
        if (output.size(1) != example.getLabels(0).size(1)) {
            throw new IllegalArgumentException(
                    "validation must have labels of as many classes as the network of a candidate, " + output.size(1)
                            + ", had " + example.getLabels(0).size(1));
        }
    }

    private static INDArray output(Model network, INDArray features, @Nullable INDArray mask) {
        if (network instanceof MultiLayerNetwork layers) {
            return layers.output(features, false, mask, null);
        }
        var graph = (ComputationGraph) network;
        if (mask == null) {
            return graph.outputSingle(features);
        }
        INDArray[] outputs = graph.output(false, new INDArray[] {features}, new INDArray[] {mask}, null);
        if (outputs.length != 1) {
            throw new IllegalArgumentException("a graph must have one output, had " + outputs.length);
        }
        return outputs[0];
    }

    private static double noisyCorrect(Model network, MultiDataSet validation, double noise) {
        var correct = new PrivateCounts(1, 1);
        for (boolean one : right(network, validation)) {
            correct.add(new int[] {one ? 0 : PrivateCounts.NO_BIN});
        }
        return correct.release(noise, OptionalLong.empty())[0][0];
    }

    /** Two bins, so that a share is one of all rows of an owner: those that are right in the first, the others in the second. */
    private static double noisyCorrect(Model network, GroupedExamples validation, double noise) {
        var correct = new PrivateCounts(1, 2);
        for (long owner = 0; owner < validation.units(); owner++) {
            long of = owner;
            long[] rows = LongStream.range(0, validation.rowCount(of))
                    .map(place -> validation.row(of, place))
                    .toArray();
            for (boolean one : right(network, validation.get(rows))) {
                correct.addRow(new int[] {one ? 0 : 1});
            }
            correct.endOwner();
        }
        return correct.release(noise, OptionalLong.empty())[0][0];
    }

    /** Each row by itself: in a batch, the last bits of an output depend on the other rows, and may decide between classes that tie but for these. */
    private static boolean[] right(Model network, MultiDataSet rows) {
        requireOneOfEach(rows);
        INDArray truth = rows.getLabels(0).argMax(1);
        INDArray masks = mask(rows.getFeaturesMaskArrays());
        var right = new boolean[Math.toIntExact(rows.getFeatures(0).size(0))];
        for (int i = 0; i < right.length; i++) {
            INDArray mask = masks == null ? null : row(masks, i);
            INDArray answer = output(network, row(rows.getFeatures(0), i), mask).argMax(1);
            right[i] = answer.getInt(0) == truth.getInt(i);
        }
        return right;
    }

    private static INDArray row(INDArray array, int index) {
        return Slices.range(array, 0, index, index + 1).dup();
    }

    /**
     * This search with the noise of each run chosen so that everything together, releases that the plan is charged with too, has this guarantee.
     *
     * @throws IllegalStateException if it has no score yet
     * @throws IllegalArgumentException if the relation is not the plan's, or no noise is enough
     */
    public PrivateSearch<C> calibratedTo(PrivacyGuarantee guarantee) {
        Score chosen = score();
        if (guarantee.relation() != draft.relation()) {
            throw new IllegalArgumentException(
                    "guarantee must have the plan's relation, " + draft.relation() + ", has " + guarantee.relation());
        }
        double noise = NoiseCalibration.to(guarantee)
                .withAccountant(AccountantKind.RDP)
                .noiseMultiplier(multiplier ->
                        total(draft.withNoiseMultiplier(multiplier).withDelta(guarantee.delta()), chosen));
        return new PrivateSearch<>(
                draft.withNoiseMultiplier(noise).withDelta(guarantee.delta()), candidates, count, chosen);
    }

    private Score score() {
        if (score == null) {
            throw new IllegalStateException("the search has no score; call withScore or withPrivateAccuracy first");
        }
        return score;
    }

    /** The plan of each run: its noise is that of the calibration. */
    public DpSgdPlan plan() {
        return draft;
    }

    /**
     * The event of the whole search, and of the plan's other releases: what is charged, whatever the number of runs turns out to be.
     *
     * @throws IllegalStateException if it has no score, or the plan is not complete
     */
    public DpEvent event() {
        return total(draft, score());
    }

    private DpEvent total(DpSgdPlan plan, Score chosen) {
        return plan.others().and(selection(plan, chosen));
    }

    private DpEvent selection(DpSgdPlan plan, Score chosen) {
        DpEvent run = ofOneRun(plan).event();
        return new DpEvent.RepeatAndSelect(
                chosen.cost() instanceof DpEvent.NoOp ? run : new DpEvent.Composed(List.of(run, chosen.cost())), count);
    }

    /** The plan without what is charged once for all runs, and without the ledger, which would give their number away. */
    private static DpSgdPlan ofOneRun(DpSgdPlan plan) {
        return plan.withoutOtherReleases().withoutLedger();
    }

    /**
     * Trains and scores as many networks as {@code count} gives, and returns the best. The whole search is charged, to the plan's ledger if it has one, before the first run learns; a run that throws ends the search, which stays
     * charged. What can be refused is refused before: the plan, the ledger's earlier charges, the first network, and the sizes of training and validation data.
     *
     * @param network builds an initialized network for a candidate: a new one at every call, with the same number of parameters and no private past
     * @param data the training set
     * @throws IllegalStateException if the search has no score, or the plan is not complete, or a listener or the score function put other parameters into the network of a run
     * @throws IllegalArgumentException if a network is not new, or has a private past, or the data do not fit it or the plan
     */
    public <M extends Model> Best<C, M> run(Function<C, M> network, RandomAccessExamples data) {
        Score chosen = score();
        DpSgdPlan one = ofOneRun(draft);
        DpEvent selection = selection(draft, chosen);
        requireBounded(one);
        String identity = UUID.randomUUID().toString();
        PrivacyAccount account = PrivacyAccount.EMPTY
                .withReleases(draft.others(), draft.relation(), draft.unit(), false)
                .withReleases(OtherReleases.NONE.with(identity, selection), draft.relation(), draft.unit(), false);
        if (chosen.data() != null) {
            account.requireReleases(DataPreProcessors.releases(chosen.data()));
        }

        RandomGenerator random = RandomStreams.secure().stream(STREAM, 0);
        Optional<Spending.Booked> booked = Optional.empty();
        Run<C, M> best = null;
        int runs = count.draw(random);
        for (int made = 0; made < runs; made++) {
            C candidate = candidates.get(random.nextInt(candidates.size()));
            M trained = network.apply(candidate);
            requireNew(trained, chosen);
            // From the start: which run is best is not known before the end, and a listener may save any.
            mark(trained, account);
            RunState state;
            try (PrivacyEngine engine = PrivacyEngine.attach(trained, one)) {
                Runnable training = training(engine, trained, data);
                if (made == 0) {
                    booked = charge(account, chosen);
                }
                training.run();
                state = engine.state();
            }
            double score = chosen.of().applyAsDouble(trained);
            requireOwn(trained, account);
            score = Double.isNaN(score) ? Double.NEGATIVE_INFINITY : score;
            if (best == null || score > best.score()) {
                best = new Run<>(candidate, trained, score, state);
            }
        }
        Run<C, M> selected = Objects.requireNonNull(best, "count gives one run at least");
        DpNetwork.of(selected.network()).select(account);
        return new Best<>(
                selected.network(),
                selected.candidate(),
                selected.score(),
                report(selected.state(), one, account, booked, chosen));
    }

    private record Run<C, M extends Model>(C candidate, M network, double score, RunState state) {}

    /** Refuses what has no bound, of the search and of what the ledger has already. */
    private void requireBounded(DpSgdPlan one) {
        PrivacyAccountant accountant = one.newAccountant().compose(event());
        draft.ledger().filter(path -> path.toFile().length() > 0).ifPresent(path -> PrivacyLedgerHistory.read(path)
                .charges()
                .forEach(charge -> accountant.compose(charge.event())));
    }

    private Optional<Spending.Booked> charge(PrivacyAccount account, Score chosen) {
        return draft.ledger()
                .map(path -> Spending.book(
                        draft.complete(), "search " + chosen.words(), account, LedgerOpener.onDisk(draft.ledgerKey())));
    }

    private static void requireNew(Model network, Score chosen) {
        if (!isInitialized(network)) {
            return; // attach says what is wrong
        }
        if (DpNetwork.of(network).account().isSpent()) {
            throw new IllegalArgumentException(
                    "the network of a candidate must be new, and has a private past already: build one at every call");
        }
        if (chosen.example() != null) {
            requireFits(chosen.example(), network);
        }
    }

    /** The bound is one on runs that learn by their plan alone, and know nothing of each other. */
    private static void requireOwn(Model trained, PrivacyAccount ofSearch) {
        PrivacyAccount now = DpNetwork.of(trained).account();
        if (now.sessions().size() != 1
                || !now.releases().equals(ofSearch.releases())
                || !now.unprotected().isEmpty()) {
            throw new IllegalStateException(
                    "the network of a run must hold what the run's plan released and nothing else, but a listener or the score function put other parameters into it, or trained it: "
                            + "no bound is known for the best of such runs. The search stays charged; let them leave the network as it is");
        }
    }

    private static void mark(Model network, PrivacyAccount account) {
        if (isInitialized(network)) {
            DpNetwork.of(network).rewrite(account);
        }
    }

    private static boolean isInitialized(Model network) {
        return DpNetwork.isKnown(network) && DpNetwork.of(network).isInitialized();
    }

    /** All that is left to do for a run once its data are found in order. */
    private static Runnable training(PrivacyEngine engine, Model network, RandomAccessExamples data) {
        int epochs = engine.plan().epochs();
        if (network instanceof MultiLayerNetwork layers) {
            DataSetIterator lots = engine.lots(data);
            return () -> layers.fit(lots, epochs);
        }
        MultiDataSetIterator lots = engine.multiLots(data);
        return () -> ((ComputationGraph) network).fit(lots, epochs);
    }

    private PrivacyReport report(
            RunState run, DpSgdPlan one, PrivacyAccount account, Optional<Spending.Booked> booked, Score chosen) {
        DpEvent spent = booked.map(Spending.Booked::everything).orElseGet(this::event);
        double epsilon = one.newAccountant().compose(spent).epsilon(one.delta());
        Optional<Head> head = booked.map(Spending.Booked::head);
        return new PrivacyReport(
                one,
                new RunState(
                        run.steps(),
                        0,
                        epsilon,
                        epsilon,
                        OptionalDouble.empty(),
                        run.clippingNorm(),
                        List.of(),
                        account,
                        spent,
                        head.isPresent(),
                        head,
                        run.layers(),
                        assumptions(run.assumptions(), chosen),
                        run.augments(),
                        run.noiseBegan(),
                        run.shapesMatter()),
                "the best of a number of runs that was drawn from " + count + ", among " + candidates.size()
                        + " candidates, by " + chosen.words() + "; epsilon is that of the whole search"
                        + (draft.others().isEmpty() ? "" : ", and of " + draft.otherReleases()));
    }

    private static List<String> assumptions(List<String> ofRun, Score chosen) {
        if (chosen.cost() instanceof DpEvent.NoOp) {
            return ofRun;
        }
        var all = new LinkedHashSet<>(ofRun);
        all.addAll(chosen.assumptions());
        all.add(
                "the number of private validation examples, by which the score is divided, is a constant that was known without"
                        + " counting them, or the relation makes it public");
        return List.copyOf(all);
    }

    /**
     * The best run of a search.
     *
     * @param network trained, a plain DL4J network; it carries the account of the search, to which later private training adds (under a plan with the moments accountant)
     * @param candidate that it was built from
     * @param score as it was compared: with its noise
     * @param report with the guarantee of the whole search
     */
    public record Best<C, M extends Model>(M network, C candidate, double score, PrivacyReport report) {
        /** The guarantee of the whole search: of network, candidate and score together. */
        public PrivacyGuarantee guarantee() {
            return report.guarantee();
        }
    }
}
