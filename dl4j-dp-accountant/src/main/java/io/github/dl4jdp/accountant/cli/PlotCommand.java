// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyAccountant;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
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
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(name = "plot", description = "Plots epsilon against steps or against noise, by both accountants.")
final class PlotCommand implements Callable<Integer> {
    private static final int POINTS = 50;

    /** What runs along the horizontal axis. */
    enum Against {
        STEPS,
        NOISE
    }

    @Mixin
    SettingOptions options = new SettingOptions();

    @Option(
            names = "--noise-multiplier",
            paramLabel = "S",
            required = true,
            description = "Noise standard deviation / clipping norm; against noise, the middle of the axis.")
    @Nullable
    Double noiseMultiplier;

    @Option(names = "--delta", paramLabel = "D", required = true, description = "Delta of the guarantee.")
    @Nullable
    Double delta;

    @Option(
            names = "--against",
            paramLabel = "steps|noise",
            defaultValue = "steps",
            description = "The horizontal axis (default: ${DEFAULT-VALUE}).")
    Against against = Against.STEPS;

    @Option(names = "--output", paramLabel = "FILE", required = true, description = "A .png or .svg file.")
    @Nullable
    Path output;

    @Spec
    @Nullable
    CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        if (output == null || spec == null) {
            throw new IllegalStateException("commands are run by picocli");
        }
        String name = output.toString().toLowerCase(Locale.ROOT);
        if (!name.endsWith(".png") && !name.endsWith(".svg")) {
            throw new IllegalArgumentException("--output must end in .png or .svg, was " + output);
        }
        Map<String, Double> values = new TreeMap<>(options.given());
        SettingOptions.put(values, Setting.NOISE_MULTIPLIER, noiseMultiplier);
        SettingOptions.put(values, Setting.DELTA, delta);
        XYChart chart = chart(new Setting(values));
        if (name.endsWith(".png")) {
            BitmapEncoder.saveBitmap(chart, output.toString(), BitmapFormat.PNG);
        } else {
            VectorGraphicsEncoder.saveVectorGraphic(chart, output.toString(), VectorGraphicsFormat.SVG);
        }
        spec.commandLine().getOut().println(output);
        return 0;
    }

    private XYChart chart(Setting setting) {
        double sigma = setting.number(Setting.NOISE_MULTIPLIER);
        double probability = setting.number(Setting.DELTA);
        String title = String.format(
                Locale.ROOT,
                "q = %.4g, %s, delta %.3g",
                setting.samplingProbability(),
                against == Against.STEPS ? "noise multiplier " + sigma : setting.steps() + " steps",
                probability);
        XYChart chart = new XYChartBuilder()
                .width(800)
                .height(500)
                .title(title)
                .xAxisTitle(against == Against.STEPS ? "steps" : "noise multiplier")
                .yAxisTitle("epsilon")
                .build();
        chart.getStyler().setLegendPosition(LegendPosition.InsideNE);
        for (AccountantKind kind : AccountantKind.values()) {
            List<Double> x = new ArrayList<>();
            List<Double> y = new ArrayList<>();
            if (against == Against.STEPS) {
                chart.getStyler().setLegendPosition(LegendPosition.InsideNW);
                alongSteps(kind, setting, sigma, probability, x, y);
            } else {
                alongNoise(kind, setting, sigma, probability, x, y);
            }
            chart.addSeries(kind == AccountantKind.PLD ? "tight (pld)" : "moments accountant (rdp)", x, y)
                    .setMarker(SeriesMarkers.NONE);
        }
        return chart;
    }

    private static void alongSteps(
            AccountantKind kind, Setting setting, double sigma, double delta, List<Double> x, List<Double> y) {
        PrivacyAccountant accountant = kind.create(NeighboringRelation.ADD_OR_REMOVE_ONE);
        long done = 0;
        for (int i = 1; i <= POINTS; i++) {
            long steps = Math.max(done + 1, Math.round((double) setting.steps() * i / POINTS));
            accountant.compose(setting.event(sigma, steps - done));
            done = steps;
            add(x, y, (double) steps, accountant.epsilon(delta));
        }
    }

    private static void alongNoise(
            AccountantKind kind, Setting setting, double sigma, double delta, List<Double> x, List<Double> y) {
        for (int i = 0; i <= POINTS; i++) {
            double noise = sigma * Math.pow(4, (double) i / POINTS - 0.5);
            PrivacyAccountant accountant =
                    kind.create(NeighboringRelation.ADD_OR_REMOVE_ONE).compose(setting.event(noise));
            add(x, y, noise, accountant.epsilon(delta));
        }
    }

    private static void add(List<Double> x, List<Double> y, double at, double epsilon) {
        if (epsilon < Double.POSITIVE_INFINITY) {
            x.add(at);
            y.add(epsilon);
        }
    }
}
