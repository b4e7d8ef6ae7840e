// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.NoOp;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampled;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Releases that are not described by numbers, but by an event or by a ledger.
 *
 * @param event null where there is nothing of the kind
 * @param relation the ledger's, null for an event, which holds under the relation asked for
 * @param unit the ledger's unit of privacy, null for an event, which holds for the unit asked for
 * @param sharesNoise whether lots may have been Poisson samples of parts of the data that share noise: in a ledger rounds are charged with their first lot, so that the others cost nothing, while an event of Poisson samples does not tell
 * @param description in a few words
 * @param warning what an answer must not be given without, null where there is nothing of the kind
 */
record Releases(
        @Nullable DpEvent event,
        @Nullable NeighboringRelation relation,
        @Nullable String unit,
        boolean sharesNoise,
        String description,
        @Nullable String warning) {

    private static final Releases NONE = new Releases(null, null, null, false, "", null);

    /** What one of these two parameters names. */
    static Releases of(Map<Parameter, Object> values, Parameter event, Parameter ledger) throws IOException {
        Object asEvent = values.get(event);
        Object asLedger = values.get(ledger);
        if (asEvent != null && asLedger != null) {
            throw new IllegalArgumentException(
                    event.column() + " and " + ledger.column() + " exclude each other; remove one of them");
        }
        if (asEvent != null) {
            DpEvent all = event(event, asEvent.toString().trim());
            return new Releases(
                    all,
                    null,
                    null,
                    has(all, PoissonSampled.class) || has(all, TruncatedPoissonSampled.class),
                    event.column().replace('_', ' '),
                    null);
        }
        if (asLedger != null && asLedger.toString().isBlank()) {
            throw new IllegalArgumentException(ledger.column() + " must be a file, was empty");
        }
        return asLedger == null ? NONE : ledger(Path.of(asLedger.toString()));
    }

    /** Whether these are of a ledger, whose terms name a relation. */
    boolean isLedger() {
        return relation != null;
    }

    private static DpEvent event(Parameter parameter, String text) throws IOException {
        if (text.isEmpty()) {
            throw new IllegalArgumentException(parameter.column() + " must be JSON or a file, was empty");
        }
        if (text.startsWith("{")) {
            return event(parameter.column(), text);
        }
        byte[] bytes = InputFile.read(text);
        return event(
                parameter.column() + " in " + text,
                InputFile.decode(text, bytes).trim());
    }

    private static DpEvent event(String name, String json) {
        try {
            return DpEvent.fromJson(json);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(name + ": " + e.getMessage(), e);
        }
    }

    private static Releases ledger(Path file) {
        PrivacyLedgerHistory history = PrivacyLedgerHistory.read(file);
        DpEvent all = new Composed(history.charges().stream()
                .<DpEvent>map(charge -> new SelfComposed(charge.event(), charge.count()))
                .toList());
        return new Releases(
                all,
                history.terms().relation(),
                history.terms().unit(),
                has(all, NoOp.class) && has(all, PoissonSampled.class),
                "ledger of " + history.steps() + (history.steps() == 1 ? " charge" : " charges") + " in "
                        + history.sessions() + (history.sessions() == 1 ? " session" : " sessions"),
                warning(file, history));
    }

    /** That a ledger ends in the middle of a line, or null if it does not. */
    static @Nullable String warning(Path file, PrivacyLedgerHistory history) {
        return history.tornBytes() == 0
                ? null
                : "the ledger " + file + " ends in an unfinished line, " + history.tornBytes()
                        + " bytes that are not counted; a crash left them, or a run is writing them now, and what they charge was not released."
                        + " If the file was copied in part, bring the complete one";
    }

    /** Whether an event of a kind is among those that follow one another in an event. */
    private static boolean has(DpEvent event, Class<? extends DpEvent> kind) {
        if (event instanceof Composed sequence) {
            return sequence.events().stream().anyMatch(part -> has(part, kind));
        }
        return event instanceof SelfComposed repeated ? has(repeated.event(), kind) : kind.isInstance(event);
    }
}
