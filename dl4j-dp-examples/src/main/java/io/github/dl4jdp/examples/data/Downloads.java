// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.data;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URL;

/** Asks whether a download can work at all, because DL4J's own downloads wait for minutes or for ever without a network. */
final class Downloads {
    private static final int TIMEOUT_MILLIS = 5_000;

    private Downloads() {}

    /**
     * Returns if the server offers the file.
     *
     * @throws MissingDataException with {@code remedy} if there is no good answer within seconds
     */
    static void requireReachable(String url, String remedy) throws MissingDataException {
        requireReachable(url, remedy, TIMEOUT_MILLIS);
    }

    static void requireReachable(String url, String remedy, int timeoutMillis) throws MissingDataException {
        String reason;
        try {
            if (!(new URL(url).openConnection() instanceof HttpURLConnection connection)) {
                return;
            }
            connection.setRequestMethod("HEAD");
            connection.setConnectTimeout(timeoutMillis);
            connection.setReadTimeout(timeoutMillis);
            int status = connection.getResponseCode();
            connection.disconnect();
            if (status == HttpURLConnection.HTTP_OK) {
                return;
            }
            reason = "answers with HTTP status " + status;
        } catch (IOException e) {
            reason = "cannot be reached (" + e + ")";
        }
        throw new MissingDataException(remedy + System.lineSeparator() + "(Download: " + url + " " + reason + ".)");
    }
}
