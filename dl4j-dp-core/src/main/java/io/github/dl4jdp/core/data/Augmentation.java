// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.data;

import java.io.Serializable;
import java.util.Objects;
import java.util.random.RandomGenerator;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Makes a randomly changed copy of an example: a picture shifted and mirrored, a signal with noise. Handed to {@link
 * io.github.dl4jdp.core.PrivacyEngine#lots(org.nd4j.linalg.dataset.api.DataSet, Augmentation) engine.lots(data, augmentation)}.
 *
 * <p><b>Formal guarantee.</b> Clipping bounds what one example contributes only if its copies are made of that example, constants and randomness, and of
 * nothing else of the training set: an augmentation that mixes examples, or keeps statistics of those it has seen, voids the guarantee.
 *
 * <p>Used by one thread at a time, not always the same one; on a cluster by each task for itself, on a copy made by Java serialization.
 */
@FunctionalInterface
public interface Augmentation extends Serializable {
    /**
     * One copy.
     *
     * @param features of one example as a batch of one, [1, ...]: an array of this copy's own, which may be changed and returned
     * @param random a stream of this copy's own: the same for the same step, example and copy of a seeded run, whatever the other examples are
     * @return the features of the copy, of the same shape
     */
    INDArray augment(INDArray features, RandomGenerator random);

    /** This augmentation, and then another one on what it made. */
    default Augmentation andThen(Augmentation next) {
        Objects.requireNonNull(next, "next");
        return (features, random) -> next.augment(augment(features, random), random);
    }
}
