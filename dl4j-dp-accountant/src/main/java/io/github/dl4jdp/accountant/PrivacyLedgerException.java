// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/** A ledger cannot vouch for what was released, or cannot record what is about to be; no further step may be taken. */
public final class PrivacyLedgerException extends RuntimeException {

    @Serial
    private static final long serialVersionUID = 1L;

    /** What is wrong. */
    public enum Reason {
        /** There is no file, or an empty one, where a model says that its ledger is. */
        MISSING,
        /** Another trainer, in this process or another one, writes to the ledger. */
        LOCKED,
        /** The file ends before the last line that the model knows of. */
        SHORTENED,
        /** The line that the model knows of is not the one in the file: another run's ledger, or a copy that went its own way. */
        FORKED,
        /** A line was altered, removed or inserted, or the file is no ledger. */
        BROKEN,
        /** The last session was run under another plan, network configuration or relation. */
        OTHER_PLAN,
        /** The ledger is not signed by the key that was given, or is signed and no key was given. */
        OTHER_KEY,
        /** The file was replaced, removed or written to by someone else while the ledger was open. */
        REPLACED,
        /** Reading, writing or flushing failed: disk full, no permission, input/output error. */
        INPUT_OUTPUT,
        /** An earlier write failed, or the ledger was closed. */
        UNUSABLE
    }

    /** What is wrong. */
    private final Reason reason;

    PrivacyLedgerException(Reason reason, String message) {
        this(reason, message, null);
    }

    PrivacyLedgerException(Reason reason, String message, @Nullable Throwable cause) {
        super(message, cause);
        this.reason = reason;
    }

    /** Returns what is wrong. */
    public Reason reason() {
        return reason;
    }
}
