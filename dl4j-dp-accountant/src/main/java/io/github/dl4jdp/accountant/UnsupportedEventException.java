// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.Objects;

/** Thrown when an accountant cannot bound an event; nothing has been composed then. */
public final class UnsupportedEventException extends IllegalArgumentException {

    private static final long serialVersionUID = 1L;

    /** The part as text: exceptions are serializable and events are not. */
    private final String part;

    UnsupportedEventException(String accountant, DpEvent part, NeighboringRelation relation, String reason) {
        super(accountant + " under " + relation + " cannot bound " + part + ": " + reason);
        this.part = Objects.requireNonNull(part, "part").toString();
    }

    /** The innermost part of the event that could not be handled, as text. */
    public String part() {
        return part;
    }
}
