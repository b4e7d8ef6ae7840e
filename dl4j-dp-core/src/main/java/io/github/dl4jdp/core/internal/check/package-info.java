// SPDX-License-Identifier: Apache-2.0
/**
 * What attach refuses, with the reason and the remedy, before anything is changed. It may touch {@code core.gradient}, {@code core.mechanism}, and the rooms of plan and network. Read {@link io.github.dl4jdp.core.internal.check.ModelValidator} first.
 */
@NullMarked
package io.github.dl4jdp.core.internal.check;

import org.jspecify.annotations.NullMarked;
