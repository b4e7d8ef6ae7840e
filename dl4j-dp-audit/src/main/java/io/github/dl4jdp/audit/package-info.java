// SPDX-License-Identifier: Apache-2.0
/**
 * Attacks on trained networks and on the training itself: what they find is a lower bound of the privacy loss, beside the accountant's upper
 * bound.
 *
 * <p>An attack that finds nothing proves nothing; one that finds more than the guarantee allows proves that the guarantee does not hold.
 */
@NullMarked
package io.github.dl4jdp.audit;

import org.jspecify.annotations.NullMarked;
