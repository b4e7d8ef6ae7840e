// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Multiplies every example by its weight, several times as fast as ND4J's broadcast over a middle dimension. */
public final class WeightedSteps {
    /** Weights from here on have all their digits as floats. */
    private static final double SMALLEST_FLOAT = 0x1p-100;

    private WeightedSteps() {}

    /**
     * Scales in place.
     *
     * @param timeMajor [T, examples, width], c order
     * @param weights one for each example
     */
    public static void multiply(INDArray timeMajor, double[] weights) {
        int examples = (int) timeMajor.size(1);
        int width = (int) timeMajor.size(2);
        int length = examples * width;
        if (timeMajor.dataType() == DataType.FLOAT) {
            var values = new float[length];
            for (long t = 0; t < timeMajor.size(0); t++) {
                HostArrays.read(timeMajor, t * length, values, length);
                for (int i = 0; i < examples; i++) {
                    scale(values, i * width, width, weights[i]);
                }
                HostArrays.write(values, timeMajor, t * length, length);
            }
        } else {
            var values = new double[length];
            for (long t = 0; t < timeMajor.size(0); t++) {
                HostArrays.read(timeMajor, t * length, values, length);
                for (int i = 0; i < examples; i++) {
                    for (int j = i * width; j < (i + 1) * width; j++) {
                        values[j] *= weights[i];
                    }
                }
                HostArrays.write(values, timeMajor, t * length, length);
            }
        }
    }

    /** Multiplies {@code length} floats from index {@code from} on by a weight that need not be in their range: the products are right to two roundings. */
    public static void scale(float[] values, int from, int length, double weight) {
        if (weight == 0 || (weight >= SMALLEST_FLOAT && weight <= 1)) {
            float factor = (float) weight;
            for (int j = from; j < from + length; j++) {
                values[j] *= factor;
            }
        } else {
            for (int j = from; j < from + length; j++) {
                values[j] = (float) (values[j] * weight);
            }
        }
    }
}
