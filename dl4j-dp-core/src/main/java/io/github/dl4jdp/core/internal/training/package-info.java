// SPDX-License-Identifier: Apache-2.0
/**
 * The life of a lot: drawn, read, fed through the network, handed to {@code fit}, released through the door of {@code core.mechanism}, and refused wherever it does not belong. It may touch every room but the face. Read {@link io.github.dl4jdp.core.internal.training.PrivateTraining} first, then {@link io.github.dl4jdp.core.internal.training.ShardSummer}, {@link io.github.dl4jdp.core.internal.training.LotSource}, {@link io.github.dl4jdp.core.internal.training.LotDesk}.
 */
@NullMarked
package io.github.dl4jdp.core.internal.training;

import org.jspecify.annotations.NullMarked;
