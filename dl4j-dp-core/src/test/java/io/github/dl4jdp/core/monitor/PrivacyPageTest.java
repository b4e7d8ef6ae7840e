// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.dl4jdp.core.PrivacyListener;
import io.github.dl4jdp.core.Statuses;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.deeplearning4j.ui.VertxUIServer;
import org.deeplearning4j.ui.model.storage.InMemoryStatsStorage;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.nd4j.shade.jackson.databind.ObjectMapper;

class PrivacyPageTest {
    private static final InMemoryStatsStorage STORAGE = new InMemoryStatsStorage();

    private static VertxUIServer server;

    @TempDir
    private Path folder;

    @BeforeAll
    static void start() {
        server = VertxUIServer.getInstance(0, false, null);
        server.attach(STORAGE);
    }

    @AfterAll
    static void stop() throws Exception {
        VertxUIServer.stopInstance();
    }

    private static HttpResponse<String> get(String path) throws Exception {
        return HttpClient.newHttpClient()
                .send(
                        HttpRequest.newBuilder(URI.create(server.getAddress() + path))
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
    }

    private static JsonNode data(String query) throws Exception {
        var answer = get("/privacy/data" + query);
        assertThat(answer.statusCode()).isEqualTo(200);
        return new ObjectMapper().readTree(answer.body());
    }

    @Test
    void page_servedByDl4jsServer_asksNoOtherHost() throws Exception {
        var answer = get("/privacy");

        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.headers().firstValue("content-type")).contains("text/html; charset=utf-8");
        assertThat(answer.body()).contains("<title>Privacy</title>").doesNotContain("http:", "https:", "//cdn");
    }

    @Test
    void data_afterTime_sendsLaterStatusesOnly() throws Exception {
        var sink = new StatsStorageSink(STORAGE, "later");
        sink.accept(Runs.STATUS);
        var first = data("?session=later");
        sink.accept(Runs.STATUS);
        var second = data("?session=later&after=" + first.get("last").asLong());

        assertThat(first.get("points")).hasSize(1);
        assertThat(first.get("points").get(0).get("epsilon").asDouble()).isEqualTo(0.5);
        assertThat(second.get("points")).hasSize(1);
        assertThat(second.get("last").asLong()).isGreaterThan(first.get("last").asLong());
        assertThat(data("?session=none").get("points")).isEmpty();
        assertThat(get("/privacy/data?after=x").statusCode()).isEqualTo(400);
    }

    /** The browser's own clock runs ahead while the page waits, so twenty polls take a second or two. */
    @Test
    void page_whileNetworkTrains_curveGrows() throws Exception {
        Path browser = browser();
        var run = Runs.of(400);
        var started = new CountDownLatch(5);
        run.network()
                .setListeners(new PrivacyListener(run.engine(), 1)
                        .reportTo(new StatsStorageSink(STORAGE, "browser"))
                        .reportTo(status -> {
                            started.countDown();
                            pause(20);
                        }));
        var training = CompletableFuture.runAsync(run::fit);
        assertThat(started.await(20, TimeUnit.SECONDS)).isTrue();

        String page = dump(browser, "browser");
        training.get(60, TimeUnit.SECONDS);
        String after = dump(browser, "browser");

        long atLoad = attribute(page, "data-points-at-load");
        long shown = attribute(page, "data-points");
        assertThat(attribute(page, "data-requests")).isGreaterThan(1);
        assertThat(atLoad).isBetween(5L, 399L);
        assertThat(shown).isGreaterThan(atLoad);
        assertThat(vertices(page)).isEqualTo(shown);
        assertThat(page).contains("of 400").contains("budget 2").contains("training");
        assertThat(vertices(after)).isEqualTo(400);
        assertThat(after)
                .contains("400 of 400")
                .contains("the plan is complete")
                .contains("100 %");
    }

    @Test
    void page_statusesOfExamplesAndPatients_showTheirUnit() throws Exception {
        Path browser = browser();
        new StatsStorageSink(STORAGE, "examples").accept(Runs.STATUS);
        new StatsStorageSink(STORAGE, "patients").accept(Statuses.of("patient"));

        assertThat(dump(browser, "examples")).contains("delta 1.00e-5, add-or-remove-one, one example");
        assertThat(dump(browser, "patients")).contains("delta 1.00e-5, add-or-remove-one, one patient");
    }

    private static Path browser() {
        var browser = Stream.of("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
                .map(Path::of)
                .filter(Files::isExecutable)
                .findFirst();
        assumeTrue(
                browser.isPresent(), "SKIPPED: no Chromium on this machine, so the page was not opened in a browser");
        return browser.get();
    }

    private static void pause(long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private String dump(Path browser, String session) throws IOException, InterruptedException {
        Path out = folder.resolve("page.html");
        var command = new ArrayList<>(List.of(
                browser.toString(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                // Offline but for the server under test.
                "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost",
                "--user-data-dir=" + folder.resolve("profile"),
                "--virtual-time-budget=20000",
                "--dump-dom",
                server.getAddress() + "/privacy?session=" + session));
        var process = new ProcessBuilder(command)
                .redirectOutput(out.toFile())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        return Files.readString(out);
    }

    private static long attribute(String page, String name) {
        var matcher = Pattern.compile(name + "=\"(\\d+)\"").matcher(page);
        assertThat(matcher.find()).as(name).isTrue();
        return Long.parseLong(matcher.group(1));
    }

    /** The points of the curve of epsilon, the first path of the page. */
    private static long vertices(String page) {
        var matcher = Pattern.compile("<path d=\"([^\"]*)\"").matcher(page);
        assertThat(matcher.find()).isTrue();
        return matcher.group(1).chars().filter(c -> c == 'M' || c == 'L').count();
    }
}
