// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import io.github.dl4jdp.core.internal.charging.TrainingProgress;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.updater.UpdaterBlock;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.GradientUpdater;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.schedule.ISchedule;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * What stands for an updater in the configuration of a private network: it carries the plan and how far the network has come, and makes updaters that refuse. Only the
 * engine's own updater object runs the one that is wrapped.
 */
public abstract class PrivateUpdater implements IUpdater {
    /** What trains copies of a network, or the network on a thread of its own, cannot be told apart from other wrong uses. */
    static final String COPIES =
            "ParallelWrapper, SparkDl4jMultiLayer and SparkComputationGraph train copies and cannot be made private: use"
                    + " PrivacyEngine in one process, or SparkPrivacyEngine of dl4j-dp-spark on a cluster";

    private static final long serialVersionUID = 1L;

    @JsonProperty("updater")
    private IUpdater updater;

    @JsonProperty("plan")
    private final Map<String, Object> plan;

    @JsonProperty("progress")
    private Map<String, Object> progress;

    /**
     * Wraps an updater.
     *
     * @param plan as plain values
     * @param progress as plain values; null and an empty map stand for none
     */
    protected PrivateUpdater(IUpdater updater, Map<String, Object> plan, @Nullable Map<String, Object> progress) {
        this.updater = updater;
        this.plan = plan;
        this.progress = progress == null ? Map.of() : progress;
    }

    /** The same class with other parts. */
    protected abstract PrivateUpdater with(IUpdater other, Map<String, Object> plan, Map<String, Object> progress);

    /** The updater that is applied to the private gradient. */
    public IUpdater updater() {
        return updater;
    }

    /** The plan as plain values. */
    protected Map<String, Object> storedPlan() {
        return plan;
    }

    /** How far the network has come under the plan. */
    TrainingProgress progress() {
        return TrainingProgress.fromMap(progress);
    }

    /** Notes how far the network has come, for saving. */
    void setProgress(TrainingProgress now) {
        progress = now.toMap();
    }

    /** Lets DL4J's updater blocks run the wrapped updaters; only the engine's own updater object does this. */
    static void drive(List<UpdaterBlock> blocks) {
        for (UpdaterBlock block : blocks) {
            UpdaterBlock.ParamState first = block.getLayersAndVariablesInBlock().get(0);
            if (first.getLayer().getConfig().getUpdaterByParam(first.getParamName()) instanceof PrivateUpdater own) {
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
    public GradientUpdater<PrivateUpdater> instantiate(@Nullable INDArray viewArray, boolean initializeViewArray) {
        return new Refusing(this);
    }

    @Override
    public GradientUpdater<PrivateUpdater> instantiate(
            Map<String, INDArray> updaterState, boolean initializeStateArrays) {
        return new Refusing(this);
    }

    @Override
    @SuppressWarnings("MethodDoesntCallSuperMethod")
    public IUpdater clone() {
        return with(updater.clone(), plan, progress);
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

    /** What DL4J gets when it makes an updater by itself. */
    private static final class Refusing implements GradientUpdater<PrivateUpdater> {
        private final PrivateUpdater config;

        Refusing(PrivateUpdater config) {
            this.config = config;
        }

        @Override
        public PrivateUpdater getConfig() {
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
                            + " or its updater was replaced (setLearningRate, clear). Call PrivacyEngine.attach(network) before fit."
                            + " " + COPIES);
        }
    }
}
