// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Where the data are: a mix-in of the mains whose data are not bundled. */
final class DataOption {
    @Option(
            names = "--data",
            paramLabel = "DIR",
            description = "Folder with the data (default: where DeepLearning4J keeps its own copy).")
    @Nullable
    Path folder;
}
