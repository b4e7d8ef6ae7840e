// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import io.github.dl4jdp.core.gradient.GradientRules;
import io.github.dl4jdp.core.gradient.LayerTape;
import io.github.dl4jdp.core.gradient.TapeRecorder;
import io.github.dl4jdp.core.gradient.TimeDistributedRule;
import io.github.dl4jdp.core.internal.PlainTrainingGuard;
import io.github.dl4jdp.core.internal.arrays.CpuBlas;
import io.github.dl4jdp.core.internal.arrays.Norms;
import io.github.dl4jdp.core.internal.charging.PrivacyAccount;
import io.github.dl4jdp.core.internal.charging.TrainingProgress;
import io.github.dl4jdp.core.internal.plan.CompletePlan;
import io.github.dl4jdp.core.internal.plan.Segment;
import io.github.dl4jdp.core.mechanism.TrainableLayer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.api.TrainingConfig;
import org.deeplearning4j.nn.api.Updater;
import org.deeplearning4j.nn.api.layers.IOutputLayer;
import org.deeplearning4j.nn.conf.BackpropType;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.FrozenVertex;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.layers.AbstractLSTM;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.deeplearning4j.optimize.api.ConvexOptimizer;
import org.deeplearning4j.optimize.api.TrainingListener;
import org.deeplearning4j.optimize.solvers.BaseOptimizer;
import org.deeplearning4j.optimize.solvers.StochasticGradientDescent;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.learning.config.IUpdater;

/**
 * A DL4J network as the engine works on it: its layers, their configurations and updaters, and the hooks through which trainable layers hand
 * their per-example gradients to a {@link BackwardPass}.
 *
 * <p>This class and its two children are the one place that knows DL4J's two classes of networks. While an engine is attached, the updaters in the configuration are
 * wrapped, so that the network fails closed wherever the configuration goes without the training.
 */
public abstract sealed class DpNetwork permits LayerListNetwork, GraphNetwork {
    public static final String UNKNOWN_CLASS =
            "only MultiLayerNetwork and ComputationGraph can be trained with privacy; build it as one of these";

    private @Nullable AttachedConfiguration kept;

    /** For layers that backpropagation does not come to. */
    private static final TapeRecorder UNRECORDED = new TapeRecorder() {
        @Override
        public boolean isRecording() {
            return false;
        }

        @Override
        public int examples() {
            throw new IllegalStateException("a layer below a frozen one has no backward pass");
        }

        @Override
        public boolean needsInputGradient() {
            return false;
        }

        @Override
        public void record(LayerTape tape) {
            throw new IllegalStateException("a layer below a frozen one has no gradients");
        }
    };

    /**
     * A layer, or a vertex of a graph without one, in the place where DL4J runs it.
     *
     * @param index in {@code layers()}, or -1 without a layer
     * @param name of the vertex or layer, or the layer's index where it has none
     * @param type simple name of the class, of a frozen layer that of the layer inside
     * @param parameters their number
     * @param vertex its configuration as a part of a graph, or null in a list of layers
     * @param conf the layer's configuration
     * @param preProcessor of the layer's input
     * @param inputs the network's inputs that it reads, by number
     * @param below the parts that it reads, by their places in the list of parts
     * @param isFrozen whether it runs as in inference
     * @param isReached whether backpropagation comes to it
     * @param hasTrainableBelow whether something trains below, so that it must hand an input gradient on
     * @param output the number of the network's output that it is, or -1
     */
    public record Part(
            int index,
            String name,
            String type,
            @Nullable Layer layer,
            long parameters,
            @Nullable GraphVertex vertex,
            org.deeplearning4j.nn.conf.layers.@Nullable Layer conf,
            @Nullable InputPreProcessor preProcessor,
            List<Integer> inputs,
            List<Integer> below,
            boolean isFrozen,
            boolean isReached,
            boolean hasTrainableBelow,
            int output) {
        /** Whether parameters of it train. */
        public boolean trains() {
            return isReached && layer != null && TrainableLayer.trains(layer);
        }

        /** Whether backpropagation can start from it. */
        public boolean hasLoss() {
            return lossOf(layer) != null;
        }
    }

    /** What stands before and after every update of an attached network. */
    public interface UpdateGate {
        /**
         * Called before the updater reads the gradient.
         *
         * @throws IllegalStateException if the gradient is not a release of the engine's
         */
        void beforeUpdate();

        /** Called after the parameters have moved. */
        void afterUpdate();
    }

    /**
     * How its configuration has a network learn.
     *
     * @param forward steps of a segment of truncated backpropagation through time in the forward pass
     * @param backward in the backward pass
     */
    public record Backpropagation(BackpropType type, int forward, int backward) {}

