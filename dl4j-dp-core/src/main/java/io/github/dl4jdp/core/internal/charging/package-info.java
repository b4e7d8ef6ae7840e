// SPDX-License-Identifier: Apache-2.0
/**
 * What was spent: the charges of a run in its ledger, and the account that goes with the parameters. It knows events and numbers, neither data nor networks; it may touch {@code core.mechanism}
 * and the accountant. Read {@link io.github.dl4jdp.core.internal.charging.Spending} first.
 */
@NullMarked
package io.github.dl4jdp.core.internal.charging;

import org.jspecify.annotations.NullMarked;
