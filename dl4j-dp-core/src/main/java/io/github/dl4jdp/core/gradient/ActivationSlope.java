// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.activations.IActivation;
import org.nd4j.linalg.activations.impl.ActivationIdentity;
import org.nd4j.linalg.activations.impl.ActivationReLU;
import org.nd4j.linalg.activations.impl.ActivationSigmoid;
import org.nd4j.linalg.activations.impl.ActivationTanH;

/** Activations whose derivative follows from their output, so that the forward pass need not be repeated for it. */
enum ActivationSlope {
    IDENTITY {
        @Override
        void multiply(float[] gradient, float[] output, int length) {}
    },
    RELU {
        @Override
        void multiply(float[] gradient, float[] output, int length) {
            // A step function without a branch, which the compiler vectorises; exact but for outputs below 3e-39.
            for (int i = 0; i < length; i++) {
                gradient[i] *= Math.min(output[i] * Float.MAX_VALUE, 1f);
            }
        }
    },
    TANH {
        @Override
        void multiply(float[] gradient, float[] output, int length) {
            for (int i = 0; i < length; i++) {
                gradient[i] *= 1 - output[i] * output[i];
            }
        }
    },
    SIGMOID {
        @Override
        void multiply(float[] gradient, float[] output, int length) {
            for (int i = 0; i < length; i++) {
                gradient[i] *= output[i] * (1 - output[i]);
            }
        }
    };

    /** The slope of an activation, or null if it has to be computed from the input. */
    static @Nullable ActivationSlope of(IActivation activation) {
        Class<?> type = activation.getClass();
        if (type == ActivationIdentity.class) {
            return IDENTITY;
        }
        if (type == ActivationTanH.class) {
            return TANH;
        }
        if (type == ActivationSigmoid.class) {
            return SIGMOID;
        }
        // A relu with a cap, a threshold or a slope has other derivatives.
        return type == ActivationReLU.class && activation.equals(new ActivationReLU()) ? RELU : null;
    }

    /**
     * Turns the derivative with respect to the output into that with respect to the input.
     *
     * @param gradient in and out
     * @param output the activation's output
     */
    abstract void multiply(float[] gradient, float[] output, int length);
}
