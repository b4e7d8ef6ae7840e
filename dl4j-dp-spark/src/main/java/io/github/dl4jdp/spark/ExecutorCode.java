// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import io.github.dl4jdp.core.internal.Sha256;
import io.github.dl4jdp.core.mechanism.Mechanism;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.factory.Nd4j;

/**
 * What executors run, as a hash of its classes: an executor with another version of this library could draw other lots, or clip to another norm, than the driver charges for.
 *
 * <p>In it are all classes of this module and of the core, DL4J's networks, and the layers of the network with their configurations, as the class loader finds them, in whatever jars they are.
 */
final class ExecutorCode {
    private static final String CLASS = ".class";
    private static final List<Class<?>> LIBRARY = List.of(SumShard.class, Mechanism.class);
    private static final List<Class<?>> ENGINES =
            List.of(MultiLayerNetwork.class, ComputationGraph.class, Layer.class, Nd4j.class);

    private ExecutorCode() {}

    /**
     * The hash of what trains a network here.
     *
     * @throws IllegalStateException if the classes of this library cannot be listed
     */
    static String of(Model network) {
        ClassLoader loader = SumShard.class.getClassLoader();
        try {
            SortedSet<String> classes = library();
            ENGINES.forEach(type -> classes.add(file(type)));
            layers(network).forEach(layer -> {
                addWithParents(classes, layer.getClass());
                addWithParents(classes, layer.conf().getLayer().getClass());
            });
            return hash(classes, loader);
        } catch (IOException | URISyntaxException | RuntimeException e) {
            throw new IllegalStateException(
                    "the classes of dl4j-dp-core and dl4j-dp-spark must be in jars or folders, where executors can be compared with the driver: "
                            + e.getMessage(),
                    e);
        }
    }

    private static List<Layer> layers(Model network) {
        return List.of(
                network instanceof ComputationGraph graph
                        ? graph.getLayers()
                        : ((MultiLayerNetwork) network).getLayers());
    }

    private static void addWithParents(SortedSet<String> classes, Class<?> type) {
        for (Class<?> t = type; t != null && t.getClassLoader() != null; t = t.getSuperclass()) {
            classes.add(file(t));
        }
    }

    private static String file(Class<?> type) {
        return type.getName().replace('.', '/') + CLASS;
    }

    /** The files of this library's classes: those beside {@link #LIBRARY}, in its packages and those within. */
    private static SortedSet<String> library() throws IOException, URISyntaxException {
        var files = new TreeSet<String>();
        for (Class<?> type : LIBRARY) {
            // io/github/dl4jdp/core/ for both modules' packages of depth four and more
            String[] names = type.getPackageName().split("\\.", -1);
            String prefix = String.join("/", List.of(names).subList(0, Math.min(4, names.length))) + "/";
            CodeSource source = type.getProtectionDomain().getCodeSource();
            Path place = Path.of(source.getLocation().toURI());
            if (Files.isDirectory(place)) {
                try (Stream<Path> all = Files.walk(place)) {
                    all.map(path -> place.relativize(path).toString().replace(File.separatorChar, '/'))
                            .filter(name -> isClassOf(prefix, name))
                            .forEach(files::add);
                }
            } else {
                try (var jar = new JarFile(place.toFile())) {
                    jar.stream()
                            .map(ZipEntry::getName)
                            .filter(name -> isClassOf(prefix, name))
                            .forEach(files::add);
                }
            }
        }
        return files;
    }

    private static boolean isClassOf(String prefix, String name) {
        return name.startsWith(prefix) && name.endsWith(CLASS);
    }

    /** SHA-256 of files that a class loader finds, with their names. */
    static String hash(SortedSet<String> files, ClassLoader loader) throws IOException {
        MessageDigest digest = Sha256.digest();
        for (String file : files) {
            digest.update(file.getBytes(StandardCharsets.UTF_8));
            digest.update((byte) 0);
            digest.update(Sha256.digest().digest(read(file, loader)));
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** Nothing for a class that has no file, such as a layer that a program has made as it ran. */
    private static byte[] read(String file, ClassLoader loader) throws IOException {
        try (@Nullable InputStream in = loader.getResourceAsStream(file)) {
            return in == null ? new byte[0] : in.readAllBytes();
        }
    }
}
