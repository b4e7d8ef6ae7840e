// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.benchmark;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.NoiseCalibration;
import io.github.dl4jdp.accountant.PrivacyAccountant;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** The accountants at 10,000 steps of four settings: a cold accountant, one more step, and calibration to epsilon 3. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class AccountantBenchmark {
    private static final double DELTA = 1e-5;
    private static final long STEPS = 10_000;

    /** The settings of the table. */
    public enum Setting {
        A(256 / 60_000.0, 1.1),
        B(0.01, 4),
        C(4096 / 50_000.0, 3),
        D(0.004, 0.6);

        private final double samplingProbability;
        private final double noiseMultiplier;

        Setting(double samplingProbability, double noiseMultiplier) {
            this.samplingProbability = samplingProbability;
            this.noiseMultiplier = noiseMultiplier;
        }

        private DpEvent step(double noise) {
            return new PoissonSampled(samplingProbability, new Gaussian(noise));
        }
    }

    @Param
    Setting setting = Setting.A;

    @Param
    AccountantKind accountant = AccountantKind.RDP;

    private DpEvent step = new DpEvent.NoOp();
    private PrivacyAccountant running = AccountantKind.RDP.create(NeighboringRelation.ADD_OR_REMOVE_ONE);

    /** An accountant that has seen 10,000 steps and has been asked. */
    @Setup
    public void prepare() {
        step = setting.step(setting.noiseMultiplier);
        running = accountant.create(NeighboringRelation.ADD_OR_REMOVE_ONE).compose(step, STEPS);
        running.epsilon(DELTA);
    }

    /** From nothing to epsilon. */
    @Benchmark
    public double cold() {
        return accountant
                .create(NeighboringRelation.ADD_OR_REMOVE_ONE)
                .compose(step, STEPS)
                .epsilon(DELTA);
    }

    /** One more step and epsilon again, as a listener asks after every iteration. */
    @Benchmark
    public double nextStep() {
        return running.compose(step).epsilon(DELTA);
    }

    /** The noise multiplier for epsilon 3. */
    @Benchmark
    public double calibration() {
        return NoiseCalibration.to(new PrivacyGuarantee(3, DELTA))
                .withAccountant(accountant)
                .noiseMultiplier(s -> new SelfComposed(setting.step(s), STEPS));
    }
}
