// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.data;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Visits of patients, made up: no hospital's records. A few patients come very often, as everywhere; what is measured at the visits of one patient is alike, and so are the outcomes.
 *
 * @param visits features [visits, 12] and one-hot labels [visits, 2]: whether the patient comes back within a month
 * @param patients whose visit each one is
 */
@SuppressWarnings("ArrayRecordComponent") // read-only, never compared
public record VisitData(DataSet visits, long[] patients) {
    /** Measurements of a visit. */
    public static final int FEATURES = 12;

    private static final int TRAITS = 4;
    private static final int MOST_VISITS = 60;

    /**
     * Visits of so many patients, the same for the same seed.
     *
     * @param patients at least 1
     */
    public static VisitData draw(int patients, long seed) {
        // How traits show in measurements is nature, the same for all patients of all seeds.
        double[][] nature = normals(new Random(1), TRAITS, FEATURES);
        var random = new Random(seed);
        List<float[]> features = new ArrayList<>();
        List<float[]> labels = new ArrayList<>();
        List<Long> owners = new ArrayList<>();
        for (long patient = 0; patient < patients; patient++) {
            double[] traits = normals(random, 1, TRAITS)[0];
            int visits = (int) Math.min(MOST_VISITS, 1 + Math.floor(Math.exp(0.5 + 1.1 * random.nextGaussian())));
            for (int visit = 0; visit < visits; visit++) {
                double mood = random.nextGaussian();
                float[] row = new float[FEATURES];
                for (int f = 0; f < FEATURES; f++) {
                    double value = 0.4 * mood + 0.7 * random.nextGaussian();
                    for (int t = 0; t < TRAITS; t++) {
                        value += traits[t] * nature[t][f];
                    }
                    row[f] = (float) Math.tanh(value / 2);
                }
                double risk = traits[0] * traits[1] + traits[2] + 0.5 * mood + 0.3 * random.nextGaussian();
                features.add(row);
                labels.add(risk > 0 ? new float[] {0, 1} : new float[] {1, 0});
                owners.add(1_000_000 + patient * 7);
            }
        }
        return new VisitData(
                new DataSet(
                        Nd4j.createFromArray(features.toArray(float[][]::new)),
                        Nd4j.createFromArray(labels.toArray(float[][]::new))),
                owners.stream().mapToLong(Long::longValue).toArray());
    }

    private static double[][] normals(Random random, int rows, int columns) {
        double[][] values = new double[rows][columns];
        for (double[] row : values) {
            for (int i = 0; i < columns; i++) {
                row[i] = random.nextGaussian();
            }
        }
        return values;
    }
}
