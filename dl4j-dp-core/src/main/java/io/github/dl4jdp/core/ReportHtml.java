// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.accountant.TradeOffCurve;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.LongStream;

/** A {@link PrivacyReport} as one HTML page: no scripts, nothing loaded from elsewhere, good to print. */
final class ReportHtml {
    private static final double LEAST_FALSE_POSITIVES = 1e-4;
    private static final int CURVE_POINTS = 120;
    private static final int EPSILON_POINTS = 40;

    private static final String STYLE = """
            :root { --ink: #1d2733; --soft: #5d6b7e; --line: #dde3ea; --accent: #2463c4; --chance: #9aa7b6; --warn: #a8331f; }
            body { margin: 0 auto; max-width: 840px; padding: 32px 28px 60px; color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
            h1 { font-size: 26px; margin: 0 0 4px; line-height: 1.25; }
            h2 { font-size: 18px; margin: 34px 0 8px; border-bottom: 1px solid var(--line); padding-bottom: 4px; }
            .verdict { font-size: 19px; margin: 14px 0 6px; padding: 14px 18px; border-left: 5px solid var(--accent); background: #f2f6fc; }
            .verdict.none { border-color: var(--warn); background: #fcf2f0; color: var(--warn); }
            .warn { color: var(--warn); }
            .soft { color: var(--soft); font-size: 13px; }
            table { border-collapse: collapse; width: 100%; }
            td, th { text-align: left; vertical-align: top; padding: 6px 14px 6px 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
            th { font-weight: 600; width: 170px; overflow-wrap: normal; }
            svg { width: 100%; height: auto; margin-top: 6px; }
            svg text { font: 12px system-ui, sans-serif; fill: var(--soft); }
            svg .note { fill: var(--ink); }
            svg .grid { stroke: var(--line); }
            svg path { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
            svg .curve { stroke: var(--accent); }
            svg .chance { stroke: var(--chance); stroke-dasharray: 6 5; }
            svg .dot { fill: var(--accent); }
            @media print { body { padding: 0; } h2 { break-after: avoid; } svg, table { break-inside: avoid; } }
            """;

    private ReportHtml() {}

