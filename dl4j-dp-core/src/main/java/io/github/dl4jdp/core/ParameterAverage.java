// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.internal.charging.PrivacyAccount;
import io.github.dl4jdp.core.internal.network.DpNetwork;
import java.lang.ref.WeakReference;
import java.util.Collections;
import java.util.Set;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The exponential moving average of the parameters over the lots of a run: much of the noise in single parameters cancels in it.
 *
 * <p>After lot t, with the decay d,
 *
 * <pre>
 *   average_t = (1 - d) / (1 - d^t) * sum over i = 1..t of d^(t-i) theta_i
 * </pre>
 *
 * so the first lots have their full weight, and the initial parameters have none. Training itself continues from the parameters, not from their
 * average.
 *
 * <p>It belongs to the first network that it hears: the average over two networks would be of neither's account.
 *
 * <h2>Formal guarantee</h2>
 *
 * The average is computed from released parameters alone: whatever (epsilon, delta) holds for the run holds for the run and the
 * average together (post-processing).
 *
 * <p>Source: S. De et al., Unlocking High-Accuracy Differentially Private Image Classification through Scale, 2022, section 3.3; the
 * correction of the start as in D. Kingma and J. Ba, Adam, ICLR 2015, section 3.
 */
public final class ParameterAverage extends BaseTrainingListener {
    private final double decay;

    /** Sum of the weighted parameters, in double: thousands of small increments would lose digits in float. */
    private @Nullable INDArray sum;

    private double weight;

    /** The network whose parameters are averaged. */
    private @Nullable WeakReference<Model> heard;

    /** What went into the averaged parameters. */
    private PrivacyAccount account = PrivacyAccount.EMPTY;

    /**
     * Averages over about {@code 1 / (1 - decay)} lots.
     *
     * @throws IllegalArgumentException if {@code decay} is not in {@code [0, 1)}
     */
    public ParameterAverage(double decay) {
        if (!(decay >= 0 && decay < 1)) {
            throw new IllegalArgumentException("decay must be in [0, 1), was " + decay);
        }
        this.decay = decay;
    }

    /**
     * Takes the parameters after a lot into the average.
     *
     * @throws IllegalStateException if they are those of another network than on the first lot
     */
    @Override
    public void iterationDone(Model model, int iteration, int epoch) {
        requireSameNetwork(model);
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            // A copy in any case: castTo gives a network of doubles its own parameters back.
            INDArray share = model.params().castTo(DataType.DOUBLE).mul(1 - decay);
            INDArray before = sum;
            if (before == null) {
                sum = share;
            } else {
                requireLength("the model", model, before.length());
                before.muli(decay).addi(share);
            }
            weight = decay * weight + (1 - decay);
            account = account.and(DpNetwork.of(model).account());
        }
    }

    /**
     * Writes the average into a model: into a copy of the network while it trains ({@code network.clone()}), or into the network itself
     * once its plan is done.
     *
     * @throws IllegalStateException if no lot has been trained on yet
     * @throws IllegalArgumentException if the model has another number of parameters, or the privacy account of another run than the network that was averaged
     */
    public void applyTo(Model model) {
        INDArray current = sum;
        if (current == null) {
            throw new IllegalStateException("there is no average yet: add this listener to the network and train");
        }
        requireLength("model", model, current.length());
        Set<String> runs = DpNetwork.of(model).account().sessions().keySet();
        if (!runs.isEmpty() && Collections.disjoint(runs, account.sessions().keySet())) {
            throw new IllegalArgumentException(
                    "model must be the network that was averaged, a copy of it, or one without private training; it has the privacy account of another run");
        }
        model.setParams(current.div(weight).castTo(model.params().dataType()));
        // An engine that is attached to the model must know what it has there.
        DpNetwork.of(model).release(account);
    }

    private void requireSameNetwork(Model model) {
        WeakReference<Model> first = heard;
        if (first == null) {
            heard = new WeakReference<>(model);
        } else if (first.get() != model) {
            throw new IllegalStateException(
                    "a ParameterAverage must hear one network, the one of its first lot; this is another one. Add a ParameterAverage of its own to every network");
        }
    }

    private static void requireLength(String name, Model model, long length) {
        if (model.numParams() != length) {
            throw new IllegalArgumentException(
                    name + " must have " + length + " parameters, as on the first lot, has " + model.numParams());
        }
    }
}
