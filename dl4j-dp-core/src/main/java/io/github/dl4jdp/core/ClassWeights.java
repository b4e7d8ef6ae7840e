// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import java.util.Arrays;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Weights of classes for private training with rare classes: {@code new LossMCXENT(ClassWeights.balanced(0.98, 0.02))}.
 *
 * <p>The largest weight is one. Clipping undoes larger ones: an example of weight 20 has a gradient 20 times as long, which is cut back to the clipping norm like any other. Small weights for the frequent classes
 * shorten their gradients below it, and the noise, which follows the clipping norm, stays.
 *
 * <p>A weight scales the loss of its examples alone, so it costs no privacy, if it is public: the shares must come from public knowledge, or be released with noise and charged.
 */
public final class ClassWeights {
    private ClassWeights() {}

    /**
     * Weights in inverse proportion to the classes' shares, so that all classes together weigh the same; that of the rarest class is 1.
     *
     * @param shares public shares of the classes, in the order of the labels; or numbers in proportion to them
     * @return [1, classes], of type float, in (0, 1]
     * @throws IllegalArgumentException if there are fewer than two, or one is not finite and {@code > 0}
     */
    public static INDArray balanced(double... shares) {
        if (shares.length < 2
                || !Arrays.stream(shares).allMatch(share -> share > 0 && share < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(
                    "shares must be those of two or more classes, finite and > 0, were " + Arrays.toString(shares));
        }
        double least = Arrays.stream(shares).min().orElseThrow();
        float[] weights = new float[shares.length];
        for (int c = 0; c < weights.length; c++) {
            weights[c] = (float) (least / shares[c]);
        }
        // For a loss, which lives as long as its network.
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            return Nd4j.create(new float[][] {weights});
        }
    }
}
