// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.CorrelatedNoise;
import io.github.dl4jdp.accountant.CorrelationMatrix;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.RandomAllocation;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.GroupPrivacy;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PldAccountant;
import io.github.dl4jdp.accountant.PrivacyLedger;
import io.github.dl4jdp.accountant.RdpAccountant;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** All that a training plan can be is a question for the command line too, and its answer is that of the plan's event. */
class PlanQuestionsTest {
    private static final String RUN = "--examples 60000 --lot-size 256 --epochs 15 --noise-multiplier 1.1 ";
    private static final DpEvent STEP = new PoissonSampled(256.0 / 60_000, new Gaussian(1.1));

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static void assertEpsilon(String options, NeighboringRelation relation, DpEvent event) {
        double exact = new PldAccountant(relation).compose(event).epsilon(1e-5);
        assertThat(Outcome.of("epsilon --delta 1e-5 " + options).number())
                .as(options)
                .isBetween(exact, exact * (1 + 1e-5));
    }

    @Test
    void epsilon_everySampling_isThatOfThePlansEvent() {
        assertEpsilon(RUN + "--sampling poisson", NeighboringRelation.ADD_OR_REMOVE_ONE, new SelfComposed(STEP, 3516));
        assertEpsilon(RUN + "--relation zero-out", NeighboringRelation.ZERO_OUT, new SelfComposed(STEP, 3516));
        assertEpsilon(
                RUN + "--relation REPLACE_ONE",
                NeighboringRelation.REPLACE_ONE,
                new SelfComposed(new PoissonSampled(256.0 / 60_000, new Gaussian(0.55)), 3516));
        assertEpsilon(
                RUN + "--sampling fixed-size",
                NeighboringRelation.REPLACE_ONE,
                new SelfComposed(new SampledWithoutReplacement(60_000, 256, new Gaussian(0.55)), 3516));
        String allocation = "--sampling random-allocation --lots-per-pass 234 --epochs 15 --noise-multiplier 1.1 ";
        DpEvent passes = new SelfComposed(new RandomAllocation(234, new Gaussian(1.1)), 15);
        assertEpsilon(allocation, NeighboringRelation.ADD_OR_REMOVE_ONE, passes);
        assertEpsilon(allocation + "--relation zero-out", NeighboringRelation.ZERO_OUT, passes);
        assertEpsilon(
                RUN + "--sampling given-batches",
                NeighboringRelation.ZERO_OUT,
                new SelfComposed(new Gaussian(1.1), 15));
        assertEpsilon(
                RUN + "--sampling given-batches --relation replace-one",
                NeighboringRelation.REPLACE_ONE,
                new SelfComposed(new Gaussian(0.55), 15));
    }

    @Test
    void epsilon_correlatedNoise_isThatOfThePlansEvent() {
        String run = "--examples 60000 --lot-size 500 --noise-multiplier 20 ";
        for (String code : List.of("lambda-cgd:0.95", "bisr:16", "banded-square-root:16", "band-mf:16")) {
            CorrelatedNoise noise = CorrelatedNoise.parse(code);
            double sensitivity = CorrelationMatrix.of(noise, 480, 4, 120).sensitivity();
            String given = run + "--sampling given-batches --correlated-noise " + code;
            assertEpsilon(given + " --epochs 4", NeighboringRelation.ZERO_OUT, new Gaussian(20 / sensitivity));
            assertEpsilon(given + " --steps 480", NeighboringRelation.ZERO_OUT, new Gaussian(20 / sensitivity));
            assertEpsilon(
                    given + " --epochs 4 --relation replace-one",
                    NeighboringRelation.REPLACE_ONE,
                    new Gaussian(10 / sensitivity));
            assertEpsilon(
                    given + " --epochs 4 --group-size 2", NeighboringRelation.ZERO_OUT, new Gaussian(10 / sensitivity));
            assertEpsilon(
                    given + " --epochs 4 --separation 1",
                    NeighboringRelation.ZERO_OUT,
                    new Gaussian(20 / CorrelationMatrix.of(noise, 480, 4, 1).sensitivity()));
            assertEpsilon(
                    "--sampling given-batches --noise-multiplier 20 --steps 100 --participations 3 --separation 7 --correlated-noise "
                            + code,
                    NeighboringRelation.ZERO_OUT,
                    new Gaussian(20 / CorrelationMatrix.of(noise, 100, 3, 7).sensitivity()));
        }
        CorrelatedNoise bands = CorrelatedNoise.bandMf(16);
        assertEpsilon(
                run + "--steps 470 --correlated-noise band-mf:16",
                NeighboringRelation.ZERO_OUT,
                new SelfComposed(
                        new PoissonSampled(
                                16 * 500.0 / 60_000,
                                new Gaussian(20
                                        / CorrelationMatrix.of(bands, 470, 1, 16)
                                                .sensitivity())),
                        30));
    }

