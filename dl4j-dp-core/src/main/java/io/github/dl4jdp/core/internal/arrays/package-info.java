// SPDX-License-Identifier: Apache-2.0
/**
 * Numbers without layers: copies, views, norms, products and their rounding, and what runs faster on the CPU than ND4J's own operations.
 */
@NullMarked
package io.github.dl4jdp.core.internal.arrays;

import org.jspecify.annotations.NullMarked;
