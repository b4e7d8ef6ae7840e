// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import io.github.dl4jdp.core.data.Augmentation;
import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.gradient.LayerTape;
import io.github.dl4jdp.core.internal.network.BackwardPass;
import io.github.dl4jdp.core.internal.network.DpNetwork;
import io.github.dl4jdp.core.internal.network.ExampleWeights;
import io.github.dl4jdp.core.internal.network.LotDraws;
import io.github.dl4jdp.core.internal.network.StochasticParts;
import io.github.dl4jdp.core.internal.plan.CompletePlan;
import io.github.dl4jdp.core.internal.plan.Segment;
import io.github.dl4jdp.core.mechanism.ClippedSum;
import io.github.dl4jdp.core.mechanism.LotTask;
import io.github.dl4jdp.core.mechanism.Mechanism;
import io.github.dl4jdp.core.mechanism.ShardSum;
import io.github.dl4jdp.core.random.LotKey;
import io.github.dl4jdp.core.random.RandomStreams;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Model;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/**
 * A network that computes per-example gradients, and the clipped sum of a part of a lot.
 *
 * <p><b>Formal guarantee.</b> {@link #sum} is a function of its arguments alone: the lot's key and number, the clipping norm, the grid, the parameters, the public counts of iterations and epochs,
 * and the examples. It holds no key that outlives a lot, charges nothing and releases nothing, so that it may run anywhere, and be repeated or thrown away. {@link PrivateTraining} sums by the same
 * object.
 */
public final class ShardSummer implements AutoCloseable {
    /**
     * Some examples of a part.
     *
     * @param examples at least one
     * @param keys a number for each of them that no other row of the lot has: of an example its number in the whole data set; rows beyond these do not count
     * @param each how many rows every unit has, row j of unit i of B units at {@code j B + i}; 1 where a row is a unit
     */
    @SuppressWarnings("ArrayRecordComponent") // short-lived, never compared
    public record Batch(MultiDataSet examples, long[] keys, int each) {
        /** Rows that are units. */
        public Batch(MultiDataSet examples, long[] keys) {
            this(examples, keys, 1);
        }
    }

    /**
     * Which rows pass through the network together.
     *
     * @param rows by their numbers
     * @param keys see {@link Batch}
     * @param each see {@link Batch}
     */
    @SuppressWarnings("ArrayRecordComponent") // short-lived, never compared
    public record Together(long[] rows, long[] keys, int each) {}

    private final Mechanism mechanism;
    private final GradientRules rules;
    private final DpNetwork network;
    private final BackwardPass pass;
    private final LotDraws draws;
    private final StochasticParts parts;
    private final AugmentedLots augmentedLots;
    private @Nullable ClippedSum clippedSum;

    /**
     * Hooks a network that {@code ModelValidator} found in order.
     *
     * @param network its configuration is its own, which no other network shares
     * @param streams for draws outside of lots, which nothing that trains sees
     */
    ShardSummer(DpNetwork network, Mechanism mechanism, GradientRules rules, int threads, RandomStreams streams) {
        this.mechanism = mechanism;
        this.rules = rules;
        this.network = network;
        this.pass = new BackwardPass(threads);
        this.draws = new LotDraws(streams);
        this.parts = StochasticParts.install(network.layers(), draws);
        network.hook(rules, pass);
        this.augmentedLots = new AugmentedLots(streams, mechanism.copies());
    }

    /**
     * A summer of its own for a copy of a network, on any thread or machine.
     *
     * @param copy a network that nothing else uses, of the configuration of the one that is trained
     * @param threads the most that the library's own work is shared out to
     * @throws IllegalArgumentException if the plan truncates backpropagation, whose segments follow on updates
     */
    public static ShardSummer of(Model copy, CompletePlan plan, GradientRules rules, int threads) {
        return of(copy, plan.mechanism(), rules, threads);
    }

    /** As {@link #of(Model, CompletePlan, GradientRules, int)}, with the part of the plan that sums depend on. Its seed is not looked at. */
    public static ShardSummer of(Model copy, Mechanism mechanism, GradientRules rules, int threads) {
        if (mechanism.releasesPerLot() > 1) {
            throw new IllegalArgumentException(
                    "a plan with truncated backpropagation through time cannot be summed in parts: each of its segments needs the update that the"
                            + " one before made; train it in one process");
        }
        var network = DpNetwork.of(copy);
        network.takeOwn();
        network.bind();
        return new ShardSummer(network, mechanism, rules, threads, RandomStreams.secure());
    }

    /** The most examples of a physical batch, all copies of each: the same for every copy of a network. One that is not given holds the rows of a unit. */
    public int physicalBatchSize(Execution options) {
        int fitting = Math.max(1, options.physicalBatchFor(pass.heldPerExample()) / mechanism.copies());
        return options.isPhysicalBatchGiven()
                ? fitting
                : Math.max(fitting, mechanism.unit().maximumRows());
    }

