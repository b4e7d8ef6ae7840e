// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.internal.charging.TrainingProgress;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.deeplearning4j.nn.updater.UpdaterBlock;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.GradientUpdater;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.schedule.ISchedule;
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
public final class DpUpdater implements IUpdater {
    private static final long serialVersionUID = 1L;

    private IUpdater updater;
    private final Map<String, Object> plan;
    private Map<String, Object> progress;

    @JsonCreator
    private DpUpdater(
            @JsonProperty("updater") IUpdater updater,
            @JsonProperty("plan") Map<String, Object> plan,
            @JsonProperty("progress") @Nullable Map<String, Object> progress) {
        this.updater = updater;
        this.plan = plan;
        this.progress = progress == null ? Map.of() : progress;
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

    /** The updater that is applied to the private gradient. */
    public IUpdater updater() {
        return updater;
    }

    /** The plan under which it may run. */
    public DpSgdPlan plan() {
        return PlanJson.fromMap(plan);
    }

    /** The same, with the ledger where {@code plan} says it lies; this one, if it is for another plan. */
    DpUpdater under(DpSgdPlan plan) {
        return !plan().isSameMechanismAs(plan) ? this : new DpUpdater(updater, PlanJson.toMap(plan), progress);
    }

    /** How far the network has come under the plan. */
    TrainingProgress progress() {
        return TrainingProgress.fromMap(progress);
    }

    /** Notes how far the network has come, for whoever saves it. */
    void setProgress(TrainingProgress progress) {
        this.progress = progress.toMap();
    }

    /** Lets DL4J's updater blocks run the wrapped updaters; only the engine's own updater object does this. */
    static void drive(List<UpdaterBlock> blocks) {
        for (UpdaterBlock block : blocks) {
            UpdaterBlock.ParamState first = block.getLayersAndVariablesInBlock().get(0);
            if (first.getLayer().getConfig().getUpdaterByParam(first.getParamName()) instanceof DpUpdater own) {
                block.setGradientUpdater(
                        own.updater.instantiate(block.getUpdaterView(), block.isUpdaterViewRequiresInitialization()));
            }
        }
    }

    @Override
    public long stateSize(long numParams) {
        return updater.stateSize(numParams);
    }

    @Override
    public GradientUpdater<DpUpdater> instantiate(@Nullable INDArray viewArray, boolean initializeViewArray) {
        return new Refusing(this);
    }

    @Override
    public GradientUpdater<DpUpdater> instantiate(Map<String, INDArray> updaterState, boolean initializeStateArrays) {
        return new Refusing(this);
    }

    @Override
    @SuppressWarnings("MethodDoesntCallSuperMethod")
    public IUpdater clone() {
        return new DpUpdater(updater.clone(), plan, progress);
    }

    @Override
    public double getLearningRate(int iteration, int epoch) {
        return updater.getLearningRate(iteration, epoch);
    }

    @Override
    public boolean hasLearningRate() {
        return updater.hasLearningRate();
    }

    @Override
    public void setLrAndSchedule(double lr, @Nullable ISchedule lrSchedule) {
        updater = updater.clone();
        updater.setLrAndSchedule(lr, lrSchedule);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof DpUpdater that && updater.equals(that.updater) && plan().equals(that.plan());
    }

    @Override
    public int hashCode() {
        return Objects.hash(updater, plan());
    }

    @Override
    public String toString() {
        return "DpUpdater(" + updater + ", " + plan + ")";
    }

    /** What DL4J gets when it makes an updater by itself. */
    private static final class Refusing implements GradientUpdater<DpUpdater> {
        private final DpUpdater config;

        Refusing(DpUpdater config) {
            this.config = config;
        }

        @Override
        public DpUpdater getConfig() {
            return config;
        }

        @Override
        public void setState(Map<String, INDArray> stateMap, boolean initialize) {
            throw refusal();
        }

        @Override
        public Map<String, INDArray> getState() {
            return Map.of();
        }

        @Override
        public void setStateViewArray(
                INDArray viewArray, long[] gradientShape, char gradientOrder, boolean initialize) {
            throw refusal();
        }

        @Override
        public void applyUpdater(INDArray gradient, int iteration, int epoch) {
            throw refusal();
        }

        private static IllegalStateException refusal() {
            return new IllegalStateException(
                    "this network is configured for private training, and no PrivacyEngine drives it: it was cloned, restored,"
                            + " or its updater was replaced (setLearningRate, clear). Call PrivacyEngine.attach(network) before fit");
        }
    }
}
