// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;

/**
 * What a ledger needs of its storage; tests put faults here.
 *
 * <p>Not safe for use by several threads at once.
 */
interface PrivacyLedgerFile extends Closeable {

    /** Current number of bytes. */
    long length() throws IOException;

    /** A stream over the content from its start. */
    InputStream read() throws IOException;

    /** Cuts off what is beyond {@code length}. */
    void truncate(long length) throws IOException;

    /** Writes all the bytes behind the last one. */
    void append(byte[] bytes) throws IOException;

    /** Returns when everything appended so far would survive a power failure. */
    void force() throws IOException;

    /** Returns whether the ledger's path still names the file that was opened. */
    boolean isInPlace();
}
