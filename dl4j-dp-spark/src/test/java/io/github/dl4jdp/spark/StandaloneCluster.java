// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import scala.Tuple2;

/** Spark's standalone cluster on the loopback interface: a process for the master, for each worker and for each executor, authenticated and encrypted. */
final class StandaloneCluster implements AutoCloseable {
    private static final String HOST = "127.0.0.1";
    private static final int SECONDS = 300;

    private final Path home;
    private final List<Process> processes = new ArrayList<>();
    private final int port;
    private final boolean isProtected;

    /** Starts a master and workers of one core each. */
    StandaloneCluster(Path directory, int workers, boolean isProtected) throws IOException, InterruptedException {
        this.home = directory.resolve("spark-home");
        this.isProtected = isProtected;
        layOut();
        this.port = freePort();
        boolean isUp = false;
        try {
            start(
                    "master",
                    List.of(
                            "org.apache.spark.deploy.master.Master",
                            "--host",
                            HOST,
                            "--port",
                            String.valueOf(port),
                            "--webui-port",
                            "0"));
            await("master", "Starting Spark master");
            for (int i = 0; i < workers; i++) {
                addWorker();
            }
            isUp = true;
        } finally {
            if (!isUp) {
                close();
            }
        }
    }

    /** Executors are started from {@code SPARK_HOME/jars}. Folders of classes go on their class path. */
    private void layOut() throws IOException {
        Path jars = Files.createDirectories(home.resolve("jars"));
        for (String entry : classPath()) {
            Path file = Path.of(entry).toAbsolutePath();
            if (Files.isRegularFile(file) && !Files.exists(jars.resolve(file.getFileName()))) {
                Files.createSymbolicLink(jars.resolve(file.getFileName()), file);
            }
        }
    }

    private static List<String> classPath() {
        return List.of(System.getProperty("java.class.path").split(File.pathSeparator));
    }

    private static String folders() {
        return classPath().stream()
                .map(entry -> Path.of(entry).toAbsolutePath())
                .filter(Files::isDirectory)
                .map(Path::toString)
                .collect(Collectors.joining(File.pathSeparator));
    }

    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private Map<String, String> settings() {
        var settings = new LinkedHashMap<String, String>();
        if (isProtected) {
            settings.put("spark.authenticate", "true");
            settings.put("spark.authenticate.secret", "of this test");
            settings.put("spark.network.crypto.enabled", "true");
        }
        return settings;
    }

    Process addWorker() throws IOException, InterruptedException {
        String name = "worker" + processes.size();
        Process worker = start(
                name,
                List.of(
                        "org.apache.spark.deploy.worker.Worker",
                        "--host",
                        HOST,
                        "--cores",
                        "1",
                        "--memory",
                        "1g",
                        "--webui-port",
                        "0",
                        "--work-dir",
                        home.resolve(name).toString(),
                        master()));
        await(name, "Successfully registered with master");
        return worker;
    }

    /** A Java process with the class path of this one, and a driver's settings of Spark. */
    static Process java(Class<?> main, Map<String, String> settings, Path log, String... arguments) throws IOException {
        return java(main, System.getProperty("java.class.path"), settings, log, arguments);
    }

    /** A Java process with another class path. */
    static Process java(Class<?> main, String classPath, Path log, String... arguments) throws IOException {
        return java(main, classPath, Map.of(), log, arguments);
    }

    private static Process java(
            Class<?> main, String classPath, Map<String, String> settings, Path log, String... arguments)
            throws IOException {
        List<String> command = command("-Xmx1g", settings);
        command.addAll(List.of("-cp", classPath, main.getName()));
        command.addAll(List.of(arguments));
        var builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
        builder.environment().put("SPARK_LOCAL_IP", HOST);
        return builder.start();
    }

    private static List<String> command(String heap, Map<String, String> settings) {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add(heap);
        System.getProperties().stringPropertyNames().stream()
                .filter(key -> key.equals("java.io.tmpdir"))
                .forEach(key -> command.add("-D" + key + "=" + System.getProperty(key)));
        settings.forEach((key, value) -> command.add("-D" + key + "=" + value));
        command.addAll(opens());
        return command;
    }

    private Process start(String name, List<String> main) throws IOException {
        List<String> command = command("-Xmx512m", settings());
        command.add("-Dlog4j2.configurationFile=org/apache/spark/log4j2-defaults.properties");
        command.add("-cp");
        command.add(folders() + File.pathSeparator + home.resolve("jars").resolve("*"));
        command.addAll(main);
        var builder = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log(name).toFile());
        builder.environment().put("SPARK_HOME", home.toString());
        builder.environment().put("SPARK_LOCAL_IP", HOST);
        builder.environment().put("SPARK_SCALA_VERSION", scalaVersion());
        Process process = builder.start();
        processes.add(process);
        return process;
    }

    private static String scalaVersion() {
        return classPath().stream().anyMatch(entry -> entry.contains("spark-core_2.12")) ? "2.12" : "2.13";
    }

    private static List<String> opens() {
        return java.lang.management.ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(argument -> argument.startsWith("--add-opens"))
                .toList();
    }

    private Path log(String name) {
        return home.resolve(name + ".log");
    }

    private void await(String name, String text) throws IOException, InterruptedException {
        for (int i = 0; i < SECONDS * 10; i++) {
            if (Files.exists(log(name)) && Files.readString(log(name)).contains(text)) {
                return;
            }
            TimeUnit.MILLISECONDS.sleep(100);
        }
        throw new IllegalStateException(name + " did not start: " + Files.readString(log(name)));
    }

    String master() {
        return "spark://" + HOST + ":" + port;
    }

    /** Of a driver in this process. */
    SparkConf conf() {
        var conf = new SparkConf(false)
                .setMaster(master())
                .setAppName("dl4j-dp")
                .set("spark.ui.enabled", "false")
                .set("spark.driver.host", HOST)
                .set("spark.driver.bindAddress", HOST)
                .set("spark.executor.memory", "800m")
                .set("spark.executor.cores", "1")
                .set("spark.executor.extraClassPath", folders())
                .set("spark.executorEnv.OMP_NUM_THREADS", "1");
        settings().forEach(conf::set);
        if (isProtected) {
            conf.set("spark.io.encryption.enabled", "true");
        }
        return conf;
    }

    /** The same, as system properties. */
    Map<String, String> settingsOfADriver() {
        return Arrays.stream(conf().getAll()).collect(Collectors.toMap(Tuple2::_1, Tuple2::_2));
    }

    JavaSparkContext connect(SparkConf conf) {
        return new JavaSparkContext(conf);
    }

    /** The executors of this cluster that are alive. */
    List<ProcessHandle> executors() {
        return processes.stream()
                .flatMap(process -> process.toHandle().children())
                .filter(ProcessHandle::isAlive)
                .toList();
    }

    @Override
    public void close() {
        var all = processes.stream()
                .flatMap(process -> Stream.concat(process.toHandle().descendants(), Stream.of(process.toHandle())))
                .toList();
        all.forEach(ProcessHandle::destroyForcibly);
    }
}