    private final List<TrainableLayer> trainable = new ArrayList<>();
    private Layer[] original = {};
    private Layer[] hooked = {};
    private @Nullable Updater updater;

    /**
     * A network of one of DL4J's classes.
     *
     * @throws IllegalArgumentException if it is of another one
     */
    public static DpNetwork of(Model network) {
        if (network instanceof MultiLayerNetwork layers) {
            return new LayerListNetwork(layers);
        }
        if (network instanceof ComputationGraph graph) {
            return new GraphNetwork(graph);
        }
        throw new IllegalArgumentException(UNKNOWN_CLASS);
    }

    /** Whether a network is of one of DL4J's two classes. */
    public static boolean isKnown(Model network) {
        return network instanceof MultiLayerNetwork || network instanceof ComputationGraph;
    }

    /** The network itself. */
    public abstract Model model();

    /** Whether {@code init()} was called: nothing but the model may be asked for before. */
    public abstract boolean isInitialized();

    /**
     * Puts guards before layers whose input tells of all plain training: DL4J asks others for their weight noise.
     *
     * @param detached whether plain DL4J may train the network
     */
    abstract void guardInputs(boolean detached);

    /** Takes the guards of {@link #guardInputs} away, which only this library knows. */
    abstract void unguardInputs();

    /** The network's layers, as they are now. */
    public abstract Layer[] layers();

    /** The layers' configurations, in the same order. */
    public abstract List<NeuralNetConfiguration> configurations();

    /** The layers and vertices, in the order of the flattened parameters. */
    public abstract List<Part> parts();

    /** The data type of its configuration. */
    public abstract DataType dataType();

    /** What stands in the way of single updates by the noised gradient in what DL4J updates with, whatever the configuration says now: it is made by {@code init()} and kept. */
    public Optional<String> optimizerProblem() {
        ConvexOptimizer optimizer;
        try {
            optimizer = model().getOptimizer();
        } catch (NullPointerException e) {
            return Optional.empty(); // DL4J has none after clear(), and makes one of the configuration
        }
        if (optimizer.getClass() != StochasticGradientDescent.class) {
            return Optional.of(
                    "its optimizer must be StochasticGradientDescent, was "
                            + optimizer.getClass().getSimpleName()
                            + ": init() made it of an optimization algorithm that the configuration had before; train a clone() of the network");
        }
        if (optimizer.getGradientsAccumulator() != null) {
            return Optional.of("its optimizer must have no GradientsAccumulator, had "
                    + optimizer.getGradientsAccumulator().getClass().getSimpleName()
                    + ", which takes updates from elsewhere; call setGradientsAccumulator(null)");
        }
        return Optional.empty();
    }

    public abstract Backpropagation backpropagation();

    /** Gives the network a clone of its configuration: networks that were built from one configuration share it. */
    public abstract void takeOwn();

    /** The updater that DL4J will call, or null if it was dropped. */
    public abstract @Nullable Updater currentUpdater();

    abstract void setUpdater(Updater updater);

    abstract Collection<TrainingListener> listeners();

    /** The configuration of the network and of all its layers. */
    abstract Object configuration();

    /** Keeps the configuration as it is now: what {@link #changedConfiguration} compares with. */
    public final void keepConfiguration() {
        Map<String, Supplier<@Nullable Object>> roots = new LinkedHashMap<>();
        roots.put("the network's configuration", this::configuration);
        for (Layer layer : layers()) {
            roots.put("the configuration of layer " + layer.getIndex(), layer::conf);
        }
        kept = new AttachedConfiguration(roots);
    }

    /** What of the configuration was changed since it was kept. */
    public final Optional<String> changedConfiguration() {
        AttachedConfiguration before = kept;
        return before == null ? Optional.empty() : before.change();
    }

    /** Whether code of a user's own runs between the start of {@code fit} over a batch and the backward pass: a network class of their own, or a listener of forward passes. */
    public final boolean hasCodeOfUsers() {
        Class<?> type = model().getClass();
        return (type != MultiLayerNetwork.class && type != ComputationGraph.class)
                || listeners().stream().anyMatch(DpNetwork::hearsForwardPasses);
    }

    private static boolean hearsForwardPasses(TrainingListener listener) {
        try {
            for (Class<?> activations : List.of(List.class, Map.class)) {
                if (listener.getClass()
                                .getMethod("onForwardPass", Model.class, activations)
                                .getDeclaringClass()
                        != BaseTrainingListener.class) {
                    return true;
                }
            }
            return false;
        } catch (NoSuchMethodException e) {
            throw new IllegalStateException("DL4J's TrainingListener has another form than in 1.0.0-M2.1", e);
        }
    }

