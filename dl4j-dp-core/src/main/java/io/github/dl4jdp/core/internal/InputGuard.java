// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal;

import java.lang.ref.WeakReference;
import java.util.Objects;
import org.deeplearning4j.nn.api.MaskState;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.shade.jackson.annotation.JsonCreator;
import org.nd4j.shade.jackson.annotation.JsonProperty;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What stands for a layer's input preprocessor, or for none, in the configuration of a network with private training: it changes nothing, and sees every forward pass.
 *
 * <p>DL4J asks no weight noise of embeddings, one-dimensional convolutions, SameDiff layers and some others, so that a {@link PlainTrainingGuard} in its place is not asked.
 * Every layer has its input from a preprocessor, frozen or not, and transfer learning keeps them.
 *
 * <p>It speaks of the network, since it does not know the layer after it. It never changes; DL4J clones it with the configuration.
 */
public final class InputGuard implements InputPreProcessor {
    private static final long serialVersionUID = 1L;
    private static final Logger log = LoggerFactory.getLogger(PlainTrainingGuard.class);

    @JsonProperty("preProcessor")
    private final @Nullable InputPreProcessor preProcessor;

    /** Whether it stands before the first layer for a whole list of layers. */
    @JsonProperty("list")
    private final boolean list;

    /** Whether plain DL4J may train the network, if it says so. */
    @JsonProperty("detached")
    private final boolean detached;

    /** The network in whose configuration it stands, if an engine drives it. */
    private final transient @Nullable WeakReference<Model> owner;

    private transient volatile boolean announced;
    private transient volatile boolean announcedFeatures;

    @JsonCreator
    private InputGuard(
            @JsonProperty("preProcessor") @Nullable InputPreProcessor preProcessor,
            @JsonProperty("list") boolean list,
            @JsonProperty("detached") boolean detached) {
        this(preProcessor, list, detached, null);
    }

    private InputGuard(
            @Nullable InputPreProcessor preProcessor,
            boolean list,
            boolean detached,
            @Nullable WeakReference<Model> owner) {
        this.preProcessor = preProcessor;
        this.list = list;
        this.detached = detached;
        this.owner = owner;
    }

    /**
     * A guard around a preprocessor, or around what another guard has.
     *
     * @param network whose configuration the guard is put into
     * @param list whether it stands before the first layer for a whole list of layers, or else before a layer of private training
     * @param detached whether plain DL4J may train the network
     */
    public static InputPreProcessor around(
            @Nullable InputPreProcessor own, Model network, boolean list, boolean detached) {
        return new InputGuard(without(own), list, detached, new WeakReference<>(network));
    }

    /** A preprocessor without the guard around it; null if there is none. */
    public static @Nullable InputPreProcessor without(@Nullable InputPreProcessor own) {
        return own instanceof InputGuard guard ? guard.preProcessor : own;
    }

    @Override
    public INDArray preProcess(INDArray input, int miniBatchSize, LayerWorkspaceMgr workspaceMgr) {
        if (!announced && !isOfDriven() && !ForwardPasses.isOfInference(workspaceMgr)) {
            judge(workspaceMgr);
        }
        return preProcessor == null ? input : preProcessor.preProcess(input, miniBatchSize, workspaceMgr);
    }

    /** Another network that shares the configuration of a driven one has its updaters, which refuse. */
    private boolean isOfDriven() {
        WeakReference<Model> network = owner;
        return network != null && ForwardPasses.isDriven(network::refersTo);
    }

    private void judge(LayerWorkspaceMgr pass) {
        switch (ForwardPasses.use()) {
            case FIT_OF_IT, FIT_OF_OTHERS -> {
                // DL4J gives the network of a list's helper the preprocessors of the whole one, before other layers.
                // What that network trains on was announced when it was computed.
                if (!(list && ForwardPasses.isOfHelper())) {
                    judgeFit(pass);
                }
            }
            case FEATURES -> announceFeatures(pass);
            case INFERENCE -> ForwardPasses.noteInference(pass);
        }
    }

    /** Says nothing of a fit, which is judged for itself. */
    private void announceFeatures(LayerWorkspaceMgr pass) {
        if (!announcedFeatures) {
            announcedFeatures = true;
            log(
                    pass,
                    "Layers of this network come from private training, and a TransferLearningHelper computes their output for a network of its own, which does not have their"
                            + " privacy account: plain fit of that network is WITHOUT PRIVACY, and an engine of its own does not count what these layers have cost; add both.");
        }
    }

    private void judgeFit(LayerWorkspaceMgr pass) {
        if (!detached) {
            throw new IllegalStateException(
                    "layers of this network come from private training, and no PrivacyEngine drives it: plain fit would train without privacy on them or on their output."
                            + " Call PrivacyEngine.attach(network, plan) before fit, which continues the privacy account. For plain training that every later report"
                            + " states, with an infinite epsilon, call detach() on the engine first; PrivacyEngine.forget(network, reason) drops the account. ParallelWrapper,"
                            + " SparkDl4jMultiLayer and SparkComputationGraph cannot be made private");
        }
        announce(
                pass,
                "Layers of this network come from private training, and it now trains WITHOUT PRIVACY. Every later report of it will state this, with"
                        + " an infinite epsilon; to train with privacy, call PrivacyEngine.attach(network, plan) before fit.");
    }

    private void announce(LayerWorkspaceMgr pass, String what) {
        announced = true;
        log(pass, what);
    }

    private static void log(LayerWorkspaceMgr pass, String what) {
        if (!ForwardPasses.isAnnounced(pass)) {
            ForwardPasses.noteAnnounced(pass);
            log.warn(what);
        }
    }

    @Override
    public @Nullable INDArray backprop(@Nullable INDArray output, int miniBatchSize, LayerWorkspaceMgr workspaceMgr) {
        return preProcessor == null ? output : preProcessor.backprop(output, miniBatchSize, workspaceMgr);
    }

    @Override
    public InputType getOutputType(InputType inputType) {
        return preProcessor == null ? inputType : preProcessor.getOutputType(inputType);
    }

    @Override
    public @Nullable Pair<INDArray, MaskState> feedForwardMaskArray(
            @Nullable INDArray maskArray, @Nullable MaskState currentMaskState, int minibatchSize) {
        return preProcessor == null
                ? new Pair<>(maskArray, currentMaskState)
                : preProcessor.feedForwardMaskArray(maskArray, currentMaskState, minibatchSize);
    }

    @Override
    @SuppressWarnings("MethodDoesntCallSuperMethod") // a copy belongs to no driven network, and announces for itself
    public InputPreProcessor clone() {
        return new InputGuard(preProcessor == null ? null : preProcessor.clone(), list, detached);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof InputGuard that
                && Objects.equals(preProcessor, that.preProcessor)
                && list == that.list
                && detached == that.detached;
    }

    @Override
    public int hashCode() {
        return Objects.hash(preProcessor, detached);
    }

    @Override
    public String toString() {
        return "InputGuard(" + preProcessor + ")";
    }
}
