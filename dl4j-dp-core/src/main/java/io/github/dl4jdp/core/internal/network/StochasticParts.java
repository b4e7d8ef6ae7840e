// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import io.github.dl4jdp.core.internal.PlainTrainingGuard;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.AbstractLSTM;
import org.deeplearning4j.nn.conf.layers.ActivationLayer;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.conf.layers.GravesBidirectionalLSTM;
import org.deeplearning4j.nn.conf.weightnoise.IWeightNoise;
import org.deeplearning4j.nn.layers.convolution.ConvolutionLayer;
import org.deeplearning4j.nn.layers.feedforward.dense.DenseLayer;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.activations.IActivation;
import org.nd4j.linalg.activations.impl.ActivationRReLU;
import org.nd4j.linalg.schedule.CycleSchedule;
import org.nd4j.linalg.schedule.ExponentialSchedule;
import org.nd4j.linalg.schedule.FixedSchedule;
import org.nd4j.linalg.schedule.ISchedule;
import org.nd4j.linalg.schedule.InverseSchedule;
import org.nd4j.linalg.schedule.MapSchedule;
import org.nd4j.linalg.schedule.PolySchedule;
import org.nd4j.linalg.schedule.RampSchedule;
import org.nd4j.linalg.schedule.SigmoidSchedule;
import org.nd4j.linalg.schedule.StepSchedule;

/**
 * The parts of a network that draw random numbers in training: dropout, weight noise and the randomized leaky relu of every layer, in wrappers too.
 *
 * <p>While a network is attached, its layers run on configurations of their own in which these parts draw from {@link LotDraws}. The network's
 * configuration, which is what gets cloned and saved, keeps DL4J's.
 */
public final class StochasticParts {
    private static final Set<Class<? extends ISchedule>> SCHEDULES = Set.of(
            CycleSchedule.class,
            ExponentialSchedule.class,
            FixedSchedule.class,
            InverseSchedule.class,
            MapSchedule.class,
            PolySchedule.class,
            SigmoidSchedule.class,
            StepSchedule.class);

    /** Layers that apply their activation function to the whole physical batch at once, its rows in the order of the examples. */
    private static final Set<Class<? extends Layer>> ACTIVATE_AT_ONCE =
            Set.of(DenseLayer.class, org.deeplearning4j.nn.layers.ActivationLayer.class, ConvolutionLayer.class);

    private static final VarHandle BASE = baseSchedule();

    private final List<Runnable> undo = new ArrayList<>();
    private final LotDraws draws;
    private int layer;

    private StochasticParts(LotDraws draws) {
        this.draws = draws;
    }

    private static VarHandle baseSchedule() {
        try {
            return MethodHandles.privateLookupIn(RampSchedule.class, MethodHandles.lookup())
                    .findVarHandle(RampSchedule.class, "baseSchedule", ISchedule.class);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("this version of ND4J keeps the base of a RampSchedule elsewhere", e);
        }
    }

    /** What of DL4J's own parts of a layer cannot draw from the run's own streams, each with the remedy. */
    public static List<String> problems(Layer layer) {
        var problems = new ArrayList<String>();
        Layer leaf = leaf(layer);
        for (var conf : InnerLayers.of(leaf.conf().getLayer())) {
            if (conf.getIDropout() != null) {
                addProblem(problems, KeyedDropout.schedule(conf.getIDropout()));
            }
            IWeightNoise noise = noiseOf(conf);
            if (noise != null) {
                KeyedWeightNoise.problem(noise).ifPresent(problems::add);
                addProblem(problems, KeyedWeightNoise.schedule(noise));
            }
            if (activations(conf).anyMatch(ActivationRReLU.class::isInstance)
                    && !ACTIVATE_AT_ONCE.contains(leaf.getClass())) {
                problems.add(
                        "its activation function RRELU cannot be drawn for each example separately in a layer of this"
                                + " kind; use LEAKYRELU, or IDENTITY with an ActivationLayer of RRELU after it");
            }
        }
        return problems;
    }

    private static void addProblem(List<String> problems, @Nullable ISchedule schedule) {
        if (schedule != null && !isKnown(schedule)) {
            problems.add(
                    "the schedule " + schedule.getClass().getName()
                            + " of its random part is not known to depend on the iteration and the epoch alone; use one of ND4J's");
        }
    }