    @Test
    void noise_correlatedNoise_isThatOfIndependentDrawsTimesTheSensitivity() {
        String run =
                "noise --examples 60000 --lot-size 500 --epochs 4 --epsilon 4 --delta 1e-5 --sampling given-batches";
        double onePass = Outcome.of(run.replace("--epochs 4", "--epochs 1")).number();
        for (String code : List.of("lambda-cgd:0.95", "bisr:16", "band-mf:16")) {
            double sensitivity = CorrelationMatrix.of(CorrelatedNoise.parse(code), 480, 4, 120)
                    .sensitivity();
            assertThat(Outcome.of(run + " --correlated-noise " + code).number())
                    .isCloseTo(onePass * sensitivity, Percentage.withPercentage(0.001));
        }
        String delta =
                "delta --examples 60000 --lot-size 500 --epochs 4 --epsilon 4 --noise-multiplier 20 --sampling given-batches --correlated-noise band-mf:16";
        assertThat(Outcome.of(delta).answered().out())
                .contains("correlated noise: banded matrix factorization, 16 bands");
        assertThat(Outcome.of(delta + " --json").answered().out()).contains("\"correlated_noise\":\"band-mf:16\"");
        assertThat(Outcome.of(
                                "statement --examples 60000 --lot-size 500 --epochs 4 --delta 1e-6 --noise-multiplier 20 --sampling given-batches --correlated-noise band-mf:16")
                        .answered()
                        .out())
                .contains("with noise multiplier 20.0 of the draws of correlated noise, band-mf:16")
                .contains("From a lot of an example to its next one");
        assertThat(Outcome.of(
                                "statement --examples 60000 --lot-size 500 --epochs 4 --delta 1e-6 --noise-multiplier 20 --correlated-noise band-mf:16")
                        .answered()
                        .out())
                .contains("Poisson sample of one part of the data")
                .contains("examples of one person together: epsilon not bounded")
                .doesNotContain("If lots were not");
    }

    @Test
    void correlatedNoise_whatHasNoKnownCost_isRefused() {
        String run = "epsilon --delta 1e-5 --examples 6000 --lot-size 500 --epochs 4 --noise-multiplier 20 ";
        Outcome.of(run + "--correlated-noise bisr:4").refused("band-mf or banded-square-root for Poisson lots");
        Outcome.of(run + "--correlated-noise band-mf:13").refused("at most 1 / sampling_probability bands");
        Outcome.of(run + "--correlated-noise band-mf:4 --relation add-or-remove-one")
                .refused("relation must be zero-out");
        Outcome.of(run + "--correlated-noise band-mf:4 --group-size 2").refused("group_size must be 1");
        Outcome.of(run + "--correlated-noise band-mf:4 --separation 4").refused("separation must not be given");
        Outcome.of(run + "--correlated-noise band-mf:4 --sampling fixed-size").refused("given-batches or poisson");
        Outcome.of(run + "--separation 4 --sampling given-batches")
                .refused("separation must come with correlated_noise");
        String given = run + "--sampling given-batches --correlated-noise band-mf:4 ";
        Outcome.of(given + "--noise-schedule 1:2,3:1")
                .refused("correlated_noise and noise_schedule exclude each other");
        Outcome.of(given + "--count-noise 20").refused("correlated_noise and count_noise exclude each other");
        Outcome.of(given + "--releases-per-lot 2").refused("correlated_noise and releases_per_lot exclude each other");
        Outcome.of(run + "--sampling given-batches --correlated-noise band-mf:1")
                .refused("bands must be from 2");
        Outcome.of(run + "--sampling given-batches --correlated-noise fir:3").refused("lambda-cgd:LAMBDA");
    }

