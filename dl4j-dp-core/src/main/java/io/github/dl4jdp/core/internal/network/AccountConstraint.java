// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import io.github.dl4jdp.core.internal.charging.PrivacyAccount;
import io.github.dl4jdp.core.internal.charging.TrainingProgress;
import io.github.dl4jdp.core.internal.plan.MechanismJson;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.layers.LayerConstraint;
import org.jspecify.annotations.Nullable;
import org.nd4j.shade.jackson.annotation.JsonCreator;
import org.nd4j.shade.jackson.annotation.JsonValue;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a layer's configuration carries besides its {@code DpUpdater}: the account of its parameters, and the fingerprints by which they are recognized. It stays in
 * clones, in files, in transfer learning, where a new updater takes the other carrier away, and after {@code PrivacyEngine.detach}.
 *
 * <p>It constrains nothing. DL4J applies it after every update, so it sees the updates that no engine made: after {@code detach()} they are announced and noted, in any
 * other case refused.
 */
final class AccountConstraint implements LayerConstraint {
    private static final long serialVersionUID = 1L;
    private static final Logger log = LoggerFactory.getLogger(AccountConstraint.class);

    private final Map<String, Object> progress;
    private final @Nullable Map<String, Object> plan;
    private final boolean detached;
    private final long parameters;
    /** Whether its fingerprints are those of some places alone, as they once were. */
    private final boolean ofPlaces;

    private transient @Nullable AccountCarriers carriers;
    private transient int index;
    /** The parameters may be any of these: an update of the engine goes from the ones to the others. */
    private volatile List<String> fingerprints;
    /** Those of them that came from training; initial parameters have no account. */
    private volatile List<String> released;
    /** Those of unknown origin in a layer that was trained. */
    private final List<String> changed;
    /** The fingerprints of the updater's state, in one layer's carrier. */
    private volatile List<String> states;

    private AccountConstraint(
            Map<String, Object> progress,
            @Nullable Map<String, Object> plan,
            boolean detached,
            long parameters,
            boolean ofPlaces,
            List<String> fingerprints,
            List<String> released,
            List<String> changed,
            List<String> states) {
        this.progress = progress;
        this.plan = plan;
        this.detached = detached;
        this.parameters = parameters;
        this.ofPlaces = ofPlaces;
        this.fingerprints = fingerprints;
        this.released = released;
        this.changed = changed;
        this.states = states;
    }

    /**
     * A carrier.
     *
     * @param plan the plan under which the progress was made, or null if the network has none
     * @param detached whether plain DL4J may train the layer
     * @param layer the live layer, whose parameters it speaks of
     * @param past where its parameters come from
     */
    static AccountConstraint of(
            TrainingProgress progress,
            @Nullable Map<String, Object> plan,
            boolean detached,
            Layer layer,
            LayerPast past) {
        return new AccountConstraint(
                progress.toMap(),
                plan,
                detached,
                layer.numParams(),
                false,
                hexadecimal(ParameterFingerprints.copies(layer)),
                hexadecimal(past.released()),
                hexadecimal(past.changed()),
                List.of());
    }

    /** This carrier with another progress, for the same parameters, as one of the layers of a network that is attached. */
    AccountConstraint live(
            Map<String, Object> newProgress,
            AccountCarriers owner,
            int layerIndex,
            Set<Long> now,
            Set<Long> ofTraining,
            Set<Long> ofUnknown) {
        var next = new AccountConstraint(
                newProgress,
                plan,
                detached,
                parameters,
                false,
                hexadecimal(now),
                hexadecimal(ofTraining),
                hexadecimal(ofUnknown),
                states);
        next.carriers = owner;
        next.index = layerIndex;
        return next;
    }

    /** This carrier with the exact fingerprints of a layer's arrays, where it has only those of their places. */
    AccountConstraint of(Layer layer) {
        if (!ofPlaces) {
            return this;
        }
        List<ParameterFingerprints> arrays = ParameterFingerprints.arrays(layer);
        return new AccountConstraint(
                progress,
                plan,
                detached,
                parameters,
                false,
                exact(fingerprints, arrays),
                exact(released, arrays),
                exact(changed, arrays),
                states);
    }

    private static List<String> exact(List<String> places, List<ParameterFingerprints> arrays) {
        var all = new LinkedHashSet<>(places);
        for (ParameterFingerprints array : arrays) {
            if (places.contains(Long.toHexString(array.places()))) {
                all.addAll(hexadecimal(array.copies()));
            }
        }
        return List.copyOf(all);
    }

    private static List<String> hexadecimal(Collection<Long> all) {
        return all.stream().map(Long::toHexString).toList();
    }

    TrainingProgress progress() {
        return TrainingProgress.fromMap(progress);
    }

    @Nullable
    Map<String, Object> storedPlan() {
        return plan;
    }

    /** The number of parameters of the layer. */
    long parameters() {
        return parameters;
    }

    /** The fingerprints that were noted. */
    Set<Long> noted() {
        return numbers(fingerprints);
    }

    private static Set<Long> numbers(List<String> texts) {
        var all = new LinkedHashSet<Long>();
        texts.forEach(text -> all.add(Long.parseUnsignedLong(text, 16)));
        return all;
    }

    /** The fingerprints of parameters of unknown origin. */
    Set<Long> changed() {
        return numbers(changed);
    }

    /** The fingerprints of the updater's state, as far as this carrier has them. */
    Set<Long> states() {
        return numbers(states);
    }

    void setStates(Set<Long> now) {
        states = hexadecimal(now);
    }

