// SPDX-License-Identifier: Apache-2.0
/**
 * The randomness that privacy rests on: a cryptographic keystream, its sub-streams, and Gaussian noise added in integers.
 *
 * <p>{@link io.github.dl4jdp.core.random.RandomStreams} holds the run's key, {@link io.github.dl4jdp.core.random.LotKey}
 * that of one lot, both of which give sub-streams, and {@link io.github.dl4jdp.core.random.GaussianNoise} turns a clipped sum into a private one.
 */
@NullMarked
package io.github.dl4jdp.core.random;

import org.jspecify.annotations.NullMarked;