    /** Examples and lot size say how many lots an example is in, and how far apart they can be. */
    @Test
    void correlatedNoise_fewerOrFartherLotsThanThereAre_isRefused() {
        String run = "epsilon --delta 1e-5 --examples 20 --lot-size 5 --noise-multiplier 2 --sampling given-batches "
                + "--correlated-noise band-mf:4 ";
        Outcome.of(run + "--epochs 2 --separation 1000").refused("separation must be at most the 4 lots of a pass");
        Outcome.of(run + "--epochs 2 --separation 5").refused("separation must be at most the 4 lots of a pass");
        Outcome.of(run + "--epochs 2 --participations 1").refused("participations must be at least the 2 passes");
        Outcome.of(run + "--steps 5 --participations 1").refused("participations must be at least the 2 passes");
        assertThat(Outcome.of(run + "--epochs 2 --separation 4").number())
                .isEqualTo(Outcome.of(run + "--epochs 2").number());
        assertThat(Outcome.of(run + "--epochs 1 --separation 1000").number())
                .isEqualTo(Outcome.of(run + "--epochs 1").number());
    }

    /** A pass that has begun is charged as a whole. */
    @Test
    void epsilon_randomAllocationBySteps_countsThePassesThatBegin() {
        String lots = "--sampling random-allocation --lots-per-pass 20 --noise-multiplier 2 --steps ";
        DpEvent pass = new RandomAllocation(20, new Gaussian(2));
        assertEpsilon(lots + 1, NeighboringRelation.ADD_OR_REMOVE_ONE, pass);
        assertEpsilon(lots + 20, NeighboringRelation.ADD_OR_REMOVE_ONE, pass);
        assertEpsilon(lots + 21, NeighboringRelation.ADD_OR_REMOVE_ONE, new SelfComposed(pass, 2));
        assertEpsilon(
                lots + "60 --noise-schedule 1:1.2,2:1",
                NeighboringRelation.ADD_OR_REMOVE_ONE,
                new Composed(List.of(new RandomAllocation(20, new Gaussian(2.4)), new SelfComposed(pass, 2))));
        String answer = Outcome.of("steps --epsilon 3 --delta 1e-5 --sampling random-allocation --lots-per-pass 20"
                        + " --noise-multiplier 2")
                .answered()
                .out();
        assertThat(Long.parseLong(answer.substring(0, answer.indexOf(' '))) % 20)
                .isZero();
    }

    /** 235 batches of 256 end the first pass over 60,000 examples: the next one begins another. */
    @Test
    void epsilon_givenBatchesBySteps_countsThePassesThatBegin() {
        String batches = "--sampling given-batches --examples 60000 --lot-size 256 --noise-multiplier 4 --steps ";
        assertEpsilon(batches + 234, NeighboringRelation.ZERO_OUT, new SelfComposed(new Gaussian(4), 1));
        assertEpsilon(batches + 235, NeighboringRelation.ZERO_OUT, new SelfComposed(new Gaussian(4), 2));
    }

