// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

/**
 * How far a model leaks a secret of its training text: how much earlier it appears in a list of all candidates, the most probable first, than by
 * guessing.
 *
 * <pre>
 *   exposure = log2(number of candidates) - log2(rank of the secret)
 * </pre>
 *
 * <p>0 is the last place; a secret that the model never saw has 1.44 bits on average, whatever the number of candidates; the first place has
 * {@code log2(number of candidates)}, and a holder of the model can extract the secret.
 *
 * <p>Source: Carlini et al., The Secret Sharer, USENIX Security 2019, definition 1.
 */
public final class Exposure {
    private Exposure() {}

    /**
     * The exposure of a secret in bits.
     *
     * @param secretLoss the model's loss on the secret: minus the logarithm of its probability, or anything that grows with it
     * @param otherLosses its losses on all other candidates, or on a random sample of them; the exposure cannot be more than the logarithm of their
     *     number then
     * @return in [0, log2(1 + otherLosses.length)]; a candidate of equal loss counts as more probable
     * @throws IllegalArgumentException if there is no other candidate, or a loss is NaN
     */
    public static double bits(double secretLoss, double[] otherLosses) {
        if (otherLosses.length == 0) {
            throw new IllegalArgumentException("otherLosses must have at least 1 candidate, was empty");
        }
        if (Double.isNaN(secretLoss)) {
            throw new IllegalArgumentException("secretLoss must be a number, was NaN");
        }
        int rank = 1;
        for (double loss : AuditArguments.scores("otherLosses", otherLosses)) {
            rank += loss <= secretLoss ? 1 : 0;
        }
        return (Math.log(1.0 + otherLosses.length) - Math.log(rank)) / Math.log(2);
    }
}
