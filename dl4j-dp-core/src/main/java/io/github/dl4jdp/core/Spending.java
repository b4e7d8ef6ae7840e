// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.PrivacyAccountant;
import io.github.dl4jdp.accountant.PrivacyLedger;
import io.github.dl4jdp.accountant.PrivacyLedger.Head;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;

/**
 * What a run has spent: the accountant and, if the plan names one, the ledger on disk.
 *
 * <h2>Formal guarantee</h2>
 *
 * When {@link #charge} returns, the charge is in the ledger on the storage device; the engine writes the noised sum to where anyone can
 * see it only then, so a crash over-counts and never under-counts.
 */
final class Spending implements AutoCloseable {
    private final DpSgdPlan plan;
    private final PrivacyAccountant accountant;
    /** The moments accountant beside a tighter one, where it can bound what was charged. */
    private final @Nullable PrivacyAccountant moments;

    private final @Nullable PrivacyLedger ledger;
    private long charges;
    private long composed;
    private double tight;
    private long tightAt;

    private Spending(DpSgdPlan plan, @Nullable PrivacyLedger ledger, long charges) {
        this.plan = plan;
        this.accountant = plan.newAccountant();
        this.ledger = ledger;
        this.charges = charges;
        if (ledger != null) {
            ledger.composeInto(accountant);
            composed = charges;
        }
        this.moments = momentsBeside(accountant, plan);
    }

    private static @Nullable PrivacyAccountant momentsBeside(PrivacyAccountant accountant, DpSgdPlan plan) {
        var moments = AccountantKind.RDP.create(plan.relation());
        return plan.accountantKind() != AccountantKind.RDP
                        && moments.supports(plan.stepEvent())
                        && moments.supports(accountant.event())
                ? moments.compose(accountant.event())
                : null;
    }

    /**
     * Goes on where the model stands, or where its ledger does if that is further.
     *
     * @param configuration digest of what the network's parameters are
     * @throws io.github.dl4jdp.accountant.PrivacyLedgerException if the ledger is missing, shorter than when the model was stored, forked, broken,
     *     in use, or that of another plan
     * @throws IllegalStateException if the model was trained with a ledger and the plan names none
     */
    static Spending resume(DpSgdPlan plan, String configuration, TrainingProgress progress) {
        Head head = progress.head();
        if (plan.ledger().isEmpty()) {
            if (head != null) {
                throw new IllegalStateException(
                        "the model was trained with a privacy ledger, which alone knows what was spent;"
                                + " attach it with plan.withLedger(path of that ledger)");
            }
            return new Spending(plan, null, progress.charges());
        }
        var terms = new PrivacyLedger.Terms(
                sha256(PlanCodec.mechanism(plan).toString()),
                sha256(configuration),
                libraryVersion(),
                plan.relation(),
                plan.stepEvent());
        if (head == null) {
            if (progress.charges() > 0) {
                throw new IllegalStateException("the model has " + progress.charges()
                        + " charges that are in no ledger; go on without one, or train a new model with the ledger");
            }
            var ledger = PrivacyLedger.open(plan.ledger().get(), terms);
            return new Spending(plan, ledger, ledger.steps());
        }
        var ledger = PrivacyLedger.open(plan.ledger().get(), terms, head);
        return new Spending(plan, ledger, progress.charges() + ledger.stepsBeyondModel());
    }

    static String libraryVersion() {
        String version = PrivacyEngine.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }

    private static String sha256(String text) {
        try {
            var digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    /** Charges one more, on disk first. */
    void charge() {
        if (ledger != null) {
            ledger.charge(1);
        }
        charges++;
    }

    /** The charges made under the current plan. */
    long charges() {
        return charges;
    }

    /** Whether every charge is on disk. */
    boolean hasLedger() {
        return ledger != null;
    }

    /** Where the ledger stands, or null without one. */
    @Nullable
    Head head() {
        return ledger == null ? null : ledger.head();
    }

    private void composeCharges() {
        if (composed < charges) {
            accountant.compose(plan.stepEvent(), charges - composed);
            if (moments != null) {
                moments.compose(plan.stepEvent(), charges - composed);
            }
            composed = charges;
        }
    }

    /** The epsilon of everything charged, at the plan's delta: cheap after every step, and therefore up to about 0.1 % above {@link #epsilon()}. */
    double runningEpsilon() {
        composeCharges();
        return charges == 0 ? 0 : accountant.epsilon(plan.delta());
    }

    /** The epsilon of everything charged, at the plan's delta: what the plan says of as many steps. */
    double epsilon() {
        if (tightAt != charges) {
            // Both are bounds. The running one was planned for steps to come.
            tight = Math.min(
                    runningEpsilon(),
                    plan.newAccountant().compose(accountant.event()).epsilon(plan.delta()));
            tightAt = charges;
        }
        return tight;
    }

    /** Everything charged. */
    DpEvent event() {
        composeCharges();
        return accountant.event();
    }

    /** The moments accountant's epsilon of everything charged; empty where the plan's accountant is that one, or it knows no bound. */
    OptionalDouble momentsEpsilon() {
        composeCharges();
        return moments == null
                ? OptionalDouble.empty()
                : OptionalDouble.of(charges == 0 ? 0 : moments.epsilon(plan.delta()));
    }

    /** Releases the ledger's file. */
    @Override
    public void close() {
        if (ledger != null) {
            ledger.close();
        }
    }
}