    @Test
    void epsilon_schedulesGroupsAndReleases_areThoseOfThePlansEvent() {
        assertEpsilon(
                RUN + "--noise-schedule 1:1.2,2001:1",
                NeighboringRelation.ADD_OR_REMOVE_ONE,
                new Composed(List.of(
                        new SelfComposed(new PoissonSampled(256.0 / 60_000, new Gaussian(1.1 * 1.2)), 2000),
                        new SelfComposed(STEP, 1516))));
        assertEpsilon(
                RUN + "--noise-schedule 1:1,5000:2",
                NeighboringRelation.ADD_OR_REMOVE_ONE,
                new SelfComposed(STEP, 3516));
        assertEpsilon(
                RUN + "--group-size 3",
                NeighboringRelation.ADD_OR_REMOVE_ONE,
                GroupPrivacy.event(new SelfComposed(STEP, 3516), 3));
        assertEpsilon(
                RUN + "--releases-per-lot 4",
                NeighboringRelation.ADD_OR_REMOVE_ONE,
                new SelfComposed(new PoissonSampled(256.0 / 60_000, new SelfComposed(new Gaussian(1.1), 4)), 3516));
        assertEpsilon(
                RUN + "--count-noise 12.8",
                NeighboringRelation.ADD_OR_REMOVE_ONE,
                new SelfComposed(
                        new PoissonSampled(
                                256.0 / 60_000, new Composed(List.of(new Gaussian(1.1), new Gaussian(25.6)))),
                        3516));
        DpEvent before = new Gaussian(5);
        double exact = new PldAccountant().compose(before).compose(STEP, 3516).epsilon(1e-5);
        Outcome outcome = Outcome.of("epsilon --delta 1e-5 " + RUN + "--earlier-releases", before.toJson());
        assertThat(outcome.number()).isBetween(exact, exact * (1 + 1e-5));
    }

    /** The product of doubles 0.1 N is above the whole number that it is written for; what counts is what is written. */
    @Test
    void epsilon_fractionsOfEpochs_countStepsExactly() {
        double exact = new PldAccountant()
                .compose(new PoissonSampled(0.001, new Gaussian(1)), 300)
                .epsilon(1e-5);
        assertThat(Outcome.of("epsilon --delta 1e-5 --examples 10000 --lot-size 10 --epochs 0.3 --noise-multiplier 1")
                        .number())
                .isBetween(exact, exact * (1 + 1e-5));
    }

    @Test
    void steps_largestNumber_isWithinAndOneMoreIsNot() {
        String run = " --sampling-probability 0.01 --noise-multiplier 1.1 --delta 1e-5 ";
        String answer = Outcome.of("steps --epsilon 2" + run).answered().out();
        long steps = Long.parseLong(answer.substring(0, answer.indexOf(' ')));
        assertThat(answer).contains("is the largest number of steps within epsilon 2.0 at delta 1.0E-5");
        assertThat(Outcome.of("epsilon" + run + "--steps " + steps).number()).isLessThanOrEqualTo(2);
        assertThat(Outcome.of("epsilon" + run + "--steps " + (steps + 1)).number())
                .isGreaterThan(2);
        assertThat(Outcome.of("steps --json --epsilon 2" + run).answered().out())
                .startsWith("{\"steps\":" + steps + ",");
        Outcome.of("steps --epsilon 0.001 --sampling-probability 0.5 --noise-multiplier 1 --delta 1e-5")
                .refused("target epsilon must be at least");
    }

    @Test
    void lotSize_largest_isWithinAndOneMoreIsNot() {
        for (String sampling : List.of("poisson", "fixed-size")) {
            String run = " --examples 60000 --steps 2000 --noise-multiplier 2.5 --delta 1e-6 --sampling " + sampling;
            String answer = Outcome.of("lot-size --epsilon 2" + run).answered().out();
            long size = Long.parseLong(answer.substring(0, answer.indexOf(' ')));
            assertThat(Outcome.of("epsilon" + run + " --lot-size " + size).number())
                    .isLessThanOrEqualTo(2);
            assertThat(Outcome.of("epsilon" + run + " --lot-size " + (size + 1)).number())
                    .isGreaterThan(2);
        }
        Outcome.of(
                        "lot-size --epsilon 2 --examples 60000 --epochs 2 --noise-multiplier 2 --delta 1e-6 --sampling given-batches")
                .refused("sampling must be poisson or fixed-size");
    }

