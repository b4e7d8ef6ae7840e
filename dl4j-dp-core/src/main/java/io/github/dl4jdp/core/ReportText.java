// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.RoundedBounds;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A {@link PrivacyReport} as plain text and as Markdown: the same content in the same order. */
final class ReportText {
    /** The title of what {@link ReviewPoints} answers. */
    static final String REVIEW = "points of a review after NIST SP 800-226";

    /** Columns of plain text. */
    private static final int WIDTH = 118;

    private ReportText() {}

    static String plain(PrivacyReport report) {
        var lines = new ArrayList<String>();
        lines.add(report.title());
        report.facts().forEach((name, value) -> wrap(lines, String.format(Locale.ROOT, "  %-18s", name), value));
        report.evaluation().forEach((name, value) -> lines.add(String.format(Locale.ROOT, "  %s: %s", name, value)));
        list(lines, "in plain words", report.plainWords());
        list(lines, "assumed", report.assumptions());
        list(lines, "not covered", report.notCovered());
        list(
                lines,
                REVIEW,
                report.review().entrySet().stream()
                        .map(point -> point.getKey() + ": " + point.getValue())
                        .toList());
        return String.join(System.lineSeparator(), lines);
    }

    private static void list(List<String> lines, String title, List<String> items) {
        lines.add("  " + title);
        items.forEach(item -> wrap(lines, "    - ", item));
    }

    /** A text behind a head, in lines that fit a screen; a word that is longer than a line stands in one of its own. */
    private static void wrap(List<String> lines, String head, String text) {
        var line = new StringBuilder(head);
        boolean isEmpty = true;
        for (String word : text.split(" ", -1)) {
            if (!isEmpty && line.length() + 1 + word.length() > WIDTH) {
                lines.add(line.toString());
                line = new StringBuilder(" ".repeat(head.length()));
                isEmpty = true;
            }
            line.append(isEmpty ? "" : " ").append(word);
            isEmpty = false;
        }
        lines.add(line.toString());
    }

    static String markdown(PrivacyReport report) {
        var lines = new ArrayList<String>();
        lines.add("# " + report.title());
        lines.add("");
        table(lines, report.facts());
        section(lines, "In plain words", report.plainWords());
        if (report.isPrivate()) {
            section(lines, "What an attacker can achieve at most", List.of());
            lines.add("| false positive rate | members detected |");
            lines.add("|---|---|");
            report.truePositiveRates()
                    .forEach((falsePositives, truePositives) -> lines.add(String.format(
                            Locale.ROOT,
                            "| %s %% | %s %% |",
                            percent(Double.parseDouble(falsePositives)),
                            RoundedBounds.upperPercent(truePositives, 3))));
        }
        if (!report.evaluation().isEmpty()) {
            section(lines, "Evaluation", List.of());
            table(lines, report.evaluation());
        }
        section(lines, "Assumed", report.assumptions());
        section(lines, "Not covered", report.notCovered());
        section(lines, "P" + REVIEW.substring(1), List.of());
        table(lines, report.review());
        return String.join("\n", lines) + "\n";
    }

    private static void table(List<String> lines, Map<String, String> values) {
        lines.add("| | |");
        lines.add("|---|---|");
        values.forEach((name, value) ->
                lines.add("| " + name + " | " + value.replace("|", "\\|").replace("\n", "<br>") + " |"));
    }

    private static void section(List<String> lines, String title, List<String> items) {
        lines.add("");
        lines.add("## " + title);
        lines.add("");
        items.forEach(item -> lines.add("- " + item));
    }

    /** A rate in percent without trailing zeros. */
    static String percent(double rate) {
        return threeDigits(100 * rate);
    }

    /** Three digits without trailing zeros. */
    static String threeDigits(double value) {
        return new BigDecimal(value)
                .round(new MathContext(3))
                .stripTrailingZeros()
                .toPlainString();
    }
}
