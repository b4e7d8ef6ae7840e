// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.charging;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyAccountant;
import io.github.dl4jdp.accountant.PrivacyLedger;
import io.github.dl4jdp.accountant.PrivacyLedger.Head;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import io.github.dl4jdp.core.internal.Sha256;
import io.github.dl4jdp.core.internal.plan.CompletePlan;
import io.github.dl4jdp.core.mechanism.Charge;
import io.github.dl4jdp.core.mechanism.Charges;
import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a run has spent: the accountant and, if the plan names one, the ledger on disk.
 *
 * <h2>Formal guarantee</h2>
 *
 * When a {@link Charge} is recorded, it is in the ledger on the storage device; the engine writes the noised sum to where anyone can
 * see it only then, so a crash over-counts and never under-counts.
 *
 * <p>One thread trains; any thread may ask what was spent.
 */
public final class Spending implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Spending.class);

    private final CompletePlan plan;
    private final PrivacyAccountant accountant;
    /** The moments accountant beside a tighter one, where it can bound what was charged. */
    private final @Nullable PrivacyAccountant moments;

    private final @Nullable PrivacyLedger ledger;
    private final Charges charges;
    private long composed;
    /** What was charged under other plans or to other parameters that this network has, and what was not private, in words. */
    private final List<String> history = new ArrayList<>();
    /** The charges of each session of the account that are composed. */
    private final Map<String, Long> sessions = new HashMap<>();

    private final Set<String> releases = new HashSet<>();
    private final Set<String> unprotected = new HashSet<>();
    /** What was charged when the run was taken up, and the charges of the current plan in it. */
    private DpEvent before;

    private final long chargesBefore;
    private long limit;
    private double tight;
    private long tightAt = -1;
    private double atEnd;
    private long endOfAtEnd = -1;
    /** See {@link #findNoise}. */
    private String network = "";

    private NoiseFile.@Nullable Header found;

    private Spending(CompletePlan plan, @Nullable PrivacyLedger ledger, long charges, TrainingProgress progress) {
        this.plan = plan;
        this.accountant = plan.newAccountant();
        this.ledger = ledger;
        this.charges = new Charges(plan.mechanism(), charges, this::record);
        this.composed = charges;
        this.chargesBefore = charges;
        // Not more than what is counted below: the same sessions may have gone on in the network that this one is a
        // copy of.
        progress.run().forEach(own -> {
            PrivacyAccount.Session session = progress.account().sessions().get(own);
            sessions.put(own, session == null ? 0 : session.charges());
        });
        releases.addAll(progress.account().identities(plan.others()));
        if (ledger != null) {
            ledger.composeInto(accountant);
            history.addAll(inWords(ledger, LedgerEvents.own(plan, charges, progress, ledger)));
            progress.account().sessions().keySet().forEach(known -> sessions.put(known, Long.MAX_VALUE));
            releases.addAll(progress.account().releases().keySet());
        } else {
            if (!plan.others().isEmpty()) {
                accountant.compose(plan.others().all());
            }
            ownCharges(progress, charges).forEach(accountant::compose);
        }
        this.moments = momentsBeside(accountant, plan);
        this.before = accountant.event();
        this.limit = Long.MAX_VALUE;
        include(progress.account());
        updateLimit();
    }

    /** The charges of the plan's own run so far. */
    private List<DpEvent> ownCharges(TrainingProgress progress, long charges) {
        var own = new ArrayList<DpEvent>();
        long known = 0;
        for (String id : progress.run()) {
            PrivacyAccount.Session session = progress.account().sessions().get(id);
            if (session != null) {
                own.add(plan.mechanism().events(session.began(), session.from(), session.from() + session.charges()));
                known += session.charges();
            }
        }
        if (known < charges) {
            own.add(plan.mechanism().events(known, charges));
        } else if (known > charges) {
            history.add(known - charges + " charges of this run after the state that the network is in");
        }
        return own;
    }

    private synchronized void updateLimit() {
        // Correlated noise that begins anew costs more than if it had gone on.
        boolean asPlanned = history.isEmpty() && (plan.mechanism().correlation().isEmpty() || charges.began() == 0);
        limit = asPlanned || plan.target().isEmpty()
                ? Long.MAX_VALUE
                : affordableCharges(plan.target().get().epsilon());
    }

    /**
     * Adds what an account has and this does not: of parameters that were copied into the network, say.
     *
     * @throws IllegalArgumentException if it was charged under another relation or for another unit of privacy
     * @throws IllegalStateException if one of them was charged to a ledger and the other was not
     */
    public synchronized void add(PrivacyAccount account) {
        composeCharges();
        requireRelation(plan, account);
        requireOneLedger(plan, account, head());
        include(account);
        updateLimit();
    }

    /** That the account has this session, which is the engine's own. */
    public synchronized void ownSession(String id) {
        sessions.put(id, Long.MAX_VALUE);
    }

    private void include(PrivacyAccount account) {
        var more = new ArrayList<DpEvent>();
        account.sessions().forEach((id, session) -> {
            long known = sessions.getOrDefault(id, 0L);
            if (session.charges() > known) {
                more.add(session.events(known));
                sessions.put(id, session.charges());
                history.add(session.inWords());
            }
        });
        account.releases().forEach((id, release) -> {
            if (releases.add(id)) {
                more.add(DpEvent.fromJson(release.event()));
                history.add("the release of " + release.event());
            }
        });
        account.unprotected().forEach((id, words) -> {
            if (unprotected.add(id)) {
                if (ledger != null) {
                    LedgerEvents.chargeUnprotected(id, ledger);
                }
                more.add(new DpEvent.NonPrivate());
                history.add(words);
            }
        });
        more.forEach(accountant::compose);
        if (moments != null) {
            more.forEach(moments::compose);
        }
        if (!more.isEmpty()) {
            var all = new ArrayList<DpEvent>();
            all.add(before);
            all.addAll(more);
            before = new DpEvent.Composed(all);
            tightAt = -1;
            endOfAtEnd = -1;
        }
    }

    /** All but the charges of the current plan: another plan may have had the same event. */
    private static List<String> inWords(PrivacyLedger ledger, Map<DpEvent, Long> own) {
        var words = new ArrayList<String>();
        for (PrivacyLedger.Charge charge : ledger.charges()) {
            long count = charge.count() - own.getOrDefault(charge.event(), 0L);
            if (count > 0) {
                words.add(count + " times " + charge.event());
            }
        }
        return words;
    }

    private static @Nullable PrivacyAccountant momentsBeside(PrivacyAccountant accountant, CompletePlan plan) {
        var moments = AccountantKind.RDP.create(plan.mechanism().relation());
        return plan.accountant() != AccountantKind.RDP
                        && moments.supports(plan.event())
                        && moments.supports(accountant.event())
                ? moments.compose(accountant.event())
                : null;
    }

    /**
     * Goes on where the model stands, or where its ledger does if that is further.
     *
     * @param configuration digest of what the network's parameters are
     * @param progress with the plan's other releases in its account
     * @throws io.github.dl4jdp.accountant.PrivacyLedgerException if the ledger is missing, shorter than when the model was stored, forked, broken,
     *     in use, or that of another plan
     * @throws IllegalArgumentException if the ledger has another event for one of the account's releases
     * @throws IllegalStateException if the model was trained with a ledger and the plan names none
     */
    public static Spending resume(
            CompletePlan plan, String configuration, TrainingProgress progress, LedgerOpener ledgers) {
        Head head = progress.head();
        if (plan.ledger().isEmpty()) {
            if (head != null) {
                throw ledgerNeeded();
            }
            requireRelation(plan, progress.account());
            requireOneLedger(plan, progress.account(), null);
            return new Spending(plan, null, progress.charges(), progress);
        }
        var terms = terms(plan, configuration, LedgerEvents.atOpening(plan));
        requireRelation(plan, progress.account());
        requireOneLedger(plan, progress.account(), head);
        var ledger = ledgers.open(plan.ledger().get(), terms, head, plan.isContinuing());
        try {
            LedgerEvents.chargeReleases(progress.account().releases(), ledger);
            // What the ledger has beyond the model may be other than charges of this plan.
            long charges = Math.min(progress.charges() + ledger.stepsBeyondModel(), LedgerEvents.charges(plan, ledger));
            return new Spending(plan, ledger, charges, progress);
        } catch (RuntimeException e) {
            ledger.close();
            throw e;
        }
    }

    /**
     * Has releases in the plan's ledger, before they are made.
     *
     * @param configuration digest of what is released
     * @param account of the releases, those that the plan is charged with among them
     * @return the ledger's last line, and everything in it
     */
    public static Booked book(CompletePlan plan, String configuration, PrivacyAccount account, LedgerOpener ledgers) {
        var terms = terms(plan, configuration, plan.mechanism().event(1));
        try (var ledger = ledgers.open(plan.ledger().orElseThrow(), terms, null, true)) {
            LedgerEvents.chargeReleases(account.releases(), ledger);
            return new Booked(
                    ledger.head(), ledger.composeInto(plan.newAccountant()).event());
        }
    }

    private static PrivacyLedger.Terms terms(CompletePlan plan, String configuration, DpEvent event) {
        return new PrivacyLedger.Terms(
                Sha256.hex(plan.released().toString()),
                Sha256.hex(configuration),
                libraryVersion(),
                plan.mechanism().relation(),
                plan.mechanism().unit().name(),
                event);
    }

    /** What takes up the draws that were made. */
    @FunctionalInterface
    public interface NoiseReader {
        /** Reads them. */
        void read(DataInput in) throws IOException;
    }

    /** What leaves them. */
    @FunctionalInterface
    public interface NoiseWriter {
        /** Writes them. */
        void write(DataOutput out) throws IOException;
    }

    /**
     * A ledger after a release was charged.
     *
     * @param head its last line
     * @param everything all that it has
     */
    public record Booked(Head head, DpEvent everything) {}

    private static void requireRelation(CompletePlan plan, PrivacyAccount account) {
        for (PrivacyAccount.Session earlier : account.sessions().values()) {
            requireTerms(
                    plan,
                    "the plans before it",
                    earlier.mechanism().relation(),
                    earlier.mechanism().unit().name());
        }
        for (PrivacyAccount.Release earlier : account.releases().values()) {
            requireTerms(plan, "the releases before it", earlier.relation(), earlier.unit());
        }
    }

    private static void requireTerms(CompletePlan plan, String of, NeighboringRelation relation, String unit) {
        if (relation != plan.mechanism().relation()) {
            throw new IllegalArgumentException("plan.relation must be that of " + of + ", " + relation + ", was "
                    + plan.mechanism().relation() + ": costs under different relations do not add up");
        }
        String own = plan.mechanism().unit().name();
        if (!unit.equals(own)) {
            throw new IllegalArgumentException(
                    "plan.unit must be that of " + of + ", " + unit + ", was " + own
                            + ": the cost for one is not the cost for the other. Train a new network, or one trained on other data");
        }
    }

    /** Either all of an account is in the plan's ledger, or none of it is in any. */
    private static void requireOneLedger(CompletePlan plan, PrivacyAccount account, @Nullable Head head) {
        var heads = new HashSet<Head>();
        long without = 0;
        for (PrivacyAccount.Session session : account.sessions().values()) {
            if (session.head() == null) {
                without += session.charges();
            } else if (!session.head().equals(head)) {
                heads.add(session.head());
            }
        }
        Path file = plan.ledger().orElse(null);
        if (file == null) {
            if (!heads.isEmpty()) {
                throw ledgerNeeded();
            }
        } else if (without > 0) {
            throw new IllegalStateException("the model has " + without
                    + " charges that are in no ledger; continue without a ledger, or train a new model with one");
        } else if (!heads.isEmpty() && !(Files.exists(file) && PrivacyLedgerHistory.containsAll(file, heads))) {
            throw new IllegalStateException(
                    "the privacy ledger " + file
                            + " must contain every charge to the network's parameters; some of them were charged to another ledger, or in"
                            + " later lines of this one. Attach with plan.continuing().withLedger(path of the complete ledger)");
        }
    }

    private static IllegalStateException ledgerNeeded() {
        return new IllegalStateException(
                "the model was trained with a privacy ledger, and only that ledger records what was spent;"
                        + " attach with plan.withLedger(path of that ledger)");
    }

    public static String libraryVersion() {
        String version = Spending.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }

    /** Has a charge on disk when it returns, where there is a ledger. */
    private void record(DpEvent event) {
        if (ledger != null) {
            ledger.charge(event, 1);
        }
    }

    /** The charge that the next lot or pass is paid with. */
    public Charge nextCharge() {
        return charges.next();
    }

    /** As {@link #nextCharge()}, for the first lot of a pass over given batches. */
    public Charge nextChargeOfNewPass() {
        return charges.nextOfNewPass();
    }

    /** As {@link #nextCharge()}, for another lot of the pass over given batches that an earlier charge paid for. */
    public Charge nextChargeOfSamePass(Charge earlier) {
        return charges.nextOfSamePass(earlier);
    }

    /** The passes over given batches that were begun since the run was taken up, with correlated noise. */
    public long passes() {
        return charges.passes();
    }

    /** Whether a charge was not recorded, and another one was in its place: a new one must pay for what it was to pay for. */
    public boolean isOvertaken(Charge charge) {
        return !charge.isRecorded() && charge.number() <= charges.made();
    }

    /** The largest number of charges under the current plan with which everything stays within {@code epsilon}; those made, if it is exceeded. */
    public synchronized long affordableCharges(double epsilon) {
        long within = 0;
        long beyond = Math.max(1, chargesOfPlan() - chargesBefore) + 1;
        while (beyond - within > 1) {
            long middle = within + (beyond - within) / 2;
            if (epsilonAfter(chargesBefore + middle) <= epsilon) {
                within = middle;
            } else {
                beyond = middle;
            }
        }
        return chargesBefore + within;
    }

    private long chargesOfPlan() {
        return plan.mechanism().chargesFor(plan.mechanism().steps());
    }

    /** The epsilon of everything after that many charges under the current plan, at least one more than when the run was taken up. */
    private double epsilonAfter(long charged) {
        return plan.newAccountant()
                .compose(before)
                .compose(plan.mechanism().events(charges.began(), chargesBefore, charged))
                .epsilon(plan.delta());
    }

    /** The epsilon of everything once the plan is at its end: of what was charged, and of what the plan still allows. Computed once. */
    public synchronized double epsilonAtEnd() {
        long end = Math.min(limit, chargesOfPlan());
        if (charges() >= end) {
            return epsilon();
        }
        if (endOfAtEnd != end) {
            atEnd = epsilonAfter(end);
            endOfAtEnd = end;
        }
        return atEnd;
    }

    /** The charges that the guarantee to which the plan is calibrated still allows, given what was spent before the plan. */
    public synchronized long remainingCharges() {
        return Math.max(0, limit - charges());
    }

    /** What a step gets that would exceed the guarantee. */
    public synchronized String exhausted() {
        return "the budget is spent: one more charge would exceed epsilon = "
                + plan.target().orElseThrow().epsilon() + "; this includes the charges under other plans, "
                + history;
    }

    /** What was charged under other plans, in words; epsilon includes it. */
    public synchronized List<String> history() {
        return List.copyOf(history);
    }

    /** The charges made under the current plan. */
    public long charges() {
        return charges.made();
    }

    /** Those of them that were made before the run was taken up. */
    public long chargesBefore() {
        return chargesBefore;
    }

    /** The charges under the current plan before correlated noise began anew. */
    public long noiseBegan() {
        return charges.began();
    }

    /**
     * Looks for what the run that stopped has left, if the plan keeps its noise. Changes nothing.
     *
     * @param drawnFor all that the draws depend on besides the plan
     * @throws IllegalArgumentException if no file can be kept there
     * @throws IllegalStateException if there is a file that was not left by this run at its last stop, that others can read, or that is damaged
     */
    public void findNoise(String drawnFor) {
        if (plan.keptNoise().isEmpty()) {
            return;
        }
        var file = new NoiseFile(plan.keptNoise().get());
        file.requirePlace();
        network = drawnFor;
        NoiseFile.Header header = file.header().orElse(null);
        if (header == null) {
            return;
        }
        if (!header.run().equals(run())) {
            throw file.refused("is of another plan, network or version of the library");
        }
        if (!PrivacyLedgerHistory.containsAll(plan.ledger().orElseThrow(), Set.of(header.head()))
                || header.inLedger() != chargesOfLedger()
                || header.stop().charges() != charges()) {
            throw file.refused("is not of the last stop of this run: it was left after "
                    + header.stop().charges() + " charges, " + header.inLedger() + " in the ledger, which now has "
                    + chargesOfLedger() + ", " + charges() + " of this run, or others");
        }
        found = header;
    }

    /**
     * Goes on with the noise that {@link #findNoise} found. Its file is gone from the storage device when this returns.
     *
     * @throws IllegalStateException if it cannot be read or removed
     */
    public void takeNoise(NoiseReader draws) {
        NoiseFile.Header header = found;
        if (header == null) {
            return;
        }
        new NoiseFile(plan.keptNoise().orElseThrow()).take(draws);
        charges.goOn(header.stop(), plan.isSinglePass());
        updateLimit();
    }

    /**
     * Leaves what later noise is mixed with, if the plan keeps it and the run can go on.
     *
     * @param mixed how many releases it was mixed from
     * @throws java.io.UncheckedIOException if it cannot be written
     */
    public void leaveNoise(long mixed, NoiseWriter draws) {
        boolean isDone = charges() >= plan.mechanism().steps() || remainingCharges() == 0;
        if (plan.keptNoise().isEmpty() || isDone || charges() == charges.began()) {
            return;
        }
        if (!charges.canGoOn(plan.isSinglePass())) {
            log.warn(
                    "The noise was not kept: the run stopped where no pass may begin, and the noise will begin anew. Stop at the end of a pass.");
            return;
        }
        if (mixed != charges() - charges.began()) {
            log.warn("The noise was not kept: a release failed after it was charged, and the noise will begin anew.");
            return;
        }
        new NoiseFile(plan.keptNoise().get())
                .leave(
                        new NoiseFile.Header(run(), Objects.requireNonNull(head()), chargesOfLedger(), charges.stop()),
                        draws);
    }

    private String run() {
        return Sha256.hex(String.join("\n", plan.released().toString(), network, libraryVersion()));
    }

    private long chargesOfLedger() {
        return Objects.requireNonNull(ledger).charges().stream()
                .mapToLong(PrivacyLedger.Charge::count)
                .sum();
    }

    /** Whether every charge is on disk. */
    public boolean hasLedger() {
        return ledger != null;
    }

    /** Where the ledger stands, or null without one. */
    @Nullable
    public Head head() {
        return ledger == null ? null : ledger.head();
    }

    /** Returns how many charges are composed: another thread may make more meanwhile. */
    private long composeCharges() {
        long made = charges();
        if (composed < made) {
            DpEvent event = plan.mechanism().events(charges.began(), composed, made);
            accountant.compose(event);
            if (moments != null) {
                moments.compose(event);
            }
            composed = made;
        }
        return made;
    }

    /** The epsilon of everything charged, at the plan's delta: cheap after every step, and therefore up to about 0.1 % above {@link #epsilon()}. */
    public synchronized double runningEpsilon() {
        composeCharges();
        return isNothingComposed() ? 0 : accountant.epsilon(plan.delta());
    }

    private boolean isNothingComposed() {
        return composed == 0 && accountant.event().equals(plan.newAccountant().event());
    }

    /** The epsilon of everything charged, at the plan's delta: what the plan says of as many steps. */
    public synchronized double epsilon() {
        long made = composeCharges();
        if (tightAt != made) {
            // Both are bounds. The running one was planned for steps to come.
            tight = Math.min(
                    runningEpsilon(),
                    plan.newAccountant().compose(accountant.event()).epsilon(plan.delta()));
            tightAt = made;
        }
        return tight;
    }

    /** Everything charged. */
    public synchronized DpEvent event() {
        composeCharges();
        return accountant.event();
    }

    /** The moments accountant's epsilon of everything charged; empty where the plan's accountant is that one, or it knows no bound. */
    public synchronized OptionalDouble momentsEpsilon() {
        composeCharges();
        return moments == null
                ? OptionalDouble.empty()
                : OptionalDouble.of(isNothingComposed() ? 0 : moments.epsilon(plan.delta()));
    }

    /** Releases the ledger's file. */
    @Override
    public void close() {
        if (ledger != null) {
            ledger.close();
        }
    }
}
