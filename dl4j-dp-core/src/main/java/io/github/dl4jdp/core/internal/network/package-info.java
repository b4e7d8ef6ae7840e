// SPDX-License-Identifier: Apache-2.0
/**
 * The hooks: DL4J's two network classes, their layers, configurations, updaters and the account that stays in them. It hands tapes up and knows no lot. It may touch {@code core.mechanism}, {@code core.gradient}, {@code core.random}, {@code core.data}, and the rooms of plan and charging. Read {@link io.github.dl4jdp.core.internal.network.DpNetwork} first, then {@link io.github.dl4jdp.core.internal.network.BackwardPass}.
 */
@NullMarked
package io.github.dl4jdp.core.internal.network;

import org.jspecify.annotations.NullMarked;
