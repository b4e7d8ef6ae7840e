// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.deeplearning4j.nn.weights.IWeightInit;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * Initial weights for the first convolution of a network of photographs: whitened patches of pictures that it draws itself, so
 * that training begins with filters for edges, corners and colors instead of random ones.
 *
 * <pre>{@code
 * new ConvolutionLayer.Builder(6, 6).nIn(3).nOut(64).stride(2, 2).weightInit(new DrawnPatchWeights(1))
 * }</pre>
 *
 * <p>A filter's weights add up to zero, and its responses to patches with pixels of variance one have a variance of about one. Two
 * layers of equal shape and seed are equal.
 *
 * <h2>Formal guarantee</h2>
 *
 * The weights are a function of the seed and the layer's shape alone, so the assumption that a network's initial parameters do
 * not depend on the training data holds.
 *
 * <p>Source: A. Coates and A. Ng, ICML 2011, for whitened patches as filters; X. Tang et al., Differentially Private Image
 * Classification by Learning Priors from Random Processes, NeurIPS 2023, for starting from drawn pictures.
 */
public final class DrawnPatchWeights implements IWeightInit {
    private static final long serialVersionUID = 1L;

    private static final double DAMPING = 0.1;

    private final long seed;

    /**
     * Creates an initialization.
     *
     * @param seed of the drawings, public
     */
    public DrawnPatchWeights(@JsonProperty("seed") long seed) {
        this.seed = seed;
    }

    /**
     * {@inheritDoc}
     *
     * @param shape [filters, channels, 6, 6] with 1 (gray) or 3 (red, green, blue) channels
     * @throws IllegalArgumentException if {@code shape} is another one
     */
    @Override
    public INDArray init(double fanIn, double fanOut, long[] shape, char order, INDArray paramView) {
        if (shape.length != 4
                || (shape[1] != 1 && shape[1] != 3)
                || shape[2] != PatchOptions.SIDE
                || shape[3] != PatchOptions.SIDE) {
            throw new IllegalArgumentException("shape of the weights must be [filters, 1 or 3, " + PatchOptions.SIDE
                    + ", " + PatchOptions.SIDE + "], was " + Arrays.toString(shape));
        }
        int count = Math.toIntExact(shape[0]);
        var filters =
                new PatchFilters(PatchOptions.of(count, 1), (int) shape[1], 1, DAMPING, new SplittableRandom(seed));
        float[][] chosen = new float[count][];
        for (int k = 0; k < count; k++) {
            chosen[k] = centered(filters.inPixels(k));
        }
        INDArray weights = paramView.reshape(order, shape);
        weights.assign(Nd4j.create(chosen).reshape('c', shape).castTo(paramView.dataType()));
        return weights;
    }

    /** The same brightness all over is no pattern. */
    private static float[] centered(double[] filter) {
        double mean = Arrays.stream(filter).average().orElseThrow();
        float[] out = new float[filter.length];
        for (int d = 0; d < filter.length; d++) {
            out[d] = (float) (filter[d] - mean);
        }
        return out;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof DrawnPatchWeights that && seed == that.seed;
    }

    @Override
    public int hashCode() {
        return Long.hashCode(seed);
    }

    @Override
    public String toString() {
        return "DrawnPatchWeights(seed=" + seed + ")";
    }
}
