// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.List;
import java.util.Set;
import org.nd4j.linalg.lossfunctions.ILossFunction;
import org.nd4j.linalg.lossfunctions.impl.LossBinaryXENT;
import org.nd4j.linalg.lossfunctions.impl.LossCosineProximity;
import org.nd4j.linalg.lossfunctions.impl.LossFMeasure;
import org.nd4j.linalg.lossfunctions.impl.LossHinge;
import org.nd4j.linalg.lossfunctions.impl.LossKLD;
import org.nd4j.linalg.lossfunctions.impl.LossL1;
import org.nd4j.linalg.lossfunctions.impl.LossL2;
import org.nd4j.linalg.lossfunctions.impl.LossMAE;
import org.nd4j.linalg.lossfunctions.impl.LossMAPE;
import org.nd4j.linalg.lossfunctions.impl.LossMCXENT;
import org.nd4j.linalg.lossfunctions.impl.LossMSE;
import org.nd4j.linalg.lossfunctions.impl.LossMSLE;
import org.nd4j.linalg.lossfunctions.impl.LossMixtureDensity;
import org.nd4j.linalg.lossfunctions.impl.LossMultiLabel;
import org.nd4j.linalg.lossfunctions.impl.LossNegativeLogLikelihood;
import org.nd4j.linalg.lossfunctions.impl.LossPoisson;
import org.nd4j.linalg.lossfunctions.impl.LossSparseMCXENT;
import org.nd4j.linalg.lossfunctions.impl.LossSquaredHinge;
import org.nd4j.linalg.lossfunctions.impl.LossWasserstein;

/** The loss functions that are a sum over the examples of a batch: only for them does an example have a gradient of its own. */
final class PerExampleLosses {
    private static final Set<Class<? extends ILossFunction>> SUMS_OVER_EXAMPLES = Set.of(
            LossBinaryXENT.class,
            LossCosineProximity.class,
            LossHinge.class,
            LossKLD.class,
            LossL1.class,
            LossL2.class,
            LossMAE.class,
            LossMAPE.class,
            LossMCXENT.class,
            LossMSE.class,
            LossMSLE.class,
            LossMixtureDensity.class,
            LossMultiLabel.class,
            LossNegativeLogLikelihood.class,
            LossPoisson.class,
            LossSparseMCXENT.class,
            LossSquaredHinge.class,
            LossWasserstein.class);

    private PerExampleLosses() {}

    /** Their classes. */
    static Set<Class<? extends ILossFunction>> classes() {
        return SUMS_OVER_EXAMPLES;
    }

    /** Whether the loss may change the labels it is given: LossWasserstein multiplies them by masks, and a user's loss may do anything. */
    static boolean mayWriteOnLabels(ILossFunction loss) {
        return loss.getClass() == LossWasserstein.class || !SUMS_OVER_EXAMPLES.contains(loss.getClass());
    }

    /** What is wrong with a loss function, with the remedy; empty for a sum over examples. */
    static List<String> problems(Class<?> loss, GradientRules rules) {
        if (SUMS_OVER_EXAMPLES.contains(loss) || rules.hasOptedInTo(loss)) {
            return List.of();
        }
        if (loss == LossFMeasure.class) {
            return List.of(
                    "the F-measure is a function of the whole batch and has no per-example gradients; use LossBinaryXENT");
        }
        return List.of("the loss function " + loss.getName()
                + " is not known to be a sum over examples; use one of DL4J's per-example losses, or opt in to it by a check"
                + " on real batches (GradientRules.builtIn().withPart)");
    }
}
