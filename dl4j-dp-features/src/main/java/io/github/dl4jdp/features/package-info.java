// SPDX-License-Identifier: Apache-2.0
/**
 * Features that are the same function of every example, whatever the data: nothing in them is learned from private examples, so they cost no privacy.
 * The one exception is {@link io.github.dl4jdp.features.PrivateNormalization}, which releases with noise.
 */
@NullMarked
package io.github.dl4jdp.features;

import org.jspecify.annotations.NullMarked;
