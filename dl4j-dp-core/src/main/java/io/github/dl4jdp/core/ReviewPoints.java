// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.mechanism.Clipping;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The points of a review after NIST SP 800-226, each answered for one run, or declared outside of what this library can know. docs/sp800-226.md has the same points.
 *
 * @see <a href="https://doi.org/10.6028/NIST.SP.800-226">NIST SP 800-226, Guidelines for Evaluating Differential Privacy Guarantees</a>
 */
final class ReviewPoints {
    /** How a point begins that the library cannot answer. */
    static final String OUTSIDE = "Outside of the library: ";

    private ReviewPoints() {}

    /** Answers by point, in a fixed order. */
    static Map<String, String> of(PrivacyReport report) {
        DpSgdPlan plan = report.plan();
        var points = new LinkedHashMap<String, String>();
        points.put("guarantee", report.verdict());
        points.put("unit of privacy and neighbors", unit(report));
        points.put("all releases counted", releases(report));
        points.put("sensitivity and bounds", bounds(plan));
        points.put(
                "denominators",
                "Every noised sum is divided by " + plan.expectedLotSize()
                        + ", a constant of the plan, never by the realized size of a lot.");
        points.put(
                "constants taken from the data",
                "The plan's " + plan.examples() + " " + plan.privacyUnit().plural() + ", its lot size and its "
                        + plan.steps()
                        + " steps are taken as public. " + OUTSIDE
                        + "whether they were chosen without looking at the data.");
        points.put("utility", utility(report));
        points.put(
                "bias",
                OUTSIDE
                        + "noise and clipping cost small groups more. Measure the accuracy of each group on public test data, and add it by"
                        + " withEvaluation.");
        points.put(
                "randomness",
                plan.seed().isPresent()
                        ? "A SEED, which an adversary may know: there is no guarantee."
                        : "AES-128 in counter mode and HMAC-SHA-256 under a fresh 256-bit key of the platform's SecureRandom.");
        points.put(
                "floating point",
                plan.noiseMultiplier() == 0
                        ? "No noise was added."
                        : "Noise is drawn as integers and added to the sum as integers on a public grid; the noise pays for what rounding adds to the sensitivity.");
        points.put(
                "timing, logs and errors",
                OUTSIDE
                        + "running time, memory and third-party logs depend on the data. This library's own log, listener and report show no private"
                        + " statistics unless asked to.");
        points.put(
                "trust model",
                "Central: who trains holds the data, the keys and the sums without noise. The guarantee is for what leaves, every intermediate"
                        + " model included.");
        points.put("records", records(report));
        points.put(
                "choice of model and hyper-parameters",
                OUTSIDE
                        + "choices by looking at the private data cost more; a search can be accounted for by RepeatAndSelect.");
        points.put("data security", OUTSIDE + "access to the data, the machine, memory and backups.");
        points.put(
                "data collection",
                OUTSIDE
                        + "what is collected, from whom, with what consent, and how long it is kept. The guarantee does not replace it.");
        return points;
    }

    private static String unit(PrivacyReport report) {
        DpSgdPlan plan = report.plan();
        return "Two data sets are neighbors if "
                + report.guarantee().relation().description(plan.unit()) + ". "
                + (plan.privacyUnit().isGroup()
                        ? "The unit is " + plan.privacyUnit().describe() + ". " + OUTSIDE + "whether all rows of one "
                                + plan.unit() + " have the same id."
                        : OUTSIDE + "whether a unit has everything of one person.");
    }

    private static String releases(PrivacyReport report) {
        DpSgdPlan plan = report.plan();
        return "Every noised sum is charged before it is released: " + report.steps() + " of " + plan.steps()
                + " lots so far"
                + (report.history().isEmpty() ? "" : ", after what was charged under other plans")
                + (plan.others().isEmpty()
                        ? ". No other release about the same data was declared."
                        : ", and the other releases that the plan declares.")
                + (report.forgotten().isEmpty() ? "" : " SOME WERE FORGOTTEN on the user's word.");
    }

    private static String bounds(DpSgdPlan plan) {
        Clipping clipping = plan.clipping();
        return "Each unit's gradient is clipped (" + clipping.describe() + "). "
                + (clipping instanceof Clipping.Adaptive
                        ? "The norm follows from noised counts, which the guarantee covers."
                        : "The norm is a constant of the plan; " + OUTSIDE.toLowerCase(Locale.ROOT)
                                + "whether it was chosen without looking at the data.");
    }

    private static String utility(PrivacyReport report) {
        return report.evaluation().isEmpty()
                ? "Not in this report: add it by withEvaluation, of data that need no protection."
                : "See the evaluation: " + String.join(", ", report.evaluation().keySet()) + ".";
    }

    private static String records(PrivacyReport report) {
        if (report.ledger().isEmpty()) {
            return "NO LEDGER: steps lost in a crash, or taken by another copy of the model, are not counted.";
        }
        return "A ledger with a chain of hashes, written before each release"
                + (report.plan().ledgerKey().isPresent() ? ", every line signed." : ", not signed.");
    }
}
