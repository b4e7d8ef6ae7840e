// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.activations.IActivation;
import org.nd4j.linalg.activations.impl.ActivationIdentity;
import org.nd4j.linalg.activations.impl.ActivationReLU;
import org.nd4j.linalg.activations.impl.ActivationSigmoid;
import org.nd4j.linalg.activations.impl.ActivationTanH;

/**
 * Activations whose derivative follows from their output, so that the forward pass need not be repeated for it.
 */
public enum CpuActivation {
    IDENTITY {
        @Override
        public void apply(float[] values, int from, int length) {}

        @Override
        public void multiplySlope(float[] gradient, float[] output, int length) {}
    },
    RELU {
        @Override
        public void apply(float[] values, int from, int length) {
            for (int i = from; i < from + length; i++) {
                values[i] = Math.max(values[i], 0f);
            }
        }

        @Override
        public void multiplySlope(float[] gradient, float[] output, int length) {
            // A step function without a branch, which the compiler vectorizes; exact but for outputs below 3e-39.
            for (int i = 0; i < length; i++) {
                gradient[i] *= Math.min(output[i] * Float.MAX_VALUE, 1f);
            }
        }
    },
    TANH {
        @Override
        public void apply(float[] values, int from, int length) {
            tanh(values, from, length);
        }

        @Override
        public void multiplySlope(float[] gradient, float[] output, int length) {
            for (int i = 0; i < length; i++) {
                gradient[i] *= 1 - output[i] * output[i];
            }
        }
    },
    SIGMOID {
        /** {@code 1/2 + 1/2 tanh(z/2)}. */
        @Override
        public void apply(float[] values, int from, int length) {
            for (int i = from; i < from + length; i++) {
                values[i] *= 0.5f;
            }
            tanh(values, from, length);
            for (int i = from; i < from + length; i++) {
                values[i] = 0.5f + 0.5f * values[i];
            }
        }

        @Override
        public void multiplySlope(float[] gradient, float[] output, int length) {
            for (int i = 0; i < length; i++) {
                gradient[i] *= output[i] * (1 - output[i]);
            }
        }
    };

    /** Values that stay in the first-level cache from one loop to the next: a good length for {@link #apply}. */
    public static final int CHUNK = 1024;

    /** Beyond, tanh is 1 in float, and the approximation is no longer monotone. */
    private static final float SATURATION = 7.905311f;

    /** An activation function of this kind, or null if its derivative has to be computed from the input. */
    public static @Nullable CpuActivation of(IActivation activation) {
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
     * Applies the function in place; within 1e-6 of the exact value.
     *
     * @param values of which {@code length} from index {@code from} on are replaced
     */
    public abstract void apply(float[] values, int from, int length);

    /**
     * Turns the derivative with respect to the output into that with respect to the input.
     *
     * @param gradient in and out
     * @param output the activation's output
     */
    public abstract void multiplySlope(float[] gradient, float[] output, int length);

    /**
     * A quotient of polynomials in x, of degree 13 and 6: the one of Eigen's {@code ptanh}, which is within 3e-7 of the exact value. NaN stays NaN.
     */
    private static void tanh(float[] x, int from, int length) {
        for (int i = from; i < from + length; i++) {
            x[i] = Math.max(Math.min(x[i], SATURATION), -SATURATION);
        }
        for (int i = from; i < from + length; i++) {
            float s = x[i] * x[i];
            float p = ((((((-2.7607684e-16f * s + 2.000188e-13f) * s - 8.604672e-11f) * s + 5.1222973e-8f) * s
                                                            + 1.48572235e-5f)
                                                    * s
                                            + 6.3726195e-4f)
                                    * s
                            + 4.8935246e-3f)
                    * x[i];
            x[i] = p / (((1.1982584e-6f * s + 1.1853471e-4f) * s + 2.2684347e-3f) * s + 4.893525e-3f);
        }
    }
}
