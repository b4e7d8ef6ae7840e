// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.charging;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.PrivacyLedger;
import io.github.dl4jdp.accountant.PrivacyLedgerException;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import io.github.dl4jdp.core.internal.plan.CompletePlan;
import io.github.dl4jdp.core.internal.plan.OtherReleases;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** How the events of a plan stand in its ledger: what else was released is one charge, and each lot is charged as what it is. */
final class LedgerEvents {
    /** Training without privacy, unlike a step without noise. */
    static final DpEvent UNPROTECTED = chargeOf(new DpEvent.NonPrivate());

    private LedgerEvents() {}

    /** The event under which a ledger holds a release: unlike that of any charge, whatever was released. */
    private static DpEvent chargeOf(DpEvent release) {
        return new DpEvent.Composed(List.of(release));
    }

    /**
     * The event with which to open a plan's ledger: a session goes on with the event of the last one, if it is one of this plan, and with the plan's
     * first otherwise. A ledger of another event is refused by that.
     */
    static DpEvent atOpening(CompletePlan plan) {
        Optional<Path> file = plan.ledger();
        if (file.isPresent() && file.get().toFile().length() > 0) {
            try {
                DpEvent last = PrivacyLedgerHistory.read(file.get()).terms().event();
                if (plan.mechanism().possibleEvents().contains(last)
                        || isRelease(plan, last)
                        || last.equals(UNPROTECTED)) {
                    return last;
                }
            } catch (PrivacyLedgerException e) {
                // Opening it says what is wrong with it, and recovers a line that a crash has torn.
                return plan.mechanism().event(1);
            }
        }
        return plan.mechanism().event(1);
    }

    private static boolean isRelease(CompletePlan plan, DpEvent event) {
        return releases(plan).anyMatch(release -> event.equals(chargeOf(release)));
    }

    private static Stream<DpEvent> releases(CompletePlan plan) {
        return plan.others().stream();
    }

    /** Charges what else was released, unless the ledger has it. */
    static void chargeEarlier(CompletePlan plan, PrivacyLedger ledger) {
        if (plan.others().hasUnnamed()) {
            DpEvent charge = chargeOf(plan.others().unnamed());
            if (ledger.charges().stream().noneMatch(one -> charge.equals(one.event()))) {
                ledger.charge(charge, 1);
            }
        }
        plan.others().identified().forEach((identity, event) -> {
            if (!ledger.hasRelease(identity)) {
                ledger.charge(chargeOf(event), identity);
            }
        });
    }

    /** Charges releases that an account has, unless the ledger has them. */
    static void chargeReleases(Map<String, PrivacyAccount.Release> releases, PrivacyLedger ledger) {
        releases.forEach((identity, release) -> {
            DpEvent charge = chargeOf(DpEvent.fromJson(release.event()));
            boolean isNamed = !identity.startsWith(OtherReleases.UNNAMED);
            if (isNamed
                    ? !ledger.hasRelease(identity)
                    : ledger.charges().stream().noneMatch(one -> charge.equals(one.event()))) {
                if (isNamed) {
                    ledger.charge(charge, identity);
                } else {
                    ledger.charge(charge, 1);
                }
            }
        });
    }

    /** Charges what happened to a network without privacy, unless the ledger has it. */
    static void chargeUnprotected(String identity, PrivacyLedger ledger) {
        if (!ledger.hasRelease(identity)) {
            ledger.charge(UNPROTECTED, identity);
        }
    }

    /** What a ledger has of a plan alone: its first {@code charges} charges by event, and what else was released. */
    static Map<DpEvent, Long> own(CompletePlan plan, long charges) {
        var own = new HashMap<DpEvent, Long>();
        if (charges > 0) {
            plan.mechanism().runs(0, charges).forEach(run -> own.merge(run.event(), run.count(), Long::sum));
        }
        releases(plan).forEach(release -> own.merge(chargeOf(release), 1L, Long::sum));
        return own;
    }

    /** How many charges of the plan's own events the ledger has. */
    static long charges(CompletePlan plan, PrivacyLedger ledger) {
        var own = plan.mechanism().possibleEvents();
        return ledger.charges().stream()
                .filter(charge -> own.contains(charge.event()))
                .mapToLong(PrivacyLedger.Charge::count)
                .sum();
    }
}
