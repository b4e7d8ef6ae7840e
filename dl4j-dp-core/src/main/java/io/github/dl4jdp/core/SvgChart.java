// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.DoubleUnaryOperator;

/** A line chart as inline SVG: as little as a report needs, so that it needs no drawing library and no scripts. */
final class SvgChart {
    private static final int WIDTH = 760;
    private static final int HEIGHT = 320;
    private static final int LEFT = 64;
    private static final int RIGHT = 20;
    private static final int TOP = 18;
    private static final int BOTTOM = 48;

    private final String label;
    private final DoubleUnaryOperator x;
    private final DoubleUnaryOperator y;
    private final List<String> parts = new ArrayList<>();

    private SvgChart(String label, DoubleUnaryOperator x, DoubleUnaryOperator y) {
        this.label = label;
        this.x = x;
        this.y = y;
    }

    /** Axes from zero to {@code maxX} and {@code maxY}, in equal steps. */
    static SvgChart linear(String label, double maxX, double maxY) {
        return new SvgChart(
                label,
                value -> LEFT + value / maxX * (WIDTH - LEFT - RIGHT),
                value -> HEIGHT - BOTTOM - value / maxY * (HEIGHT - TOP - BOTTOM));
    }

    /** Logarithmic axes from {@code least} to 1. */
    static SvgChart logarithmicRates(String label, double least) {
        double span = -Math.log(least);
        return new SvgChart(
                label,
                value -> LEFT + (1 + Math.log(value) / span) * (WIDTH - LEFT - RIGHT),
                value -> HEIGHT - BOTTOM - (1 + Math.log(value) / span) * (HEIGHT - TOP - BOTTOM));
    }

    SvgChart tickX(double value, String text) {
        add("<line x1='%.1f' x2='%.1f' y1='%d' y2='%d' class='grid'/>", at(value), at(value), TOP, HEIGHT - BOTTOM);
        add("<text x='%.1f' y='%d' text-anchor='middle'>%s</text>", at(value), HEIGHT - BOTTOM + 18, text);
        return this;
    }

    SvgChart tickY(double value, String text) {
        double height = y.applyAsDouble(value);
        add("<line x1='%d' x2='%d' y1='%.1f' y2='%.1f' class='grid'/>", LEFT, WIDTH - RIGHT, height, height);
        add("<text x='%d' y='%.1f' text-anchor='end'>%s</text>", LEFT - 8, height + 4, text);
        return this;
    }

    SvgChart titles(String horizontal, String vertical) {
        add("<text x='%d' y='%d' text-anchor='middle'>%s</text>", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, horizontal);
        add(
                "<text transform='translate(16 %d) rotate(-90)' text-anchor='middle'>%s</text>",
                (TOP + HEIGHT - BOTTOM) / 2, vertical);
        return this;
    }

    /** A line through points {@code {x, y}}. */
    SvgChart line(String style, List<double[]> points) {
        var path = new StringBuilder();
        for (double[] point : points) {
            path.append(String.format(
                    Locale.ROOT, "%s%.1f %.1f", path.isEmpty() ? "M" : "L", at(point[0]), y.applyAsDouble(point[1])));
        }
        add("<path d='%s' class='%s'/>", path, style);
        return this;
    }

    SvgChart dot(double horizontal, double vertical) {
        add("<circle cx='%.1f' cy='%.1f' r='4.5' class='dot'/>", at(horizontal), y.applyAsDouble(vertical));
        return this;
    }

    SvgChart note(double horizontal, double vertical, String anchor, String text) {
        add(
                "<text x='%.1f' y='%.1f' text-anchor='%s' class='note'>%s</text>",
                at(horizontal), y.applyAsDouble(vertical) - 8, anchor, text);
        return this;
    }

    private double at(double value) {
        return x.applyAsDouble(value);
    }

    private void add(String format, Object... values) {
        parts.add(String.format(Locale.ROOT, format, values));
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "<svg viewBox='0 0 %d %d' role='img' aria-label='%s'>", WIDTH, HEIGHT, label)
                + String.join("", parts)
                + "</svg>";
    }
}
