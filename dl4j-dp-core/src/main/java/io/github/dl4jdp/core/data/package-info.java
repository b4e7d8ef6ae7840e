// SPDX-License-Identifier: Apache-2.0
/** Training sets that are larger than memory, or that come from files: {@code engine.lots(examples)} takes all of them. */
@NullMarked
package io.github.dl4jdp.core.data;

import org.jspecify.annotations.NullMarked;