    @Test
    void event_jsonOrFile_isComposedUnderTheRelation() throws IOException {
        DpEvent event = new Composed(List.of(new SelfComposed(STEP, 100), new DpEvent.Laplace(3)));
        double exact = new PldAccountant().compose(event).epsilon(1e-5);
        assertThat(Outcome.of("epsilon --delta 1e-5 --event", event.toJson()).number())
                .isBetween(exact, exact * (1 + 1e-5));
        Path file = folder.resolve("event.json");
        Files.writeString(file, "\uFEFF" + event.toJson() + "\n");
        assertThat(Outcome.of("epsilon --delta 1e-5 --event", file.toString()).number())
                .isBetween(exact, exact * (1 + 1e-5));
        double delta = new PldAccountant().compose(event).delta(1);
        assertThat(Outcome.of("delta --epsilon 1 --event", event.toJson()).number())
                .isBetween(delta, delta * (1 + 1e-5));

        Outcome.of("epsilon --delta 1e-5 --steps 3 --event", event.toJson())
                .refused("event and steps exclude each other");
        Outcome.of("epsilon --delta 1e-5 --event", "{\"type\":\"Gauss\"}").refused("event: type");
        Outcome.of("epsilon --delta 1e-5 --event", "{").refused("event: event must be a JSON object");
        Outcome.of("epsilon --delta 1e-5 --event", "").refused("event must be JSON or a file, was empty");
        Outcome.of("epsilon --delta 1e-5 --event", new SampledWithoutReplacement(10, 1, new Gaussian(1)).toJson())
                .refused("replace-one");
    }

    private Path ledger(NeighboringRelation relation, DpEvent event, long steps) {
        Path file = folder.resolve(relation + "-" + steps + ".ledger");
        try (PrivacyLedger ledger =
                PrivacyLedger.open(file, new PrivacyLedger.Terms("plan", "network", "1", relation, event))) {
            if (steps > 0) {
                ledger.charge(steps);
            }
        }
        return file;
    }

    @Test
    void ledger_whatItHasSpent_isTheEpsilonOfItsCharges() throws IOException {
        Path file = ledger(NeighboringRelation.ADD_OR_REMOVE_ONE, STEP, 120);
        double exact = new PldAccountant().compose(STEP, 120).epsilon(1e-5);
        byte[] before = Files.readAllBytes(file);
        Outcome outcome = Outcome.of("epsilon --delta 1e-5 --ledger", file.toString());
        assertThat(outcome.number()).isBetween(exact, exact * (1 + 1e-5));
        assertThat(outcome.out()).contains("(add-or-remove-one, ledger of 120 charges in 1 session, PLD)");
        assertThat(Files.readAllBytes(file)).isEqualTo(before);
        double both = new PldAccountant().compose(STEP, 120 + 3516).epsilon(1e-5);
        assertThat(Outcome.of("epsilon --delta 1e-5 " + RUN + "--earlier-ledger", file.toString())
                        .number())
                .isBetween(both, both * (1 + 1e-5));
        double noise = Outcome.of(
                        "noise --epsilon 2 --delta 1e-5 --examples 60000 --lot-size 256 --epochs 15 --earlier-ledger",
                        file.toString())
                .number();
        assertThat(new PldAccountant()
                        .compose(STEP, 120)
                        .compose(new PoissonSampled(256.0 / 60_000, new Gaussian(noise)), 3516)
                        .epsilon(1e-5))
                .isBetween(1.999, 2.0);
    }

    @Test
    void ledger_otherRelation_isItsOwnOrRefused() {
        Path file =
                ledger(NeighboringRelation.REPLACE_ONE, new SampledWithoutReplacement(1000, 10, new Gaussian(2)), 7);
        assertThat(Outcome.of("epsilon --delta 1e-5 --ledger", file.toString())
                        .answered()
                        .out())
                .contains("replace-one");
        Outcome.of("epsilon --delta 1e-5 --relation zero-out --ledger", file.toString())
                .refused("relation must be that of the ledger, replace-one, was zero-out");
        Path other = ledger(NeighboringRelation.ZERO_OUT, new Gaussian(4), 2);
        Outcome.of("epsilon --delta 1e-5 --ledger " + other + " --earlier-ledger", file.toString())
                .refused("earlier_ledger must be under the relation of ledger");
        Outcome.of(
                        "epsilon --delta 1e-5 " + RUN + "--sampling given-batches --earlier-ledger",
                        folder.resolve(ledger(NeighboringRelation.ADD_OR_REMOVE_ONE, STEP, 1))
                                .toString())
                .refused("relation must be one of zero-out, replace-one for given batches");
    }

