// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.EpsilonDelta;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.GaussianMixture;
import io.github.dl4jdp.accountant.DpEvent.Laplace;
import io.github.dl4jdp.accountant.DpEvent.NoOp;
import io.github.dl4jdp.accountant.DpEvent.NonPrivate;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.RandomAllocation;
import io.github.dl4jdp.accountant.DpEvent.RepeatAndSelect;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampledGroup;
import java.util.List;

/** One event of each kind. */
final class SampleEvents {
    static final DpEvent GAUSSIAN = new Gaussian(1.1);

    static final List<DpEvent> ONE_OF_EACH_KIND = List.of(
            new NoOp(),
            new NonPrivate(),
            GAUSSIAN,
            new Laplace(0.3),
            new GaussianMixture(2.0, List.of(0.0, 1.0, 2.0), List.of(0.5, 0.25, 0.25)),
            new EpsilonDelta(0.5, 1e-9),
            new PoissonSampled(1.0 / 3.0, GAUSSIAN),
            new TruncatedPoissonSampled(1e-3, 60_000, 128, GAUSSIAN),
            new TruncatedPoissonSampledGroup(1e-3, 60_000, 128, 3, GAUSSIAN),
            new SampledWithoutReplacement(100_000, 256, GAUSSIAN),
            new RandomAllocation(128, GAUSSIAN),
            new SelfComposed(new PoissonSampled(0.01, GAUSSIAN), 1_234),
            new Composed(List.of(GAUSSIAN, new Composed(List.of()), new Laplace(1.0))),
            new RepeatAndSelect(GAUSSIAN, new RunCount(10, 0.5)));

    private SampleEvents() {}
}
