// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.random.RandomGenerator;

/** Draws cubic Bezier curves with a round pen, its edge one pixel soft. */
final class PenStrokes {
    private static final int MOST_STROKES = 3;

    /** Control points keep this share of the side away from every border, as digits are centered in their frame. */
    private static final double MARGIN = 0.18;

    /** Radius of the pen in pixels: this much, and up to one more. */
    private static final double THINNEST = 0.8;

    /** Points along a curve: closer than a pixel on pictures of up to 60 pixels. */
    private static final int POINTS = 60;

    private static final double SOFT_EDGE = 0.5;

    private final RandomGenerator random;
    private final int height;
    private final int width;

    PenStrokes(RandomGenerator random, int height, int width) {
        this.random = random;
        this.height = height;
        this.width = width;
    }

    /** Draws the next picture, [height, width], from 0 to 1. */
    float[] next() {
        float[] picture = new float[height * width];
        int strokes = 1 + random.nextInt(MOST_STROKES);
        double radius = THINNEST + random.nextDouble();
        for (int stroke = 0; stroke < strokes; stroke++) {
            double[] columns = new double[4];
            double[] rows = new double[4];
            for (int i = 0; i < 4; i++) {
                columns[i] = within(width);
                rows[i] = within(height);
            }
            for (int point = 0; point <= POINTS; point++) {
                double t = (double) point / POINTS;
                dot(picture, bezier(rows, t), bezier(columns, t), radius);
            }
        }
        return picture;
    }

    private double within(int side) {
        return side * (MARGIN + (1 - 2 * MARGIN) * random.nextDouble());
    }

    private static double bezier(double[] p, double t) {
        double u = 1 - t;
        return u * u * u * p[0] + 3 * u * u * t * p[1] + 3 * u * t * t * p[2] + t * t * t * p[3];
    }

    private void dot(float[] picture, double row, double column, double radius) {
        int reach = (int) Math.ceil(radius + SOFT_EDGE);
        int centerRow = (int) Math.floor(row);
        int centerColumn = (int) Math.floor(column);
        for (int r = Math.max(0, centerRow - reach); r <= Math.min(height - 1, centerRow + reach); r++) {
            for (int c = Math.max(0, centerColumn - reach); c <= Math.min(width - 1, centerColumn + reach); c++) {
                double distance = Math.sqrt((r - row) * (r - row) + (c - column) * (c - column));
                float ink = (float) Math.max(0, Math.min(1, radius + SOFT_EDGE - distance));
                picture[r * width + c] = Math.max(picture[r * width + c], ink);
            }
        }
    }
}
