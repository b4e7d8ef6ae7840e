// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.monitor;

import io.github.dl4jdp.core.PrivacyStatus;
import java.util.Objects;
import java.util.function.Consumer;
import org.deeplearning4j.core.storage.StatsStorageRouter;

/**
 * Sends a run's statuses to DL4J's {@code StatsStorage}, where the training UI's page {@code /privacy} and later evaluations find them.
 *
 * <pre>{@code
 * StatsStorage storage = new InMemoryStatsStorage();
 * UIServer.getInstance().attach(storage);
 * net.addListeners(new PrivacyListener(engine, 1).reportTo(new StatsStorageSink(storage, "credit model")));
 * }</pre>
 *
 * <p>Unlike DL4J's own {@code StatsListener}, which stores score and activations of the training data, this sends nothing that the guarantee
 * does not cover unless {@code PrivacyListener.showClippedFraction()} was called.
 */
public final class StatsStorageSink implements Consumer<PrivacyStatus> {
    private final StatsStorageRouter storage;
    private final String session;
    private long lastTime;

    /**
     * @param storage in memory, a file, or a remote UI's router
     * @param session name of the run; runs of one name are shown as one
     */
    public StatsStorageSink(StatsStorageRouter storage, String session) {
        this.storage = Objects.requireNonNull(storage, "storage");
        this.session = Objects.requireNonNull(session, "session");
    }

    @Override
    public void accept(PrivacyStatus status) {
        // A storage keeps one update a millisecond.
        boolean first = lastTime == 0;
        lastTime = Math.max(lastTime + 1, System.currentTimeMillis());
        if (first) {
            // A storage lists the sessions that have static information, and no others.
            storage.putStaticInfo(new PrivacyUpdate(session, lastTime, "{}"));
        }
        storage.putUpdate(new PrivacyUpdate(session, lastTime, status.toJson()));
    }

    @Override
    public String toString() {
        return "StatsStorageSink[" + session + "]";
    }
}
