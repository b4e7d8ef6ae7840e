// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.layers;

import io.github.dl4jdp.core.internal.arrays.EqualShapes;
import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.ParallelRanges;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Mean and scale {@code 1 / sqrt(variance + epsilon)} of every group of every row, and the passes over them. Each row is read once a pass and
 * stays in the cache.
 */
public final class GroupStatistics {
    /** @param channels of a row, which lie one after the other, {@code positions} numbers each */
    private record Shape(int groups, int channels, int positions) {
        int channelsPerGroup() {
            return channels / groups;
        }

        int groupLength() {
            return channelsPerGroup() * positions;
        }

        int length() {
            return channels * positions;
        }
    }

    /**
     * Gradients of the parameters, row by row.
     *
     * @param gamma [rows, channels]
     * @param beta [rows, channels]
     */
    public record Gradients(INDArray gamma, INDArray beta) {}

    /** Rows that a thread takes at a time. */
    private static final int BLOCK = 16;
    /** Parts of floats that are added up in single precision, number by number, by vector instructions; the rest is done in double precision. */
    private static final int PARTS = 8;

    private final Shape shape;
    /** Mean and scale of each group of each row. */
    private final double[] moments;

    private final ParallelRanges ranges;

    private GroupStatistics(Shape shape, double[] moments, ParallelRanges ranges) {
        this.shape = shape;
        this.moments = moments;
        this.ranges = ranges;
    }

    /**
     * The forward pass.
     *
     * @param x [rows, channels, ...], c order
     * @param gamma [channels]
     * @param beta [channels]
     * @param y receives the output, of the shape of x, c order
     */
    static GroupStatistics normalize(
            INDArray x, INDArray gamma, INDArray beta, int groups, double epsilon, INDArray y, ParallelRanges ranges) {
        int rows = (int) x.size(0);
        int channels = (int) x.size(1);
        var shape = new Shape(groups, channels, (int) (x.length() / rows / channels));
        var moments = new double[2 * rows * groups];
        double[] scales = gamma.toDoubleVector();
        double[] shifts = beta.toDoubleVector();
        int length = shape.length();
        ranges.run(rows, BLOCK, (worker, from, to) -> {
            if (x.dataType() == DataType.FLOAT) {
                var in = new float[length];
                var out = new float[length];
                for (int i = from; i < to; i++) {
                    HostArrays.read(x, (long) i * length, in, length);
                    normalize(in, out, scales, shifts, moments, i * groups, shape, epsilon);
                    HostArrays.write(out, y, (long) i * length, length);
                }
            } else {
                var in = new double[length];
                var out = new double[length];
                for (int i = from; i < to; i++) {
                    HostArrays.read(x, (long) i * length, in, length);
                    normalize(in, out, scales, shifts, moments, i * groups, shape, epsilon);
                    HostArrays.write(out, y, (long) i * length, length);
                }
            }
        });
        return new GroupStatistics(shape, moments, ranges);
    }