    static String of(PrivacyReport report) {
        var page = new StringBuilder();
        page.append(
                        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Privacy report</title>\n<style>\n")
                .append(STYLE)
                .append("</style>\n</head>\n<body>\n");
        boolean ledger = report.ledger().isPresent();
        page.append(ledger ? "<h1>" : "<h1 class=\"warn\">")
                .append(escape(report.title()))
                .append("</h1>\n");
        page.append(report.isPrivate() ? "<p class=\"verdict\">" : "<p class=\"verdict none\">")
                .append(escape(report.verdict()))
                .append("</p>\n");
        report.plainWords()
                .forEach(text -> page.append("<p>").append(escape(text)).append("</p>\n"));
        if (report.isPrivate()) {
            attacker(page, report);
            spending(page, report);
        }
        if (!report.evaluation().isEmpty()) {
            table(page, "Evaluation", report.evaluation());
        }
        var facts = new LinkedHashMap<>(report.facts());
        // They have a list of their own.
        facts.remove("trained layers");
        table(page, "What was run", facts);
        list(page, "Layers that trained", report.layers());
        list(page, "Assumed", report.assumptions());
        list(page, "Not covered", report.notCovered());
        table(page, "P" + ReportText.REVIEW.substring(1), report.review());
        return page.append("</body>\n</html>\n").toString();
    }

    private static void attacker(StringBuilder page, PrivacyReport report) {
        TradeOffCurve bound = report.tradeOff();
        var curve = new ArrayList<double[]>();
        var chance = new ArrayList<double[]>();
        for (int i = 0; i <= CURVE_POINTS; i++) {
            double rate = Math.pow(LEAST_FALSE_POSITIVES, 1 - (double) i / CURVE_POINTS);
            curve.add(new double[] {rate, bound.truePositiveRate(rate)});
            chance.add(new double[] {rate, rate});
        }
        var chart = SvgChart.logarithmicRates(
                "the largest true positive rate at every false positive rate", LEAST_FALSE_POSITIVES);
        for (double rate = LEAST_FALSE_POSITIVES; rate < 2; rate *= 10) {
            chart.tickX(rate, ReportText.percent(rate) + " %");
            chart.tickY(rate, ReportText.percent(rate) + " %");
        }
        double atOnePercent = bound.truePositiveRate(0.01);
        chart.titles("false positive rate", "members detected (true positive rate)")
                .line("chance", chance)
                .line("curve", curve)
                .dot(0.01, atOnePercent)
                .note(
                        0.01,
                        atOnePercent,
                        "end",
                        "at 1 %: at most " + RoundedBounds.upperPercent(atOnePercent, 3) + " %");
        page.append("<h2>What an attacker can achieve at most</h2>\n<p class=\"soft\">No attack lies above the")
                .append(" curve. The dashed line is guessing.</p>\n")
                .append(chart)
                .append('\n');
    }

    private static void spending(StringBuilder page, PrivacyReport report) {
        DpSgdPlan plan = report.plan();
        long all = plan.steps();
        var curve = new ArrayList<double[]>();
        LongStream.rangeClosed(0, EPSILON_POINTS)
                // Dense at first, where epsilon grows fastest.
                .map(i -> Math.round(all * Math.pow((double) i / EPSILON_POINTS, 2)))
                .distinct()
                .forEach(steps -> curve.add(new double[] {(double) steps, steps == 0 ? 0 : plan.epsilonAfter(steps)}));
        double most =
                Math.max(curve.get(curve.size() - 1)[1], report.guarantee().epsilon());
        if (!(most < Double.POSITIVE_INFINITY) || most == 0) {
            return;
        }
        var chart = SvgChart.linear("epsilon against lots", (double) all, 1.1 * most);
        double stepX = niceStep((double) all);
        for (double value = 0; value <= all; value += stepX) {
            chart.tickX(value, String.format(Locale.ROOT, "%.0f", value));
        }
        double stepY = niceStep(1.1 * most);
        for (double value = 0; value <= 1.1 * most; value += stepY) {
            chart.tickY(value, ReportText.threeDigits(value));
        }
        double now = (double) Math.min(all, report.steps());
        chart.titles("lots", "epsilon")
                .line("curve", curve)
                .dot(now, report.guarantee().epsilon())
                .note(
                        now,
                        report.guarantee().epsilon(),
                        now > all / 2.0 ? "end" : "start",
                        String.format(
                                Locale.ROOT,
                                "lot %d: epsilon %s",
                                report.steps(),
                                RoundedBounds.upper(report.guarantee().epsilon(), 4)));
        page.append(
                        "<h2>How the budget is spent</h2>\n<p class=\"soft\">Epsilon of the plan after every lot; the dot marks what has been")
                .append(" spent.</p>\n")
                .append(chart)
                .append('\n');
    }

    /** A step of 1, 2 or 5 times a power of ten that divides the range into five to ten parts or so. */
    private static double niceStep(double range) {
        double raw = range / 8;
        double unit = Math.pow(10, Math.floor(Math.log10(raw)));
        for (int factor : List.of(1, 2, 5)) {
            if (factor * unit >= raw) {
                return factor * unit;
            }
        }
        return 10 * unit;
    }

    private static void table(StringBuilder page, String title, Map<String, String> values) {
        page.append("<h2>").append(title).append("</h2>\n<table>\n");
        values.forEach((name, value) -> page.append("<tr><th>")
                .append(escape(name))
                .append("</th><td>")
                .append(escape(value))
                .append("</td></tr>\n"));
        page.append("</table>\n");
    }

    private static void list(StringBuilder page, String title, List<String> items) {
        page.append("<h2>").append(title).append("</h2>\n<ul>\n");
        items.forEach(item -> page.append("<li>").append(escape(item)).append("</li>\n"));
        page.append("</ul>\n");
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;")
                .replace("\n", "<br>");
    }
}
