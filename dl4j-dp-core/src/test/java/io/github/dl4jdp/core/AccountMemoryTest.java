// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.PrivacyAccountant;
import io.github.dl4jdp.accountant.PrivacyLedgerException;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.FineTuneConfiguration;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.weights.WeightInit;
import org.deeplearning4j.util.ModelSerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/**
 * Plays random sequences of public calls, ours and DL4J's, on networks of both classes, beside a model that follows every charge and every plain update through
 * copies of the parameters, layer by layer. At every point the epsilon that an engine reports is at least that of all that went into its network.
 */
class AccountMemoryTest {
    private static final int SEQUENCES = 20;
    private static final int CALLS = 30;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    @Test
    void epsilon_randomSequencesOfCalls_isNeverBelowWhatWentIntoTheParameters() throws Exception {
        play(20_261_129, SEQUENCES);
    }

    @Test
    @Tag("slow")
    void epsilon_manyRandomSequencesOfCalls_isNeverBelowWhatWentIntoTheParameters() throws Exception {
        play(7, 1500);
    }

    private void play(long seed, int sequences) throws Exception {
        var counts = new LinkedHashMap<String, Integer>();
        for (int i = 0; i < sequences; i++) {
            new Play(seed + i, folder, counts).run();
        }
        // Every kind of call was made, and engines were looked at in every kind of past.
        assertThat(counts.keySet())
                .contains("attach", "lots", "close", "detach", "plain fit", "plain fit refused", "clone", "restore")
                .contains("setParams", "fine-tune", "new output", "frozen body", "export", "setLearningRate", "init")
                .contains("checked", "checked finite", "checked infinite");
    }

    /** A network, and what went into each of its layers: events by identity. */
    private static final class Entry {
        final Model net;
        final List<Map<Long, DpEvent>> past;
        /** What went into parameters that were overwritten since, and may be in the updater's state: the next update brings it back. */
        final Map<Long, DpEvent> inUpdater = new HashMap<>();

        boolean headIsNew;
        /** Whether an engine ever saw it, or what it was copied from: only then does its configuration know of anything. */
        boolean isKnown;

        @Nullable
        PrivacyEngine engine;

        Entry(Model net, List<Map<Long, DpEvent>> past) {
            this.net = net;
            this.past = past;
        }

        Map<Long, DpEvent> all() {
            var all = new HashMap<Long, DpEvent>();
            past.forEach(all::putAll);
            return all;
        }

        List<Map<Long, DpEvent>> copyOfPast() {
            var copy = new ArrayList<Map<Long, DpEvent>>();
            past.forEach(layer -> copy.add(new HashMap<>(layer)));
            return copy;
        }
    }

    private static final class Play {
        private final Random random;
        private final String name;
        private final Path folder;
        private final Map<String, Integer> counts;
        private final boolean graph;
        private final List<Entry> entries = new ArrayList<>();
        private final List<String> script = new ArrayList<>();
        private long nextId;

        Play(long seed, Path folder, Map<String, Integer> counts) {
            this.random = new Random(seed);
            this.name = "seed " + seed;
            this.folder = folder.resolve("s" + seed);
            this.counts = counts;
            this.graph = random.nextBoolean();
        }

        void run() throws Exception {
            assertThat(folder.toFile().mkdirs()).isTrue();
            fresh();
            fresh();
            for (int call = 0; call < CALLS; call++) {
                Entry entry = entries.get(random.nextInt(entries.size()));
                act(entry);
                check(entry);
            }
            entries.forEach(entry -> {
                if (entry.engine != null) {
                    entry.engine.close();
                }
            });
            // Whatever became of it: attached once more, it still knows.
            for (Entry entry : entries) {
                entry.engine = null;
                attach(entry, plan(false));
                check(entry);
                close(entry);
            }
        }

        private void did(String what) {
            script.add(what);
            counts.merge(what, 1, Integer::sum);
        }

        private void act(Entry entry) throws Exception {
            int dice = random.nextInt(100);
            if (dice < 22) {
                attach(entry, plan(random.nextInt(12) == 0));
                lots(entry);
            } else if (dice < 34) {
                lots(entry);
            } else if (dice < 42) {
                close(entry);
            } else if (dice < 47) {
                detach(entry);
            } else if (dice < 56) {
                plainFit(entry);
            } else if (dice < 62) {
                copied(entry);
            } else if (dice < 68) {
                restored(entry);
            } else if (dice < 76) {
                setParams(entry);
            } else if (dice < 88) {
                transferred(entry);
            } else if (dice < 92) {
                exported(entry);
            } else if (dice < 95) {
                learningRate(entry);
            } else if (dice < 97) {
                initialized(entry);
            } else {
                fresh();
            }
        }