    /**
     * The clipped sum of a part of a lot.
     *
     * @param parameters [1, numParams], copied
     * @param batches the examples of the part, in the order of their numbers, one physical batch after the other; none gives a sum of zeros
     */
    public ShardSum sum(LotTask task, INDArray parameters, Iterable<Batch> batches) {
        network.model().setParams(parameters);
        network.setCounts(task.iteration(), task.epoch());
        ClippedSum sum = clippedSum;
        if (sum == null) {
            sum = new ClippedSum(
                    mechanism.clipping(),
                    mechanism.copies(),
                    mechanism.lotSize(),
                    network.trainable(),
                    network.model().numParams(),
                    dataType());
            clippedSum = sum;
        }
        sum.begin(task.clippingNorm());
        beginDraws();
        ClippedSum begun = sum;
        for (Batch batch : batches) {
            var weighted = weighted(batch.examples());
            int each = batch.each();
            int rows = augmentedLots.examplesOf(weighted.batch());
            int counted = batch.keys().length;
            if (counted > rows || counted % each != 0 || (each > 1 && counted != rows)) {
                throw new IllegalArgumentException("a batch must have rows for each of its " + counted
                        + " members, and " + each + " of every unit, has " + rows);
            }
            run(
                    task.key(),
                    task.lot(),
                    weighted,
                    batch.keys(),
                    tapes -> begun.add(tapes, counted / each, rows / each, each));
        }
        return begun.onGrid(task.gridStep());
    }

    /**
     * The physical batches of a part of a lot, as {@link LotSource} makes them: a unit is in one of them, together with units of as many rows.
     *
     * @param members the units of the part that are in the lot, by their numbers in the whole data set, ascending
     * @param rowsOf the numbers of the rows of each member that are in the lot
     * @param physicalBatchSize the most rows of a batch, at least as many as the plan's maximum of a unit
     */
    public List<Together> cut(long[] members, long[][] rowsOf, int physicalBatchSize) {
        var parts = LotParts.ofUnits(
                members, rowsOf, mechanism.unit().maximumRows(), mechanism.examples(), 1, physicalBatchSize);
        if (parts.isEmpty()) {
            return List.of();
        }
        return IntStream.range(0, parts.count())
                .mapToObj(i -> new Together(parts.rows().get(i), parts.keys().get(i), parts.each()[i]))
                .toList();
    }

    /**
     * Examples as the network takes them, as {@link LotSource} makes them: augmented, and padded as the plan declares.
     *
     * @param rows the examples as they are stored, one row for each of {@code together}
     * @param together which they are
     * @param augmentation makes the copies, if they are augmented
     * @param shape puts them into the shape that all lots of the run have
     */
    public Batch batch(
            LotTask task,
            MultiDataSet rows,
            Together together,
            @Nullable Augmentation augmentation,
            UnaryOperator<MultiDataSet> shape) {
        MultiDataSet copies =
                augmentation == null ? rows : augmentedLots.copiesOf(rows, augmentation, task.key(), together.keys());
        return new Batch(shape.apply(ExampleWeights.unambiguous(copies)), together.keys(), together.each());
    }

    /** One forward and backward pass over a physical batch. */
    void run(LotKey key, long lot, ExampleWeights weighted, long[] members, Consumer<List<LayerTape>> complete) {
        MultiDataSet part = weighted.batch();
        int rows = (int) part.getFeatures(0).size(0);
        openDraws(key, lot, 0, members, rows);
        pass.open(rows, weighted.weights(), new BackwardPass.Observer() {
            @Override
            public void starting() {}

            @Override
            public void complete(List<LayerTape> tapes) {
                network.requirePassOver(part, Segment.WHOLE);
                complete.accept(tapes);
            }
        });
        try {
            network.forwardAndBackward(part);
        } finally {
            closePass();
        }
    }

    /** A sum begins: nothing that was drawn, or noised, for an earlier one is used again. */
    void beginDraws() {
        draws.begin();
    }

    /**
     * Random draws from here on are those of a release about a lot, for copies of these examples.
     *
     * @param rows of the physical batch: two for the one example of {@link ExampleWeights#unambiguous}
     */
    void openDraws(LotKey key, long lot, long segment, long[] members, int rows) {
        long[] keys = augmentedLots.keysOf(members);
        draws.open(
                key,
                segment,
                (lot - 1) * mechanism.releasesPerLot() + segment + 1,
                keys.length == 1 && rows == 2 ? new long[] {keys[0], keys[0]} : keys);
        for (Layer layer : network.layers()) {
            layer.clearNoiseWeightParams(); // those of a pass that broke off, or was not ours
        }
    }

    void closePass() {
        pass.close();
        draws.close();
    }

    /** A batch with the weights of its examples, as the network takes it. */
    ExampleWeights weighted(MultiDataSet batch) {
        var weighted = ExampleWeights.of(batch, dataType());
        if (weighted.batch().hasMaskArrays() && !rules.notCheckedUnderMasks().isEmpty()) {
            throw new IllegalArgumentException(
                    "a lot has masks, but these parts of the network were opted in to by batches without masks: "
                            + String.join(", ", rules.notCheckedUnderMasks())
                            + "; nothing of it was released. Opt in by batches with masks (GradientRules.withPart)");
        }
        return weighted;
    }

    /** The network. */
    public Model model() {
        return network.model();
    }

    DpNetwork network() {
        return network;
    }

    BackwardPass pass() {
        return pass;
    }

    AugmentedLots augmentedLots() {
        return augmentedLots;
    }

    private DataType dataType() {
        return network.model().params().dataType();
    }

    /** Gives the network its own layers back. */
    @Override
    public void close() {
        network.unhook();
        parts.restore();
    }
}
