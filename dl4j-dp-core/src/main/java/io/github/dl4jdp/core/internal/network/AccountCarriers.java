// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import io.github.dl4jdp.core.internal.PlainTrainingGuard;
import io.github.dl4jdp.core.internal.charging.PrivacyAccount;
import io.github.dl4jdp.core.internal.charging.TrainingProgress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.layers.LayerConstraint;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.wrapper.BaseWrapperLayer;
import org.jspecify.annotations.Nullable;

/** The {@link AccountConstraint}s of a network while an engine drives it: they follow its progress and its parameters. */
public final class AccountCarriers {
    private final DpNetwork network;
    private final Map<String, Object> plan;
    private final ReleasedParameters.Lineage lineage;
    private final List<Set<Long>> initial;
    private final List<Set<Long>> released;
    private final List<Set<Long>> changed;
    /** What last came out of training, whether or not it was overwritten since: the updater's state may hold it, and the next update brings it back. */
    private final List<Set<Long>> trained;

    private final @Nullable AccountConstraint[] current;
    private Map<String, Object> progress = Map.of();
    /** The layers that DL4J is about to update, or has updated without applying their constraints yet. */
    private final Set<Integer> awaited = new LinkedHashSet<>();
    /** What the parameters of a layer become by the update that is under way. */
    private final Map<Integer, Set<Long>> expected = new HashMap<>();

    /** Parameters that came from elsewhere and are in the account that is noted next: not before, as a copy of the network may have the carriers of now. */
    private final Map<Integer, Set<Long>> takenUp = new HashMap<>();

    /** What is left to do when the update under way is made. */
    private Runnable whenMade = () -> {};
    /** The fingerprints of the updater's state. */
    private Set<Long> states;

    private boolean isReleased;

    /** Of arrays that an update of the engine has made a release of another run but for rounding: that release. */
    private final Map<Long, Long> ends = new HashMap<>();

    /** What a layer's arrays were when all of them was last read: at every lot that is dear, and some places tell of most changes. */
    private final Map<Integer, List<ParameterFingerprints>> seen = new HashMap<>();

    /**
     * Follows a network that is attached.
     *
     * @param past the account of its layers' parameters, in the order of the layers
     */
    public AccountCarriers(DpNetwork network, Map<String, Object> plan, PrivacyAccount account, List<LayerPast> past) {
        this.network = network;
        this.plan = plan;
        this.lineage = new ReleasedParameters.Lineage(account);
        Layer[] layers = network.layers();
        this.current = new AccountConstraint[layers.length];
        this.states = network.updaterStates();
        this.initial = new ArrayList<>();
        this.released = new ArrayList<>();
        this.changed = new ArrayList<>();
        this.trained = new ArrayList<>();
        for (int i = 0; i < layers.length; i++) {
            Set<Long> now = copies(read(i));
            initial.add(now);
            var before = new LinkedHashSet<>(past.get(i).released());
            before.retainAll(now);
            released.add(before);
            trained.add(past.get(i).released());
            changed.add(new LinkedHashSet<>(past.get(i).changed()));
            ReleasedParameters.add(before, lineage);
        }
    }

    /** Has the parameters be read in every place when they are next looked at. */
    public void readAll() {
        seen.clear();
    }

    private List<ParameterFingerprints> read(int index) {
        List<ParameterFingerprints> now = ParameterFingerprints.arrays(network.layers()[index]);
        seen.put(index, now);
        return now;
    }

    private List<ParameterFingerprints> look(int index) {
        List<ParameterFingerprints> before = seen.get(index);
        return before != null && ParameterFingerprints.agree(network.layers()[index], before) ? before : read(index);
    }

    private static Set<Long> copies(List<ParameterFingerprints> arrays) {
        var all = new LinkedHashSet<Long>();
        arrays.forEach(array -> all.addAll(array.copies()));
        return all;
    }

    /** What came out of training among a layer's parameters of now: what did before, and what has changed since. If nothing did, what was there before. */
    private Set<Long> releasedOf(int index, Set<Long> now) {
        var all = new LinkedHashSet<>(now);
        all.removeAll(initial.get(index));
        now.stream().filter(released.get(index)::contains).forEach(all::add);
        if (!all.isEmpty()) {
            trained.set(index, all);
        }
        return trained.get(index);
    }

    private Set<Long> changedOf(int index, Set<Long> now) {
        var left = new LinkedHashSet<>(changed.get(index));
        left.retainAll(now);
        return left;
    }

