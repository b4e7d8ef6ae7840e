// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import io.github.dl4jdp.core.internal.charging.PrivacyAccount;
import java.util.Set;

/**
 * Where the parameters of a layer come from.
 *
 * @param account what went into them
 * @param released the fingerprints of those that came out of training
 * @param changed those of unknown origin in a layer that was trained
 */
public record LayerPast(PrivacyAccount account, Set<Long> released, Set<Long> changed) {}
