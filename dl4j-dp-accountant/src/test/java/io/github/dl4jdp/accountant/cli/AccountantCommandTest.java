// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.PldAccountant;
import io.github.dl4jdp.accountant.RdpAccountant;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AccountantCommandTest {
    private static final Pattern SPACES = Pattern.compile("\\s+");
    private static final Pattern LONG_NUMBER = Pattern.compile("(\\d\\.\\d{9})\\d+");

    private record Result(int code, String out, String err) {}

    private static Result run(String line) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code = AccountantCommand.run(new PrintWriter(out), new PrintWriter(err), SPACES.split(line.trim()));
        return new Result(code, out.toString(), err.toString());
    }

    private static String first(String text) {
        return SPACES.split(text, 2)[0];
    }

    @Test
    void epsilon_plain_isOneLineWithTheNumberFirst() {
        Result result = run("epsilon --sampling-probability 0.01 --noise-multiplier 1.1 --steps 1000 --delta 1e-5");
        double exact = new PldAccountant()
                .compose(new SelfComposed(new PoissonSampled(0.01, new Gaussian(1.1)), 1000))
                .epsilon(1e-5);
        assertThat(result.code).isZero();
        assertThat(result.out.lines()).hasSize(1);
        assertThat(Double.parseDouble(first(result.out))).isBetween(exact, exact * (1 + 1e-5));
        assertThat(result.err).isEmpty();
    }

    @Test
    void epsilon_rdpByExamplesAndEpochs_countsSteps() {
        Result result = run("epsilon --examples 60000 --lot-size 256 --epochs 15 --noise-multiplier 1.1 --delta 1e-5"
                + " --accountant rdp --json");
        double exact = new RdpAccountant()
                .compose(new SelfComposed(new PoissonSampled(256.0 / 60000, new Gaussian(1.1)), 3516))
                .epsilon(1e-5);
        assertThat(result.out)
                .startsWith("{\"epsilon\":" + exact + ",")
                .contains("\"lot_size\":256")
                .contains("\"accountant\":\"rdp\"");
    }

    @Test
    void epsilon_bestOrderAtTheEdge_warnsOnStandardError() {
        String setting =
                "epsilon --sampling-probability 1e-7 --noise-multiplier 1000 --steps 1 --delta 1e-15 --accountant ";
        Result edge = run(setting + "rdp");
        assertThat(edge.code).isZero();
        assertThat(edge.err).startsWith("warning: the best Renyi order, ").contains("is the largest available");
        assertThat(Double.parseDouble(first(edge.out))).isPositive();
        assertThat(run(setting + "pld").err).isEmpty();
    }

    @Test
    void noiseAndDelta_areInverseToEpsilon() {
        Result noise = run("noise --epsilon 2 --delta 1e-5 --sampling-probability 0.01 --steps 1000");
        String sigma = first(noise.out);
        Result epsilon =
                run("epsilon --sampling-probability 0.01 --steps 1000 --delta 1e-5 --noise-multiplier " + sigma);
        assertThat(Double.parseDouble(first(epsilon.out))).isBetween(1.999, 2.0);
        Result delta = run("delta --sampling-probability 0.01 --steps 1000 --epsilon 2 --noise-multiplier " + sigma);
        assertThat(Double.parseDouble(first(delta.out))).isBetween(0.98e-5, 1.001e-5);
    }

    @Test
    void epsilon_csv_appendsTheAnswer(@TempDir Path directory) throws IOException {
        Path file = directory.resolve("settings.csv");
        Files.writeString(file, "sampling_probability,noise_multiplier,steps\n0.01,1.1,1000\n1,2,10\n");
        Result result = run("epsilon --accountant rdp --delta 1e-5 --csv " + file);
        assertThat(result.code).isZero();
        double second = new RdpAccountant().compose(new Gaussian(2), 10).epsilon(1e-5);
        assertThat(result.out.lines().toList().get(0)).isEqualTo("sampling_probability,noise_multiplier,steps,epsilon");
        assertThat(result.out.lines().toList().get(2)).isEqualTo("1,2,10," + second);
    }

    @Test
    void epsilon_csvWithBadRow_namesTheRow(@TempDir Path directory) throws IOException {
        Path file = directory.resolve("settings.csv");
        Files.writeString(
                file, "sampling_probability,noise_multiplier,steps,delta\n0.01,1.1,1000,1e-5\n0.01,-1,10,1e-5\n");
        Result result = run("epsilon --csv " + file);
        assertThat(result.code).isEqualTo(2);
        assertThat(result.err).contains("row 2: noiseMultiplier must be finite and > 0, was -1.0");
    }

    @Test
    void badArguments_exitCodeTwoAndExplanation() {
        String run = " --sampling-probability 0.01 --steps 100 ";
        assertBad(
                "epsilon --noise-multiplier 1 --delta 1e-5 --steps 5 --sampling-probability 1.5",
                "samplingProbability must be >= 0 and <= 1, was 1.5");
        assertBad("epsilon --noise-multiplier 1" + run, "delta is missing");
        assertBad("epsilon --noise-multiplier 1 --delta 2" + run, "delta must be >= 0 and <= 1, was 2.0");
        assertBad(
                "epsilon --noise-multiplier NaN --delta 1e-5" + run, "noiseMultiplier must be finite and > 0, was NaN");
        assertBad("epsilon --noise-multiplier 1 --delta 1e-5 --epochs 1" + run, "steps and epochs exclude each other");
        assertBad(
                "epsilon --noise-multiplier 1 --delta 1e-5 --examples 10 --lot-size 20 --steps 5",
                "lot_size must be <= examples = 10, was 20");
        assertBad("epsilon --noise-multiplier x --delta 1e-5" + run, "Invalid value for option '--noise-multiplier'");
        assertBad("epsilon --accountant prv", "--accountant");
        assertBad("noise --epsilon -1 --delta 1e-5" + run, "epsilon must be >= 0, was -1.0");
        assertBad("plot --noise-multiplier 1 --delta 1e-5 --output a.gif" + run, "--output must end in .png or .svg");
        assertBad("epsilom", "Unmatched argument");
    }

    private static void assertBad(String line, String message) {
        Result result = run(line);
        assertThat(result.code).as(line).isEqualTo(2);
        assertThat(result.err).as(line).contains(message);
        assertThat(result.out).as(line).isEmpty();
    }

    @Test
    void epsilon_missingFile_exitCodeOne() {
        Result result = run("epsilon --csv /no/such/file.csv");
        assertThat(result.code).isEqualTo(1);
        assertThat(result.err).contains("/no/such/file.csv");
    }

    @Test
    void help_listsCommands() {
        Result result = run("--help");
        assertThat(result.code).isZero();
        assertThat(result.out).contains("epsilon", "noise", "delta", "search", "statement", "plot");
        assertThat(run("epsilon --help").out).contains("--sampling-probability=Q");
    }

    @Test
    void statement_saysWhatHoldsWithAndWithoutPoissonSampling() {
        String line = "statement --examples 60000 --lot-size 256 --epochs 15 --noise-multiplier 1.1 --delta 1e-5";
        double shuffled = new PldAccountant()
                .compose(new SelfComposed(new Gaussian(1.1), 15))
                .epsilon(1e-5);
        Result result = run(line);
        assertThat(result.out)
                .contains("add-or-remove-one", "one example", "15 passes", "## Assumptions", "## Not covered")
                .contains("**epsilon " + QuestionCommand.rounded(shuffled) + "**");
        assertThat(run(line + " --json").out)
                .contains("\"without_poisson_sampling\"", "\"epsilon\" : " + shuffled, "\"not_covered\"");
    }

    @Test
    void plot_writesPictures(@TempDir Path directory) throws IOException {
        Path png = directory.resolve("steps.png");
        Path svg = directory.resolve("noise.svg");
        String run = "plot --sampling-probability 0.01 --steps 1000 --noise-multiplier 1.1 --delta 1e-5 --output ";
        assertThat(run(run + png).code).isZero();
        assertThat(run(run + svg + " --against noise").code).isZero();
        assertThat(Files.readAllBytes(png)).startsWith(0x89, 'P', 'N', 'G');
        assertThat(Files.readString(svg)).contains("<svg");
    }

    /** Long numbers cut to ten digits: the last ones may differ between machines. */
    private static String shortened(String line) {
        return LONG_NUMBER.matcher(line).replaceAll("$1");
    }

    /** Every help text of docs/accounting.md: a block that starts with the jar and --help, and all that follows in it. */
    @Test
    void documentedHelp_isTheHelp() throws IOException {
        String document = Files.readString(Path.of("..", "docs", "accounting.md"));
        Matcher help = Pattern.compile("(?s)\\$ java -jar \\S+-cli\\.jar ([a-z -]*--help)\\n(.*?)```")
                .matcher(document);
        int count = 0;
        while (help.find()) {
            assertThat(run(help.group(1)).out).as(help.group(1)).isEqualTo(help.group(2));
            count++;
        }
        assertThat(count).isEqualTo(2);
    }

    /** Every example of docs/accounting.md: a line that starts with the jar, and the line after it. */
    @Test
    void documentedExamples_printWhatTheDocumentSays() throws IOException {
        String document = Files.readString(Path.of("..", "docs", "accounting.md"));
        Matcher example =
                Pattern.compile("\\$ java -jar \\S+-cli\\.jar (.*)\\n(.*)\\n").matcher(document);
        int count = 0;
        while (example.find()) {
            if (example.group(1).endsWith("--help")) {
                continue;
            }
            Result result = run(example.group(1).replace("'", "")); // which the shell takes away
            String printed = result.out.lines().findFirst().orElse(result.err);
            assertThat(shortened(printed)).as(example.group(1)).isEqualTo(shortened(example.group(2)));
            count++;
        }
        assertThat(count).isGreaterThanOrEqualTo(13);
    }
}