    /** Two examples of one person are in lots that share noise: a ledger of such a run answers for groups no more than its options do. */
    @Test
    void ledger_cyclicPoissonOfCorrelatedNoise_isNotAnsweredForGroups() {
        Path file = folder.resolve("cyclic.ledger");
        DpEvent round = new PoissonSampled(0.25, new Gaussian(3));
        try (PrivacyLedger ledger = PrivacyLedger.open(
                file, new PrivacyLedger.Terms("plan", "network", "1", NeighboringRelation.ZERO_OUT, round))) {
            for (int lot = 0; lot < 8; lot++) {
                ledger.charge(lot % 4 == 0 ? round : new DpEvent.NoOp(), 1);
            }
        }
        String of = " --delta 1e-5 --ledger " + file;
        String run =
                " --delta 1e-5 --noise-multiplier 3 --sampling-probability 0.1 --steps 9 --relation zero-out --earlier-ledger "
                        + file;
        for (String question : List.of("epsilon" + of, "delta --epsilon 2 --ledger " + file, "epsilon" + run)) {
            Outcome.of(question).answered();
            Outcome.of(question + " --group-size 2").refused("group_size must be 1 for a ledger", "no cost is known");
        }
        assertThat(Outcome.of("statement" + of).answered().out()).contains("not bounded by this accountant");
    }

    @Test
    void options_notTakenOrEmpty_areRefusedWithTheReasonAndTheRemedy() {
        Outcome.of("steps --correlated-noise band-mf:4")
                .refused("--correlated-noise must not be given to steps", "ask epsilon or noise for several --steps");
        Outcome.of("lot-size --separation=4").refused("--separation must not be given to lot-size");
        Outcome.of("search --earlier-ledger some")
                .refused("--earlier-ledger must not be given to search", "ask epsilon", "RepeatAndSelect");
        Outcome.of("epsilon --clipping-norm 1").refused("--clipping-norm must not be given to epsilon", "leave it out");
        Outcome.of("epsilon --delta 1e-5 --ledger", "").refused("ledger must be a file, was empty");
        Outcome.of("epsilon --colour red").refused("Unknown option");
    }

    private Path ledgerOf(String unit) {
        Path file = folder.resolve(unit + ".ledger");
        var terms = new PrivacyLedger.Terms("plan", "network", "1", NeighboringRelation.ADD_OR_REMOVE_ONE, unit, STEP);
        try (PrivacyLedger ledger = PrivacyLedger.open(file, terms)) {
            ledger.charge(120);
        }
        return file;
    }

    /** An epsilon for a patient is none for a row, and the other way round: what is said names the unit, and different ones are not added up. */
    @Test
    void ledger_otherUnit_isNamedAndNeverAddedToAnother() {
        Path patients = ledgerOf("patient");
        assertThat(Outcome.of("epsilon --delta 1e-5 --ledger", patients.toString())
                        .out())
                .contains("(add-or-remove-one of one patient, ledger of 120 charges");
        assertThat(Outcome.of("epsilon --json --delta 1e-5 --ledger", patients.toString())
                        .out())
                .contains("\"unit\":\"patient\"");
        assertThat(Outcome.of(
                                "epsilon --json --delta 1e-5 --ledger",
                                ledgerOf("example").toString())
                        .out())
                .doesNotContain("\"unit\"");
        Outcome.of("epsilon --delta 1e-5 --unit example --ledger", patients.toString())
                .refused("unit must be that of the ledger, patient, was example");
        Outcome.of("epsilon --delta 1e-5 " + RUN + "--earlier-ledger", patients.toString())
                .refused("earlier_ledger must be for the unit of the run, example, was for patient");
        Outcome.of("epsilon --delta 1e-5 --ledger " + ledgerOf("hospital") + " --earlier-ledger", patients.toString())
                .refused("earlier_ledger must be for the unit of the run, hospital, was for patient");
        assertThat(Outcome.of("epsilon --delta 1e-5 --unit patient " + RUN + "--earlier-ledger", patients.toString())
                        .out())
                .contains("add-or-remove-one of one patient");
        Outcome.of("epsilon --delta 1e-5 " + RUN + "--unit 1st").refused("must be a word");
    }

