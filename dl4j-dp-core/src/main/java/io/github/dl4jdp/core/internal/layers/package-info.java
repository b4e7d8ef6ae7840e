// SPDX-License-Identifier: Apache-2.0
/** What runs the layers that are configured in {@code core.layers}. */
@NullMarked
package io.github.dl4jdp.core.internal.layers;

import org.jspecify.annotations.NullMarked;