        private void add(Entry entry) {
            if (entries.size() > 6) {
                Entry old = entries.remove(random.nextInt(entries.size()));
                close(old);
            }
            entries.add(entry);
        }

        private void fresh() {
            did("fresh");
            Model net = network(graph, random.nextInt());
            add(new Entry(net, List.of(new HashMap<>(), new HashMap<>(), new HashMap<>())));
        }

        private DpSgdPlan plan(boolean open) {
            DpSgdPlan plan = DpSgdPlan.poisson(60, 12)
                    .withSteps(20 + 10L * random.nextInt(2))
                    .withClippingNorm(1)
                    .withNoiseMultiplier(random.nextBoolean() ? 1.1 : 0.9)
                    .withDelta(1e-5)
                    .withAccountant(AccountantKind.RDP);
            if (open) {
                plan = random.nextBoolean() ? plan.withSeed(random.nextInt()) : plan.withoutNoise();
            }
            if (random.nextInt(5) == 0) {
                plan = plan.withLedger(folder.resolve("ledger" + random.nextInt(2)));
            }
            return random.nextInt(4) > 0 ? plan.continuing() : plan;
        }

        private void attach(Entry entry, DpSgdPlan plan) {
            if (entry.engine != null) {
                return;
            }
            try {
                entry.engine = PrivacyEngine.attach(entry.net, plan);
                entry.isKnown = true;
                did("attach");
            } catch (IllegalArgumentException | IllegalStateException | PrivacyLedgerException e) {
                did("attach refused");
            }
        }

        private void lots(Entry entry) {
            if (entry.engine == null) {
                return;
            }
            long before = entry.engine.steps();
            INDArray params = entry.net.params().dup();
            try {
                var lots = entry.engine.lots(data());
                for (int i = 1 + random.nextInt(3); i > 0 && lots.hasNext(); i--) {
                    if (entry.net instanceof MultiLayerNetwork net) {
                        net.fit(lots.next());
                    } else {
                        ((ComputationGraph) entry.net).fit(lots.next());
                    }
                }
                did("lots");
            } catch (IllegalStateException e) {
                did("lots refused");
            }
            Map<Long, DpEvent> all = entry.all();
            all.putAll(entry.inUpdater);
            for (long step = before + 1; step <= entry.engine.steps(); step++) {
                DpSgdPlan plan = entry.engine.plan();
                all.put(nextId++, plan.isPrivate() ? plan.stepEvent(step) : new DpEvent.NonPrivate());
            }
            if (entry.net.params().equalsWithEps(params, 0)) {
                // An exported model learns nothing.
                entry.inUpdater.putAll(all);
            } else {
                trainable(entry).forEach(layer -> layer.putAll(all));
            }
        }

        private static List<Map<Long, DpEvent>> trainable(Entry entry) {
            boolean isFrozen = layer(entry.net, 0) instanceof org.deeplearning4j.nn.layers.FrozenLayer;
            return isFrozen ? entry.past.subList(2, 3) : entry.past;
        }

        private static org.deeplearning4j.nn.api.Layer layer(Model net, int index) {
            return net instanceof MultiLayerNetwork multi
                    ? multi.getLayers()[index]
                    : ((ComputationGraph) net).getLayers()[index];
        }

        private void close(Entry entry) {
            if (entry.engine != null) {
                entry.engine.close();
                entry.engine = null;
                did("close");
            }
        }

        private void detach(Entry entry) {
            if (entry.engine != null) {
                entry.engine.detach();
                entry.engine = null;
                did("detach");
            }
        }

