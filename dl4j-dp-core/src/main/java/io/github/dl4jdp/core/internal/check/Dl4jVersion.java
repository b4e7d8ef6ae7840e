// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.check;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URL;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Finds a DL4J or ND4J of another version than the one whose code the library was read and tested against. */
public final class Dl4jVersion {
    private static final Logger log = LoggerFactory.getLogger(Dl4jVersion.class);

    static final String SUPPORTED = "1.0.0-M2.1";

    /** Group and artifact of what the library hooks into; each jar names its version in META-INF/maven. */
    private static final List<String> ARTIFACTS =
            List.of("org.deeplearning4j/deeplearning4j-nn", "org.nd4j/nd4j-api", "org.nd4j/nd4j-native");

    /** Without a backend of this name there is another one. */
    private static final String OPTIONAL = "org.nd4j/nd4j-native";

    private Dl4jVersion() {}

    /** What is wrong with the DL4J on the class path. */
    public static List<String> problems() {
        return problems(MultiLayerNetwork.class.getClassLoader());
    }

    /** What is wrong with the DL4J that {@code loader} finds; a version that cannot be told is a warning in the log. */
    public static List<String> problems(ClassLoader loader) {
        var problems = new ArrayList<String>();
        for (String artifact : ARTIFACTS) {
            Set<String> versions = versions(loader, artifact);
            if (versions.isEmpty() && !artifact.equals(OPTIONAL)) {
                log.warn(
                        "The version of {} cannot be determined from the class path; the guarantee was checked with {} only.",
                        artifact,
                        SUPPORTED);
            }
            for (String version : versions) {
                if (!version.equals(SUPPORTED)) {
                    problems.add("the version of " + artifact + " on the class path must be " + SUPPORTED + ", was "
                            + version + ": another version may run code that the library does not know; use "
                            + SUPPORTED
                            + " of all of DL4J and ND4J");
                }
            }
        }
        return problems;
    }

    private static Set<String> versions(ClassLoader loader, String artifact) {
        var versions = new LinkedHashSet<String>();
        try {
            for (URL url : Collections.list(loader.getResources("META-INF/maven/" + artifact + "/pom.properties"))) {
                var properties = new Properties();
                var connection = url.openConnection();
                connection.setUseCaches(false);
                try (InputStream in = connection.getInputStream()) {
                    properties.load(in);
                }
                String version = properties.getProperty("version");
                if (version != null) {
                    versions.add(version.strip());
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("the class path cannot be read", e);
        }
        return versions;
    }
}
