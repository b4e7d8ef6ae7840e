// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import io.github.dl4jdp.core.activations.TemperedSigmoid;
import java.util.List;
import java.util.Set;
import org.nd4j.linalg.activations.IActivation;
import org.nd4j.linalg.activations.impl.ActivationCube;
import org.nd4j.linalg.activations.impl.ActivationELU;
import org.nd4j.linalg.activations.impl.ActivationGELU;
import org.nd4j.linalg.activations.impl.ActivationHardSigmoid;
import org.nd4j.linalg.activations.impl.ActivationHardTanH;
import org.nd4j.linalg.activations.impl.ActivationIdentity;
import org.nd4j.linalg.activations.impl.ActivationLReLU;
import org.nd4j.linalg.activations.impl.ActivationMish;
import org.nd4j.linalg.activations.impl.ActivationRationalTanh;
import org.nd4j.linalg.activations.impl.ActivationReLU;
import org.nd4j.linalg.activations.impl.ActivationReLU6;
import org.nd4j.linalg.activations.impl.ActivationRectifiedTanh;
import org.nd4j.linalg.activations.impl.ActivationSELU;
import org.nd4j.linalg.activations.impl.ActivationSigmoid;
import org.nd4j.linalg.activations.impl.ActivationSoftPlus;
import org.nd4j.linalg.activations.impl.ActivationSoftSign;
import org.nd4j.linalg.activations.impl.ActivationSwish;
import org.nd4j.linalg.activations.impl.ActivationTanH;
import org.nd4j.linalg.activations.impl.ActivationThresholdedReLU;

/** Activation functions of one number, without randomness: what a recurrent layer's gates can be built of here. */
public final class ElementwiseActivations {
    private static final Set<Class<? extends IActivation>> ELEMENTWISE = Set.of(
            ActivationCube.class,
            ActivationELU.class,
            ActivationGELU.class,
            ActivationHardSigmoid.class,
            ActivationHardTanH.class,
            ActivationIdentity.class,
            ActivationLReLU.class,
            ActivationMish.class,
            ActivationRationalTanh.class,
            ActivationReLU.class,
            ActivationReLU6.class,
            ActivationRectifiedTanh.class,
            ActivationSELU.class,
            ActivationSigmoid.class,
            ActivationSoftPlus.class,
            ActivationSoftSign.class,
            ActivationSwish.class,
            ActivationTanH.class,
            ActivationThresholdedReLU.class,
            TemperedSigmoid.class);

    private ElementwiseActivations() {}

    /** Their classes. */
    public static Set<Class<? extends IActivation>> classes() {
        return ELEMENTWISE;
    }

    /** What is wrong with an activation function inside a recurrence, with the remedy. */
    public static List<String> problems(IActivation activation) {
        return ELEMENTWISE.contains(activation.getClass())
                ? List.of()
                : List.of("inside a recurrence the activation function "
                        + activation.getClass().getSimpleName()
                        + " has no per-example rule; use TANH, SIGMOID or another elementwise function");
    }
}