        private void plainFit(Entry entry) {
            INDArray before = entry.net.params().dup();
            boolean isRefused = false;
            try {
                if (entry.net instanceof MultiLayerNetwork net) {
                    net.fit(data());
                } else {
                    ((ComputationGraph) entry.net).fit(data());
                }
            } catch (IllegalStateException e) {
                isRefused = true;
            }
            did(isRefused ? "plain fit refused" : "plain fit");
            if (!before.equalsWithEps(entry.net.params(), 0) && !entry.all().isEmpty()) {
                if (!entry.isKnown) {
                    // Parameters that were copied into a network that knows nothing, and changed there: nothing is left
                    // to recognize them by.
                    did("beyond recognition");
                    entries.remove(entry);
                    fresh();
                    return;
                }
                long id = nextId++;
                Map<Long, DpEvent> all = entry.all();
                all.put(id, new DpEvent.NonPrivate());
                trainable(entry).forEach(layer -> layer.putAll(all));
            }
        }

        private void copied(Entry entry) {
            did("clone");
            Model net = entry.net instanceof MultiLayerNetwork multi
                    ? multi.clone()
                    : ((ComputationGraph) entry.net).clone();
            addCopy(entry, net);
        }

        private void addCopy(Entry entry, Model net) {
            var copy = new Entry(net, entry.copyOfPast());
            copy.headIsNew = entry.headIsNew;
            copy.isKnown = entry.isKnown;
            copy.inUpdater.putAll(entry.inUpdater);
            add(copy);
        }

        private void restored(Entry entry) throws IOException {
            did("restore");
            File file = File.createTempFile("model", ".zip", folder.toFile());
            ModelSerializer.writeModel(entry.net, file, random.nextBoolean());
            addCopy(
                    entry,
                    graph
                            ? ComputationGraph.load(file, random.nextBoolean())
                            : MultiLayerNetwork.load(file, random.nextBoolean()));
        }

        private void setParams(Entry entry) {
            Entry other = entries.get(random.nextInt(entries.size()));
            if (other.headIsNew || entry.headIsNew) {
                // What a new layer learned before any engine saw it is with its network alone.
                return;
            }
            did("setParams");
            entry.net.setParams(other.net.params().dup());
            if (entry.engine != null) {
                entry.inUpdater.putAll(entry.all());
            }
            List<Map<Long, DpEvent>> past = other.copyOfPast();
            for (int i = 0; i < 3; i++) {
                entry.past.get(i).clear();
                entry.past.get(i).putAll(past.get(i));
            }
        }

        private void transferred(Entry entry) {
            int how = random.nextInt(3);
            boolean isFrozen = layer(entry.net, 0) instanceof org.deeplearning4j.nn.layers.FrozenLayer;
            if (isFrozen) {
                return;
            }
            var past = entry.copyOfPast();
            var tune = new FineTuneConfiguration.Builder().seed(random.nextInt());
            if (how == 0 || random.nextBoolean()) {
                tune.updater(random.nextBoolean() ? new Sgd(0.1) : new Adam(1e-2));
            }
            if (random.nextInt(3) == 0) {
                tune.l2(1e-3);
            }
            boolean headIsNew = entry.headIsNew;
            Model net;
            if (how == 0) {
                did("fine-tune");
                net = entry.net instanceof MultiLayerNetwork multi
                        ? new TransferLearning.Builder(multi)
                                .fineTuneConfiguration(tune.build())
                                .build()
                        : new TransferLearning.GraphBuilder((ComputationGraph) entry.net)
                                .fineTuneConfiguration(tune.build())
                                .build();
            } else if (how == 1) {
                did("new output");
                past.get(2).clear();
                if (entry.net instanceof MultiLayerNetwork multi) {
                    net = new TransferLearning.Builder(multi)
                            .fineTuneConfiguration(tune.build())
                            .nOutReplace(2, 2, WeightInit.XAVIER)
                            .build();
                } else {
                    net = new TransferLearning.GraphBuilder((ComputationGraph) entry.net)
                            .fineTuneConfiguration(tune.build())
                            .nOutReplace("2", 2, WeightInit.XAVIER)
                            .build();
                    headIsNew = true;
                }
            } else {
                did("frozen body");
                past.get(2).clear();
                headIsNew = true;
                if (entry.net instanceof MultiLayerNetwork multi) {
                    net = new TransferLearning.Builder(multi)
                            .fineTuneConfiguration(tune.build())
                            .setFeatureExtractor(1)
                            .removeOutputLayer()
                            .addLayer(output())
                            .build();
                } else {
                    net = new TransferLearning.GraphBuilder((ComputationGraph) entry.net)
                            .fineTuneConfiguration(tune.build())
                            .setFeatureExtractor("1")
                            .removeVertexKeepConnections("2")
                            .addLayer("2", output(), "1")
                            .build();
                }
            }
            var copy = new Entry(net, past);
            copy.headIsNew = headIsNew;
            copy.isKnown = entry.isKnown;
            add(copy);
        }

