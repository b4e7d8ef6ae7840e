// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.charging;

import io.github.dl4jdp.accountant.PrivacyLedger;
import io.github.dl4jdp.accountant.PrivacyLedger.Head;
import io.github.dl4jdp.accountant.PrivacyLedgerKey;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** How a ledger is opened; tests put storage with faults here. */
@FunctionalInterface
public interface LedgerOpener {
    /** Ledgers as files, signed by a key where there is one. */
    static LedgerOpener onDisk(Optional<PrivacyLedgerKey> key) {
        return (file, terms, head, changedPlan) -> {
            if (key.isPresent()) {
                return PrivacyLedger.openSigned(file, terms, head, changedPlan, key.get());
            }
            if (changedPlan) {
                return PrivacyLedger.openForChangedPlan(file, terms, head);
            }
            return head == null ? PrivacyLedger.open(file, terms) : PrivacyLedger.open(file, terms, head);
        };
    }

    /**
     * Opens a ledger by the rules of {@link PrivacyLedger}.
     *
     * @param head where the ledger stood when the model was stored, or null for a model without one
     * @param changedPlan whether its last session may have been of another plan
     */
    PrivacyLedger open(Path file, PrivacyLedger.Terms terms, @Nullable Head head, boolean changedPlan);
}