    /** As plain values. */
    @JsonValue
    Map<String, Object> toMap() {
        var map = new LinkedHashMap<String, Object>();
        map.put("progress", progress);
        map.put("plan", plan);
        map.put("detached", detached);
        map.put("parameters", parameters);
        map.put("exact", !ofPlaces);
        map.put("fingerprints", hexadecimal(fingerprints()));
        map.put("released", hexadecimal(released()));
        map.put("changed", changed);
        if (!states.isEmpty()) {
            map.put("states", states);
        }
        return map;
    }

    /** Reads back {@link #toMap()}. */
    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    static AccountConstraint fromMap(Map<String, Object> map) {
        return new AccountConstraint(
                map.get("progress") == null ? Map.of() : PrivacyAccount.values(map.get("progress")),
                map.get("plan") == null ? null : PrivacyAccount.values(map.get("plan")),
                Boolean.TRUE.equals(map.get("detached")),
                MechanismJson.number(map, "parameters").longValue(),
                !Boolean.TRUE.equals(map.get("exact")),
                texts(map, "fingerprints"),
                texts(map, "released"),
                texts(map, "changed"),
                texts(map, "states"));
    }

    private static List<String> texts(Map<String, Object> map, String name) {
        return map.get(name) instanceof List<?> list
                ? list.stream().map(String::valueOf).toList()
                : List.of();
    }

    /** The fingerprints of parameters that came out of training. */
    Set<Long> released() {
        Set<Long> all = numbers(released);
        AccountCarriers owner = carriers;
        if (owner != null) {
            all.addAll(owner.liveReleased(this, index));
        }
        return all;
    }

    /** The fingerprints; of a layer that is being trained, those of now among them. */
    Set<Long> fingerprints() {
        Set<Long> all = noted();
        AccountCarriers owner = carriers;
        if (owner != null) {
            all.addAll(owner.liveFingerprints(this, index));
        }
        return all;
    }

    /** Adds what the parameters became. */
    void add(Set<Long> now, Set<Long> ofTraining) {
        fingerprints = both(fingerprints, now);
        released = both(released, ofTraining);
    }

    private static List<String> both(List<String> before, Set<Long> now) {
        var all = new LinkedHashSet<>(before);
        all.addAll(hexadecimal(now));
        return List.copyOf(all);
    }

    @Override
    public void applyConstraint(Layer layer, int iteration, int epoch) {
        AccountCarriers owner = carriers;
        if (owner != null && owner.owns(layer)) {
            owner.updated(index);
            return;
        }
        TrainingProgress before = progress();
        if (!before.account().isSpent()) {
            return;
        }
        boolean isKnown = before.account().unprotected().keySet().stream().anyMatch(id -> id.startsWith("plain-"));
        Set<Long> now = ParameterFingerprints.copies(layer);
        PrivacyAccount account = before.account();
        if (!isKnown) {
            account = account.withUnprotected(
                    "plain-" + Long.toHexString(now.iterator().next()),
                    "layer \"" + layer.conf().getLayer().getLayerName()
                            + "\" was trained without privacy after its private training");
        }
        var moved = new LinkedHashSet<>(now);
        moved.removeAll(of(layer).noted());
        replaceIn(layer.conf().getLayer(), before.with(account), now, moved);
        ReleasedParameters.add(moved, new ReleasedParameters.Lineage(account));
        if (!detached) {
            throw new IllegalStateException(
                    "layer \"" + layer.conf().getLayer().getLayerName()
                            + "\" comes from private training, and no PrivacyEngine drives this network: it was copied, restored, or its updater was"
                            + " replaced (for instance by a FineTuneConfiguration). Call PrivacyEngine.attach(network, plan) before fit. This network has"
                            + " now made an update without privacy, which every later report will state; continue from the model before it");
        }
        if (!isKnown) {
            log.warn(
                    "Layer \"{}\" comes from private training and now trains WITHOUT PRIVACY. Its privacy account stays with it; every later"
                            + " report will state this, with an infinite epsilon.",
                    layer.conf().getLayer().getLayerName());
        }
    }

    private void replaceIn(
            org.deeplearning4j.nn.conf.layers.Layer conf, TrainingProgress after, Set<Long> now, Set<Long> ofTraining) {
        List<LayerConstraint> constraints = conf.getConstraints();
        if (constraints != null) {
            var others = new ArrayList<LayerConstraint>(constraints);
            others.replaceAll(one -> one == this
                    ? new AccountConstraint(
                            after.toMap(),
                            plan,
                            detached,
                            parameters,
                            false,
                            hexadecimal(now),
                            both(released, ofTraining),
                            changed,
                            states)
                    : one);
            conf.setConstraints(others);
        }
    }

    @Override
    public void setParams(Set<String> params) {
        // It is about all of the layer's.
    }

    @Override
    public Set<String> getParams() {
        return Set.of();
    }

    @Override
    @SuppressWarnings("MethodDoesntCallSuperMethod")
    public LayerConstraint clone() {
        return new AccountConstraint(
                progress,
                plan,
                detached,
                parameters,
                ofPlaces,
                hexadecimal(fingerprints()),
                hexadecimal(released()),
                changed,
                states);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof AccountConstraint that
                && progress.equals(that.progress)
                && detached == that.detached
                && fingerprints.equals(that.fingerprints);
    }

    @Override
    public int hashCode() {
        return Objects.hash(progress, detached);
    }

    @Override
    public String toString() {
        return "AccountConstraint(" + progress + ")";
    }
}
