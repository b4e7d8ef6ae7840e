// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.benchmark;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** A build of ND4J's native library. */
enum Natives {
    /** The one that {@code nd4j-native-platform} brings. */
    STOCK,
    /** One with oneDNN: the classifiers {@code linux-x86_64-onednn}, {@code -onednn-avx2}, {@code -onednn-avx512} and their like. */
    ONEDNN;

    private static final String WITH_ONEDNN = "-onednn";

    /** What is timed with this build, the measure of the others first. */
    List<Variant> variants() {
        return List.of(this == STOCK ? Variant.PLAIN : Variant.HELPED, Variant.PRIVATE);
    }

    String title() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Whether the class path has this build. */
    boolean isOn(List<String> classPath) {
        return this == STOCK || classPath.stream().anyMatch(Natives::hasOneDnn);
    }

    /** The class path with this build and no other. */
    List<String> choose(List<String> classPath) {
        Stream<String> entries = classPath.stream();
        return (this == STOCK ? entries.filter(entry -> !hasOneDnn(entry)) : entries.filter(entry -> !isStock(entry)))
                .toList();
    }

    private static boolean hasOneDnn(String entry) {
        return entry.contains("nd4j-native-") && entry.contains(WITH_ONEDNN);
    }

    /** Such as nd4j-native-1.0.0-M2.1-linux-x86_64.jar: the jar of a platform, without an extension. */
    private static boolean isStock(String entry) {
        String file = entry.substring(Math.max(entry.lastIndexOf('/'), entry.lastIndexOf('\\')) + 1);
        return file.startsWith("nd4j-native-1")
                && !hasOneDnn(entry)
                && Arrays.stream(new String[] {"x86_64.jar", "arm64.jar", "ppc64le.jar"})
                        .anyMatch(file::endsWith);
    }
}
