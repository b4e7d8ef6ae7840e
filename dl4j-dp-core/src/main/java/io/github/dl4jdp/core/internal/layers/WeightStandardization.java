// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.layers;

/**
 * The standardization of a convolution's filters, and the derivative of that.
 *
 * <p>With w the n weights of one output channel, their mean m, and the gain g of the channel,
 *
 * <pre>{@code u = s (w - m),   s = 1 / sqrt(max(sum (w - m)^2, epsilon)),   standardized weights = g u}</pre>
 *
 * <p>A gradient h with respect to the standardized weights is pulled back to
 *
 * <pre>{@code dw = g s (h - mean(h) - u <u, h>),   dg = <u, h>}</pre>
 *
 * <p>the last term without where epsilon is the larger: there s does not depend on w.
 */
public final class WeightStandardization {
    private final int outputs;
    private final int size;
    /** u of every output channel, [outputs, size]. */
    private final double[] units;

    private final double[] scales;
    private final double[] gains;
    private final boolean[] flat;

    /**
     * @param weights [outputs, size]
     * @param gains one for each output
     */
    public WeightStandardization(double[] weights, double[] gains, double epsilon) {
        this.outputs = gains.length;
        this.size = weights.length / outputs;
        this.gains = gains;
        this.units = new double[weights.length];
        this.scales = new double[outputs];
        this.flat = new boolean[outputs];
        for (int o = 0; o < outputs; o++) {
            int from = o * size;
            double mean = 0;
            for (int k = from; k < from + size; k++) {
                mean += weights[k];
            }
            mean /= size;
            double squares = 0;
            for (int k = from; k < from + size; k++) {
                units[k] = weights[k] - mean;
                squares += units[k] * units[k];
            }
            flat[o] = squares < epsilon;
            scales[o] = 1 / Math.sqrt(Math.max(squares, epsilon));
            for (int k = from; k < from + size; k++) {
                units[k] *= scales[o];
            }
        }
    }

    /** The standardized weights, [outputs, size]. */
    public double[] weights() {
        double[] standardized = new double[units.length];
        for (int k = 0; k < units.length; k++) {
            standardized[k] = gains[k / size] * units[k];
        }
        return standardized;
    }

    /**
     * Replaces a gradient with respect to the standardized weights, [outputs, size], by that with respect to the weights.
     *
     * @param gainGradient [outputs], is overwritten
     */
    public void pullBack(double[] gradient, double[] gainGradient) {
        for (int o = 0; o < outputs; o++) {
            int from = o * size;
            double mean = 0;
            double along = 0;
            for (int k = from; k < from + size; k++) {
                mean += gradient[k];
                along += gradient[k] * units[k];
            }
            mean /= size;
            gainGradient[o] = along;
            double factor = gains[o] * scales[o];
            double taken = flat[o] ? 0 : along;
            for (int k = from; k < from + size; k++) {
                gradient[k] = factor * (gradient[k] - mean - taken * units[k]);
            }
        }
    }
}
