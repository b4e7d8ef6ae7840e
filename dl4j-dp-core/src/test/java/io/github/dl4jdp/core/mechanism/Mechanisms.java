// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.core.gradient.LayerTape;
import io.github.dl4jdp.core.random.RandomStreams;
import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;

/** Parts of the mechanism for tests in other packages. */
public final class Mechanisms {
    private Mechanisms() {}

    /** Draws the lots of a seed with a sampling probability. */
    public static Sampler sampler(long seed, double samplingProbability) {
        return new Sampler(RandomStreams.seeded(seed), samplingProbability);
    }

    /** Draws lots. */
    public record Sampler(RandomStreams streams, double samplingProbability) {
        public long[] draw(long lot, long examples) {
            return LotSampler.poisson(streams.lotKey(lot), samplingProbability, 0, examples);
        }

        public long[] drawFixed(long lot, long examples, long lotSize) {
            return LotSampler.fixedSize(streams.lotKey(lot).stream(LotSampler.STREAM, 0), examples, lotSize);
        }
    }

    /** The factors of a kind of clipping. */
    public static double[][] factors(Clipping clipping, double norm, double[][] norms, double ulp) {
        return LotClipping.of(clipping, norm, norms, ulp);
    }

    /** The tapes of averaged copies. */
    public static List<LayerTape> averaged(
            List<LayerTape> rows, List<TrainableLayer> layers, DataType type, int examples, int copies) {
        return AveragedTape.of(rows, layers, type, examples, copies);
    }
}
