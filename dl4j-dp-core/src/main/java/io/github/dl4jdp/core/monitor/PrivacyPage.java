// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.monitor;

import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import org.deeplearning4j.core.storage.Persistable;
import org.deeplearning4j.core.storage.StatsStorage;
import org.deeplearning4j.core.storage.StatsStorageEvent;
import org.deeplearning4j.ui.api.HttpMethod;
import org.deeplearning4j.ui.api.Route;
import org.deeplearning4j.ui.api.UIModule;
import org.deeplearning4j.ui.i18n.I18NResource;
import org.jspecify.annotations.Nullable;
import org.nd4j.shade.jackson.databind.ObjectMapper;
import org.nd4j.shade.jackson.databind.node.ArrayNode;

/**
 * The page {@code /privacy} of DL4J's training UI: epsilon against lots with the budget's line, what the plan will cost, noise against signal.
 *
 * <p>DL4J's UI server finds it by itself once {@code deeplearning4j-ui} and this library are on the class path; what it shows is sent by a
 * {@link StatsStorageSink}. The page loads nothing from elsewhere.
 */
public final class PrivacyPage implements UIModule {
    private static final String RESOURCE = "privacy.html";

    private final List<StatsStorage> storages = new CopyOnWriteArrayList<>();
    private final byte[] page;

    /** Made by DL4J's UI server. */
    public PrivacyPage() {
        try (var stream = Objects.requireNonNull(PrivacyPage.class.getResourceAsStream(RESOURCE), RESOURCE)) {
            page = stream.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException("the library's jar is incomplete: " + RESOURCE, e);
        }
    }

    @Override
    public List<String> getCallbackTypeIDs() {
        return List.of(PrivacyUpdate.TYPE_ID);
    }

    @Override
    public List<Route> getRoutes() {
        return List.of(
                new Route("/privacy", HttpMethod.GET, (arguments, context) -> context.response()
                        .putHeader("content-type", "text/html; charset=utf-8")
                        .putHeader("content-security-policy", "default-src 'self' 'unsafe-inline'")
                        .end(io.vertx.core.buffer.Buffer.buffer(page))),
                new Route("/privacy/data", HttpMethod.GET, (arguments, context) -> sendData(context)));
    }

    private void sendData(RoutingContext context) {
        String after = context.request().getParam("after");
        long time;
        try {
            time = after == null ? 0 : Long.parseLong(after);
        } catch (NumberFormatException e) {
            context.response().setStatusCode(400).end("after must be a time in milliseconds, was " + after);
            return;
        }
        context.response()
                .putHeader("content-type", "application/json; charset=utf-8")
                .end(json(context.request().getParam("session"), time));
    }

    /**
     * @param session whose statuses to send; null for those of the run last heard of
     * @param after statuses up to this time were sent before
     */
    private String json(@Nullable String session, long after) {
        var mapper = new ObjectMapper();
        var json = mapper.createObjectNode();
        ArrayNode sessions = json.putArray("sessions");
        String shown = session == null ? latestSession() : session;
        for (StatsStorage storage : storages) {
            storage.listSessionIDs().stream()
                    .filter(id -> isPrivate(storage, id))
                    .forEach(sessions::add);
        }
        json.put("session", shown);
        ArrayNode points = json.putArray("points");
        long last = after;
        for (StatsStorage storage : storages) {
            if (!storage.sessionExists(shown)) {
                continue;
            }
            var updates = storage.getAllUpdatesAfter(shown, PrivacyUpdate.TYPE_ID, after).stream()
                    .sorted(Comparator.comparingLong(Persistable::getTimeStamp))
                    .toList();
            for (Persistable update : updates) {
                try {
                    points.add(mapper.readTree(((PrivacyUpdate) update).json()));
                } catch (IOException e) {
                    throw new UncheckedIOException("a stored privacy status is not JSON", e);
                }
                last = Math.max(last, update.getTimeStamp());
            }
        }
        json.put("last", last);
        return json.toString();
    }

    private static boolean isPrivate(StatsStorage storage, String session) {
        return storage.listTypeIDsForSession(session).contains(PrivacyUpdate.TYPE_ID);
    }

    private String latestSession() {
        return storages.stream()
                .flatMap(storage -> storage.listSessionIDs().stream()
                        .filter(id -> isPrivate(storage, id))
                        .flatMap(id -> storage.getLatestUpdateAllWorkers(id, PrivacyUpdate.TYPE_ID).stream()))
                .max(Comparator.comparingLong(Persistable::getTimeStamp))
                .map(Persistable::getSessionID)
                .orElse("");
    }

    @Override
    public void reportStorageEvents(Collection<StatsStorageEvent> events) {
        // The page asks for what is new.
    }

    @Override
    public void onAttach(StatsStorage storage) {
        storages.add(storage);
    }

    @Override
    public void onDetach(StatsStorage storage) {
        storages.remove(storage);
    }

    @Override
    public List<I18NResource> getInternationalizationResources() {
        return List.of();
    }
}