    @Test
    void ledger_thatIsNone_isOneLineAndExitCodeOne() throws IOException {
        Path broken = folder.resolve("broken");
        Files.writeString(broken, "not a ledger\nat all\n");
        for (Path file : List.of(folder.resolve("missing"), broken, folder)) {
            Outcome outcome = Outcome.of("epsilon --delta 1e-5 --ledger", file.toString());
            assertThat(outcome.code()).isEqualTo(1);
            assertThat(outcome.out()).isEmpty();
            assertThat(outcome.err().lines()).hasSize(1);
            assertThat(outcome.err()).contains(file.toString());
        }
    }

    /** Whatever contradicts itself is refused: nothing of what was given goes unused in silence. */
    @Test
    void contradictions_areRefused() {
        String run = "epsilon --delta 1e-5 --noise-multiplier 1 ";
        Outcome.of(run + "--steps 3 --epochs 1 --examples 10 --lot-size 1")
                .refused("steps and epochs exclude each other");
        Outcome.of(run + "--steps 3 --sampling-probability 0.1 --lot-size 1").refused("exclude each other");
        Outcome.of(run + "--steps 3 --sampling-probability 0.1 --sampling fixed-size")
                .refused("sampling_probability must not be given for lots of fixed size");
        Outcome.of(run + "--epochs 3 --sampling-probability 0.1 --sampling given-batches")
                .refused("sampling_probability must not be given for given batches");
        Outcome.of(run + "--epochs 3 --lots-per-pass 9 --sampling random-allocation --lot-size 2")
                .refused("lot_size must not be given for random allocation; give lots_per_pass");
        Outcome.of(run + "--epochs 3 --lots-per-pass 9 --sampling random-allocation --relation replace-one")
                .refused("relation must be one of add-or-remove-one, zero-out for random allocation");
        Outcome.of(run + "--epochs 3 --lots-per-pass 9 --sampling random-allocation --accountant rdp")
                .refused("use --accountant pld");
        Outcome.of(run + "--epochs 3 --sampling random-allocation").refused("lots_per_pass is missing");
        Outcome.of(run + "--epochs 3 --lots-per-pass 2.5 --sampling random-allocation")
                .refused("lots_per_pass must be a whole number");
        Outcome.of(run + "--steps 3 --sampling-probability 0.1 --lots-per-pass 9")
                .refused("lots_per_pass must not be given for Poisson lots");
        Outcome.of(run + "--steps 3 --examples 10 --lot-size 2.5 --sampling fixed-size")
                .refused("lot_size must be a whole number");
        Outcome.of(run + "--steps 3 --examples 10 --lot-size 20 --sampling given-batches")
                .refused("lot_size must be <= examples");
        Outcome.of(run + "--steps 3 --examples 10 --lot-size 2 --sampling fixed-size --relation zero-out")
                .refused("relation must be one of replace-one for lots of fixed size");
        Outcome.of(run + "--steps 3 --sampling-probability 0.1 --count-noise 1 --releases-per-lot 2")
                .refused("releases_per_lot and count_noise exclude each other");
        Outcome.of(run + "--steps 3 --sampling-probability 0.1 --delta 1e-3").refused("--delta");
        for (String schedule :
                List.of("2:1", "1:0", "1:1,1:2", "1:1,5:NaN", "1", "", "1:1,", "1.5:1", "1:1;2:2", "1:1e400")) {
            Outcome.of(run + "--steps 3 --sampling-probability 0.1 --noise-schedule", schedule)
                    .refused("--noise-schedule");
        }
        for (String size : List.of("0", "-1", "1.5", "1001", "NaN", "Infinity")) {
            Outcome.of(run + "--steps 3 --sampling-probability 0.1 --group-size " + size)
                    .refused("group_size must be a whole number from 1 to 1000");
        }
    }