    /** @param state the state to go on with, used directly; null to start afresh */
    abstract Updater privateUpdater(UpdateGate gate, @Nullable INDArray state);

    /** @param state the state to go on with, used directly; null to start afresh */
    abstract Updater plainUpdater(@Nullable INDArray state);

    /**
     * A network of its own with a clone of the configuration and of the parameters, as they are now.
     *
     * @param updaters what stands in the place of each updater
     */
    public abstract Model copy(UnaryOperator<IUpdater> updaters);

    /** The flattened gradient [1, numParams] that DL4J's updater reads. */
    public abstract INDArray gradientView();

    /** Whether what training goes on with lies in a workspace. */
    public boolean isInWorkspace() {
        return Stream.of(model().params(), model().getGradientsViewArray(), stateOf(currentUpdater()))
                .anyMatch(array -> array != null && array.isAttached());
    }

    /** Whether the network's configuration divides the gradient by the batch size. */
    public boolean dividesByBatchSize() {
        return model().conf().isMiniBatch();
    }

    /** One forward and backward pass over a batch, without listeners, updater or any change of the parameters, counts and score. */
    public abstract void forwardAndBackward(MultiDataSet batch);

    /**
     * Checks, at the end of a backward pass, that the arrays it went over are exactly those of {@code batch}, or its {@code segment}, and that they
     * kept one row for each example.
     *
     * @throws IllegalStateException if they did not
     */
    public abstract void requirePassOver(MultiDataSet batch, Segment segment);

    /** Whether the network was given the labels of {@code batch}, or of its {@code segment}: what a fit begins with, and an evaluation does without. */
    public abstract boolean isGiven(MultiDataSet batch, Segment segment);

    /** Forgets the masks of a batch before: a fit that failed leaves them, and the next one would take them for its own. */
    public abstract void clearMasks();

    /** Forgets what recurrent layers carried from segment to segment: it is that of the examples of another lot. */
    public abstract void clearCarriedState();

    /** Puts layers in the places of all. */
    abstract void install(Layer[] layers, boolean hooked);

    /** Whether every hooked layer is still in its place. */
    public abstract boolean isIntact();

    /** What a pass over other data than the engine's current lot gets. */
    static IllegalStateException foreignBatch() {
        return new IllegalStateException(
                "fit received a batch that is not the engine's current lot: train with net.fit(engine.lots(data), plan.epochs())");
    }

    /** The layer that computes a loss, or null if there is none that backpropagation can start from. */
    static @Nullable IOutputLayer lossOf(@Nullable Layer layer) {
        Layer inner = layer instanceof org.deeplearning4j.nn.layers.FrozenLayerWithBackprop frozen
                ? frozen.getInsideLayer()
                : layer;
        return inner instanceof IOutputLayer loss ? loss : null;
    }

    /** The layers that train, as they are before hooks are in them. */
    public List<Layer> trainableLayers() {
        return parts().stream().filter(Part::trains).map(Part::layer).toList();
    }

    /** Hooks a network that {@code ModelValidator} found in order. */
    public DpNetwork hook(GradientRules rules, BackwardPass pass) {
        gradientView(); // made before the layers are replaced
        original = layers().clone();
        hooked = original.clone();
        long from = 0;
        for (Part part : parts()) {
            if (part.layer() != null) {
                hooked[part.index()] = hooked(part, part.layer(), from, rules, pass);
            }
            from += part.parameters();
        }
        pass.resize(trainable.size());
        install(hooked, true);
        return this;
    }

    private Layer hooked(Part part, Layer layer, long from, GradientRules rules, BackwardPass pass) {
        if (part.trains()) {
            trainable.add(new TrainableLayer(
                    part.name(),
                    layer.getClass().getSimpleName(),
                    rules.find(layer).orElseThrow().path(),
                    layer.conf(),
                    from,
                    part.parameters()));
        }
        if (part.isFrozen()) {
            return part.vertex() instanceof FrozenVertex ? layer : TimeDistributedRule.inOrder(layer);
        }
        // Below a frozen layer it runs as in training all the same, and is to treat rows and configurations as hooked
        // layers do.
        var recorder = part.isReached()
                ? pass.recorder(trainable.size() - 1, part.hasTrainableBelow(), part.output())
                : UNRECORDED;
        return rules.find(layer).orElseThrow().hook(layer, recorder);
    }

    /** Puts the original layers back. */
    public void unhook() {
        install(original, false);
    }

    /** The layers that train, in the order of the flattened parameters; none before {@link #hook}. */
    public List<TrainableLayer> trainable() {
        return trainable;
    }

    /** The hooked layers; none before {@link #hook}. */
    Layer[] hooked() {
        return hooked;
    }

