// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.benchmark;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.nd4j.linalg.dataset.DataSet;

/**
 * What {@link StepBenchmark} starts in a process of its own: times the steps of several variants in turn, or measures the memory of one.
 */
final class StepTimer {
    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final Path CLEAR = Path.of("/proc/self/clear_refs");
    private static final int MEMORY_PASSES = 4;
    private static final long MIB = 1 << 20;

    /** Process CPU time comes in units of 10 ms, so steps are timed by the block. */
    private static final double BLOCK_MILLIS = 250;

    /** Blocks before those that count, at least: the first one finds how long a block must be. */
    private static final int WARM_UP_BLOCKS = 2;

    private StepTimer() {}

    /** Arguments: {@code time|memory}, workload, batch, blocks, seconds of warming up, variants. */
    public static void main(String[] args) throws IOException {
        Workload workload = Workload.valueOf(args[1]);
        int batch = Integer.parseInt(args[2]);
        int blocks = Integer.parseInt(args[3]);
        double warmUp = Double.parseDouble(args[4]);
        List<Variant> variants =
                Arrays.stream(args, 5, args.length).map(Variant::valueOf).toList();
        if (args[0].equals(StepBenchmark.MEMORY)) {
            System.out.println(memory(workload, batch, variants.get(0)));
        } else {
            time(
                    workload,
                    batch,
                    blocks,
                    BLOCK_MILLIS,
                    warmUp,
                    variants,
                    measurement -> System.out.println(measurement.line()));
        }
        System.exit(0);
    }

    /**
     * Times the variants in turn; the slow one at the end, and only a few times.
     *
     * @param blocks that the medians are taken over
     * @param blockMillis how long a block should take; 0 for blocks of one pass
     * @param warmUp for how many seconds each variant runs before it is timed
     */
    static void time(
            Workload workload,
            int batch,
            int blocks,
            double blockMillis,
            double warmUp,
            List<Variant> variants,
            Consumer<Measurement> into) {
        DataSet data = workload.data(batch);
        List<Times> times = new ArrayList<>();
        for (Variant variant : variants) {
            if (variant != Variant.NAIVE) {
                times.add(new Times(variant, variant.pass(workload, data), blocks, blockMillis));
            }
        }
        // In turn from the start, so that the compiler sees what it will see later.
        for (int i = 0; i < WARM_UP_BLOCKS; i++) {
            times.forEach(Times::warmUp);
        }
        while (times.stream().anyMatch(each -> each.warmedUp < 1000 * warmUp)) {
            times.stream().filter(each -> each.warmedUp < 1000 * warmUp).forEach(Times::warmUp);
        }
        for (int i = 0; i < blocks; i++) {
            for (Times each : times) {
                each.measure(i);
            }
        }
        if (variants.contains(Variant.NAIVE)) {
            int few = Math.min(3, blocks);
            var naive = new Times(Variant.NAIVE, Variant.NAIVE.pass(workload, data), few, 0);
            naive.warmUp();
            for (int i = 0; i < few; i++) {
                naive.measure(i);
            }
            times.add(naive);
        }
        times.forEach(each -> into.accept(each.measurement()));
    }

    /**
     * The peak of the process's resident memory during a few passes, and how far that is above what it was before the first of them; in MiB.
     */
    private static String memory(Workload workload, int batch, Variant variant) throws IOException {
        DataSet data = workload.data(batch);
        Runnable pass = variant.pass(workload, data);
        long before = 0;
        long peak = 0;
        for (int i = 0; i < MEMORY_PASSES; i++) {
            System.gc();
            if (i == 0) {
                before = status("VmRSS:");
            }
            // Resets the high-water mark (Linux 4.0 and later).
            Files.writeString(CLEAR, "5");
            pass.run();
            peak = Math.max(peak, status("VmHWM:"));
        }
        return StepBenchmark.MEMORY + " " + peak / MIB + " " + (peak - before) / MIB;
    }

    private static long status(String key) throws IOException {
        return Files.readAllLines(STATUS).stream()
                .filter(line -> line.startsWith(key))
                .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("[^0-9]", "")))
                .findFirst()
                .orElseThrow();
    }

    /** CPU and wall times of one variant. */
    private static final class Times {
        private final double blockMillis;
        private final Variant variant;
        private final Runnable pass;
        private final double[] cpu;
        private final double[] wall;
        private int block = 1;
        private double warmedUp;

        Times(Variant variant, Runnable pass, int blocks, double blockMillis) {
            this.variant = variant;
            this.pass = pass;
            this.cpu = new double[blocks];
            this.wall = new double[blocks];
            this.blockMillis = blockMillis;
        }

        /** Runs a block that does not count, and finds how long a block must be. */
        void warmUp() {
            double millis = run()[0];
            warmedUp += millis;
            block = (int) Math.max(1, Math.ceil(blockMillis * block / millis));
        }

        void measure(int index) {
            double[] millis = run();
            wall[index] = millis[0] / steps();
            cpu[index] = millis[1] / steps();
        }

        private int steps() {
            return block * variant.steps();
        }

        /** Wall and CPU time of a block, in milliseconds. */
        private double[] run() {
            long cpuBefore = SYSTEM.getProcessCpuTime();
            long wallBefore = System.nanoTime();
            for (int i = 0; i < block; i++) {
                pass.run();
            }
            return new double[] {(System.nanoTime() - wallBefore) / 1e6, (SYSTEM.getProcessCpuTime() - cpuBefore) / 1e6
            };
        }

        Measurement measurement() {
            return new Measurement(variant, median(cpu), median(wall));
        }

        private static double median(double[] values) {
            double[] sorted = values.clone();
            Arrays.sort(sorted);
            return sorted[sorted.length / 2];
        }
    }
}
