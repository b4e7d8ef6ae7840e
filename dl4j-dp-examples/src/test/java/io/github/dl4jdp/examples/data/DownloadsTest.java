// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.data;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.time.Duration;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;

class DownloadsTest {
    @Test
    void requireReachable_serverHasTheFile_returns() throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/there", exchange -> {
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
        });
        server.start();
        try {
            String base = "http://127.0.0.1:" + server.getAddress().getPort();

            assertThatCode(() -> Downloads.requireReachable(base + "/there", "remedy"))
                    .doesNotThrowAnyException();
            assertThatThrownBy(() -> Downloads.requireReachable(base + "/gone", "do this"))
                    .isInstanceOf(MissingDataException.class)
                    .hasMessageContaining("do this")
                    .hasMessageContaining("404");
        } finally {
            server.stop(0);
        }
    }

    @Test
    void requireReachable_serverThatNeverAnswers_givesUpWithinSeconds() throws IOException {
        try (ServerSocket silent = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            String url = "http://127.0.0.1:" + silent.getLocalPort() + "/";

            Assertions.assertTimeout(Duration.ofSeconds(20), () -> assertThatThrownBy(
                            () -> Downloads.requireReachable(url, "do this", 300))
                    .isInstanceOf(MissingDataException.class)
                    .hasMessageContaining("cannot be reached"));
        }
    }
}
