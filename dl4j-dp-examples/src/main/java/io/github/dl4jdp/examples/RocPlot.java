// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.audit.RocCurve;
import java.awt.BasicStroke;
import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Curves of true against false positive rates, both on logarithmic axes: the lower left corner is where attackers are sure. */
final class RocPlot {
    private static final int SIZE = 700;
    /** Points of a curve that are drawn: more would not be seen. */
    private static final int POINTS = 400;
    /** Points of a dashed line: the dashes begin anew at each. */
    private static final int LIMIT_POINTS = 60;

    private final XYChart chart;
    private final double least;

    /**
     * @param least where the axes begin: the false positive rate below which nothing is known
     */
    RocPlot(String title, double least) {
        this.least = least;
        this.chart = new XYChartBuilder()
                .width(SIZE)
                .height(SIZE)
                .title(title)
                .xAxisTitle("false positive rate")
                .yAxisTitle("true positive rate")
                .build();
        chart.getStyler()
                .setXAxisLogarithmic(true)
                .setYAxisLogarithmic(true)
                .setXAxisMin(least)
                .setXAxisMax(1.0)
                .setYAxisMin(least)
                .setYAxisMax(1.0)
                .setLegendPosition(LegendPosition.InsideSE);
        chart.getStyler().setChartBackgroundColor(Color.WHITE);
    }

    /** Adds what an attack achieved. */
    RocPlot curve(String name, RocCurve curve, Color color) {
        double[] x = curve.falsePositiveRates();
        double[] y = curve.truePositiveRates();
        var drawnX = new ArrayList<Double>();
        var drawnY = new ArrayList<Double>();
        double next = least;
        for (int i = 0; i < x.length; i++) {
            boolean isCorner = i + 1 == x.length || x[i + 1] > x[i];
            if (isCorner && x[i] >= next && y[i] >= least) {
                drawnX.add(x[i]);
                drawnY.add(y[i]);
                next = x[i] * Math.pow(1 / least, 1.0 / POINTS);
            }
        }
        return line(name, drawnX, drawnY, new BasicStroke(2), color);
    }

    /** Adds a function of the false positive rate, dashed: guessing, or the most that a theorem allows. */
    RocPlot limit(String name, DoubleUnaryOperator truePositiveRate, Color color) {
        var x = new ArrayList<Double>();
        var y = new ArrayList<Double>();
        for (int i = 0; i <= LIMIT_POINTS; i++) {
            double rate = Math.min(1, least * Math.pow(1 / least, (double) i / LIMIT_POINTS));
            x.add(rate);
            y.add(Math.max(least, truePositiveRate.applyAsDouble(rate)));
        }
        var dashed = new BasicStroke(2, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 10, new float[] {7, 5}, 0);
        return line(name, x, y, dashed, color);
    }

    private RocPlot line(String name, List<Double> x, List<Double> y, BasicStroke stroke, Color color) {
        if (!x.isEmpty()) {
            XYSeries series = chart.addSeries(name, x, y);
            series.setMarker(SeriesMarkers.NONE);
            series.setLineStyle(stroke);
            series.setLineColor(color);
        }
        return this;
    }

    /** Writes the picture. */
    void save(Path png) throws IOException {
        BitmapEncoder.saveBitmap(chart, png.toString(), BitmapFormat.PNG);
    }
}
