// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.api.layers.LayerConstraint;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.conf.weightnoise.IWeightNoise;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.shade.jackson.annotation.JsonCreator;
import org.nd4j.shade.jackson.annotation.JsonProperty;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What stands for the weight noise, or for none, in the configuration of a layer that was trained with privacy: it adds nothing to that noise, and sees every forward pass.
 *
 * <p>DL4J asks an updater and constraints of layers that it updates alone. A layer that transfer learning has frozen under a new output layer has only its forward pass left, and
 * plain {@code fit} would train the new layer on its output in silence. A layer asks for its weight noise in inference too, as frozen layers do always, so that fit is told by who asked
 * the network for the pass. Layers with an updater or a constraint of this library are left to these.
 *
 * <p>It also carries the layer's account. Clones of a configuration share it, so it never changes.
 *
 * <p>While an engine drives a network, its layers run on configurations without it.
 */
public final class PlainTrainingGuard implements IWeightNoise {
    private static final long serialVersionUID = 1L;
    private static final Logger log = LoggerFactory.getLogger(PlainTrainingGuard.class);
    private static final String OWN = "io.github.dl4jdp.core.";

    @JsonProperty("noise")
    private final @Nullable IWeightNoise noise;

    /** Whether private training has gone into the parameters. */
    @JsonProperty("spent")
    private final boolean spent;

    /** Whether plain DL4J may train the network, if it says so. */
    @JsonProperty("detached")
    private final boolean detached;

    /** The carrier of the layer's account, once more: DL4J drops a layer's constraints where a FineTuneConfiguration has others, and a frozen layer's where it is read from a file. */
    @JsonProperty("account")
    private final @Nullable LayerConstraint account;

    /** The layers that were announced: clones of a configuration share its guards. */
    private transient volatile @Nullable List<WeakReference<Layer>> announced;

    private transient volatile boolean announcedFeatures;

    @JsonCreator
    private PlainTrainingGuard(
            @JsonProperty("noise") @Nullable IWeightNoise noise,
            @JsonProperty("spent") boolean spent,
            @JsonProperty("detached") boolean detached,
            @JsonProperty("account") @Nullable LayerConstraint account) {
        this.noise = noise;
        this.spent = spent;
        this.detached = detached;
        this.account = account;
    }

    /** The weight noise of a layer, without the guard around it; null if there is none. */
    public static @Nullable IWeightNoise noiseOf(BaseLayer conf) {
        IWeightNoise own = conf.getWeightNoise();
        return own instanceof PlainTrainingGuard guard ? guard.noise : own;
    }

    /**
     * Guards a layer, in the place of another guard, which clones of the configuration share.
     *
     * @param account the carrier of the layer's account
     * @param spent whether private training has gone into the layer's parameters
     * @param detached whether plain DL4J may train on them
     */
    public static void put(BaseLayer conf, LayerConstraint account, boolean spent, boolean detached) {
        conf.setWeightNoise(new PlainTrainingGuard(noiseOf(conf), spent, detached, account));
    }

    /** The carrier of a layer's account that its guard has; null without a guard. */
    public static @Nullable LayerConstraint accountOf(org.deeplearning4j.nn.conf.layers.Layer conf) {
        return conf instanceof BaseLayer base && base.getWeightNoise() instanceof PlainTrainingGuard guard
                ? guard.account
                : null;
    }

    /** Leaves the user's own weight noise, or none. */
    public static void remove(BaseLayer conf) {
        conf.setWeightNoise(noiseOf(conf));
    }

    /** An engine drives a network: layers that cannot be given a configuration without their guard are not guarded. */
    public static void drive(Model network) {
        ForwardPasses.drive(network);
    }

    /** No engine drives a network any more. */
    public static void release(Model network) {
        ForwardPasses.release(network);
    }

    /** A part of a configuration without a guard around it, of either kind; null if a guard has nothing inside. */
    public static @Nullable Object without(@Nullable Object part) {
        if (part instanceof PlainTrainingGuard guard) {
            return guard.noise;
        }
        return part instanceof InputGuard guard ? InputGuard.without(guard) : part;
    }

    @Override
    public @Nullable INDArray getParameter(
            Layer layer, String key, int iteration, int epoch, boolean train, LayerWorkspaceMgr workspaceMgr) {
        if (spent && !isAnnounced(layer) && !ForwardPasses.isOfInference(workspaceMgr)) {
            judge(layer, workspaceMgr);
        }
        return noise == null
                ? layer.getParam(key)
                : noise.getParameter(layer, key, iteration, epoch, train, workspaceMgr);
    }

