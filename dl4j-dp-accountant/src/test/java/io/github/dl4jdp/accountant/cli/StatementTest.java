// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.GroupPrivacy;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PldAccountant;
import io.github.dl4jdp.accountant.PrivacyLedger;
import io.github.dl4jdp.accountant.RdpAccountant;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A statement says no more than what came out. */
class StatementTest {
    private static final String RUN = "statement --examples 60000 --lot-size 256 --epochs 15 ";

    @Test
    void statement_smallEpsilon_hides() {
        Outcome outcome = Outcome.of(RUN + "--noise-multiplier 3 --delta 1e-6").answered();
        assertThat(outcome.out())
                .contains("hide whether any one example was in the data")
                .doesNotContain("Warning");
        assertThat(outcome.err()).isEmpty();
    }

    /** What a ledger charged for patients is not said of examples, in Markdown and in JSON. */
    @Test
    void statement_ledgerOfPatients_speaksOfThem(@TempDir Path folder) {
        Path file = folder.resolve("run.ledger");
        var terms = new PrivacyLedger.Terms(
                "plan", "network", "1", NeighboringRelation.ADD_OR_REMOVE_ONE, "patient", new Gaussian(8));
        try (PrivacyLedger ledger = PrivacyLedger.open(file, terms)) {
            ledger.charge(2);
        }
        for (String source : List.of(
                "--ledger " + file, "--examples 600 --lot-size 6 --epochs 1 --noise-multiplier 3 --unit patient")) {
            String statement = "statement --delta 1e-6 " + source;
            assertThat(Outcome.of(statement).answered().out())
                    .contains("Unit of privacy: one patient with all rows.")
                    .contains("one data set has one patient more than the other")
                    .contains("whether any one patient was in the data")
                    .contains("For two units together, each one patient")
                    .contains("data that differ in one row alone are two steps apart")
                    .doesNotContain("one example", "an example", "each example");
            assertThat(Outcome.of(statement + " --json").answered().out())
                    .contains("\"unit\" : \"patient\"")
                    .contains("one patient more")
                    .doesNotContain("one example");
        }
        assertThat(Outcome.of(RUN + "--noise-multiplier 3 --delta 1e-6")
                        .answered()
                        .out())
                .contains("Unit of privacy: one example.")
                .contains("examples of one person together");
    }

    @Test
    void statement_moderateEpsilon_limits() {
        Outcome outcome =
                Outcome.of(RUN + "--noise-multiplier 0.7 --delta 1e-6").answered();
        assertThat(outcome.out()).contains("limit how well anyone can tell").doesNotContain("hide");
        assertThat(outcome.err()).isEmpty();
    }

    @Test
    void statement_whatProtectsNobody_saysSoAndWarns() {
        assertPoor("--noise-multiplier 0.38 --delta 1e-6", "**This is weak**", "\"weak\"");
        assertPoor("--noise-multiplier 0.01 --delta 1e-6", "**This protects nothing**", "\"none\"");
        assertPoor("--noise-multiplier 3 --delta 0", "**There is no guarantee**", "\"none\"");
        assertPoor("--noise-multiplier 3 --delta 1e-4", "**This guarantee means nothing**", "\"none\"");
        assertPoor("--noise-multiplier 3 --delta 1", "**This guarantee means nothing**", "\"none\"");
    }

    private static void assertPoor(String options, String sentence, String grade) {
        Outcome outcome = Outcome.of(RUN + options).answered();
        assertThat(outcome.out())
                .as(options)
                .contains(sentence, "> **Warning**")
                .doesNotContain("hide");
        assertThat(outcome.err().lines()).hasSize(1);
        assertThat(outcome.err()).startsWith("warning: graded ");
        assertThat(Outcome.of(RUN + options + " --json").answered().out())
                .contains("\"grade\" : " + grade)
                .doesNotContain("\"warnings\" : [ ]")
                .doesNotContain("hide");
    }

    @Test
    void statement_unknownNumberOfExamples_isToldThatDeltaNeedsIt() {
        String run = "statement --sampling-probability 0.001 --steps 100 --noise-multiplier 4 --delta ";
        assertThat(Outcome.of(run + "1e-5").answered().out()).contains("the number of examples was not given");
        assertThat(Outcome.of(run + "0.1").answered().out())
                .contains("**This guarantee means nothing**")
                .doesNotContain("hide");
    }

    /** The strong words are said only of epsilon up to 1 at a delta below 1 / examples, over random settings. */
    @Test
    void grade_randomNumbers_hidesOnlyWhatIsHidden() {
        Random random = new Random(7);
        for (int i = 0; i < 20_000; i++) {
            double epsilon = i % 100 == 0 ? Double.POSITIVE_INFINITY : Math.pow(10, 8 * random.nextDouble() - 3);
            double delta = i % 101 == 0 ? 0 : Math.pow(10, -15 * random.nextDouble());
            double share = i % 3 == 0 ? 1 : Math.pow(10, -10 * random.nextDouble());
            for (NeighboringRelation relation : NeighboringRelation.values()) {
                Grade grade = Grade.of(epsilon, delta, share, Math.min(1, 0.01 * Math.exp(epsilon) + delta), relation);
                boolean hidden = epsilon <= 1 && delta < share && delta < 0.01;
                assertThat(grade.sentence().contains(" hide ")).isEqualTo(hidden);
                assertThat(grade.warning().isPresent())
                        .isEqualTo(!(epsilon <= 10 && delta < share && delta < 0.01)
                                || 0.01 * Math.exp(epsilon) + delta >= 0.99);
            }
        }
    }

