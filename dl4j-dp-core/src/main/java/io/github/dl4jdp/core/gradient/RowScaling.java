// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Multiplies every example by its weight, several times as fast as ND4J's broadcast over a middle dimension. */
final class RowScaling {
    private RowScaling() {}

    /**
     * Scales in place.
     *
     * @param timeMajor [T, examples, width], c order
     * @param weights one for each example
     */
    static void multiply(INDArray timeMajor, double[] weights) {
        int examples = (int) timeMajor.size(1);
        int width = (int) timeMajor.size(2);
        int length = examples * width;
        if (timeMajor.dataType() == DataType.FLOAT) {
            var values = new float[length];
            for (long t = 0; t < timeMajor.size(0); t++) {
                HostArrays.read(timeMajor, t * length, values, length);
                for (int i = 0; i < examples; i++) {
                    float weight = (float) weights[i];
                    for (int j = i * width; j < (i + 1) * width; j++) {
                        values[j] *= weight;
                    }
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
}