    /**
     * Checks what the updater would fail on after the release.
     *
     * @throws IllegalStateException if it would
     */
    public void requireReleasable() {
        optimizerProblem().ifPresent(problem -> {
            throw new IllegalStateException(problem + "; nothing of this lot was released");
        });
        int iteration = iterations();
        int epoch = epochs();
        for (TrainableLayer layer : trainable) {
            if (layer.conf().getLayer() instanceof BaseLayer base) {
                requireNoNormalization(base);
            }
            for (IUpdater one : InnerLayers.updaters(layer.conf().getLayer())) {
                if (!one.hasLearningRate()) {
                    continue;
                }
                double rate = one.getLearningRate(iteration, epoch);
                if (!(Math.abs(rate) < Double.POSITIVE_INFINITY)) {
                    throw new IllegalStateException("the learning rate of layer \"" + layer.name()
                            + "\" must be finite, was " + rate + " at iteration " + iteration
                            + ": it would destroy every parameter and waste a charge; correct its schedule");
                }
            }
        }
    }

    /** By the time of an update the gradient is clipped and noised, and nothing else may bound it. */
    static void requireNoNormalization(@Nullable TrainingConfig config) {
        GradientNormalization normalization = config == null ? null : config.getGradientNormalization();
        if (normalization != null && normalization != GradientNormalization.None) {
            throw new IllegalStateException("gradientNormalization must be None, was " + normalization
                    + ": it was changed after the network was attached");
        }
    }

    /**
     * Refuses a network that can learn nothing more: with parameters that are not finite, neither is any gradient, and a lot would be charged for
     * noise alone. The parameters are what was released so far, so this looks at nothing private.
     *
     * @throws IllegalStateException if a parameter is not finite
     */
    public void requireFiniteParameters() {
        INDArray params = model().params();
        boolean isFast = CpuBlas.find() != null && params.dataType() == DataType.FLOAT;
        if (isFast && Norms.ofRows(params.reshape(1, params.length()))[0] < Double.POSITIVE_INFINITY) {
            return;
        }
        double sum = params.sumNumber().doubleValue();
        if (isFast || !(Math.abs(sum) < Double.POSITIVE_INFINITY)) {
            throw new IllegalStateException("the network's parameters must be finite, their sum was " + sum
                    + ": every gradient would be useless, and charges would be wasted. Continue from an earlier checkpoint, with a"
                    + " lower learning rate or a larger lot size");
        }
    }

    /** Gives the network a configuration of its own and wraps the updaters of weights and biases. */
    public void privatize(UnaryOperator<IUpdater> wrap) {
        takeOwn();
        replaceUpdaters(updater -> wrap.apply(plain(updater)));
        bind();
    }

    /** Lets the live layers work with the network's own configuration, so that what stands in it reaches them. */
    public void bind() {
        Layer[] layers = layers();
        List<NeuralNetConfiguration> own = configurations();
        for (int i = 0; i < layers.length; i++) {
            if (layers[i] instanceof BaseWrapperLayer wrapper) {
                // A wrapper would hand its own configuration to the layer inside, which has another one.
                bindInner(wrapper, own.get(i).getLayer());
            } else {
                layers[i].setConf(own.get(i));
            }
        }
    }

    private static void bindInner(BaseWrapperLayer wrapper, org.deeplearning4j.nn.conf.layers.Layer conf) {
        org.deeplearning4j.nn.conf.layers.Layer inside;
        if (conf instanceof org.deeplearning4j.nn.conf.layers.wrapper.BaseWrapperLayer wrapping) {
            inside = wrapping.getUnderlying();
        } else if (conf instanceof FrozenLayer frozen) {
            inside = frozen.getLayer();
        } else {
            return;
        }
        if (wrapper.getUnderlying() instanceof BaseWrapperLayer inner) {
            bindInner(inner, inside);
        } else {
            wrapper.getUnderlying().conf().setLayer(inside);
        }
    }

    /** Replaces the network's updater by the engine's, going on with its state. */
    public void installUpdater(UpdateGate gate) {
        updater = privateUpdater(gate, stateOf(currentUpdater()));
        setUpdater(updater);
        PlainTrainingGuard.drive(model());
    }

    /** The engine's updater. */
    @Nullable
    public Updater updater() {
        return updater;
    }

    /** Undoes {@link #installUpdater} alone: DL4J's own updater, which refuses what {@code DpUpdater} stands for, with the state so far. */
    public void removeUpdater() {
        setUpdater(plainUpdater(stateOf(updater)));
        updater = null;
        PlainTrainingGuard.release(model());
    }

