// SPDX-License-Identifier: Apache-2.0
/** Per-example gradients: one rule for each kind of layer. */
@NullMarked
package io.github.dl4jdp.core.gradient;

import org.jspecify.annotations.NullMarked;
