// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.github.dl4jdp.core.PrivacyListener;
import java.io.InputStream;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import org.deeplearning4j.ui.VertxUIServer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class TrainingUiTest {
    @AfterEach
    void stop() throws Exception {
        VertxUIServer.stopInstance();
    }

    @Test
    void open_portInUse_saysSoAndTrainingGoesOn() throws Exception {
        var appender = new ListAppender<ILoggingEvent>();
        appender.start();
        var logger = (Logger) LoggerFactory.getLogger(TrainingUi.class);
        logger.addAppender(appender);
        var run = Runs.of(5);
        try (var taken = new ServerSocket(0)) {
            int port = taken.getLocalPort();
            run.network().setListeners(new PrivacyListener(run.engine(), 1).reportTo(TrainingUi.open(port, "run")));

            run.fit();

            assertThat(appender.list).singleElement().satisfies(event -> assertThat(event.getFormattedMessage())
                    .contains("could not be started on port " + port + " (is it in use?)"));
        } finally {
            logger.detachAppender(appender);
        }
        assertThat(run.engine().steps()).isEqualTo(5);
    }

    @Test
    void open_freePort_pageShowsTheRun() throws Exception {
        var run = Runs.of(5);
        run.network().setListeners(new PrivacyListener(run.engine(), 1).reportTo(TrainingUi.open(0, "my run")));

        run.fit();

        String address = VertxUIServer.getInstance().getAddress() + "/privacy/data";
        try (InputStream stream = URI.create(address).toURL().openStream()) {
            assertThat(new String(stream.readAllBytes(), StandardCharsets.UTF_8))
                    .contains("\"session\":\"my run\"")
                    .contains("\"steps\":5");
        }
    }
}
