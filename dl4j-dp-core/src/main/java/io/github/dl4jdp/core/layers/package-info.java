// SPDX-License-Identifier: Apache-2.0
/** Layers that DL4J lacks and private training needs. */
@NullMarked
package io.github.dl4jdp.core.layers;

import org.jspecify.annotations.NullMarked;