    private static boolean isKnown(ISchedule schedule) {
        return schedule.getClass() == RampSchedule.class
                ? isKnown((ISchedule) BASE.get(schedule))
                : SCHEDULES.contains(schedule.getClass());
    }

    /** The layer itself, or the one that it wraps. */
    private static Layer leaf(Layer layer) {
        return layer instanceof BaseWrapperLayer wrapper ? leaf(wrapper.getUnderlying()) : layer;
    }

    /**
     * Lets the layers of a network draw from {@code draws}, before they are hooked.
     *
     * @param layers for which {@link #problems} is empty
     */
    public static StochasticParts install(Layer[] layers, LotDraws draws) {
        var parts = new StochasticParts(draws);
        for (Layer layer : layers) {
            parts.install(leaf(layer));
        }
        return parts;
    }

    private void install(Layer leaf) {
        NeuralNetConfiguration before = leaf.conf();
        if (before == null) {
            layer++;
            return;
        }
        NeuralNetConfiguration own = before.clone();
        if (InnerLayers.of(before.getLayer()).stream().anyMatch(StochasticParts::isStochastic)) {
            InnerLayers.change(own.getLayer(), this::replace);
        } else {
            layer++;
            InnerLayers.change(own.getLayer(), StochasticParts::removeGuard);
        }
        leaf.setConf(own);
        undo.add(() -> leaf.setConf(before));
    }

    private static boolean isStochastic(org.deeplearning4j.nn.conf.layers.Layer conf) {
        return conf.getIDropout() != null
                || noiseOf(conf) != null
                || activations(conf).anyMatch(ActivationRReLU.class::isInstance);
    }

    /** The weight noise of the user's own. */
    private static @Nullable IWeightNoise noiseOf(org.deeplearning4j.nn.conf.layers.Layer conf) {
        return conf instanceof BaseLayer base ? PlainTrainingGuard.noiseOf(base) : null;
    }

    private static void removeGuard(org.deeplearning4j.nn.conf.layers.Layer conf) {
        if (conf instanceof BaseLayer base) {
            PlainTrainingGuard.remove(base);
        }
    }

    @SuppressWarnings("deprecation") // DL4J calls GravesBidirectionalLSTM deprecated, and networks with it exist
    private static Stream<IActivation> activations(org.deeplearning4j.nn.conf.layers.Layer conf) {
        IActivation gate = null;
        if (conf instanceof AbstractLSTM lstm) {
            gate = lstm.getGateActivationFn();
        } else if (conf instanceof GravesBidirectionalLSTM lstm) {
            gate = lstm.getGateActivationFn();
        }
        IActivation activation = conf instanceof BaseLayer base
                ? base.getActivationFn()
                : conf instanceof ActivationLayer layer ? layer.getActivationFn() : null;
        return Stream.of(Optional.ofNullable(activation), Optional.ofNullable(gate))
                .flatMap(Optional::stream);
    }

    private void replace(org.deeplearning4j.nn.conf.layers.Layer conf) {
        int number = layer++;
        removeGuard(conf);
        // Parts of the user's own were opted in to as deterministic ones, or refused.
        if (conf.getIDropout() != null && KeyedDropout.knows(conf.getIDropout())) {
            conf.setIDropout(KeyedDropout.of(conf.getIDropout(), draws.part("dropout " + number)));
        }
        if (conf instanceof BaseLayer base) {
            if (base.getWeightNoise() != null && KeyedWeightNoise.knows(base.getWeightNoise())) {
                base.setWeightNoise(new KeyedWeightNoise(base.getWeightNoise(), draws, "weight noise " + number));
            }
            if (base.getActivationFn() instanceof ActivationRReLU activation) {
                base.setActivationFn(new KeyedRRelu(activation, draws.part("rrelu " + number)));
            }
        } else if (conf instanceof ActivationLayer own && own.getActivationFn() instanceof ActivationRReLU activation) {
            own.setActivationFn(new KeyedRRelu(activation, draws.part("rrelu " + number)));
        }
    }

    /** Gives the layers, unhooked, their configurations back. */
    public void restore() {
        undo.forEach(Runnable::run);
        undo.clear();
    }
}
