// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.benchmark;

import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * Times one training step: private, plain, plain with oneDNN, and private by batches of one. Variants are timed in turn in one process for each
 * workload, number of threads and build of ND4J's native library; memory is measured for each variant in a process of its own.
 */
@Command(
        name = "StepBenchmark",
        mixinStandardHelpOptions = true,
        description = "Times a private step against plain DL4J's.")
public final class StepBenchmark implements Callable<Integer> {
    /** Starts the line that a process writes about its memory. */
    static final String MEMORY = "memory";

    @Parameters(
            paramLabel = "WORKLOAD",
            description = "What to time: ${COMPLETION-CANDIDATES} (default: all).",
            arity = "0..*")
    private List<Workload> workloads = List.of(Workload.values());

    @Option(
            names = "--blocks",
            description = "Blocks of about 250 ms, over which the median is taken (default: ${DEFAULT-VALUE}).",
            defaultValue = "15")
    private int blocks;

    @Option(
            names = "--warm-up",
            paramLabel = "SECONDS",
            description =
                    "For how long each variant runs before it is timed: Java's compiler is at work for the first thousand steps (default: ${DEFAULT-VALUE}).",
            defaultValue = "15")
    private double warmUp;

    @Option(
            names = "--threads",
            split = ",",
            description = "Numbers of threads, such as 1,2 (default: ${DEFAULT-VALUE}).",
            defaultValue = "1,2")
    private int[] threads = {};

    @Option(names = "--batch", description = "Batch size instead of the workload's own.")
    private int batch;

    @Option(names = "--no-memory", description = "Do not measure the peak memory.")
    private boolean withoutMemory;

    @Option(names = "--naive", description = "Time private steps by batches of one too: up to 300 times slower.")
    private boolean naive;

    @Option(
            names = "--heap",
            description = "Java heap of the processes that are timed (default: ${DEFAULT-VALUE}).",
            defaultValue = "3g")
    private String heap = "";

    @Spec
    private CommandSpec spec = CommandSpec.create();

    private StepBenchmark() {}

    /** Runs the benchmark. */
    public static void main(String[] args) {
        System.exit(commandLine().execute(args));
    }

    /** The command, for {@link #main} and for tests. */
    static CommandLine commandLine() {
        return new CommandLine(new StepBenchmark());
    }

    @Override
    public Integer call() {
        List<String> classPath = classPath();
        PrintWriter out = spec.commandLine().getOut();
        out.println("| workload | batch | threads | natives | variant | CPU ms | of plain | wall ms | examples/s"
                + " | peak MiB | of plain | for the steps MiB |");
        out.println("|---|---|---|---|---|---|---|---|---|---|---|---|");
        for (Workload workload : workloads) {
            for (int count : threads) {
                for (Natives natives : Natives.values()) {
                    if (natives.isOn(classPath)) {
                        measure(new Setting(workload, count, natives, classPath), out);
                    }
                }
            }
        }
        return 0;
    }

    /** What the variants of a process have in common. */
    private record Setting(Workload workload, int threads, Natives natives, List<String> classPath) {}

    private int examples(Workload workload) {
        return batch > 0 ? batch : workload.batch();
    }

    private void measure(Setting setting, PrintWriter out) {
        int examples = examples(setting.workload);
        boolean isFirst = setting.threads == threads[0];
        List<Variant> variants = new ArrayList<>(setting.natives.variants());
        if (naive && setting.natives == Natives.STOCK && isFirst) {
            variants.add(Variant.NAIVE);
        }
        List<Measurement> times = run("time", setting, variants).stream()
                .flatMap(line -> Measurement.parse(line).stream())
                .toList();
        if (times.size() != variants.size()) {
            throw new IllegalStateException("the process that times " + setting.workload + " gave " + times.size()
                    + " of " + variants.size() + " results");
        }
        long plainPeak = 0;
        for (Measurement time : times) {
            String memory = " | | ";
            if (!withoutMemory && isFirst && time.variant() != Variant.NAIVE) {
                String[] mib = memory(setting, time.variant());
                long peak = Long.parseLong(mib[1]);
                plainPeak = time.variant() == variants.get(0) ? peak : plainPeak;
                memory = String.join(" | ", mib[1], format("%.2f", (double) peak / plainPeak), mib[2]);
            }
            out.println(String.join(
                    " | ",
                    "| " + setting.workload,
                    Integer.toString(examples),
                    Integer.toString(setting.threads),
                    setting.natives.title(),
                    time.variant().title(),
                    format("%.1f", time.cpu()),
                    format("%.3f", time.cpu() / times.get(0).cpu()),
                    format("%.1f", time.wall()),
                    format("%.0f", 1000 * examples / time.wall()),
                    memory + " |"));
            out.flush();
        }
    }

    /** What {@code StepTimer} says of one variant's memory, word by word. */
    private String[] memory(Setting setting, Variant variant) {
        return run(MEMORY, setting, List.of(variant)).stream()
                .filter(line -> line.startsWith(MEMORY + " "))
                .map(line -> line.split(" ", -1))
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("no memory measured for " + setting.workload));
    }

    /** Runs {@link StepTimer} in a process of its own and returns what it printed. */
    private List<String> run(String what, Setting setting, List<Variant> variants) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx" + heap,
                // A young generation as large as it pleases would hide what a step needs.
                "-Xmn32m",
                "-XX:+UseSerialGC",
                "-cp",
                String.join(File.pathSeparator, setting.natives.choose(setting.classPath)),
                StepTimer.class.getName(),
                what,
                setting.workload.name(),
                Integer.toString(examples(setting.workload)),
                Integer.toString(blocks),
                Double.toString(warmUp)));
        variants.forEach(variant -> command.add(variant.name()));
        var builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD);
        builder.environment().put("OMP_NUM_THREADS", Integer.toString(setting.threads));
        try {
            Process process = builder.start();
            List<String> lines = process.inputReader().lines().toList();
            if (process.waitFor() != 0) {
                throw new IllegalStateException("failed: " + String.join(" ", command));
            }
            return lines;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while " + setting.workload + " was timed", e);
        }
    }

    /** The class path of this class, also where Maven runs it in its own process. */
    private static List<String> classPath() {
        if (StepBenchmark.class.getClassLoader() instanceof URLClassLoader loader) {
            return Arrays.stream(loader.getURLs()).map(StepBenchmark::file).toList();
        }
        return List.of(System.getProperty("java.class.path").split(File.pathSeparator, -1));
    }

    private static String file(URL url) {
        try {
            return Path.of(url.toURI()).toString();
        } catch (URISyntaxException e) {
            throw new IllegalStateException("not a file: " + url, e);
        }
    }

    private static String format(String pattern, double value) {
        return String.format(Locale.ROOT, pattern, value);
    }
}
