// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.charging;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.PrivacyLedger;
import io.github.dl4jdp.accountant.PrivacyLedgerException;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import io.github.dl4jdp.core.internal.plan.CompletePlan;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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

    /**
     * Charges releases that an account has, unless the ledger has them. Those without an identity are taken for such in the ledger alone, one for one.
     *
     * @throws IllegalArgumentException if the ledger has another event for one of them; nothing is charged
     */
    static void chargeReleases(Map<String, PrivacyAccount.Release> releases, PrivacyLedger ledger) {
        var named = new LinkedHashMap<String, DpEvent>();
        var unnamed = new LinkedHashMap<DpEvent, Long>();
        releases.forEach((identity, release) -> {
            DpEvent charge = chargeOf(DpEvent.fromJson(release.event()));
            if (PrivacyAccount.isUnnamed(identity)) {
                unnamed.merge(charge, 1L, Long::sum);
            } else if (!isCharged(identity, charge, ledger)) {
                named.put(identity, charge);
            }
        });
        unnamed.forEach((charge, count) -> {
            long missing = count - chargedWithoutIdentity(charge, ledger);
            if (missing > 0) {
                ledger.charge(charge, missing);
            }
        });
        named.forEach((identity, charge) -> ledger.charge(charge, identity));
    }

    private static boolean isCharged(String identity, DpEvent charge, PrivacyLedger ledger) {
        DpEvent known = ledger.releases().get(identity);
        if (known != null && !known.equals(charge)) {
            throw PrivacyAccount.otherRelease(identity, releaseOf(known), releaseOf(charge));
        }
        return known != null;
    }

    private static String releaseOf(DpEvent charge) {
        return (charge instanceof DpEvent.Composed one && one.events().size() == 1
                        ? one.events().get(0)
                        : charge)
                .toJson();
    }

    private static long chargedWithoutIdentity(DpEvent charge, PrivacyLedger ledger) {
        long all = ledger.charges().stream()
                .filter(one -> charge.equals(one.event()))
                .mapToLong(PrivacyLedger.Charge::count)
                .sum();
        return all - ledger.releases().values().stream().filter(charge::equals).count();
    }

    /** Charges what happened to a network without privacy, unless the ledger has it. */
    static void chargeUnprotected(String identity, PrivacyLedger ledger) {
        if (!isCharged(identity, UNPROTECTED, ledger)) {
            ledger.charge(UNPROTECTED, identity);
        }
    }

    /**
     * What a ledger has of a plan alone, by event: the plan's {@code charges} charges, and what else was released.
     *
     * @param progress of the plan's own run
     */
    static Map<DpEvent, Long> own(CompletePlan plan, long charges, TrainingProgress progress, PrivacyLedger ledger) {
        var own = new HashMap<DpEvent, Long>();
        if (plan.mechanism().correlation().isPresent()) {
            addCorrelated(plan, charges, progress, ledger, own);
        } else if (charges > 0) {
            plan.mechanism().runs(0, charges).forEach(run -> own.merge(run.event(), run.count(), Long::sum));
        }
        releases(plan).forEach(release -> own.merge(chargeOf(release), 1L, Long::sum));
        return own;
    }

    /** Where noise began anew, a run is charged with the same events again. */
    private static void addCorrelated(
            CompletePlan plan, long charges, TrainingProgress progress, PrivacyLedger ledger, Map<DpEvent, Long> own) {
        long left = charges;
        for (String id : progress.run()) {
            PrivacyAccount.Session session = progress.account().sessions().get(id);
            for (long k = 1; session != null && k <= session.charges() && left > 0; k++, left--) {
                own.merge(session.mechanism().event(session.began(), session.from() + k), 1L, Long::sum);
            }
        }
        // Charges after the state that the network is in are in the ledger alone.
        Set<DpEvent> possible = plan.mechanism().possibleEvents();
        for (PrivacyLedger.Charge charge : ledger.charges()) {
            if (possible.contains(charge.event())) {
                long more = Math.min(left, charge.count() - own.getOrDefault(charge.event(), 0L));
                if (more > 0) {
                    own.merge(charge.event(), more, Long::sum);
                    left -= more;
                }
            }
        }
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
