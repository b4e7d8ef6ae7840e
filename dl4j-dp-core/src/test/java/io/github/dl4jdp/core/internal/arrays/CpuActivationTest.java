// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Objects;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.activations.impl.ActivationReLU;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class CpuActivationTest {
    private static final float[] SPECIAL = {
        0f,
        -0f,
        1e-38f,
        -1e-38f,
        1e-7f,
        -1e-7f,
        7.9f,
        -7.9f,
        8f,
        20f,
        -20f,
        90f,
        -90f,
        1e30f,
        -1e30f,
        Float.POSITIVE_INFINITY,
        Float.NEGATIVE_INFINITY
    };

    private static float[] inputs() {
        var x = new float[CpuActivation.CHUNK];
        for (int i = 0; i < x.length; i++) {
            x[i] = (i - x.length / 2) * 0.02f;
        }
        System.arraycopy(SPECIAL, 0, x, 0, SPECIAL.length);
        return x;
    }

    private static float[] applied(CpuActivation activation, float[] x) {
        float[] y = x.clone();
        activation.apply(y, 0, y.length);
        return y;
    }

    private static void check(CpuActivation activation, DoubleUnaryOperator exact) {
        float[] x = inputs();
        float[] y = applied(activation, x);
        for (int i = 0; i < x.length; i++) {
            assertThat((double) y[i]).as("at %s", x[i]).isCloseTo(exact.applyAsDouble(x[i]), within(1e-6));
        }
    }

    @Test
    void apply_tanh_withinAMillionth() {
        check(CpuActivation.TANH, Math::tanh);
    }

    @Test
    void apply_tanhOfSmallNumbers_keepsRelativePrecision() {
        float[] x = {1e-3f, -1e-3f, 1e-6f, 1e-20f};

        float[] y = applied(CpuActivation.TANH, x);

        for (int i = 0; i < x.length; i++) {
            assertThat((double) y[i]).isCloseTo(Math.tanh(x[i]), within(5e-7 * Math.abs(x[i])));
        }
    }

    @Test
    void apply_sigmoid_withinAMillionth() {
        check(CpuActivation.SIGMOID, z -> 1 / (1 + Math.exp(-z)));
    }

    @Test
    void apply_relu_exact() {
        float[] x = inputs();
        float[] y = applied(CpuActivation.RELU, x);
        for (int i = 0; i < x.length; i++) {
            assertThat(y[i] == Math.max(x[i], 0)).as("at %s", x[i]).isTrue();
        }
    }

    @Test
    void apply_nan_staysNan() {
        for (CpuActivation activation : CpuActivation.values()) {
            assertThat(applied(activation, new float[] {1f, Float.NaN})[1]).isNaN();
        }
    }

    @Test
    void multiplySlope_everyActivation_equalsNd4j() {
        for (Activation name :
                new Activation[] {Activation.IDENTITY, Activation.RELU, Activation.TANH, Activation.SIGMOID}) {
            CpuActivation activation = Objects.requireNonNull(CpuActivation.of(name.getActivationFunction()));
            INDArray x = Nd4j.linspace(-4, 4, 1000).castTo(DataType.FLOAT).reshape(1, 1000);
            INDArray epsilon = Nd4j.linspace(1, 2, 1000).castTo(x.dataType()).reshape(1, 1000);
            float[] gradient = epsilon.toFloatVector();

            activation.multiplySlope(gradient, applied(activation, x.toFloatVector()), gradient.length);

            float[] expected = name.getActivationFunction()
                    .backprop(x.dup(), epsilon.dup())
                    .getFirst()
                    .toFloatVector();
            assertThat(gradient).containsExactly(expected, within(4e-6f));
        }
    }

    @Test
    void of_reluWithSlope_isNull() {
        assertThat(CpuActivation.of(new ActivationReLU(null, null, 0.1))).isNull();
    }
}
