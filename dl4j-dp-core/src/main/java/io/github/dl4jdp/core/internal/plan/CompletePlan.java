// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.plan;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.PrivacyAccountant;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.mechanism.Mechanism;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * A plan in which nothing is missing, as the engine carries it out.
 *
 * @param others what else is released about the same data
 * @param delta at which epsilon is reported
 * @param target the guarantee that the noise is calibrated to
 * @param truncation how time series are cut
 * @param exampleShape public sizes of an example
 * @param ledger the file of the ledger
 * @param keptNoise the file in which a clean stop leaves what later noise is mixed with
 * @param isContinuing whether it may follow on another plan
 * @param released what decides on what is released, as plain values in a fixed order: the same for plans that release the same
 * @param stored all of it as plain values: what is saved with a model
 * @param text the plan in words
 */
public record CompletePlan(
        Mechanism mechanism,
        OtherReleases others,
        double delta,
        AccountantKind accountant,
        Optional<PrivacyGuarantee> target,
        Optional<Truncation> truncation,
        ExampleShape exampleShape,
        Optional<Path> ledger,
        Optional<Path> keptNoise,
        boolean isContinuing,
        Map<String, Object> released,
        Map<String, Object> stored,
        String text) {
    /** A fresh accountant of the plan's kind and relation. */
    public PrivacyAccountant newAccountant() {
        return accountant.create(mechanism.relation());
    }

    /** Everything: the whole run, and all other releases. */
    public DpEvent event() {
        return others.and(mechanism.events(0, mechanism.chargesFor(mechanism.steps())));
    }

    /** Whether the data come once. */
    public boolean isSinglePass() {
        return Boolean.TRUE.equals(released.get("singlePass"));
    }

    /** The number of passes over the data set, the last one possibly short. */
    public long passes() {
        return mechanism.passes();
    }
}
