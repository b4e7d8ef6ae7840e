// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.random.IndexedKeystream;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.ParamInitializer;
import org.deeplearning4j.nn.conf.distribution.BinomialDistribution;
import org.deeplearning4j.nn.conf.distribution.ConstantDistribution;
import org.deeplearning4j.nn.conf.distribution.Distribution;
import org.deeplearning4j.nn.conf.distribution.GaussianDistribution;
import org.deeplearning4j.nn.conf.distribution.LogNormalDistribution;
import org.deeplearning4j.nn.conf.distribution.NormalDistribution;
import org.deeplearning4j.nn.conf.distribution.TruncatedNormalDistribution;
import org.deeplearning4j.nn.conf.distribution.UniformDistribution;
import org.deeplearning4j.nn.conf.weightnoise.DropConnect;
import org.deeplearning4j.nn.conf.weightnoise.IWeightNoise;
import org.deeplearning4j.nn.conf.weightnoise.WeightNoise;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.schedule.ISchedule;
import org.nd4j.shade.jackson.databind.annotation.JsonSerialize;
import org.nd4j.shade.jackson.databind.util.StdConverter;

/**
 * The weight noise of one layer of an attached network: DL4J's, drawn once a release, the same in all its physical batches and independent of the
 * data, see {@link LotDraws}.
 *
 * <p>It never leaves the run: whatever copies or writes it gets DL4J's own.
 */
@JsonSerialize(converter = KeyedWeightNoise.ToOriginal.class)
@SuppressWarnings("deprecation") // DL4J calls GaussianDistribution deprecated, and networks with it exist
final class KeyedWeightNoise implements IWeightNoise {
    private static final long serialVersionUID = 1L;

    private static final Set<Class<? extends Distribution>> KNOWN = Set.of(
            NormalDistribution.class,
            GaussianDistribution.class,
            UniformDistribution.class,
            LogNormalDistribution.class,
            TruncatedNormalDistribution.class,
            BinomialDistribution.class,
            ConstantDistribution.class);

    /** Each takes 64 bits of an element's stream. */
    private static final int MOST_TRIALS = 100_000;

    private final IWeightNoise original;
    private final transient LotDraws draws;
    private final String name;
    private final transient Map<String, Drawn> drawn = new HashMap<>();

    /** The noised values of one parameter, outside every workspace. */
    private static final class Drawn {
        private final LotDraws.Part part;
        private final INDArray array;
        private long drawing;

        Drawn(LotDraws.Part part, INDArray array) {
            this.part = part;
            this.array = array;
        }
    }

    /** @param name that no other part of the network has */
    KeyedWeightNoise(IWeightNoise original, LotDraws draws, String name) {
        this.original = original;
        this.draws = draws;
        this.name = name;
    }

    /** Whether this class can take its place: DL4J's own classes, and no subclass. */
    static boolean knows(IWeightNoise noise) {
        return noise.getClass() == DropConnect.class || noise.getClass() == WeightNoise.class;
    }

    /** What of a known weight noise cannot be drawn once a lot, and the remedy. */
    static Optional<String> problem(IWeightNoise noise) {
        if (!(noise instanceof WeightNoise weightNoise)) {
            return Optional.empty();
        }
        Distribution distribution = weightNoise.getDistribution();
        if (distribution == null || !KNOWN.contains(distribution.getClass())) {
            return Optional.of("the distribution of its weight noise, "
                    + (distribution == null ? null : distribution.getClass().getSimpleName())
                    + ", cannot be drawn from the run's own streams; use NormalDistribution or UniformDistribution");
        }
        return distribution instanceof BinomialDistribution binomial && binomial.getNumberOfTrials() > MOST_TRIALS
                ? Optional.of("the BinomialDistribution of its weight noise must have at most " + MOST_TRIALS
                        + " trials, has " + binomial.getNumberOfTrials() + "; use NormalDistribution")
                : Optional.empty();
    }

    /** The schedule that a known weight noise follows, or null. */
    static @Nullable ISchedule schedule(IWeightNoise noise) {
        return noise instanceof DropConnect connect ? connect.getWeightRetainProbSchedule() : null;
    }

    private boolean appliesToBiases() {
        return original instanceof DropConnect connect
                ? connect.isApplyToBiases()
                : ((WeightNoise) original).isApplyToBias();
    }

