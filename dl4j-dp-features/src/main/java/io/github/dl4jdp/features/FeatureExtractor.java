// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import io.github.dl4jdp.core.data.DataStage;

/**
 * A fixed function from one example to its features.
 *
 * <p><b>Formal guarantee:</b> no privacy is spent. The features of an example must depend on that example and on public constants
 * alone; then training on them is private with respect to the examples exactly as if the function were the first, frozen layer
 * of the network. An extractor that was fitted to private examples breaks this. One that holds a private release, such as a {@link ChannelNormalization}, keeps it in a field: the engine looks there, and refuses plans that are not charged with it.
 */
public interface FeatureExtractor extends DataStage {
    /** Shape of one example, without the batch dimension. */
    long[] inputShape();

    /** Shape of the features of one example, without the batch dimension. */
    long[] outputShape();

    /** Text that is equal for extractors that compute the same features, and different otherwise. */
    String identity();

    /**
     * Computes the features of some examples; callable from several threads at once.
     *
     * @param examples the examples one after the other, each in c order of {@link #inputShape()}
     * @return their features one after the other, each in c order of {@link #outputShape()}
     * @throws IllegalArgumentException if the length of {@code examples} is not a multiple of an example's
     */
    float[] extract(float[] examples);
}
