// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.charging;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.PrivacyAccountant;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.mechanism.Mechanism;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * A complete plan as the charging side knows it.
 *
 * @param others what else is released about the same data
 * @param delta at which epsilon is reported
 * @param target the guarantee that the noise is calibrated to
 * @param ledger the file of the ledger
 * @param isContinuing whether it may follow on another plan
 * @param stored what decides on what is released, as plain values in a fixed order: the same for plans that release the same
 */
public record Terms(
        Mechanism mechanism,
        OtherReleases others,
        double delta,
        AccountantKind accountant,
        Optional<PrivacyGuarantee> target,
        Optional<Path> ledger,
        boolean isContinuing,
        Map<String, Object> stored) {
    /** A fresh accountant of the plan's kind and relation. */
    public PrivacyAccountant newAccountant() {
        return accountant.create(mechanism.relation());
    }

    /** Everything: the whole run, and all other releases. */
    public DpEvent event() {
        return others.and(mechanism.events(0, mechanism.chargesFor(mechanism.steps())));
    }
}