    /** Writes how far the network has come into every layer's network. */
    @SuppressWarnings("ReferenceEquality") // one and the same object needs one carrier
    public void note(TrainingProgress now) {
        progress = now.toMap();
        lineage.setAccount(now.account());
        guardInputs(network, now.account(), false);
        Layer[] layers = network.layers();
        for (int i = 0; i < layers.length; i++) {
            if (layers[i].numParams() > 0) {
                AccountConstraint before = current[i];
                if (before == null) {
                    before = AccountConstraint.of(
                            now, plan, false, layers[i], new LayerPast(now.account(), Set.of(), Set.of()));
                }
                // Parameters that came since they were looked at are not the engine's.
                Set<Long> noted = before.noted();
                noted.addAll(takenUp.getOrDefault(i, Set.of()));
                Set<Long> fingerprints = copies(look(i).stream()
                        .filter(array -> noted.contains(array.exact()))
                        .toList());
                AccountConstraint next = before.live(
                        progress, this, i, fingerprints, releasedOf(i, fingerprints), changedOf(i, fingerprints));
                if (i == first(layers)) {
                    next.setStates(states);
                }
                current[i] = next;
                var conf = network.configurations().get(i).getLayer();
                put(conf, next);
                guard(conf, next, now.account().isSpent(), false);
                // The layer runs on a configuration of its own while it is attached, without a guard.
                var live = layers[i].conf().getLayer();
                if (live != conf) {
                    put(live, next);
                }
            }
        }
        takenUp.clear();
    }

    /** The layer whose carrier has the fingerprints of the updater's state. */
    private static int first(Layer[] layers) {
        int first = 0;
        while (layers[first].numParams() == 0) {
            first++;
        }
        return first;
    }

    /**
     * The engine has handed out an update: what the parameters become by it is its own, as the updater's state is.
     *
     * @param then runs once all layers have it
     */
    public void expectUpdate(Runnable then) {
        whenMade = then;
        Layer[] layers = network.layers();
        states = network.updaterStates();
        ReleasedParameters.add(states, lineage);
        AccountConstraint ofStates = current[first(layers)];
        if (ofStates != null) {
            ofStates.setStates(states);
        }
        for (int i = 0; i < layers.length; i++) {
            AccountConstraint carrier = current[i];
            if (carrier != null && !DpNetwork.isFrozen(layers[i])) {
                // Every place, for a look at what the update is subtracted from.
                read(i);
                Set<Long> after =
                        ParameterFingerprints.after(layers[i], network.model().params(), network.gradientView());
                awaited.add(i);
                expected.put(i, after);
                // Whatever overwrites the parameters: a copy of the network must know that they came out of training.
                carrier.add(Set.of(), releasedOf(i, after));
            }
        }
    }

    /** Notes the last update where DL4J applied no constraints, as after an exception in a listener. */
    public void acceptUpdate() {
        List.copyOf(awaited).forEach(index -> note(index, false));
    }

    /** Notes the parameters of a layer after an update of the engine, and after its constraints. */
    void updated(int index) {
        note(index, expected.containsKey(index) && isConstrained(index));
    }

    private void note(int index, boolean atItsWord) {
        awaited.remove(index);
        AccountConstraint carrier = current[index];
        List<ParameterFingerprints> arrays = read(index);
        if (carrier != null) {
            Set<Long> now = own(arrays, index, carrier, atItsWord);
            Set<Long> ofTraining = releasedOf(index, now);
            carrier.add(now, ofTraining);
            ReleasedParameters.add(ofTraining, lineage);
        }
        if (awaited.isEmpty()) {
            whenMade.run();
            whenMade = () -> {};
        }
    }

    /** Whether a layer has constraints besides the carrier: what they make of an update is not known beforehand. */
    private boolean isConstrained(int index) {
        return levels(network.configurations().get(index).getLayer()).stream()
                .map(org.deeplearning4j.nn.conf.layers.Layer::getConstraints)
                .anyMatch(constraints -> constraints != null && constraints.size() > 1);
    }

