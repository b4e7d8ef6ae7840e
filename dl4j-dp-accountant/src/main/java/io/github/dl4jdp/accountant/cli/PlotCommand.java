// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.PrivacyAccountant;
import io.github.dl4jdp.accountant.RoundedBounds;
import java.awt.Color;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.DoubleFunction;
import org.jspecify.annotations.Nullable;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.VectorGraphicsEncoder;
import org.knowm.xchart.VectorGraphicsEncoder.VectorGraphicsFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(name = "plot", description = "Plots epsilon against steps or against noise, by both accountants.")
final class PlotCommand extends SettingCommand {
    private static final int POINTS = 50;

    /** What runs along the horizontal axis. */
    enum Against {
        STEPS,
        NOISE
    }

    @Option(
            names = "--against",
            paramLabel = "steps|noise",
            defaultValue = "steps",
            description = "The horizontal axis; noise is centered on the noise multiplier (default: ${DEFAULT-VALUE}).")
    Against against = Against.STEPS;

    @Option(names = "--output", paramLabel = "FILE", required = true, description = "A .png or .svg file.")
    @Nullable
    Path output;

    PlotCommand() {
        super(and(without(RUN, Parameter.ACCOUNTANT), Parameter.NOISE_MULTIPLIER, Parameter.DELTA));
    }

    @Override
    public Integer call() throws IOException {
        if (output == null) {
            throw new IllegalStateException("commands are run by picocli");
        }
        String name = output.toString().toLowerCase(Locale.ROOT);
        if (!name.endsWith(".png") && !name.endsWith(".svg")) {
            throw new IllegalArgumentException("--output must end in .png or .svg, was " + output);
        }
        Setting setting = setting(given());
        double delta = setting.number(Parameter.DELTA);
        if (!(delta > 0 && delta < 1)) {
            throw new IllegalArgumentException("delta must be > 0 and < 1 for a plot, was " + delta);
        }
        setting.event(); // what is wrong with it is wrong with every point
        if (Files.exists(output) && !(Files.isRegularFile(output) && Files.isWritable(output))) {
            throw new IOException(output + " must be a file that can be written to");
        }
        // The picture takes its place when it is complete; a folder that cannot take it is found before the
        // computation.
        Path target = Files.exists(output) ? output.toRealPath() : output.toAbsolutePath();
        Path unfinished = target.resolveSibling("." + target.getFileName() + "." + Long.toHexString(System.nanoTime()));
        try {
            Files.createFile(unfinished);
        } catch (IOException e) {
            throw new IOException("--output must be in a folder that can be written to, was " + output, e);
        }
        try {
            XYChart chart = chart(setting, delta);
            try (OutputStream stream = new BufferedOutputStream(Files.newOutputStream(unfinished))) {
                if (name.endsWith(".png")) {
                    BitmapEncoder.saveBitmap(chart, stream, BitmapFormat.PNG);
                } else {
                    VectorGraphicsEncoder.saveVectorGraphic(chart, stream, VectorGraphicsFormat.SVG);
                }
            }
            Files.move(unfinished, target, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(unfinished);
        }
        warn(setting.deltaWarning());
        out().println(output);
        printWarnings();
        return 0;
    }

    private XYChart chart(Setting setting, double delta) {
        double sigma = setting.number(Parameter.NOISE_MULTIPLIER);
        String title = String.format(
                Locale.ROOT,
                "%s%s, delta %s, %s",
                setting.sampling() == LotSampling.GIVEN_BATCHES
                        ? ""
                        : String.format(Locale.ROOT, "q = %.4g, ", setting.samplingProbability()),
                against == Against.STEPS ? "noise multiplier " + sigma : setting.steps() + " steps",
                RoundedBounds.upper(delta, 3),
                setting.description());
        XYChart chart = new XYChartBuilder()
                .width(800)
                .height(500)
                .title(title)
                .xAxisTitle(against == Against.STEPS ? "steps" : "noise multiplier")
                .yAxisTitle("epsilon")
                .build();
        chart.getStyler()
                .setLegendPosition(against == Against.STEPS ? LegendPosition.InsideNW : LegendPosition.InsideNE);
        chart.getStyler().setChartBackgroundColor(Color.WHITE);
        List<Double> points = against == Against.STEPS ? steps(setting.steps()) : noise(sigma);
        DoubleFunction<DpEvent> event =
                against == Against.STEPS ? steps -> setting.event(sigma, (long) steps) : setting::event;
        for (AccountantKind kind : AccountantKind.values()) {
            String name = kind == AccountantKind.PLD ? "tight (pld)" : "moments accountant (rdp)";
            List<Double> x = new ArrayList<>();
            List<Double> y = new ArrayList<>();
            for (double point : points) {
                PrivacyAccountant accountant = kind.create(setting.relation());
                if (accountant.supports(event.apply(point))) {
                    double epsilon = accountant.compose(event.apply(point)).epsilon(delta);
                    if (epsilon < Double.POSITIVE_INFINITY) {
                        x.add(point);
                        y.add(epsilon);
                    }
                }
            }
            if (x.isEmpty()) {
                warn("the curve of the " + name + " accountant is omitted: it has no finite epsilon here");
            } else {
                chart.addSeries(name, x, y).setMarker(x.size() == 1 ? SeriesMarkers.CIRCLE : SeriesMarkers.NONE);
            }
        }
        if (chart.getSeriesMap().isEmpty()) {
            throw new IllegalArgumentException(
                    "noise_multiplier must be such that epsilon is finite somewhere on the axis, was "
                            + Setting.text(sigma));
        }
        return chart;
    }

    /** At most {@link #POINTS} numbers of steps, the last one all of them. */
    static List<Double> steps(long all) {
        List<Double> points = new ArrayList<>();
        int count = (int) Math.min(POINTS, all);
        for (int i = 1; i <= count; i++) {
            points.add((double) Math.round((double) all * i / count));
        }
        return points;
    }

    private static List<Double> noise(double sigma) {
        List<Double> points = new ArrayList<>();
        for (int i = 0; i <= POINTS; i++) {
            points.add(sigma * Math.pow(4, (double) i / POINTS - 0.5));
        }
        return points;
    }
}