    /** Undoes {@link #privatize} and {@link #installUpdater}. */
    public void restoreUpdater() {
        INDArray state = stateOf(updater == null ? currentUpdater() : updater);
        replaceUpdaters(DpNetwork::plain);
        bind();
        setUpdater(plainUpdater(state));
        updater = null;
        PlainTrainingGuard.release(model());
    }

    private static IUpdater plain(IUpdater updater) {
        return updater instanceof PrivateUpdater own ? own.updater() : updater;
    }

    /** Replaces every updater of the configuration in place. */
    private void replaceUpdaters(UnaryOperator<IUpdater> replacement) {
        configurations().forEach(conf -> InnerLayers.replaceUpdaters(conf.getLayer(), replacement));
    }

    private static @Nullable INDArray stateOf(@Nullable Updater updater) {
        return updater == null ? null : updater.getStateViewArray();
    }

    /**
     * How far the network has come, for going on under {@code plan}, with the account of everything that went into its parameters and of the plan's other releases.
     *
     * @param read makes a plan of its stored values
     * @throws IllegalArgumentException if the configuration carries another plan and {@code plan} may not follow on it, the layers disagree, or the plan has another event than the account for a
     *     release
     */
    public TrainingProgress progressUnder(CompletePlan plan, Function<Map<String, Object>, CompletePlan> read) {
        TrainingProgress progress = progress();
        PrivacyAccount account = account();
        List<Map<String, Object>> carried = storedPlans();
        if (carried.isEmpty() && account.isSpent()) {
            carried = carriedPlans();
        }
        List<CompletePlan> before = carried.stream().map(read).toList();
        for (CompletePlan one : before) {
            if (!one.released().equals(plan.released())) {
                if (!plan.isContinuing()) {
                    throw new IllegalArgumentException("plan must be the one in the network's configuration, "
                            + one.text() + ", was " + plan.text()
                            + "; to change the plan and compose the costs of both, attach plan.continuing()");
                }
                progress = progress.followedOn();
                break;
            }
        }
        boolean goesOn = before.stream()
                .anyMatch(one -> one.others().unnamed().equals(plan.others().unnamed()));
        return progress.with(account.withReleases(
                plan.others(),
                plan.mechanism().relation(),
                plan.mechanism().unit().name(),
                goesOn));
    }

    /** The plans of the layers that may train, as plain values: a frozen one may come from a network of another plan. */
    public List<Map<String, Object>> storedPlans() {
        return unfrozen()
                .flatMap(DpNetwork::updaters)
                .map(PrivateUpdater::storedPlan)
                .distinct()
                .toList();
    }

    /** Those of layers whose updaters know of none any more. */
    private List<Map<String, Object>> carriedPlans() {
        return unfrozen()
                .flatMap(conf -> AccountCarriers.in(conf).stream())
                .map(AccountConstraint::storedPlan)
                .filter(Objects::nonNull)
                .distinct()
                .toList();
    }

    private Stream<org.deeplearning4j.nn.conf.layers.Layer> unfrozen() {
        return configurations().stream()
                .map(NeuralNetConfiguration::getLayer)
                .filter(conf -> !(conf instanceof FrozenLayer || conf instanceof FrozenLayerWithBackprop));
    }

    private static Stream<PrivateUpdater> updaters(org.deeplearning4j.nn.conf.layers.Layer conf) {
        return InnerLayers.updaters(conf).stream()
                .filter(PrivateUpdater.class::isInstance)
                .map(PrivateUpdater.class::cast);
    }

    /**
     * How far the network has come under the plan that its configuration carries, without what it carries of other layers.
     *
     * @throws IllegalArgumentException if its layers disagree
     */
    private TrainingProgress progress() {
        var progress = unfrozen()
                .flatMap(conf -> updaters(conf).map(PrivateUpdater::progress))
                .map(one -> one.with(PrivacyAccount.EMPTY))
                .distinct()
                .toList();
        if (progress.isEmpty()) {
            progress = unfrozen()
                    .flatMap(conf -> AccountCarriers.in(conf).stream())
                    .filter(carrier -> carrier.storedPlan() != null)
                    .map(carrier -> carrier.progress().with(PrivacyAccount.EMPTY))
                    .distinct()
                    .toList();
        }
        if (progress.size() > 1) {
            throw new IllegalArgumentException(
                    "the network's layers must all have the same progress in the plan, they carry " + progress);
        }
        return progress.isEmpty() ? TrainingProgress.NONE : progress.get(0);
    }

