// SPDX-License-Identifier: Apache-2.0
/**
 * Differential privacy accounting: what a training run did ({@link io.github.dl4jdp.accountant.DpEvent}), what it cost
 * ({@link io.github.dl4jdp.accountant.PrivacyAccountant}) and how much noise a target needs
 * ({@link io.github.dl4jdp.accountant.NoiseCalibration}).
 */
@NullMarked
package io.github.dl4jdp.accountant;

import org.jspecify.annotations.NullMarked;