    @Override
    public @Nullable INDArray getParameter(
            Layer layer, String key, int iteration, int epoch, boolean train, LayerWorkspaceMgr workspaceMgr) {
        INDArray parameter = layer.getParam(key);
        var conf = layer.conf().getLayer();
        ParamInitializer kinds = conf.initializer();
        // As DL4J has it: biases have noise in inference too.
        boolean hasNoise =
                (train && kinds.isWeightParam(conf, key)) || (appliesToBiases() && kinds.isBiasParam(conf, key));
        if (parameter == null || !hasNoise) {
            return parameter;
        }
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            Drawn one =
                    drawn.computeIfAbsent(key, unused -> new Drawn(draws.part(name + " " + key), parameter.ulike()));
            if (!draws.isOpen()) {
                INDArray once = parameter.ulike();
                fill(once, parameter, one.part.keystream(), iteration, epoch);
                return once;
            }
            if (one.drawing != one.part.drawing()) {
                one.drawing = one.part.drawing();
                fill(one.array, parameter, one.part.keystream(), iteration, epoch);
            }
            return one.array;
        }
    }

    private void fill(INDArray into, INDArray parameter, IndexedKeystream keystream, int iteration, int epoch) {
        INDArray noise = noise(parameter, keystream, iteration, epoch);
        into.assign(parameter);
        if (original instanceof WeightNoise weightNoise && weightNoise.isAdditive()) {
            into.addi(noise);
        } else {
            into.muli(noise);
        }
    }

    private INDArray noise(INDArray parameter, IndexedKeystream keystream, int iteration, int epoch) {
        int length = Math.toIntExact(parameter.length());
        var values = new double[length];
        if (original instanceof DropConnect connect) {
            ISchedule schedule = connect.getWeightRetainProbSchedule();
            double p = schedule == null ? connect.getWeightRetainProb() : schedule.valueAt(iteration, epoch);
            long limit = Math.round(Math.min(1, Math.max(0, p)) * 0x1p32);
            var words = new int[length];
            keystream.words(0, 0, 1, length, words, 0);
            for (int i = 0; i < length; i++) {
                values[i] = (words[i] & 0xffffffffL) < limit ? 1 : 0;
            }
        } else {
            sample(((WeightNoise) original).getDistribution(), keystream, values);
        }
        INDArray array = Nd4j.createUninitialized(DataType.DOUBLE, parameter.shape(), 'c');
        HostArrays.write(values, array, 0, length);
        return array.castTo(parameter.dataType());
    }

    private static void sample(Distribution distribution, IndexedKeystream keystream, double[] values) {
        int length = values.length;
        if (distribution instanceof NormalDistribution normal) {
            keystream.gaussians(0, 0, 1, length, values, 0);
            scale(values, normal.getMean(), normal.getStd());
        } else if (distribution instanceof LogNormalDistribution logNormal) {
            keystream.gaussians(0, 0, 1, length, values, 0);
            scale(values, logNormal.getMean(), logNormal.getStd());
            for (int i = 0; i < length; i++) {
                values[i] = Math.exp(values[i]);
            }
        } else {
            for (int i = 0; i < length; i++) {
                values[i] = sample(distribution, keystream.at(0, 0, i));
            }
        }
    }

    private static void scale(double[] values, double mean, double standardDeviation) {
        for (int i = 0; i < values.length; i++) {
            values[i] = mean + standardDeviation * values[i];
        }
    }

    private static double sample(Distribution distribution, RandomGenerator random) {
        if (distribution instanceof UniformDistribution uniform) {
            return uniform.getLower() + (uniform.getUpper() - uniform.getLower()) * random.nextDouble();
        }
        if (distribution instanceof TruncatedNormalDistribution truncated) {
            double normal = random.nextGaussian();
            while (Math.abs(normal) > 2) {
                normal = random.nextGaussian();
            }
            return truncated.getMean() + truncated.getStd() * normal;
        }
        if (distribution instanceof BinomialDistribution binomial) {
            int successes = 0;
            for (int i = 0; i < binomial.getNumberOfTrials(); i++) {
                successes += random.nextDouble() < binomial.getProbabilityOfSuccess() ? 1 : 0;
            }
            return successes;
        }
        if (distribution instanceof ConstantDistribution constant) {
            return constant.getValue();
        }
        throw new IllegalArgumentException("distribution must be one of those known, was " + distribution.getClass());
    }

    @Override
    public IWeightNoise clone() { // a copy of a network is not attached
        return original.clone();
    }

    private Object writeReplace() {
        return original;
    }

    /** Files hold DL4J's own. */
    static final class ToOriginal extends StdConverter<KeyedWeightNoise, IWeightNoise> {
        @Override
        public IWeightNoise convert(KeyedWeightNoise noise) {
            return noise.original;
        }
    }
}
