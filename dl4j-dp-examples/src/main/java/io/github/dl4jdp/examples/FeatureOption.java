// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.core.monitor.Progress;
import io.github.dl4jdp.examples.data.ImageSet;
import io.github.dl4jdp.examples.data.TrainTest;
import io.github.dl4jdp.features.FeatureExtractor;
import io.github.dl4jdp.features.FeatureFile;
import java.io.IOException;
import java.nio.file.Path;
import org.deeplearning4j.common.resources.DL4JResources;
import picocli.CommandLine.Option;

/** Where computed features are kept: a mix-in of the mains that train on features. */
final class FeatureOption {
    @Option(
            names = "--features",
            paramLabel = "DIR",
            description =
                    "Folder for the computed features, up to 1.7 GB, 3.7 GB for Cifar10ScatterNet (default: beside DeepLearning4J's data).")
    private Path folder = DL4JResources.getBaseDirectory().toPath().resolve("dl4j-dp");

    /** Computes the features of the images, or finds them in the folder, with a progress display. */
    TrainTest<FeatureSet> open(String name, FeatureExtractor extractor, TrainTest<ImageSet> images, boolean quick)
            throws IOException {
        String end = quick ? "-quick" : "";
        return new TrainTest<>(
                open(name + "-train" + end, extractor, images.train()),
                open(name + "-test" + end, extractor, images.test()));
    }

    private FeatureSet open(String name, FeatureExtractor extractor, ImageSet images) throws IOException {
        try (Progress progress = Progress.of("features, " + name, images.size())) {
            int[] shown = {0};
            Path file = folder.resolve(name + ".features");
            return new FeatureSet(
                    FeatureFile.open(file, extractor, images.asExamples(), done -> {
                        progress.advance(done - shown[0], "");
                        shown[0] = done;
                    }),
                    images);
        }
    }
}