    /**
     * The backward pass.
     *
     * @param x what {@link #normalize} was given
     * @param above derivative with respect to y, of the shape of x, c order
     * @param below receives the derivative with respect to x, c order
     */
    Gradients backward(INDArray x, INDArray above, INDArray gamma, INDArray below) {
        EqualShapes.requireAbove(above, x.shape());
        int rows = (int) x.size(0);
        int length = shape.length();
        double[] scales = gamma.toDoubleVector();
        var dGamma = new double[rows][shape.channels()];
        var dBeta = new double[rows][shape.channels()];
        ranges.run(rows, BLOCK, (worker, from, to) -> {
            if (x.dataType() == DataType.FLOAT) {
                var in = new float[length];
                var eps = new float[length];
                for (int i = from; i < to; i++) {
                    HostArrays.read(x, (long) i * length, in, length);
                    HostArrays.read(above, (long) i * length, eps, length);
                    backward(in, eps, scales, moments, i * shape.groups(), shape, dGamma[i], dBeta[i]);
                    HostArrays.write(eps, below, (long) i * length, length);
                }
            } else {
                var in = new double[length];
                var eps = new double[length];
                for (int i = from; i < to; i++) {
                    HostArrays.read(x, (long) i * length, in, length);
                    HostArrays.read(above, (long) i * length, eps, length);
                    backward(in, eps, scales, moments, i * shape.groups(), shape, dGamma[i], dBeta[i]);
                    HostArrays.write(eps, below, (long) i * length, length);
                }
            }
        });
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            return new Gradients(
                    Nd4j.createFromArray(dGamma).castTo(x.dataType()),
                    Nd4j.createFromArray(dBeta).castTo(x.dataType()));
        }
    }

    private static void normalize(
            float[] x, float[] y, double[] gamma, double[] beta, double[] moments, int at, Shape s, double epsilon) {
        int length = s.groupLength();
        var folded = new float[length / PARTS];
        for (int g = 0; g < s.groups(); g++) {
            int from = g * length;
            double mean = sum(x, from, from + length, folded) / length;
            double variance = squaredDeviation(x, from, from + length, mean, folded) / length;
            double scale = 1 / Math.sqrt(variance + epsilon);
            moments[2 * (at + g)] = mean;
            moments[2 * (at + g) + 1] = scale;
            for (int c = g * s.channelsPerGroup(); c < (g + 1) * s.channelsPerGroup(); c++) {
                float factor = (float) (scale * gamma[c]);
                float shift = (float) (beta[c] - mean * scale * gamma[c]);
                for (int j = c * s.positions(); j < (c + 1) * s.positions(); j++) {
                    y[j] = x[j] * factor + shift;
                }
            }
        }
    }

    private static double sum(float[] values, int from, int to, float[] folded) {
        int part = (to - from) / PARTS;
        for (int j = 0; j < part; j++) {
            int k = from + j;
            folded[j] = ((values[k] + values[k + part]) + (values[k + 2 * part] + values[k + 3 * part]))
                    + ((values[k + 4 * part] + values[k + 5 * part]) + (values[k + 6 * part] + values[k + 7 * part]));
        }
        double rest = 0;
        for (int j = from + PARTS * part; j < to; j++) {
            rest += values[j];
        }
        double sum = rest + sum(folded, part);
        if (Double.isFinite(sum)) {
            return sum;
        }
        // Beyond the range of a float, or not finite at all.
        sum = 0;
        for (int j = from; j < to; j++) {
            sum += values[j];
        }
        return sum;
    }

    private static double sum(float[] values, int length) {
        double a = 0;
        double b = 0;
        double c = 0;
        double d = 0;
        int j = 0;
        for (; j + 3 < length; j += 4) {
            a += values[j];
            b += values[j + 1];
            c += values[j + 2];
            d += values[j + 3];
        }
        for (; j < length; j++) {
            a += values[j];
        }
        return (a + b) + (c + d);
    }

    private static double squaredDeviation(float[] values, int from, int to, double mean, float[] folded) {
        float m = (float) mean;
        int part = (to - from) / PARTS;
        for (int j = 0; j < part; j++) {
            folded[j] = 0;
        }
        for (int p = 0; p < PARTS; p++) {
            addSquares(values, from + p * part, m, folded, part);
        }
        double rest = 0;
        for (int j = from + PARTS * part; j < to; j++) {
            rest += ((double) values[j] - m) * ((double) values[j] - m);
        }
        // About m instead of the mean the squares are too large by that of their distance.
        double squares = Math.max(0, rest + sum(folded, part) - (to - from) * (m - mean) * (m - mean));
        if (squares < Double.POSITIVE_INFINITY) {
            return squares;
        }
        squares = 0;
        for (int j = from; j < to; j++) {
            squares += (values[j] - mean) * (values[j] - mean);
        }
        return squares;
    }

    private static void addSquares(float[] values, int from, float mean, float[] into, int length) {
        for (int j = 0; j < length; j++) {
            into[j] += (values[from + j] - mean) * (values[from + j] - mean);
        }
    }

    private static double dot(float[] left, float[] right, int from, int to, float[] folded) {
        int part = (to - from) / PARTS;
        for (int j = 0; j < part; j++) {
            folded[j] = 0;
        }
        for (int p = 0; p < PARTS; p++) {
            addProducts(left, right, from + p * part, folded, part);
        }
        double rest = 0;
        for (int j = from + PARTS * part; j < to; j++) {
            rest += (double) left[j] * right[j];
        }
        double sum = rest + sum(folded, part);
        if (Double.isFinite(sum)) {
            return sum;
        }
        sum = 0;
        for (int j = from; j < to; j++) {
            sum += (double) left[j] * right[j];
        }
        return sum;
    }

    private static void addProducts(float[] left, float[] right, int from, float[] into, int length) {
        for (int j = 0; j < length; j++) {
            into[j] += left[from + j] * right[from + j];
        }
    }

    /** {@code above} becomes the derivative with respect to x. */
    private static void backward(
            float[] x,
            float[] above,
            double[] gamma,
            double[] moments,
            int at,
            Shape s,
            double[] dGamma,
            double[] dBeta) {
        int length = s.groupLength();
        var folded = new float[s.positions() / PARTS];
        for (int g = 0; g < s.groups(); g++) {
            double mean = moments[2 * (at + g)];
            double scale = moments[2 * (at + g) + 1];
            double meanGradient = 0;
            double meanProduct = 0;
            for (int c = g * s.channelsPerGroup(); c < (g + 1) * s.channelsPerGroup(); c++) {
                int from = c * s.positions();
                dBeta[c] = sum(above, from, from + s.positions(), folded);
                dGamma[c] = (dot(x, above, from, from + s.positions(), folded) - mean * dBeta[c]) * scale;
                meanGradient += gamma[c] * dBeta[c] / length;
                meanProduct += gamma[c] * dGamma[c] / length;
            }
            // dx = scale (gamma d - mean(gamma d) - xhat mean(gamma d xhat)), and xhat = (x - mean) scale.
            float slope = (float) (-meanProduct * scale * scale);
            float shift = (float) (scale * (meanProduct * mean * scale - meanGradient));
            for (int c = g * s.channelsPerGroup(); c < (g + 1) * s.channelsPerGroup(); c++) {
                float factor = (float) (scale * gamma[c]);
                for (int j = c * s.positions(); j < (c + 1) * s.positions(); j++) {
                    above[j] = above[j] * factor + x[j] * slope + shift;
                }
            }
        }
    }

    private static void normalize(
            double[] x, double[] y, double[] gamma, double[] beta, double[] moments, int at, Shape s, double epsilon) {
        int length = s.groupLength();
        for (int g = 0; g < s.groups(); g++) {
            int from = g * length;
            double mean = sum(x, from, from + length) / length;
            double variance = squaredDeviation(x, from, from + length, mean) / length;
            double scale = 1 / Math.sqrt(variance + epsilon);
            moments[2 * (at + g)] = mean;
            moments[2 * (at + g) + 1] = scale;
            for (int c = g * s.channelsPerGroup(); c < (g + 1) * s.channelsPerGroup(); c++) {
                double factor = scale * gamma[c];
                double shift = beta[c] - mean * scale * gamma[c];
                for (int j = c * s.positions(); j < (c + 1) * s.positions(); j++) {
                    y[j] = x[j] * factor + shift;
                }
            }
        }
    }

    private static double sum(double[] values, int from, int to) {
        double a = 0;
        double b = 0;
        double c = 0;
        double d = 0;
        int j = from;
        for (; j + 3 < to; j += 4) {
            a += values[j];
            b += values[j + 1];
            c += values[j + 2];
            d += values[j + 3];
        }
        for (; j < to; j++) {
            a += values[j];
        }
        return (a + b) + (c + d);
    }

    private static double squaredDeviation(double[] values, int from, int to, double mean) {
        double a = 0;
        double b = 0;
        int j = from;
        for (; j + 1 < to; j += 2) {
            double first = values[j] - mean;
            double second = values[j + 1] - mean;
            a += first * first;
            b += second * second;
        }
        for (; j < to; j++) {
            double last = values[j] - mean;
            a += last * last;
        }
        return a + b;
    }

    private static double dot(double[] left, double[] right, int from, int to) {
        double a = 0;
        double b = 0;
        int j = from;
        for (; j + 1 < to; j += 2) {
            a += left[j] * right[j];
            b += left[j + 1] * right[j + 1];
        }
        for (; j < to; j++) {
            a += left[j] * right[j];
        }
        return a + b;
    }

    /** {@code above} becomes the derivative with respect to x. */
    private static void backward(
            double[] x,
            double[] above,
            double[] gamma,
            double[] moments,
            int at,
            Shape s,
            double[] dGamma,
            double[] dBeta) {
        int length = s.groupLength();
        for (int g = 0; g < s.groups(); g++) {
            double mean = moments[2 * (at + g)];
            double scale = moments[2 * (at + g) + 1];
            double meanGradient = 0;
            double meanProduct = 0;
            for (int c = g * s.channelsPerGroup(); c < (g + 1) * s.channelsPerGroup(); c++) {
                int from = c * s.positions();
                dBeta[c] = sum(above, from, from + s.positions());
                dGamma[c] = (dot(x, above, from, from + s.positions()) - mean * dBeta[c]) * scale;
                meanGradient += gamma[c] * dBeta[c] / length;
                meanProduct += gamma[c] * dGamma[c] / length;
            }
            // dx = scale (gamma d - mean(gamma d) - xhat mean(gamma d xhat)), and xhat = (x - mean) scale.
            double slope = -meanProduct * scale * scale;
            double shift = scale * (meanProduct * mean * scale - meanGradient);
            for (int c = g * s.channelsPerGroup(); c < (g + 1) * s.channelsPerGroup(); c++) {
                double factor = scale * gamma[c];
                for (int j = c * s.positions(); j < (c + 1) * s.positions(); j++) {
                    above[j] = above[j] * factor + x[j] * slope + shift;
                }
            }
        }
    }
}
