// SPDX-License-Identifier: Apache-2.0
/**
 * The claim: everything that draws lots, clips, sums, adds noise, divides, and states what that costs.
 *
 * <h2>Formal guarantee</h2>
 *
 * Let two data sets be neighbors under the mechanism's relation. What {@link io.github.dl4jdp.core.mechanism.PrivateStep} writes over a run, and all that is computed from it, satisfies every
 * (epsilon, delta) that a sound accountant gives for the composition of the events that {@link io.github.dl4jdp.core.mechanism.Charges} recorded. It rests on: the platform's
 * {@link java.security.SecureRandom}, AES and HMAC-SHA-256 (so it is computational), tapes that say the truth about their rows (package {@code core.gradient}, each with its tests), and an
 * accountant that is sound.
 *
 * <h2>Reading order</h2>
 *
 * <ol>
 *   <li>{@link io.github.dl4jdp.core.mechanism.Mechanism}: all numbers of a run, once: N, L, q = L / N, C, sigma, and the event of a charge.
 *   <li>{@link io.github.dl4jdp.core.mechanism.PrivateStep}: the one door. {@code open(charge)}, {@code add}, {@code release}: noise, division by L, charge, write, in one call.
 *   <li>{@link io.github.dl4jdp.core.mechanism.Charge} and {@link io.github.dl4jdp.core.mechanism.Charges}: no lot opens without a charge, and a charge pays once.
 *   <li>{@link io.github.dl4jdp.core.mechanism.LotSampler}: who is in a lot.
 *   <li>{@link io.github.dl4jdp.core.mechanism.LotClipping}, {@link io.github.dl4jdp.core.mechanism.AveragedTape}, {@link io.github.dl4jdp.core.mechanism.ClippedSum}, {@link
 *       io.github.dl4jdp.core.mechanism.ShardSum}: what one example adds.
 *   <li>{@link io.github.dl4jdp.core.random.GaussianNoise}, {@link io.github.dl4jdp.core.random.RandomStreams}, {@link io.github.dl4jdp.core.random.LotKey}: the noise and the keys.
 *   <li>{@link io.github.dl4jdp.core.mechanism.PrivateMoments}: the one other release, statistics of features.
 * </ol>
 *
 * <h2>The proof, step by step</h2>
 *
 * <p><b>1. Members.</b> Poisson: example i joins lot t by coin i of the lot's own stream, with probability q rounded down to 53 bits, whatever the others do ({@code LotSampler.poisson}). A maximum size
 * keeps a uniform subset ({@code Mechanism.cut}). Fixed size: every subset of L is equally likely ({@code LotSampler.fixedSize}). Given batches are the user's, in an order that does not depend on the data.
 *
 * <p><b>2. One example's share.</b> {@code r_i} is a function of example i, the parameters and the lot's key, and {@code ||r_i|| <= C (1 + own)}: flat, per layer and automatic clipping by the inequalities
 * at {@code LotClipping}; adaptive clipping is flat clipping to a norm that earlier releases alone decide on. Of K averaged copies the mean is clipped, not each copy ({@code AveragedTape}). An example
 * that is not finite adds zero.
 *
 * <p><b>3. Sensitivity of the sum.</b> Add-or-remove and zero-out: neighboring sums differ by one share, at most C. Replace-one: by two shares, 2 C, and the event takes {@code sigma / 2}
 * ({@code Mechanism.releases}). Given batches: an example is in one lot of a pass, so that the lots of a pass are one Gaussian release (parallel composition): one charge a pass, for at most N examples
 * ({@code Charge.pay}). Truncated backpropagation: k sums on one sample, {@code SelfComposed(Gaussian, k)} inside the sampling. Adaptive clipping: the count of examples within C moves by 1/2, and is a second
 * Gaussian on the same sample.
 *
 * <p><b>4. Rounding.</b> The computed sum is within {@code shared C} of the exact sum of the shares, whatever examples are in the lot ({@code ClippedSum}, {@code core.gradient.Rounding}; proof in
 * docs/threat-model.md). Shares of other shards do not change a bit: shards are cut by index ({@code ShardSum}). On the grid of step g each coordinate moves by at most one unit. So the integer sums of
 * neighbors are at most {@code (C (1 + a) + 2 g sqrt(d)) / g} apart ({@code GaussianNoise}).
 *
 * <p><b>5. Noise.</b> {@code GaussianNoise} enlarges s so that it is sigma times that distance, and draws the rounded Gaussian exactly, from integers, under a key of its own for each release. What leaves is
 * post-processing of the Gaussian mechanism with noise multiplier sigma on the sampled lot: the event.
 *
 * <p><b>6. Division, clamping, updater.</b> By the constant L, by public bounds, by any function of released values: post-processing.
 *
 * <p><b>7. Order.</b> The charge is in the book before the first number is written ({@code Charge.pay} in {@code Lot.release}): a crash over-counts. A release that fails before leaves nothing, and its noise is never
 * used again ({@code UnusedStreams}).
 *
 * <p><b>8. Private moments.</b> Each half of a share is clipped to {@code 1 / sqrt(2)}, the sum is exact in integers: {@code Gaussian(z)}, or {@code Gaussian(z / 2)} under replace-one.
 *
 * <h2>What it may touch</h2>
 *
 * {@code core.random}, the tapes of {@code core.gradient}, and the accountant's events. Nothing here knows a network, an iterator, a file or a log. An architecture test holds this, and that nothing else draws
 * noise or writes a gradient view.
 */
@NullMarked
package io.github.dl4jdp.core.mechanism;

import org.jspecify.annotations.NullMarked;
