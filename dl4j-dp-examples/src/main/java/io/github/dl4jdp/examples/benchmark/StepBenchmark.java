// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.benchmark;

import com.sun.management.OperatingSystemMXBean;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.ExecutionOptions;
import io.github.dl4jdp.core.PrivacyEngine;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * Times one training step, private and plain, in turn in one process, and prints medians. Threads follow {@code OMP_NUM_THREADS}.
 */
@Command(
        name = "StepBenchmark",
        mixinStandardHelpOptions = true,
        description = "Times a private step against plain DL4J's.")
public final class StepBenchmark implements Callable<Integer> {
    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    @Parameters(
            paramLabel = "WORKLOAD",
            description = "What to time: ${COMPLETION-CANDIDATES} (default: all).",
            arity = "0..*")
    private List<Workload> workloads = List.of(Workload.values());

    @Option(
            names = "--steps",
            description = "Timed steps of each variant (default: ${DEFAULT-VALUE}).",
            defaultValue = "15")
    private int steps;

    @Option(names = "--only", description = "Leave the other variant out: plain or private.")
    private String only = "";

    private StepBenchmark() {}

    /** Runs the benchmark. */
    public static void main(String[] args) {
        System.exit(new CommandLine(new StepBenchmark()).execute(args));
    }

    @Override
    public Integer call() {
        System.out.println("| workload | batch | variant | CPU ms | wall ms | examples/s |");
        System.out.println("|---|---|---|---|---|---|");
        for (Workload workload : workloads) {
            time(workload);
        }
        return 0;
    }

    private void time(Workload workload) {
        DataSet data = workload.data();
        MultiLayerNetwork plainNetwork = workload.network();
        MultiLayerNetwork privateNetwork = workload.network();
        // Every lot is the whole batch, so that both variants do the same work.
        var plan = DpSgdPlan.poisson(workload.batch(), workload.batch())
                .withSteps(Integer.MAX_VALUE)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5);
        var engine = PrivacyEngine.attach(
                privateNetwork, plan, ExecutionOptions.defaults().withPhysicalBatchSize(workload.batch()));
        DataSetIterator lots = engine.lots(data);
        var plainTimes = new Times();
        var privateTimes = new Times();
        int warmUp = Math.max(3, steps / 3);
        for (int i = -warmUp; i < steps; i++) {
            if (!only.equals("private")) {
                plainTimes.measure(i, () -> plainNetwork.fit(data));
            }
            if (!only.equals("plain")) {
                lots.reset();
                DataSet lot = lots.next();
                privateTimes.measure(i, () -> privateNetwork.fit(lot));
            }
        }
        plainTimes.print(workload, "plain DL4J", steps);
        privateTimes.print(workload, "private", steps);
    }

    /** CPU and wall times of the steps of one variant. */
    private final class Times {
        private final double[] cpu = new double[steps];
        private final double[] wall = new double[steps];

        void measure(int step, Runnable body) {
            long cpuBefore = SYSTEM.getProcessCpuTime();
            long wallBefore = System.nanoTime();
            body.run();
            if (step >= 0) {
                wall[step] = (System.nanoTime() - wallBefore) / 1e6;
                cpu[step] = (SYSTEM.getProcessCpuTime() - cpuBefore) / 1e6;
            }
        }

        void print(Workload workload, String variant, int count) {
            double wallMedian = median(wall, count);
            System.out.println(String.format(
                    Locale.ROOT,
                    "| %s | %d | %s | %.1f | %.1f | %.0f |",
                    workload,
                    workload.batch(),
                    variant,
                    median(cpu, count),
                    wallMedian,
                    1000 * workload.batch() / wallMedian));
        }

        private static double median(double[] values, int count) {
            double[] sorted = Arrays.copyOf(values, count);
            Arrays.sort(sorted);
            return sorted[count / 2];
        }
    }
}
