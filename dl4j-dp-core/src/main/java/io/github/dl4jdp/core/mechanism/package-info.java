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
 *   <li>{@link io.github.dl4jdp.core.mechanism.Correlation}, {@link io.github.dl4jdp.accountant.CorrelationMatrix}, {@link io.github.dl4jdp.core.random.NoiseMixer}: noise that lots share.
 *   <li>{@link io.github.dl4jdp.core.mechanism.PrivateMoments} and {@link io.github.dl4jdp.core.mechanism.PrivateCounts}: the other releases, statistics of features and histograms of columns.
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
 * <p><b>2b. Owners of rows.</b> Where the unit is a person with several rows ({@code PrivacyUnit}), read "person" for "example" in every step: persons have the numbers that coins, subsets and shards go by. At most m of a person's
 * rows are chosen, as a function of the lot's key, the person's number and how many rows it has ({@code Mechanism.drawRows}); the person's gradient is the mean of theirs, which {@code AveragedTape} makes as it does of copies, and is
 * clipped as one. So {@code r_i} is a function of all rows of person i, the parameters and the lot's key, as before, and a person with all rows moves the sum by C at most.
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
 * <p><b>9. Correlated noise</b> ({@link io.github.dl4jdp.core.mechanism.Correlation}). Lot t releases {@code r_t = x_t + m_t}: x_t is its sum and m_t its noise on the grid of step g, mixed from the integer draws {@code N_1 ... N_t} by
 * {@link io.github.dl4jdp.core.random.NoiseMixer}. The ideal is {@code r = C^-1 (C x + N)}, the Gaussian mechanism on C x; but C x is not on the grid, and mixtures are rounded to it. So, in integers:
 *
 * <p>(a) Let x and x' be what the sums of two neighbors are after the same releases. The releases and x determine the draws, one after the other; let N and N' be the draws that x and x' need for the same releases, and {@code D_t = N_t - N'_t}. Given
 * the releases before t, release t is N_t plus an integer that data and releases before determine: a rounded Gaussian mechanism ({@code GaussianNoise}) whose means for x and x' differ by D_t.
 *
 * <p>(b) Where {@code C^-1} has bands, subtracting both equations gives {@code D = -C ((x - x') + e)}; where C has bands, {@code D = -C (x - x') + e}. Two roundings differ by {@code |e_t| <= 1} in each coordinate, and e_t is zero before the example's first lot, and
 * for C with bands in all but the b - 1 lots after each of its lots. After the same releases, x and x' differ in the example's lots alone, by {@code C (1 + a) / g + 2 sqrt(d)} at most (steps 3 and 4). So the first t rows of D have norm at most {@code S_t C' / g}, with S_t the
 * sensitivity of {@link io.github.dl4jdp.accountant.CorrelationMatrix} (proof there), {@code C' = C (1 + a) + (2 + R) g sqrt(d)} and its {@code rounding()} R. {@code GaussianNoise} enlarges s to {@code sigma C'}.
 *
 * <p>(c) Gaussian mechanisms chosen one after the other, whose means differ by {@code a_t} (in standard deviations) with {@code sum ||a_t||^2 <= mu^2} whatever was released, are together one Gaussian mechanism of distance mu. Proof: add a last one that makes the sum equal to mu^2,
 * which only reveals more. With Z_t standard normal given what was released before, the privacy loss is {@code sum (a_t Z_t + ||a_t||^2 / 2)}. {@code E exp(i u sum a_t Z_t + u^2 sum ||a_t||^2 / 2) = 1}, by conditioning from the last t to the first, and the sum of squares is a
 * constant: so {@code sum a_t Z_t} is normal of variance mu^2, and the loss is that of one Gaussian mechanism, in both directions (Smith and Thakurta 2022, arXiv 2210.17520; Denisov et al. 2022, arXiv 2202.08312). With (b), t lots of given batches are {@code Gaussian(sigma / S_t)}:
 * {@code Mechanism.event} charges what each adds. That an example is in at most k lots, b apart, is held by {@code Passes}, given the order that the report assumes.
 *
 * <p>(d) Poisson lots with b bands of C. Lot t is drawn from the examples of one part, numbers {@code t - 1} modulo b, so that the lots of an example are b apart and the b lots from each of them on depend on one coin of its own, which comes up with probability b q. If it does,
 * these lots are by (c) post-processing of one draw of N(S, sigma^2) in place of N(0, sigma^2), the same randomized function for both; if not, they are of N(0, sigma^2). So they are post-processing of {@code PoissonSampled(b q, Gaussian(sigma / S))}. Such rounds of b lots follow one another, and an
 * example has at most {@code ceil(t / b)} among t lots (Choquette-Choo et al. 2023, arXiv 2306.08153, theorem 4). An example's part is its number's: neighbors are zero-out.
 *
 * <p>(e) The keys of draws are never stored. A run that is taken up again begins its noise anew: two runs, whose costs add up ({@code Charges.began}).
 * <p><b>10. Private counts.</b> An example is in at most one bin of each of c columns, and counts are integers: {@code Gaussian(z)} with noise {@code z sqrt(c)}, or {@code Gaussian(z / sqrt(2))} under
 * replace-one ({@code PrivateCounts}).
 *
 * <h2>What it may touch</h2>
 *
 * {@code core.random}, the tapes of {@code core.gradient}, and the accountant's events. Nothing here knows a network, an iterator, a file or a log. An architecture test holds this, and that nothing else draws
 * noise or writes a gradient view.
 */
@NullMarked
package io.github.dl4jdp.core.mechanism;

import org.jspecify.annotations.NullMarked;
