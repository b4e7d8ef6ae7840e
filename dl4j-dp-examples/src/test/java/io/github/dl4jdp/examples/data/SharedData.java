// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.data;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;
import org.slf4j.LoggerFactory;

/** For tests that need real data: without them they are skipped, and say so in the log. */
final class SharedData {
    private SharedData() {}

    static void assumePresent(Path path) {
        if (!Files.exists(path)) {
            LoggerFactory.getLogger(SharedData.class).warn("SKIPPED, because {} does not exist", path);
            Assumptions.abort(path + " does not exist");
        }
    }
}
