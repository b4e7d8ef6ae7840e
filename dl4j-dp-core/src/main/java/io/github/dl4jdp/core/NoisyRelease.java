// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.gradient.HostArrays;
import io.github.dl4jdp.core.random.GaussianNoise;
import io.github.dl4jdp.core.random.RandomStreams;
import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Writes a clipped sum with its noise into the network's gradient view: the only way out for data of the training set. */
final class NoisyRelease {
    private static final String STREAM = "noise";

    private final List<TrainableLayer> layers;
    private final RandomStreams streams;
    private final long dimension;
    /** Of the noise of the last release, in every coordinate. */
    private double deviation;

    NoisyRelease(List<TrainableLayer> layers, RandomStreams streams) {
        this.layers = layers;
        this.streams = streams;
        this.dimension = layers.stream().mapToLong(TrainableLayer::length).sum();
    }

    /**
     * {@code view = sum + N(0, sigma^2 C^2 I)} on the parameters that train, and zero on the others.
     *
     * @param sum the clipped sum [numParams]
     * @param view the network's flattened gradient [1, numParams]
     * @param clippingNorm {@code C} in force for this lot
     * @param noiseMultiplier {@code sigma} of this lot
     * @param step number of this release, from 1: the noise of a step is drawn from a stream of its own
     */
    void release(INDArray sum, INDArray view, double clippingNorm, double noiseMultiplier, long step) {
        deviation = noiseMultiplier * clippingNorm;
        var release = noiseMultiplier == 0
                ? null
                : new GaussianNoise(noiseMultiplier, clippingNorm, dimension).release(streams, STREAM, step);
        int length = Math.toIntExact(sum.length());
        if (sum.dataType() == DataType.DOUBLE) {
            var values = new double[length];
            HostArrays.read(sum, 0, values, length);
            for (TrainableLayer layer : layers) {
                if (release != null) {
                    release.addTo(values, (int) layer.from(), (int) (layer.from() + layer.length()));
                }
            }
            HostArrays.write(values, view, 0, length);
        } else {
            var values = new float[length];
            HostArrays.read(sum, 0, values, length);
            for (TrainableLayer layer : layers) {
                if (release != null) {
                    release.addTo(values, (int) layer.from(), (int) (layer.from() + layer.length()));
                }
            }
            HostArrays.write(values, view, 0, length);
        }
        if (release != null && !release.isComplete()) {
            view.assign(0);
            throw new IllegalStateException("not every trainable parameter got noise; nothing was released");
        }
    }

    /**
     * The squared length of the sum against that of its noise, estimated from what was released: post-processing. Unbiased, and therefore
     * negative now and then.
     */
    double signalToNoisePower(INDArray released) {
        double noise = dimension * deviation * deviation;
        double norm = released.norm2Number().doubleValue();
        return norm * norm / noise - 1;
    }
}
