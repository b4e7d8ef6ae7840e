// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.data;

import java.io.IOException;

/** A data set is neither on this machine nor to be had from the network; the message says what the user can do. */
public final class MissingDataException extends IOException {
    private static final long serialVersionUID = 1L;

    /** Creates the exception with a message that names the data set, where it was looked for and the remedy. */
    public MissingDataException(String message) {
        super(message);
    }
}
