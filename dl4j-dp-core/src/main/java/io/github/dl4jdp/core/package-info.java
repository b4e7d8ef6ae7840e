// SPDX-License-Identifier: Apache-2.0
/**
 * The face: differentially private training of DeepLearning4J networks.
 *
 * <p>{@link io.github.dl4jdp.core.DpSgdPlan} states what a run does and costs, {@link io.github.dl4jdp.core.PrivacyEngine} attaches it to a network and gives the lots that {@code fit} trains on, {@link
 * io.github.dl4jdp.core.PrivacyListener} and {@link io.github.dl4jdp.core.PrivacyReport} report what was spent. {@link io.github.dl4jdp.core.PrivateRelease} is the same without a DL4J network.
 *
 * <p>The claim itself is in {@code core.mechanism} and {@code core.random}, which are read in one sitting. This package may touch every room; no room touches it.
 */
@NullMarked
package io.github.dl4jdp.core;

import org.jspecify.annotations.NullMarked;