    /**
     * What the engine put there of a layer's parameters of now: what was noted, and what the last update made of it. It is not a release of another run, or one but for rounding: whoever
     * changes the gradient can have an update end there. Arrays of fewer than {@value ParameterFingerprints#TELLING} numbers may do so by chance.
     *
     * @param atItsWord whether whatever is there came of the update
     */
    private Set<Long> own(List<ParameterFingerprints> arrays, int index, AccountConstraint carrier, boolean atItsWord) {
        Set<Long> before = carrier.noted();
        Set<Long> update = expected.getOrDefault(index, Set.of());
        var own = new LinkedHashSet<Long>();
        for (ParameterFingerprints array : arrays) {
            boolean isNew = !before.contains(array.exact());
            if (isNew && !atItsWord && !update.contains(array.exact())) {
                continue;
            }
            boolean mayBeForeign = isNew && array.length() >= ParameterFingerprints.TELLING;
            if (mayBeForeign && isForeign(array.exact())) {
                continue;
            }
            if (mayBeForeign && isForeign(array.rounded())) {
                ends.put(array.exact(), array.rounded());
                continue;
            }
            own.addAll(array.copies());
        }
        return own;
    }

    @SuppressWarnings("ReferenceEquality") // a lineage is one by its identity
    private boolean isForeign(long fingerprint) {
        return ReleasedParameters.lineageOf(fingerprint)
                .filter(other -> other != lineage && addsTo(other.account()))
                .isPresent();
    }

    /** Whether another account has anything that this one has not. A run without noise of its own may repeat another one, and is not private anyway. */
    private boolean addsTo(PrivacyAccount other) {
        PrivacyAccount own = lineage.account();
        return !own.and(other).equals(own) && own.notPrivate().isEmpty();
    }

    /** The fingerprints of an updater's state that the engine did not leave there. */
    public Set<Long> strangeStates() {
        Set<Long> now = network.updaterStates();
        now.removeAll(states);
        return now;
    }

    /** Takes in an updater's state that came from elsewhere. */
    public void copiedStates(Set<Long> now) {
        states = new LinkedHashSet<>(states);
        states.addAll(now);
    }

    /** Takes in parameters that came from elsewhere, some of them out of training. */
    public void copied(int index, Set<Long> now, LayerPast past) {
        initial.get(index).addAll(now);
        released.get(index).addAll(past.released());
        changed.get(index).addAll(past.changed());
        Set<Long> taken = takenUp.computeIfAbsent(index, none -> new LinkedHashSet<>());
        taken.addAll(now);
        ends.forEach((exact, end) -> {
            if (now.contains(end)) {
                taken.add(exact);
            }
        });
    }

    /** As {@link #liveFingerprints}, of those that came out of training. */
    Set<Long> liveReleased(AccountConstraint carrier, int index) {
        return releasedOf(index, liveFingerprints(carrier, index));
    }

    /**
     * What the update under way has made of a layer's parameters, for a carrier that stands in the network; nothing for one that a copy of the configuration has kept.
     * Parameters that the engine did not put there are not its own, whatever they are.
     */
    @SuppressWarnings("ReferenceEquality") // an equal carrier may stand in a copy
    Set<Long> liveFingerprints(AccountConstraint carrier, int index) {
        if (isReleased || current[index] != carrier || !awaited.contains(index)) {
            return Set.of();
        }
        return own(ParameterFingerprints.arrays(network.layers()[index]), index, carrier, false);
    }

    /** Whether a layer is one of this network: a copy's configuration may share the carriers. */
    boolean owns(Layer layer) {
        return !isReleased
                && layer.numParams() > 0
                && layer.params().data().pointer().address()
                        == network.model().params().data().pointer().address();
    }

    /** The fingerprints of parameters that the engine did not put where they are, by the index of their layer. */
    public Map<Integer, Set<Long>> strangers() {
        var strangers = new java.util.TreeMap<Integer, Set<Long>>();
        Layer[] layers = network.layers();
        for (int i = 0; i < layers.length; i++) {
            AccountConstraint carrier = current[i];
            if (carrier != null) {
                Set<Long> noted = carrier.noted();
                var unknown = new ArrayList<>(look(i));
                unknown.removeIf(array -> noted.contains(array.exact()));
                if (awaited.contains(i) && !unknown.isEmpty()) {
                    Set<Long> made = carrier.fingerprints();
                    unknown.removeIf(array -> made.contains(array.exact()));
                }
                var now = new LinkedHashSet<Long>();
                unknown.forEach(array -> now.add(stranger(array)));
                if (!now.isEmpty()) {
                    strangers.put(i, now);
                }
            }
        }
        return strangers;
    }

    private long stranger(ParameterFingerprints array) {
        Long end = ends.get(array.exact());
        if (end != null) {
            return end;
        }
        ReleasedParameters.addIfChanged(array, lineage.account());
        return array.exact();
    }

    /** Leaves carriers behind that follow nothing any more. */
    public void release(TrainingProgress last, boolean detached) {
        isReleased = true;
        write(network, last, plan, detached, past(last));
    }