    /**
     * Everything that went into the network's parameters: what its layers carry, frozen ones too, and what is known of parameters that were copied here from
     * networks of this process. Parameters that are not those of the account were changed by other means: that is a part of it.
     */
    public PrivacyAccount account() {
        PrivacyAccount account =
                past().stream().map(LayerPast::account).reduce(PrivacyAccount.EMPTY, PrivacyAccount::and);
        Set<Long> states = updaterStates();
        Set<Long> strangers = new LinkedHashSet<>(states);
        carriers().forEach(carrier -> strangers.removeAll(carrier.states()));
        boolean isTrained =
                !account.sessions().isEmpty() || !account.unprotected().isEmpty();
        return withStates(withLater(account, states), strangers, isTrained);
    }

    /** The fingerprints of the state that the updater will go on with. */
    Set<Long> updaterStates() {
        return UpdaterStates.of(updater == null ? currentUpdater() : updater);
    }

    private Stream<AccountConstraint> carriers() {
        return configurations().stream().flatMap(conf -> AccountCarriers.in(conf.getLayer()).stream());
    }

    /**
     * An account with that of updater states which no carrier knows: momentum holds earlier releases, and the next update puts them into the parameters.
     *
     * @param mustBeKnown whether they must be known from elsewhere, or else were changed without an engine
     */
    public static PrivacyAccount withStates(PrivacyAccount account, Set<Long> strangers, boolean mustBeKnown) {
        PrivacyAccount all = account;
        for (Long stranger : strangers) {
            Optional<PrivacyAccount> known = ReleasedParameters.accountOf(stranger);
            if (known.isPresent()) {
                all = all.and(known.get().without(account.forgotten().keySet()));
            } else if (mustBeKnown) {
                all = all.withUnprotected(
                        "updater-" + Long.toHexString(stranger),
                        "the state of the updater was changed outside an engine after private training");
            }
        }
        return all;
    }

    /** {@link #account()} by layer, in their order. */
    public List<LayerPast> past() {
        Layer[] layers = layers();
        List<NeuralNetConfiguration> own = configurations();
        var past = new ArrayList<LayerPast>();
        for (int i = 0; i < layers.length; i++) {
            past.add(pastOf(layers[i], own.get(i).getLayer(), name(layers[i], i)));
        }
        if (past.stream().anyMatch(one -> one.account().isSpent())) {
            // An engine leaves carriers in every layer. The network has made updates, and these came to it without any.
            boolean isCarried = isCarried()
                    || IntStream.range(0, layers.length)
                            .anyMatch(i -> isFrozen(layers[i])
                                    && !past.get(i).released().isEmpty());
            newOnes()
                    .filter(i -> iterations() > 0
                            || (past.get(i).released().isEmpty() && hasLearned(layers[i]))
                            || (isCarried && isFrozen(layers[i]) && !isReleased(layers[i], past.get(i))))
                    .forEach(i -> past.set(i, trainedOpenly(past.get(i), layers[i], name(layers[i], i))));
        }
        return past;
    }

    /** Whether a layer's biases are not those that it began with: a clone of a ComputationGraph has forgotten how many updates were made. */
    private static boolean hasLearned(Layer layer) {
        org.deeplearning4j.nn.conf.layers.Layer conf = layer.conf().getLayer();
        return AccountCarriers.levels(conf).stream()
                .filter(BaseLayer.class::isInstance)
                .findFirst()
                .map(inner -> hasLearned(layer, conf, (BaseLayer) inner))
                .orElse(false);
    }

    private static boolean hasLearned(Layer layer, org.deeplearning4j.nn.conf.layers.Layer conf, BaseLayer inner) {
        float initial = (float) inner.getBiasInit();
        float ofGates = inner instanceof AbstractLSTM lstm ? (float) lstm.getForgetGateBiasInit() : initial;
        return conf.initializer().biasKeys(conf).stream()
                .map(layer::getParam)
                .flatMapToDouble(bias -> Arrays.stream(bias.dup().data().asDouble()))
                .anyMatch(value -> (float) value != initial && (float) value != ofGates);
    }

    /** Whether a layer keeps its parameters, and DL4J applies no constraints to it. */
    static boolean isFrozen(Layer layer) {
        return layer instanceof org.deeplearning4j.nn.layers.FrozenLayer
                || layer instanceof org.deeplearning4j.nn.layers.FrozenLayerWithBackprop;
    }

    /** Whether all parameters of a layer are known to come out of training. */
    private static boolean isReleased(Layer layer, LayerPast past) {
        return !past.released().isEmpty()
                && ParameterFingerprints.of(layer).stream()
                        .filter(ParameterFingerprints::tellsApart)
                        .allMatch(past.released()::contains);
    }

    /** A new layer is frozen for what it has learned, and freezing drops DL4J's count of updates. */
    private static LayerPast trainedOpenly(LayerPast past, Layer layer, String name) {
        Set<Long> now = ParameterFingerprints.copies(layer);
        return new LayerPast(
                past.account()
                        .withUnprotected(
                                "new-" + Long.toHexString(now.iterator().next()),
                                "layer \"" + name
                                        + "\" was trained without privacy on the output of privately trained layers"),
                past.released(),
                now);
    }

