// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.check;

import io.github.dl4jdp.core.internal.network.DpNetwork;
import io.github.dl4jdp.core.internal.network.MaskLengths;
import io.github.dl4jdp.core.internal.plan.Truncation;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.layers.RecurrentLayer;
import org.deeplearning4j.nn.conf.BackpropType;
import org.deeplearning4j.nn.conf.layers.SelfAttentionLayer;
import org.deeplearning4j.nn.layers.DropoutLayer;
import org.deeplearning4j.nn.layers.feedforward.PReLU;
import org.deeplearning4j.nn.layers.recurrent.GravesLSTM;
import org.deeplearning4j.nn.layers.recurrent.LSTM;
import org.deeplearning4j.nn.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.layers.samediff.SameDiffLayer;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.jspecify.annotations.Nullable;

/** Finds what stands in the way of truncated backpropagation through time, or of what a plan declares of it. */
@SuppressWarnings("deprecation") // DL4J calls GravesLSTM deprecated, and networks with it exist
final class TruncationValidator {
    /** Those whose state has a row for each example, and is cleared by DL4J at the start of a lot. */
    private static final Set<Class<? extends RecurrentLayer>> CARRYING =
            Set.of(LSTM.class, GravesLSTM.class, SimpleRnn.class);

    private TruncationValidator() {}

    /** What is wrong with a network's way of backpropagation. */
    static List<String> networkProblems(DpNetwork.Backpropagation own, @Nullable Truncation declared) {
        if (declared == null) {
            return own.type() == BackpropType.TruncatedBPTT
                    ? List.of(
                            "truncated backpropagation through time makes several updates on one lot, and this plan accounts for one;"
                                    + " declare it by plan.withTruncatedBackprop(maximumLength, segmentLength), or use BackpropType.Standard")
                    : List.of();
        }
        if (own.type() != BackpropType.TruncatedBPTT) {
            return List.of(
                    "its backpropType must be TruncatedBPTT, as declared by the plan's withTruncatedBackprop, was "
                            + own.type() + "; use backpropType(BackpropType.TruncatedBPTT), or a plan without");
        }
        var problems = new ArrayList<String>();
        if (own.forward() != declared.segmentLength()) {
            problems.add("its tBPTTForwardLength must be the plan's segmentLength = " + declared.segmentLength()
                    + ", was " + own.forward() + ": it determines the number of releases a lot");
        }
        if (declared.segmentLength() == 1) {
            problems.add(
                    "the plan's segmentLength must be at least 2, was 1: DL4J treats the mask of a single time step as a mask of outputs;"
                            + " use longer segments");
        }
        if (own.forward() != own.backward()) {
            problems.add("its tBPTTBackwardLength must equal its tBPTTForwardLength = " + own.forward() + ", was "
                    + own.backward() + "; use tBPTTLength");
        }
        return problems;
    }

    /**
     * What is wrong with a layer, frozen or not, once the network cuts its time series.
     *
     * @param declared how they are cut
     */
    static List<String> layerProblems(Layer layer, Truncation declared) {
        Layer inner = layer;
        while (inner instanceof BaseWrapperLayer wrapper) {
            inner = wrapper.getUnderlying();
        }
        if (inner instanceof RecurrentLayer && !(inner == layer && CARRYING.contains(layer.getClass()))) {
            return List.of(
                    "its recurrent state may leak between examples or lots;"
                            + " with truncated backpropagation through time use LSTM, GravesLSTM or SimpleRnn, neither wrapped nor frozen");
        }
        boolean takesOneLength = inner instanceof PReLU
                || (inner instanceof SameDiffLayer && !(inner.conf().getLayer() instanceof SelfAttentionLayer));
        if (takesOneLength && declared.paddedLength() % declared.segmentLength() != 0) {
            return List.of("it takes sequences of one length, and the last segment is shorter than the "
                    + declared.segmentLength() + " time steps of the others: it would fail after the lot was charged;"
                    + " declare a maximumLength that is a multiple of segmentLength");
        }
        if (inner instanceof DropoutLayer) {
            return List.of("it fails in DL4J 1.0.0-M2.1 under the masks of truncated backpropagation through time;"
                    + " set the dropout on the layer above it, by dropOut");
        }
        return MaskLengths.hasTimeInside(inner)
                ? List.of(
                        "DL4J cuts time series along their last dimension, which is not time in its format NWC; use RNNFormat.NCW")
                : List.of();
    }
}
