// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.RepeatAndSelect;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.NoiseCalibration;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.RdpAccountant;
import io.github.dl4jdp.accountant.RunCount;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SearchCommandTest {
    private static final String RUN = "search --sampling-probability 1 --steps 40 --delta 1e-5 --expected-runs 10 ";

    private record Result(int code, String out, String err) {}

    private static Result run(String line) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code = AccountantCommand.run(new PrintWriter(out), new PrintWriter(err), line.split(" ", -1));
        return new Result(code, out.toString(), err.toString());
    }

    private static double epsilon(double sigma, RunCount count) {
        DpEvent run = new SelfComposed(new Gaussian(sigma), 40);
        return new RdpAccountant().compose(new RepeatAndSelect(run, count)).epsilon(1e-5);
    }

    @Test
    void search_noiseMultiplier_isOneLineWithTheNumberAndTheAssumptions() {
        double exact = epsilon(25, RunCount.logarithmic(10));
        Result result = run(RUN + "--noise-multiplier 25");
        assertThat(result.code).isZero();
        assertThat(result.err).isEmpty();
        List<String> lines = result.out.lines().toList();
        assertThat(lines.get(0))
                .isEqualTo(
                        QuestionCommand.rounded(exact) + " is epsilon at delta 1.0E-5 of the best of 10 runs expected"
                                + " (logarithmic, add-or-remove-one, Poisson lots, RDP)");
        assertThat(String.join(" ", lines))
                .contains("Assumed: the number of runs was drawn from this distribution")
                .contains("nothing of the other runs is shown");
    }

    @Test
    void search_everyDistribution_isTheAccountants() {
        assertThat(run(RUN + "--noise-multiplier 25 --distribution geometric --json").out)
                .startsWith("{\"epsilon\":" + epsilon(25, RunCount.geometric(10)) + ",")
                .contains("\"expected_runs\":10", "\"shape\":1,", "\"accountant\":\"rdp\"");
        assertThat(run(RUN + "--noise-multiplier 25 --distribution poisson --json").out)
                .startsWith("{\"epsilon\":" + epsilon(25, RunCount.poisson(10)) + ",")
                .contains("\"shape\":\"infinity\"");
        assertThat(run(RUN + "--noise-multiplier 25 --shape 0.5").out)
                .startsWith(QuestionCommand.rounded(epsilon(25, new RunCount(10, 0.5))))
                .contains("(shape 0.5, add-or-remove-one");
    }

    @Test
    void search_runEpsilon_calibratesEachRun() {
        double sigma = NoiseCalibration.to(new PrivacyGuarantee(1, 1e-5))
                .noiseMultiplier(s -> new SelfComposed(new Gaussian(s), 40));
        assertThat(run(RUN + "--run-epsilon 1").out)
                .startsWith(QuestionCommand.rounded(epsilon(sigma, RunCount.logarithmic(10))));
    }

    @Test
    void search_csv_answersEveryRow(@TempDir Path directory) throws IOException {
        Path file = directory.resolve("searches.csv");
        Files.writeString(file, "expected_runs,shape\n10,0\n20,Infinity\n");
        Result result =
                run("search --sampling-probability 1 --steps 40 --delta 1e-5 --noise-multiplier 25 --csv " + file);
        assertThat(result.out.lines())
                .containsExactly(
                        "expected_runs,shape,epsilon",
                        "10,0," + epsilon(25, RunCount.logarithmic(10)),
                        "20,Infinity," + epsilon(25, RunCount.poisson(20)));
    }

    @Test
    void search_badArguments_exitCodeTwoAndExplanation() {
        assertBad(RUN + "--noise-multiplier 25 --run-epsilon 1", "noise_multiplier and run_epsilon exclude each other");
        assertBad(RUN + "--noise-multiplier 25 --shape 1 --distribution poisson", "exclude each other");
        assertBad(RUN + "--noise-multiplier 25 --shape -1", "shape must be > -1");
        assertBad(RUN + "--shape 1", "noise_multiplier is missing");
        assertBad(RUN + "--run-epsilon -1", "epsilon must be >= 0, was -1.0");
        assertBad(
                "search --sampling-probability 1 --steps 40 --noise-multiplier 25 --delta 1e-5",
                "expected_runs is missing");
        assertBad(
                "search --sampling-probability 1 --steps 40 --noise-multiplier 25 --delta 1e-5 --expected-runs 0.5",
                "mean must be >= 1");
    }

    private static void assertBad(String line, String message) {
        Result result = run(line);
        assertThat(result.code).as(line).isEqualTo(2);
        assertThat(result.err).as(line).contains(message);
        assertThat(result.out).as(line).isEmpty();
    }

    /** The rows of the table about expected numbers of runs, in cells. */
    private static List<List<String>> table(String document, int count) throws IOException {
        List<List<String>> rows = Files.readAllLines(Path.of("..", "docs", document)).stream()
                .dropWhile(line -> !line.startsWith("| expected number of runs |"))
                .skip(2)
                .takeWhile(line -> line.startsWith("|"))
                .map(line ->
                        Arrays.stream(line.split("\\|", -1)).map(String::trim).toList())
                .toList();
        assertThat(rows).hasSize(count);
        return rows;
    }

    /** What is said there of the cost of a search, computed anew, and the command that it names. */
    @Test
    void notesDocument_searchTable_isWhatTheCommandSays() throws IOException {
        for (List<String> cells : table("notes/accuracy.md", 5)) {
            String search = "search --sampling-probability 1 --delta 1e-5 --expected-runs " + cells.get(1);
            assertThat(cells.get(2)).isEqualTo(hundredths(search + " --steps 40 --run-epsilon 1"));
            assertThat(cells.get(3)).isEqualTo(hundredths(search + " --steps 60 --run-epsilon 3"));
        }
        assertThat(Files.readString(Path.of("..", "docs", "notes", "accuracy.md")))
                .contains(
                        "search --sampling-probability 1 --steps 40 --run-epsilon 1 --delta 1e-5 --expected-runs 10`");
    }

    @Test
    void accountingDocument_searchTable_isWhatTheCommandSays() throws IOException {
        String run = " --sampling-probability " + 256.0 / 60_000 + " --noise-multiplier 1.1 --delta 1e-5";
        for (List<String> cells : table("accounting.md", 2)) {
            String search = "search --steps 3516 --expected-runs " + cells.get(1) + run + " --distribution ";
            assertThat(cells.subList(2, 5))
                    .containsExactly(
                            hundredths(search + "logarithmic"),
                            hundredths(search + "geometric"),
                            hundredths(search + "poisson"));
        }
        assertThat(Files.readString(Path.of("..", "docs", "accounting.md")))
                .contains("costs " + hundredths("epsilon --accountant rdp --steps 3516" + run) + " at delta 1e-5")
                .contains("in full cost " + hundredths("epsilon --accountant rdp --steps 35160" + run) + ".");
    }

    private static String hundredths(String line) {
        double epsilon = Double.parseDouble(run(line).out.split(" ", 2)[0]);
        return String.format(Locale.ROOT, "%.2f", Math.ceil(epsilon * 100) / 100);
    }
}
