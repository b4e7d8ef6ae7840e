// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.core.random.LotKey;

/**
 * What a part of a lot is computed from, besides the network's parameters and the examples of the part. It holds no key that outlives the lot.
 *
 * @param key the lot's: who is in it, and all randomness of its examples
 * @param lot its number, from 1
 * @param clippingNorm C in force
 * @param gridStep the unit of the grid that the part is summed on
 * @param iteration DL4J's count before the lot, which schedules of dropout follow
 * @param epoch DL4J's count
 */
public record LotTask(LotKey key, long lot, double clippingNorm, double gridStep, int iteration, int epoch) {}