    /** The layers' past as it is now, in their order. */
    public List<LayerPast> past(TrainingProgress now) {
        Layer[] layers = network.layers();
        var all = new ArrayList<LayerPast>();
        for (int i = 0; i < layers.length; i++) {
            Set<Long> fingerprints = copies(look(i));
            all.add(new LayerPast(now.account(), releasedOf(i, fingerprints), changedOf(i, fingerprints)));
        }
        return all;
    }

    /** Writes an account into every layer of a network that no engine drives. */
    static void write(
            DpNetwork network,
            TrainingProgress progress,
            @Nullable Map<String, Object> plan,
            boolean detached,
            List<LayerPast> past) {
        guardInputs(network, progress.account(), detached);
        Layer[] layers = network.layers();
        for (int i = 0; i < layers.length; i++) {
            if (layers[i].numParams() > 0) {
                var carrier = AccountConstraint.of(progress, plan, detached, layers[i], past.get(i));
                if (i == first(layers)) {
                    carrier.setStates(network.updaterStates());
                }
                var conf = network.configurations().get(i).getLayer();
                put(conf, carrier);
                if (progress.account().equals(PrivacyAccount.EMPTY)) {
                    unguard(conf);
                } else {
                    guard(conf, carrier, progress.account().isSpent(), detached);
                }
            }
        }
    }

    private static void guardInputs(DpNetwork network, PrivacyAccount account, boolean detached) {
        if (account.isSpent()) {
            network.guardInputs(detached);
        } else {
            network.unguardInputs();
        }
    }

    /** Guards a layer, and those that it wraps, from plain training of what comes after it. */
    private static void guard(
            org.deeplearning4j.nn.conf.layers.Layer conf, AccountConstraint carrier, boolean spent, boolean detached) {
        for (org.deeplearning4j.nn.conf.layers.Layer level : levels(conf)) {
            if (level instanceof BaseLayer base) {
                PlainTrainingGuard.put(base, carrier, spent, detached);
            }
        }
    }

    /** Takes the guards of a layer away, which only this library knows. */
    static void unguard(org.deeplearning4j.nn.conf.layers.Layer conf) {
        for (org.deeplearning4j.nn.conf.layers.Layer level : levels(conf)) {
            if (level instanceof BaseLayer base) {
                PlainTrainingGuard.remove(base);
            }
        }
    }

    /** Puts a carrier after all other constraints of a layer and of those that it wraps, in the place of another one. */
    static void put(org.deeplearning4j.nn.conf.layers.Layer conf, LayerConstraint carrier) {
        for (org.deeplearning4j.nn.conf.layers.Layer level : levels(conf)) {
            var constraints = new ArrayList<LayerConstraint>();
            if (level.getConstraints() != null) {
                level.getConstraints().stream()
                        .filter(one -> !(one instanceof AccountConstraint || ExportedAccount.isOne(one)))
                        .forEach(constraints::add);
            }
            constraints.add(carrier);
            level.setConstraints(constraints);
        }
    }

    /** The carriers in a layer's configuration and in those that it wraps, exported ones too. */
    static List<AccountConstraint> in(org.deeplearning4j.nn.conf.layers.Layer conf) {
        return levels(conf).stream()
                .flatMap(AccountCarriers::constraints)
                .map(one -> one instanceof AccountConstraint own ? own : ExportedAccount.read(one))
                .filter(Objects::nonNull)
                .distinct()
                .toList();
    }

    private static Stream<LayerConstraint> constraints(org.deeplearning4j.nn.conf.layers.Layer conf) {
        List<LayerConstraint> own = conf.getConstraints();
        return Stream.concat(
                own == null ? Stream.empty() : own.stream(), Stream.ofNullable(PlainTrainingGuard.accountOf(conf)));
    }

    /** The outermost first: a frozen layer hands its constraints, or none, to the one inside. */
    static List<org.deeplearning4j.nn.conf.layers.Layer> levels(org.deeplearning4j.nn.conf.layers.Layer conf) {
        var levels = new ArrayList<org.deeplearning4j.nn.conf.layers.Layer>();
        levels.add(conf);
        if (conf instanceof BaseWrapperLayer wrapper) {
            levels.addAll(levels(wrapper.getUnderlying()));
        } else if (conf instanceof Bidirectional bidirectional) {
            levels.addAll(levels(bidirectional.getFwd()));
            levels.addAll(levels(bidirectional.getBwd()));
        } else if (conf instanceof FrozenLayer frozen) {
            levels.addAll(levels(frozen.getLayer()));
        }
        return levels;
    }
}