    /** An updater refuses the update, and a constraint announces or refuses it. */
    private static boolean hasOtherGuard(Layer layer) {
        return layer.conf().getLayer() instanceof BaseLayer conf
                && (isOwn(conf.getIUpdater())
                        || (conf.getConstraints() != null
                                && conf.getConstraints().stream().anyMatch(PlainTrainingGuard::isOwn)));
    }

    private static boolean isOwn(@Nullable Object part) {
        return part != null && part.getClass().getName().startsWith(OWN);
    }

    private boolean isAnnounced(Layer layer) {
        List<WeakReference<Layer>> known = announced;
        if (known != null) {
            for (WeakReference<Layer> one : known) {
                if (one.refersTo(layer)) {
                    return true;
                }
            }
        }
        return false;
    }

    private synchronized void noteAnnounced(Layer layer) {
        var known = new ArrayList<WeakReference<Layer>>();
        known.add(new WeakReference<>(layer));
        List<WeakReference<Layer>> before = announced;
        if (before != null) {
            before.stream().filter(one -> !one.refersTo(null)).forEach(known::add);
        }
        announced = known;
    }

    private void judge(Layer layer, LayerWorkspaceMgr pass) {
        String name = layer.conf().getLayer().getLayerName();
        switch (ForwardPasses.use()) {
            case FIT_OF_IT -> {
                if (hasOtherGuard(layer)) {
                    // It refuses the update, or announces it.
                    if (detached) {
                        noteAnnounced(layer);
                    }
                } else if (!isDriven(layer)) {
                    judgeFit(layer, name, pass);
                }
            }
            case FIT_OF_OTHERS -> {
                if (!isDriven(layer)) {
                    judgeFit(layer, name, pass);
                }
            }
            case FEATURES -> announceFeatures(layer, pass);
            case INFERENCE -> ForwardPasses.noteInference(pass);
        }
    }

    /** Says nothing of a fit, which is judged for itself. */
    private void announceFeatures(Layer layer, LayerWorkspaceMgr pass) {
        if (!announcedFeatures) {
            announcedFeatures = true;
            log(
                    layer,
                    pass,
                    "Layer \"{}\" comes from private training, and a TransferLearningHelper computes its output for a network of its own, which does not have its privacy account:"
                            + " plain fit of that network is WITHOUT PRIVACY, and an engine of its own does not count what this layer has cost; add both.");
        }
    }

    private void judgeFit(Layer layer, String name, LayerWorkspaceMgr pass) {
        if (!detached) {
            throw new IllegalStateException("layer \"" + name
                    + "\" comes from private training, and no PrivacyEngine drives this network: plain fit would train other layers on its output without"
                    + " privacy. Call PrivacyEngine.attach(network, plan) before fit, which continues its privacy account. For plain training that every later report"
                    + " states, with an infinite epsilon, call detach() on the engine first; PrivacyEngine.forget(network, reason) drops the account. ParallelWrapper,"
                    + " SparkDl4jMultiLayer and SparkComputationGraph cannot be made private");
        }
        announce(
                layer,
                pass,
                "Layer \"{}\" comes from private training, and other layers now train on its output WITHOUT PRIVACY. Every later report of this network will state this, with"
                        + " an infinite epsilon; to train with privacy, call PrivacyEngine.attach(network, plan) before fit.");
    }

    private void announce(Layer layer, LayerWorkspaceMgr pass, String what) {
        noteAnnounced(layer);
        log(layer, pass, what);
    }

    private static void log(Layer layer, LayerWorkspaceMgr pass, String what) {
        if (!ForwardPasses.isAnnounced(pass)) {
            log.warn(what, layer.conf().getLayer().getLayerName());
        }
    }

    private static boolean isDriven(Layer layer) {
        return ForwardPasses.isDriven(network -> has(network, layer));
    }

    private static boolean has(Model network, Layer layer) {
        INDArray own = layer.params();
        return own != null
                && network.params() != null
                && own.data().pointer().address()
                        == network.params().data().pointer().address();
    }

    @Override
    @SuppressWarnings("MethodDoesntCallSuperMethod") // a copy announces for itself
    public IWeightNoise clone() {
        return new PlainTrainingGuard(
                noise == null ? null : noise.clone(), spent, detached, account == null ? null : account.clone());
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof PlainTrainingGuard that
                && Objects.equals(noise, that.noise)
                && spent == that.spent
                && detached == that.detached
                && Objects.equals(account, that.account);
    }

    @Override
    public int hashCode() {
        return Objects.hash(noise, detached);
    }

    @Override
    public String toString() {
        return "PlainTrainingGuard(" + noise + ")";
    }
}
