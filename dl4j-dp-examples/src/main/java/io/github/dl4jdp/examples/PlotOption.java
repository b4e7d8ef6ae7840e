// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Where a picture goes and how many runs stand behind each of its points: a mix-in of the mains that draw a curve. */
final class PlotOption {
    /** Looked at before a main runs: see {@link ExampleMain#call}. */
    static final String NAME = "--plot";

    @Option(
            names = "--runs",
            paramLabel = "N",
            description = "Runs at each epsilon (default: ${DEFAULT-VALUE}).",
            defaultValue = "3")
    int runs;

    @Option(names = NAME, paramLabel = "FILE", description = "The picture, a PNG file (default: ${DEFAULT-VALUE}).")
    Path file;

    PlotOption(String defaultFile) {
        this.file = Path.of(defaultFile);
    }
}