        private void exported(Entry entry) throws IOException {
            if (entry.engine != null) {
                File file = File.createTempFile("export", ".zip", folder.toFile());
                try {
                    entry.engine.exportForInference(file);
                } catch (IllegalStateException refusal) {
                    assertThat(refusal).hasMessageContaining("ledger");
                    did("export refused");
                    return;
                }
                did("export");
                addCopy(entry, graph ? ComputationGraph.load(file, true) : MultiLayerNetwork.load(file, true));
            }
        }

        private void learningRate(Entry entry) {
            did("setLearningRate");
            if (entry.net instanceof MultiLayerNetwork net) {
                net.setLearningRate(0.05);
            } else {
                ((ComputationGraph) entry.net).setLearningRate(0.05);
            }
        }

        private void initialized(Entry entry) {
            if (entry.engine == null && entry.net instanceof MultiLayerNetwork net) {
                did("init");
                var again =
                        new MultiLayerNetwork(net.getLayerWiseConfigurations().clone());
                again.init();
                add(new Entry(again, List.of(new HashMap<>(), new HashMap<>(), new HashMap<>())));
            } else if (entry.engine == null) {
                did("init");
                var again = new ComputationGraph(
                        ((ComputationGraph) entry.net).getConfiguration().clone());
                again.init();
                add(new Entry(again, List.of(new HashMap<>(), new HashMap<>(), new HashMap<>())));
            }
        }

        private void check(Entry entry) {
            PrivacyEngine engine = entry.engine;
            if (engine == null) {
                return;
            }
            PrivacyAccountant truth = engine.plan().newAccountant();
            var byEvent = new LinkedHashMap<DpEvent, Long>();
            entry.all().values().forEach(event -> byEvent.merge(event, 1L, Long::sum));
            byEvent.forEach((event, count) -> truth.compose(new DpEvent.SelfComposed(event, count)));
            double least = byEvent.isEmpty() ? 0 : truth.epsilon(1e-5);
            double reported;
            try {
                reported = engine.epsilon();
            } catch (IllegalStateException refusal) {
                // Parameters of a run with another ledger, or with none: no number rather than one that the ledger does
                // not have.
                assertThat(refusal).hasMessageContaining("ledger");
                counts.merge("checked refused", 1, Integer::sum);
                return;
            }
            assertThat(reported)
                    .as("%s, %s: %s", name, graph ? "graph" : "layers", script)
                    .isGreaterThanOrEqualTo(least * (1 - 1e-9));
            if (Double.isInfinite(least)) {
                assertThat(engine.report().isPrivate()).isFalse();
                assertThat(engine.report().toJson()).contains("\"private\" : false");
            }
            counts.merge("checked", 1, Integer::sum);
            counts.merge(Double.isInfinite(reported) ? "checked infinite" : "checked finite", 1, Integer::sum);
        }
    }

    static OutputLayer output() {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nIn(4)
                .nOut(2)
                .activation(Activation.SOFTMAX)
                .build();
    }

    static Model network(boolean graph, long seed) {
        var conf = new NeuralNetConfiguration.Builder().seed(seed).updater(new Sgd(0.1));
        var first = new DenseLayer.Builder()
                .nIn(3)
                .nOut(5)
                .activation(Activation.TANH)
                .build();
        var second = new DenseLayer.Builder()
                .nIn(5)
                .nOut(4)
                .activation(Activation.TANH)
                .build();
        if (graph) {
            var net = new ComputationGraph(conf.graphBuilder()
                    .addInputs("in")
                    .addLayer("0", first, "in")
                    .addLayer("1", second, "0")
                    .addLayer("2", output(), "1")
                    .setOutputs("2")
                    .build());
            net.init();
            return net;
        }
        var net = new MultiLayerNetwork(
                conf.list().layer(first).layer(second).layer(output()).build());
        net.init();
        return net;
    }

    static DataSet data() {
        INDArray labels = Nd4j.zeros(60, 2);
        for (int i = 0; i < 60; i++) {
            labels.putScalar(i, i % 2, 1);
        }
        return new DataSet(Nd4j.rand(60, 3).subi(0.5), labels);
    }
}
