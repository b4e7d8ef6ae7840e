// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.Comparator;
import java.util.stream.IntStream;
import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.EigenDecompositionSymmetric;

/**
 * The directions in which drawings differ most, found for each group of numbers by itself and scaled to nearly equal variance.
 */
final class PatchComponents {
    /** Subtracted from the numbers of each group. */
    private final float[][] means;

    /** [group][i] has the weights of number i in the group's components. */
    private final float[][][] projections;

    private final int count;

    /**
     * Finds the directions.
     *
     * @param drawn for each drawing its groups of numbers, an even number of them in each
     * @param count components to keep, those of largest variance in all groups
     */
    PatchComponents(float[][][] drawn, int count) {
        this.count = count;
        int groups = drawn[0].length;
        int size = drawn[0][0].length;
        this.means = new float[groups][];
        this.projections = new float[groups][size][];
        var decompositions = new EigenDecompositionSymmetric[groups];
        IntStream.range(0, groups).parallel().forEach(group -> {
            means[group] = means(drawn, group);
            double[][] covariance = covariance(drawn, group, means[group]);
            decompositions[group] = new EigenDecompositionSymmetric(new Array2DRowRealMatrix(covariance, false));
        });
        double[] variances = new double[Math.multiplyExact(groups, size)];
        for (int i = 0; i < variances.length; i++) {
            variances[i] = Math.max(0, decompositions[i / size].getEigenvalue(i % size));
        }
        int[] order = IntStream.range(0, variances.length)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> -variances[i]))
                .mapToInt(i -> i)
                .toArray();
        int[] kept = new int[groups];
        for (int i = 0; i < count; i++) {
            kept[order[i] / size]++;
        }
        double damping = PatchOptions.COMPONENT_DAMPING * variances[order[0]];
        for (int group = 0; group < groups; group++) {
            projections[group] = projection(decompositions[group], kept[group], damping);
        }
    }

    private static float[] means(float[][][] drawn, int group) {
        float[] out = new float[drawn[0][group].length];
        for (int i = 0; i < out.length; i++) {
            double sum = 0;
            for (float[][] drawing : drawn) {
                sum += drawing[group][i];
            }
            out[i] = (float) (sum / drawn.length);
        }
        return out;
    }

    private static double[][] covariance(float[][][] drawn, int group, float[] means) {
        int size = means.length;
        double[][] sums = new double[size][size];
        double[] centered = new double[size];
        for (float[][] drawing : drawn) {
            for (int i = 0; i < size; i++) {
                centered[i] = drawing[group][i] - means[i];
            }
            // Products in this form are equal in both triangles, to the bit: the decomposition asks for that. Only
            // ratios
            // of variances matter, so the sum is not divided.
            for (int i = 0; i < size; i++) {
                double[] target = sums[i];
                for (int j = 0; j < size; j++) {
                    target[j] += centered[i] * centered[j];
                }
            }
        }
        return sums;
    }

    private static float[][] projection(EigenDecompositionSymmetric eigen, int kept, double damping) {
        float[][] out = new float[eigen.getEigenvalues().length][kept];
        for (int component = 0; component < kept; component++) {
            double scale = 1 / Math.sqrt(Math.max(0, eigen.getEigenvalue(component)) + damping);
            double[] vector = eigen.getEigenvector(component).toArray();
            for (int i = 0; i < vector.length; i++) {
                out[i][component] = (float) (scale * vector[i]);
            }
        }
        return out;
    }

    /** Components kept. */
    int count() {
        return count;
    }

    /** The components of an image's groups of numbers, in {@code to} from {@code offset} on. */
    void project(float[][] groups, float[] to, int offset) {
        int next = offset;
        for (int group = 0; group < groups.length; group++) {
            float[][] projection = projections[group];
            float[] components = new float[projection[0].length];
            for (int i = 0; i < projection.length; i += 2) {
                Rows.addScaled(
                        components,
                        projection[i],
                        groups[group][i] - means[group][i],
                        projection[i + 1],
                        groups[group][i + 1] - means[group][i + 1],
                        components.length);
            }
            System.arraycopy(components, 0, to, next, components.length);
            next += components.length;
        }
    }
}
