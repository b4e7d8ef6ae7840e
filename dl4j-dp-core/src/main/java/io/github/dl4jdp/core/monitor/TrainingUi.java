// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.monitor;

import io.github.dl4jdp.core.PrivacyStatus;
import java.util.function.Consumer;
import org.deeplearning4j.ui.VertxUIServer;
import org.deeplearning4j.ui.api.UIServer;
import org.deeplearning4j.ui.model.storage.InMemoryStatsStorage;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * DL4J's training UI with its privacy page, in one line.
 *
 * <pre>{@code
 * net.addListeners(new PrivacyListener(engine, 1).reportTo(TrainingUi.open(9000, "credit model")));
 * }</pre>
 *
 * <p>Needs {@code org.deeplearning4j:deeplearning4j-ui} on the class path. The page is at {@code http://localhost:9000/privacy}; DL4J's server listens
 * on every network interface of the machine and asks for no password.
 */
public final class TrainingUi {
    private static final Logger log = LoggerFactory.getLogger(TrainingUi.class);

    private TrainingUi() {}

    /**
     * Starts DL4J's UI server, unless it runs already, and returns a place for a {@code PrivacyListener} to report to. If it cannot be started, an
     * error is logged and reports are dropped: training does not depend on the UI.
     *
     * @param port TCP port of a server that is started, 0 for any free one
     * @param session name of the run on the page
     * @throws IllegalStateException if {@code org.deeplearning4j:deeplearning4j-ui} is not on the class path
     */
    public static Consumer<PrivacyStatus> open(int port, String session) {
        OptionalJar.require(
                "org.deeplearning4j.ui.VertxUIServer", "org.deeplearning4j:deeplearning4j-ui:1.0.0-M2.1", "TrainingUi");
        return Server.serve(port, session);
    }

    /** All that needs DL4J's UI: a class of its own, which is not linked before {@link #open} has looked for the jar. */
    private static final class Server {
        static Consumer<PrivacyStatus> serve(int port, String session) {
            var storage = new InMemoryStatsStorage();
            try {
                VertxUIServer running = VertxUIServer.getInstance();
                UIServer server =
                        running == null || running.isStopped() ? VertxUIServer.getInstance(port, false, null) : running;
                server.attach(storage);
                log.info("Privacy of \"{}\": {}/privacy", session, server.getAddress());
                return new StatsStorageSink(storage, session);
            } catch (RuntimeException e) {
                log.error(
                        "DL4J's training UI could not be started on port {} (is it in use?); training goes on without it",
                        port,
                        e);
                stop();
                return status -> {};
            }
        }

        /** DL4J keeps a server that failed to start as its instance, and would hand it out again. */
        private static void stop() {
            try {
                VertxUIServer.stopInstance();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } catch (Exception e) {
                log.debug("The UI server failed to start and could not be stopped", e);
            }
        }
    }
}