    /** Whether an engine has seen the network, or one that it was made of. DL4J drops carriers of layers that are frozen twice. */
    private boolean isCarried() {
        return configurations().stream()
                .map(NeuralNetConfiguration::getLayer)
                .anyMatch(conf -> !AccountCarriers.in(conf).isEmpty()
                        || updaters(conf).findAny().isPresent());
    }

    private static boolean isNew(Layer layer, org.deeplearning4j.nn.conf.layers.Layer conf) {
        return layer.numParams() > 0
                && AccountCarriers.in(conf).isEmpty()
                && updaters(conf).findAny().isEmpty();
    }

    /** The layers that came into a network with a private past without any of their own. */
    private IntStream newOnes() {
        return IntStream.range(0, layers().length)
                .filter(i -> isNew(layers()[i], configurations().get(i).getLayer()));
    }

    /** Sets DL4J's counts of iterations and epochs, which schedules follow. */
    public void setCounts(int iteration, int epoch) {
        setOwnCounts(iteration, epoch);
        for (Layer layer : layers()) {
            layer.setIterationCount(iteration);
            layer.setEpochCount(epoch);
        }
    }

    abstract void setOwnCounts(int iteration, int epoch);

    /** The updates that the network has made, as far as DL4J counts them. */
    public int iterations() {
        return BaseOptimizer.getIterationCount(model());
    }

    /** The epochs that the network has made, as far as DL4J counts them. */
    public int epochs() {
        return BaseOptimizer.getEpochCount(model());
    }

    private static LayerPast pastOf(Layer layer, org.deeplearning4j.nn.conf.layers.Layer conf, String name) {
        List<AccountConstraint> carriers = AccountCarriers.in(conf).stream()
                .map(carrier -> carrier.of(layer))
                .toList();
        PrivacyAccount account = Stream.concat(
                        carriers.stream().map(AccountConstraint::progress),
                        updaters(conf).map(PrivateUpdater::progress))
                .map(TrainingProgress::account)
                .reduce(PrivacyAccount.EMPTY, PrivacyAccount::and);
        List<ParameterFingerprints> arrays = ParameterFingerprints.arrays(layer);
        Set<Long> now = new LinkedHashSet<>();
        arrays.forEach(array -> now.add(array.exact()));
        Set<Long> released = new LinkedHashSet<>();
        Set<Long> changed = new LinkedHashSet<>();
        carriers.forEach(carrier -> {
            released.addAll(carrier.released());
            changed.addAll(carrier.changed());
        });
        boolean isTrained = carriers.isEmpty() || !released.isEmpty() || !changed.isEmpty();
        if (!isTrained) {
            account = account.ofReleasesAlone();
        }
        Set<Long> strangers = new LinkedHashSet<>(now);
        carriers.forEach(carrier -> strangers.removeAll(carrier.fingerprints()));
        // Of a layer of another size, the parameters were made anew.
        boolean mustBeKnown = account.isSpent()
                && isTrained
                && carriers.stream().anyMatch(carrier -> carrier.parameters() == layer.numParams());
        account = withLater(account, now);
        for (ParameterFingerprints array : arrays) {
            if (strangers.contains(array.exact())) {
                ReleasedParameters.addIfChanged(array, account);
            }
        }
        return recognized(new LayerPast(account, released, changed), strangers, mustBeKnown, name);
    }

    /**
     * An account with what its runs have spent since, as far as this process knows: a carrier says how far a run had come when the network was saved or copied, and which of its states
     * is kept may have been chosen by what came later. Other runs do not count, which may have come to equal numbers by an equal seed.
     *
     * @param own fingerprints of what the runs left
     */
    private static PrivacyAccount withLater(PrivacyAccount account, Set<Long> own) {
        PrivacyAccount all = account;
        for (Long one : own) {
            Optional<PrivacyAccount> later = ReleasedParameters.accountOf(one)
                    .filter(known -> !Collections.disjoint(
                            known.sessions().keySet(), account.sessions().keySet()));
            if (later.isPresent()) {
                all = all.and(later.get().without(account.forgotten().keySet()));
            }
        }
        return all;
    }

