// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.deeplearning4j.core.storage.StatsStorage;
import org.deeplearning4j.ui.model.storage.FileStatsStorage;
import org.deeplearning4j.ui.model.storage.InMemoryStatsStorage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PrivacyUpdateTest {
    @TempDir
    private Path folder;

    @Test
    void decode_encoded_isEqual() {
        var update = new PrivacyUpdate("run \"1\"", 12, Runs.STATUS.toJson());

        var read = new PrivacyUpdate();
        read.decode(update.encode());

        assertThat(read).usingRecursiveComparison().isEqualTo(update);
        assertThat(update.encodingLengthBytes()).isEqualTo(update.encode().length);
    }

    @Test
    void sink_inMemoryStorage_keepsEveryStatus() {
        requireEveryStatusKept(new InMemoryStatsStorage());
    }

    @Test
    void sink_fileStorage_keepsEveryStatus() throws Exception {
        var storage = new FileStatsStorage(folder.resolve("stats.db").toFile());
        try {
            requireEveryStatusKept(storage);
        } finally {
            storage.close();
        }
    }

    private static void requireEveryStatusKept(StatsStorage storage) {
        var sink = new StatsStorageSink(storage, "run");
        for (int i = 0; i < 50; i++) {
            sink.accept(Runs.STATUS);
        }

        assertThat(storage.listSessionIDs()).isEqualTo(List.of("run"));
        assertThat(storage.getAllUpdatesAfter("run", PrivacyUpdate.TYPE_ID, 0))
                .hasSize(50)
                .allSatisfy(
                        update -> assertThat(((PrivacyUpdate) update).json()).isEqualTo(Runs.STATUS.toJson()));
    }
}
