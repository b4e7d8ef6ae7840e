// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.internal.network.PrivateUpdater;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.shade.jackson.annotation.JsonCreator;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * The updater that stands in the configuration of a private network: another updater and the plan under which it may run.
 *
 * <pre>{@code
 * new NeuralNetConfiguration.Builder().updater(DpUpdater.of(new Adam(1e-3), plan))...
 * PrivacyEngine engine = PrivacyEngine.attach(net);
 * }</pre>
 *
 * <p>It fails closed. A network whose configuration holds it trains only while a {@link PrivacyEngine} drives it: a clone, a restored
 * file or a network whose updater was replaced throws at the first update instead of training without privacy. It is written
 * into the network's JSON, which therefore needs this library to load.
 */
public final class DpUpdater extends PrivateUpdater {
    private static final long serialVersionUID = 1L;

    @JsonCreator
    private DpUpdater(
            @JsonProperty("updater") IUpdater updater,
            @JsonProperty("plan") Map<String, Object> plan,
            @JsonProperty("progress") @Nullable Map<String, Object> progress) {
        super(updater, plan, progress);
    }

    /**
     * Wraps an updater for a network that is to be trained under {@code plan}.
     *
     * @throws IllegalArgumentException if {@code updater} is a {@code DpUpdater} already
     * @throws IllegalStateException if the plan is not complete
     */
    public static DpUpdater of(IUpdater updater, DpSgdPlan plan) {
        if (updater instanceof DpUpdater) {
            throw new IllegalArgumentException("updater must be a plain DL4J updater, was a DpUpdater");
        }
        return new DpUpdater(updater.clone(), PlanJson.toMap(plan), null);
    }

    @Override
    protected PrivateUpdater with(IUpdater other, Map<String, Object> plan, Map<String, Object> progress) {
        return new DpUpdater(other, plan, progress);
    }

    /** The plan under which it may run. */
    public DpSgdPlan plan() {
        return PlanJson.fromMap(storedPlan());
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof DpUpdater that && updater().equals(that.updater()) && plan().equals(that.plan());
    }

    @Override
    public int hashCode() {
        return Objects.hash(updater(), plan());
    }

    @Override
    public String toString() {
        return "DpUpdater(" + updater() + ", " + storedPlan() + ")";
    }
}
