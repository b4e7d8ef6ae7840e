// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.Arrays;
import java.util.stream.IntStream;

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
     * @param drawn for each drawing its groups of numbers, an even number of them in each; subtracts their means from them
     * @param count components to keep, those of largest variance in all groups
     */
    PatchComponents(float[][][] drawn, int count) {
        this.count = count;
        int groups = drawn[0].length;
        int size = drawn[0][0].length;
        this.means = new float[groups][];
        this.projections = new float[groups][][];
        float[][][] covariances = new float[groups][][];
        IntStream.range(0, groups).parallel().forEach(group -> {
            means[group] = means(drawn, group);
            covariances[group] = covariance(drawn, group, means[group]);
        });
        LeadingDirections[] directions = directions(covariances, count);
        double smallest = smallest(directions, count);
        double damping = PatchOptions.COMPONENT_DAMPING
                * Arrays.stream(directions)
                        .mapToDouble(found -> found.variances[0])
                        .max()
                        .orElseThrow();
        int left = count;
        for (int group = 0; group < groups; group++) {
            int kept = 0;
            double[] variances = directions[group].variances;
            while (kept < Math.min(variances.length, left) && variances[kept] >= smallest) {
                kept++;
            }
            left -= kept;
            projections[group] = projection(directions[group], kept, size, damping);
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

    /** The sum of products of deviations from the means; only ratios of variances matter, so it is not divided. */
    private static float[][] covariance(float[][][] drawn, int group, float[] means) {
        int size = means.length;
        float[][] out = new float[size][size];
        for (float[][] drawing : drawn) {
            Rows.addScaled(drawing[group], means, -1, size);
        }
        float[] none = new float[size];
        for (int n = 0; n < drawn.length; n += 4) {
            float[] a = drawn[n][group];
            float[] b = n + 1 < drawn.length ? drawn[n + 1][group] : none;
            float[] c = n + 2 < drawn.length ? drawn[n + 2][group] : none;
            float[] d = n + 3 < drawn.length ? drawn[n + 3][group] : none;
            for (int i = 0; i < size; i++) {
                Rows.addCombined(out[i], a, a[i], b, b[i], c, c[i], d, d[i], size);
            }
        }
        // Rounding may differ between the triangles; the decomposition asks for equality to the bit.
        for (int i = 0; i < size; i++) {
            for (int j = 0; j < i; j++) {
                out[i][j] = out[j][i];
            }
        }
        return out;
    }

    /** Enough directions of each group for the {@code count} of largest variance to be among them. */
    private static LeadingDirections[] directions(float[][][] covariances, int count) {
        int groups = covariances.length;
        int size = covariances[0].length;
        int[] wanted = new int[groups];
        Arrays.fill(wanted, Math.min(size, (count + groups - 1) / groups));
        var out = new LeadingDirections[groups];
        boolean[] open = new boolean[groups];
        Arrays.fill(open, true);
        while (anyOf(open)) {
            IntStream.range(0, groups)
                    .parallel()
                    .filter(group -> open[group])
                    .forEach(group -> out[group] = new LeadingDirections(covariances[group], wanted[group]));
            double smallest = smallest(out, count);
            for (int group = 0; group < groups; group++) {
                open[group] = wanted[group] < size && out[group].variances[wanted[group] - 1] > smallest;
                if (open[group]) {
                    wanted[group] = Math.min(size, 2 * wanted[group]);
                }
            }
        }
        return out;
    }

    private static boolean anyOf(boolean[] flags) {
        for (boolean flag : flags) {
            if (flag) {
                return true;
            }
        }
        return false;
    }

    /** The {@code count}-th largest variance of those found, or the smallest if fewer are. */
    private static double smallest(LeadingDirections[] directions, int count) {
        double[] all = Arrays.stream(directions)
                .flatMapToDouble(found -> Arrays.stream(found.variances))
                .sorted()
                .toArray();
        return all[Math.max(0, all.length - count)];
    }

    private static float[][] projection(LeadingDirections directions, int kept, int size, double damping) {
        float[][] out = new float[size][kept];
        for (int component = 0; component < kept; component++) {
            float scale = (float) (1 / Math.sqrt(directions.variances[component] + damping));
            for (int i = 0; i < size; i++) {
                out[i][component] = scale * directions.vectors[component][i];
            }
        }
        return out;
    }

    /** Components kept of each group. */
    int[] sizes() {
        return Arrays.stream(projections)
                .mapToInt(projection -> projection[0].length)
                .toArray();
    }

    /**
     * Finds the components of some images, one after the other group by group: a group's weights are read once for all of them.
     *
     * @param images for each its groups of numbers
     * @return a row of components for each image, one group's after the other
     */
    float[][] project(float[][][] images) {
        float[][] out = new float[images.length][count];
        int next = 0;
        for (int group = 0; group < projections.length; group++) {
            float[][] projection = projections[group];
            int kept = projection[0].length;
            float[][] components = new float[images.length][kept];
            for (int i = 0; i < projection.length; i += 2) {
                for (int n = 0; n < images.length; n++) {
                    float[] numbers = images[n][group];
                    Rows.addScaled(
                            components[n],
                            projection[i],
                            numbers[i] - means[group][i],
                            projection[i + 1],
                            numbers[i + 1] - means[group][i + 1],
                            kept);
                }
            }
            for (int n = 0; n < images.length; n++) {
                System.arraycopy(components[n], 0, out[n], next, kept);
            }
            next += kept;
        }
        return out;
    }
}