    @Test
    void statement_everythingGiven_isInIt() {
        DpEvent run = new SelfComposed(new PoissonSampled(256.0 / 60_000, new Gaussian(1.1)), 3516);
        Outcome outcome = Outcome.of(RUN + "--noise-multiplier 1.1 --delta 1e-6 --clipping-norm 0.5 --groups 2,5")
                .answered();
        assertThat(outcome.out())
                .contains(
                        "one data set has one example more than the other",
                        "clipping norm 0.5",
                        "of 60000 examples",
                        "expected lot size 256",
                        "3516 steps",
                        "noise multiplier 1.1",
                        "dl4j-dp-accountant, version " + AccountantCommand.Version.number(),
                        "**Epsilon "
                                + QuestionCommand.rounded(
                                        new PldAccountant().compose(run).epsilon(1e-6)) + " at",
                        "two examples of one person together: epsilon " + group(run, 2),
                        "5 examples of one person together: epsilon " + group(run, 5));
        assertThat(Outcome.of(RUN + "--noise-multiplier 1.1 --delta 1e-6 --clipping-norm 0.5 --groups 2,5 --json")
                        .out())
                .contains(
                        "\"version\"",
                        "\"relation_in_words\"",
                        "\"clipping_norm\" : 0.5",
                        "\"examples\" : 60000",
                        "\"lot_size\" : 256");
    }

    private static String group(DpEvent run, int size) {
        return QuestionCommand.rounded(
                new PldAccountant().compose(GroupPrivacy.event(run, size)).epsilon(1e-6));
    }

    @Test
    void statement_accountant_isHonored() {
        DpEvent run = new SelfComposed(new PoissonSampled(256.0 / 60_000, new Gaussian(1.1)), 3516);
        double rdp = new RdpAccountant().compose(run).epsilon(1e-6);
        double pld = new PldAccountant().compose(run).epsilon(1e-6);
        String options = RUN + "--noise-multiplier 1.1 --delta 1e-6 --accountant rdp";
        assertThat(Outcome.of(options).answered().out())
                .contains(
                        "**Epsilon " + QuestionCommand.rounded(rdp) + " at",
                        "moments accountant (an upper bound); by privacy loss distributions it is "
                                + QuestionCommand.rounded(pld));
        assertThat(Outcome.of(options + " --json").answered().out())
                .contains("\"epsilon\" : " + rdp, "\"epsilon_privacy_loss_distributions\" : " + pld);
    }

    @Test
    void statement_otherSampling_assumesWhatItNeeds() {
        String run = RUN + "--noise-multiplier 6 --delta 1e-6 --sampling ";
        assertThat(Outcome.of(run + "fixed-size").answered().out())
                .contains("for replace-one", "uniformly among all sets of its size")
                .doesNotContain("Poisson");
        String allocation = "statement --sampling random-allocation --lots-per-pass 234 --epochs 15 --examples 60000"
                + " --noise-multiplier 2 --delta 1e-6 ";
        assertThat(Outcome.of(allocation).answered().out())
                .contains(
                        "15 passes over the data, each of 234 lots, of which an example takes part in exactly one",
                        "takes part in exactly one lot, drawn uniformly and independently of all other examples",
                        "## If lots were not drawn by random allocation",
                        "by the moments accountant it is not known");
        assertThat(Outcome.of(allocation + "--json").answered().out())
                .contains("\"lots_per_pass\" : 234", "\"without_random_allocation\"", "\"passes\" : 15");
        assertThat(Outcome.of(run + "given-batches").answered().out())
                .contains("15 passes over the data", "for zero-out", "at most once in a pass")
                .doesNotContain("Poisson");
    }

    @Test
    void statement_ofAnEvent_speaksOfIt() {
        assertThat(Outcome.of("statement --delta 1e-6 --examples 1000 --event", new Gaussian(9).toJson())
                        .answered()
                        .out())
                .contains("Accounted releases: event");
    }

    @Test
    void statement_badGroupsOrNorm_areRefused() {
        for (String groups : List.of("0", "2,x", "", "2,,3", "1.5", "NaN")) {
            Outcome.of(RUN + "--noise-multiplier 1.1 --delta 1e-6 --groups", groups)
                    .refused("groups");
        }
        for (String norm : List.of("0", "-1", "NaN", "Infinity", "x")) {
            Outcome.of(RUN + "--noise-multiplier 1.1 --delta 1e-6 --clipping-norm " + norm)
                    .refused("clipping");
        }
    }
}