    /**
     * The past of a layer with that of parameters which its carrier does not know.
     *
     * @param mustBeKnown whether they must be known from elsewhere, or else were changed without an engine
     */
    public static LayerPast recognized(LayerPast past, Set<Long> strangers, boolean mustBeKnown, String layer) {
        PrivacyAccount all = past.account();
        Set<Long> released = new LinkedHashSet<>(past.released());
        Set<Long> changed = new LinkedHashSet<>(past.changed());
        for (Long stranger : strangers) {
            Optional<PrivacyAccount> known = ReleasedParameters.accountOf(stranger);
            if (known.isPresent()) {
                all = all.and(known.get().without(past.account().forgotten().keySet()));
                released.add(stranger);
            } else if (mustBeKnown) {
                all = all.withUnprotected(
                        "changed-" + Long.toHexString(stranger),
                        "parameters of layer \"" + layer + "\" were changed outside an engine after private training");
                changed.add(stranger);
            }
        }
        return new LayerPast(all, released, changed);
    }

    /** Leaves nothing of private training but what {@code left} has. */
    public void forget(PrivacyAccount left) {
        List<LayerPast> past = past();
        takeOwn();
        restoreUpdater();
        AccountCarriers.write(this, TrainingProgress.NONE.with(left), null, true, past);
    }

    /** Has another account hold for the network's parameters of now, here and in copies of them: of the search that selected them, in the place of that of their own run. */
    public void select(PrivacyAccount ofSearch) {
        forget(ofSearch);
        var lineage = new ReleasedParameters.Lineage(ofSearch);
        for (Layer layer : layers()) {
            if (!(layer instanceof org.deeplearning4j.nn.layers.FrozenLayer)) {
                ReleasedParameters.replace(ParameterFingerprints.copies(layer), lineage);
            }
        }
        ReleasedParameters.replace(updaterStates(), lineage);
    }

    /** Gives the network another account; how far it has come under its plan stays. */
    public void rewrite(PrivacyAccount account) {
        TrainingProgress progress = progress().with(account);
        List<Map<String, Object>> carried = storedPlans();
        boolean detached = carried.isEmpty();
        if (detached) {
            carried = carriedPlans();
        }
        INDArray state = stateOf(currentUpdater());
        List<LayerPast> past = past();
        takeOwn();
        replaceUpdaters(IUpdater::clone);
        bind();
        setUpdater(plainUpdater(state));
        setProgress(progress);
        AccountCarriers.write(this, progress, carried.isEmpty() ? null : carried.get(0), detached, past);
    }

    /** Notes that the parameters of now came out of training with this account. */
    public void release(PrivacyAccount account) {
        if (account.isSpent()) {
            var lineage = new ReleasedParameters.Lineage(account);
            for (Layer layer : layers()) {
                if (!(layer instanceof org.deeplearning4j.nn.layers.FrozenLayer)) {
                    ReleasedParameters.add(ParameterFingerprints.copies(layer), lineage);
                }
            }
        }
    }

    /** Writes an account in a form that DL4J knows. */
    public void export(TrainingProgress progress, Map<String, Object> plan, List<LayerPast> past) {
        unguardInputs();
        Layer[] layers = layers();
        for (int i = 0; i < layers.length; i++) {
            if (layers[i].numParams() > 0) {
                var conf = configurations().get(i).getLayer();
                AccountCarriers.put(
                        conf, ExportedAccount.of(AccountConstraint.of(progress, plan, true, layers[i], past.get(i))));
                AccountCarriers.unguard(conf);
            }
        }
    }

    /** Notes how far the network has come, for saving. */
    public void setProgress(TrainingProgress progress) {
        configurations().stream().flatMap(conf -> updaters(conf.getLayer())).forEach(own -> own.setProgress(progress));
    }

    /** What the network's parameters are, as text: the layers with their names, kinds and sizes. */
    public String description() {
        return Arrays.stream(layers())
                .map(layer -> layer.conf().getLayer().getLayerName() + ":"
                        + layer.conf().getLayer().getClass().getSimpleName() + ":" + layer.numParams())
                .collect(Collectors.joining(","));
    }

    /** Whether an engine drives a network. */
    public static boolean isAttached(Model model) {
        return isKnown(model) && isAttached(of(model).currentUpdater());
    }

    /** Whether an updater is an engine's. */
    public static boolean isAttached(@Nullable Updater updater) {
        return updater instanceof LayerListNetwork.GatedUpdater || updater instanceof GraphNetwork.GatedUpdater;
    }

    /** The layer's name, or its index where it has none. */
    public static String name(Layer layer, int index) {
        String name = layer.conf() == null || layer.conf().getLayer() == null
                ? null
                : layer.conf().getLayer().getLayerName();
        return name == null ? Integer.toString(index) : name;
    }

    /** The simple name of the layer's class, of a frozen one that of the layer inside. */
    public static String typeOf(Layer layer) {
        return layer instanceof org.deeplearning4j.nn.layers.FrozenLayer frozen
                ? frozen.getInsideLayer().getClass().getSimpleName()
                : layer.getClass().getSimpleName();
    }
}
