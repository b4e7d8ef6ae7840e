// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.lines.SeriesLines;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Accuracies that were reached at several epsilons, as a table and as a picture. */
final class UtilityCurve {
    private static final int WIDTH = 800;
    private static final int HEIGHT = 500;

    private final Map<Double, List<Double>> accuracies = new TreeMap<>();

    /** Adds the accuracy of one run, a fraction; an infinite epsilon stands for a run without noise. */
    void add(double epsilon, double accuracy) {
        accuracies.computeIfAbsent(epsilon, e -> new ArrayList<>()).add(accuracy);
    }

    /** Epsilon, number of runs, mean and standard deviation over the runs. */
    Table table() {
        Table table = new Table("epsilon", "runs", "mean accuracy", "standard deviation");
        accuracies.forEach((epsilon, runs) -> table.row(
                name(epsilon),
                Integer.toString(runs.size()),
                ExampleMain.percent(mean(runs)),
                runs.size() < 2 ? "" : ExampleMain.percent(deviation(runs))));
        return table;
    }

    private static String name(double epsilon) {
        if (epsilon < Double.POSITIVE_INFINITY) {
            return epsilon == Math.rint(epsilon) ? ExampleMain.number("%.0f", epsilon) : Double.toString(epsilon);
        }
        return "infinity";
    }

    /** Draws the curve, with bars of one standard deviation, and the accuracy without noise as a line across; a PNG file. */
    void save(Path file, String title) throws IOException {
        List<Double> x = new ArrayList<>();
        List<Double> y = new ArrayList<>();
        List<Double> bars = new ArrayList<>();
        accuracies.forEach((epsilon, runs) -> {
            if (epsilon < Double.POSITIVE_INFINITY) {
                x.add(epsilon);
                y.add(100 * mean(runs));
                bars.add(runs.size() < 2 ? 0 : 100 * deviation(runs));
            }
        });
        XYChart chart = new XYChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title(title)
                .xAxisTitle("epsilon")
                .yAxisTitle("test accuracy, %")
                .build();
        chart.getStyler().setLegendPosition(LegendPosition.InsideSE);
        chart.getStyler().setChartBackgroundColor(Color.WHITE);
        chart.getStyler().setXAxisMin(0.0);
        chart.addSeries("with differential privacy", x, y, bars).setMarker(SeriesMarkers.CIRCLE);
        List<Double> unbounded = accuracies.get(Double.POSITIVE_INFINITY);
        if (unbounded != null) {
            double level = 100 * mean(unbounded);
            XYSeries line =
                    chart.addSeries("without noise", List.of(x.get(0), x.get(x.size() - 1)), List.of(level, level));
            line.setMarker(SeriesMarkers.NONE)
                    .setLineStyle(SeriesLines.DASH_DASH)
                    .setLineColor(Color.DARK_GRAY);
        }
        BitmapEncoder.saveBitmap(chart, file.toString(), BitmapFormat.PNG);
    }

    private static double mean(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
    }

    /** The sample's standard deviation, of two runs or more. */
    private static double deviation(List<Double> values) {
        double mean = mean(values);
        return Math.sqrt(
                values.stream().mapToDouble(v -> (v - mean) * (v - mean)).sum() / (values.size() - 1));
    }
}
