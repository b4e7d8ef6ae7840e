// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.activations;

import java.util.Objects;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.activations.BaseActivationFunction;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.ops.transforms.Transforms;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * A bounded activation with a scale, a temperature and an offset, by which the range of a layer's outputs, and with it the
 * norms of the gradients above it, can be fitted to a clipping norm:
 *
 * \[ f(x) = \frac{s}{1 + e^{-T x}} - o. \]
 *
 * <p>With s = 2, T = 2 and o = 1 it is the hyperbolic tangent.
 *
 * <p>Source: N. Papernot, A. Thakurta, S. Song, S. Chien, U. Erlingsson, Tempered Sigmoid Activations for Deep Learning with
 * Differential Privacy, AAAI 2021, equation 3.
 */
public final class TemperedSigmoid extends BaseActivationFunction {
    private static final long serialVersionUID = 1L;

    private final double scale;
    private final double temperature;
    private final double offset;

    /** The hyperbolic tangent: scale 2, temperature 2, offset 1. */
    public TemperedSigmoid() {
        this(2, 2, 1);
    }

    /**
     * Another member of the family.
     *
     * @param scale s: the width of the range of outputs
     * @param temperature T: the slope in the middle is s T / 4
     * @param offset o: outputs lie between -o and s - o
     * @throws IllegalArgumentException if {@code scale} or {@code temperature} is not finite and positive, or {@code offset} is not finite
     */
    public TemperedSigmoid(
            @JsonProperty("scale") double scale,
            @JsonProperty("temperature") double temperature,
            @JsonProperty("offset") double offset) {
        this.scale = requirePositive("scale", scale);
        this.temperature = requirePositive("temperature", temperature);
        if (!(Math.abs(offset) < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("offset must be finite, was " + offset);
        }
        this.offset = offset;
    }

    private static double requirePositive(String name, double value) {
        if (value > 0 && value < Double.POSITIVE_INFINITY) {
            return value;
        }
        throw new IllegalArgumentException(name + " must be finite and > 0, was " + value);
    }

    @Override
    public INDArray getActivation(INDArray in, boolean training) {
        return Transforms.sigmoid(in.muli(temperature), false).muli(scale).subi(offset);
    }

    @Override
    public Pair<INDArray, INDArray> backprop(INDArray in, INDArray epsilon) {
        assertShape(in, epsilon);
        // f' = s T u (1 - u) with u the sigmoid.
        INDArray u = Transforms.sigmoid(in.muli(temperature), false);
        INDArray slope = u.rsub(1).muli(u).muli(scale * temperature).muli(epsilon);
        return new Pair<>(slope, null);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof TemperedSigmoid that
                && scale == that.scale
                && temperature == that.temperature
                && offset == that.offset;
    }

    @Override
    public int hashCode() {
        return Objects.hash(scale, temperature, offset);
    }

    @Override
    public String toString() {
        return "temperedsigmoid(scale=" + scale + ", temperature=" + temperature + ", offset=" + offset + ")";
    }
}