    @Test
    void version_option_saysIt() {
        assertThat(Outcome.of("--version").answered().out()).startsWith("dl4j-dp-accountant ");
        assertThat(Outcome.of("noise --version").answered().out()).startsWith("dl4j-dp-accountant ");
    }

    /** Disks fill up and pipes close: no answer is then no success. */
    @Test
    void answer_thatCannotBeWritten_isNoSuccess() {
        Writer full = new Writer() {
            @Override
            public void write(char[] text, int offset, int length) throws IOException {
                throw new IOException("No space left on device");
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        StringWriter err = new StringWriter();
        int code = AccountantCommand.run(new PrintWriter(full), new PrintWriter(err), "--version");
        assertThat(code).isEqualTo(1);
        assertThat(err.toString().lines()).hasSize(1);
    }

    @Test
    void plot_fewSteps_plotsNoMoreThanThese() throws IOException {
        Path file = folder.resolve("three.svg");
        String run = "plot --noise-multiplier 1.1 --sampling-probability 0.01 --delta 1e-5 --output ";
        Outcome.of(run + file + " --steps 3").answered();
        assertThat(Files.readString(file)).contains("<svg");
        for (long all : new long[] {1, 2, 3, 49, 50, 51, 3516, (1L << 53) - 1}) {
            assertThat(PlotCommand.steps(all))
                    .hasSize((int) Math.min(50, all))
                    .isSorted()
                    .doesNotHaveDuplicates()
                    .endsWith((double) all)
                    .allMatch(steps -> steps >= 1 && steps == Math.rint(steps));
        }
        Outcome.of(run + file + " --steps 1").answered();
    }

    @Test
    void plot_whatCannotBeDrawnOrWritten_failsAtOnceAndLeavesNothing() throws IOException {
        String run = "plot --noise-multiplier 1.1 --sampling-probability 0.01 --steps 9007199254740991 ";
        Outcome.of(run + "--delta 0 --output " + folder.resolve("a.png"))
                .refused("delta must be > 0 and < 1 for a plot, was 0.0");
        Outcome.of(run + "--delta 1 --output " + folder.resolve("a.png")).refused("delta must be > 0 and < 1");
        for (String path : List.of("no/such/folder/a.png", "folder.svg", "file.png/a.png")) {
            Files.createDirectories(folder.resolve("folder.svg"));
            Files.writeString(folder.resolve("file.png"), "kept");
            long start = System.nanoTime();
            Outcome outcome = Outcome.of(run + "--delta 1e-5 --output " + folder.resolve(path));
            assertThat(outcome.code()).isEqualTo(1);
            assertThat(outcome.out()).isEmpty();
            assertThat(outcome.err().lines()).hasSize(1);
            assertThat(System.nanoTime() - start).isLessThan(20_000_000_000L);
        }
        assertThat(Files.readString(folder.resolve("file.png"))).isEqualTo("kept");
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder("folder.svg", "file.png");
        }
    }

    @Test
    void rdp_whereOnlyPldHasABound_saysSo() {
        Outcome.of("epsilon --delta 1e-5 --accountant rdp --relation replace-one " + RUN.trim())
                .refused("use --accountant pld");
        double rdp = new RdpAccountant(NeighboringRelation.REPLACE_ONE)
                .compose(new SampledWithoutReplacement(60_000, 256, new Gaussian(0.55)), 3516)
                .epsilon(1e-5);
        assertThat(Outcome.of("epsilon --delta 1e-5 --accountant rdp --sampling fixed-size " + RUN.trim())
                        .number())
                .isBetween(rdp, rdp * (1 + 1e-5));
    }
}
