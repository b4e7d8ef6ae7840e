// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static io.github.dl4jdp.core.AccountKeptTest.network;
import static io.github.dl4jdp.core.AccountKeptTest.plan;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.PrivacyLedgerHistory;
import io.github.dl4jdp.accountant.RunCount;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.dataset.DataSet;

/** Which releases of a plan are those that a network or a ledger was charged with before: cost alone does not tell. */
class OtherReleasesTest {
    private static final int LOTS = 2;
    private static final DpEvent RELEASE = new DpEvent.Gaussian(2);
    private static final DpEvent CHEAP = new DpEvent.Gaussian(1000);
    private static final DataSet DATA = AccountMemoryTest.data();

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static DpSgdPlan named(DpSgdPlan plan) {
        return plan.withOtherRelease("one", RELEASE);
    }

    private static DpSgdPlan unnamed(DpSgdPlan plan) {
        return plan.withOtherReleases(RELEASE);
    }

    private Path ledger() {
        return folder.resolve("ledger");
    }

    private static void train(MultiLayerNetwork net, PrivacyEngine engine) {
        var lots = engine.lots(DATA);
        for (int i = 0; i < LOTS; i++) {
            net.fit(lots.next());
        }
    }

    /** The epsilon after a session of two lots. */
    private static double session(MultiLayerNetwork net, DpSgdPlan plan) {
        try (var engine = PrivacyEngine.attach(net, plan)) {
            train(net, engine);
            return engine.epsilon();
        }
    }

    private static double epsilon(long lots, DpEvent... releases) {
        var accountant = plan().newAccountant().compose(plan().stepEvent(), lots);
        List.of(releases).forEach(accountant::compose);
        return accountant.epsilon(1e-5);
    }

    /** Sessions one after another on a ledger, by networks of their own or by one. */
    private double sessions(boolean isOneNetwork, UnaryOperator<DpSgdPlan> first, UnaryOperator<DpSgdPlan> second) {
        DpSgdPlan base = plan().withLedger(ledger());
        MultiLayerNetwork net = network();
        session(net, first.apply(base));
        return session(isOneNetwork ? net : network(), second.apply(base).continuing());
    }

    @ParameterizedTest
    @CsvSource({"true,true", "true,false", "false,true", "false,false"})
    void attach_ledgerOfAnEqualReleaseOfTheOtherKind_isChargedBoth(boolean isOneNetwork, boolean namedFirst) {
        double reported = namedFirst
                ? sessions(isOneNetwork, OtherReleasesTest::named, OtherReleasesTest::unnamed)
                : sessions(isOneNetwork, OtherReleasesTest::unnamed, OtherReleasesTest::named);

        assertThat(reported).isCloseTo(epsilon(2 * LOTS, RELEASE, RELEASE), within(1e-6));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void attach_ledgerOfAnEqualReleaseOfTheSameKind_isChargedOnce(boolean isOneNetwork) {
        assertThat(sessions(isOneNetwork, plan -> named(unnamed(plan)), plan -> named(unnamed(plan))
                        .withNoiseMultiplier(1.1)))
                .isCloseTo(epsilon(2 * LOTS, RELEASE, RELEASE), within(1e-6));
    }

    @Test
    void release_ledgerOfANamedReleaseOfEqualCost_isChargedBoth() {
        DpSgdPlan base = plan().withLedger(ledger());
        PrivateRelease.of(named(base), 4).close();
        try (var release = PrivateRelease.of(unnamed(base).continuing(), 4)) {
            assertThat(release.epsilon()).isCloseTo(epsilon(0, RELEASE, RELEASE), within(1e-6));
        }
    }

    @Test
    void attach_ledgerOfASearchOfEqualCost_isChargedBoth() {
        var search = PrivateSearch.of(plan().withSteps(LOTS).withLedger(ledger()), List.of(0.1), RunCount.geometric(2))
                .withScore(model -> 1);
        search.run(rate -> network(), RandomAccessExamples.of(DATA));

        double reported = session(
                network(),
                plan().withLedger(ledger()).withOtherReleases(search.event()).continuing());

        assertThat(reported).isCloseTo(epsilon(LOTS, search.event(), search.event()), within(1e-6));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void attach_otherEventUnderAKnownIdentity_isRefused(boolean hasLedger) {
        DpSgdPlan base = hasLedger ? plan().withLedger(ledger()) : plan();
        for (boolean cheapFirst : new boolean[] {true, false}) {
            String identity = "release-" + cheapFirst;
            DpEvent first = cheapFirst ? CHEAP : RELEASE;
            DpEvent second = cheapFirst ? RELEASE : CHEAP;
            MultiLayerNetwork net = network();
            session(net, base.withOtherRelease(identity, first).continuing());
            long charged = hasLedger ? PrivacyLedgerHistory.read(ledger()).steps() : 0;
            DpSgdPlan other = unnamed(base).withOtherRelease(identity, second).continuing();

            // With a ledger, a new network meets it too.
            for (MultiLayerNetwork one : hasLedger ? List.of(net, network()) : List.of(net)) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> PrivacyEngine.attach(one, other))
                        .withMessageContainingAll(
                                identity, first.toJson(), second.toJson(), "under an identity of its own");
            }
            if (hasLedger) {
                assertThat(PrivacyLedgerHistory.read(ledger()).steps()).isEqualTo(charged);
            }
        }
    }

    @Test
    void setParams_otherEventUnderAKnownIdentity_isRefused() {
        MultiLayerNetwork net = network();
        session(net, plan().withOtherRelease("one", RELEASE));
        MultiLayerNetwork other = network();
        try (var engine = PrivacyEngine.attach(other, plan().withOtherRelease("one", CHEAP))) {
            train(other, engine);
            other.setParams(net.params());
            assertThatIllegalArgumentException()
                    .isThrownBy(engine::epsilon)
                    .withMessageContainingAll("the release one", RELEASE.toJson(), CHEAP.toJson());
        }
        try (var engine = PrivacyEngine.attach(other, plan().withOtherRelease("one", CHEAP))) {
            assertThat(engine.epsilon()).isInfinite();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void setParams_networksOfEqualReleases_areChargedBothUnlessNamedAlike(boolean isNamed) {
        DpSgdPlan plan = isNamed ? named(plan()) : unnamed(plan());
        DpEvent[] expected = isNamed ? new DpEvent[] {RELEASE} : new DpEvent[] {RELEASE, RELEASE};
        MultiLayerNetwork net = network();
        session(net, plan);

        MultiLayerNetwork attached = network();
        try (var engine = PrivacyEngine.attach(attached, plan)) {
            train(attached, engine);
            attached.setParams(net.params());
            assertThat(engine.epsilon()).isCloseTo(epsilon(2 * LOTS, expected), within(1e-6));
        }
        try (var engine = PrivacyEngine.attach(attached, plan)) {
            assertThat(engine.epsilon()).isCloseTo(epsilon(2 * LOTS, expected), within(1e-6));
        }
        MultiLayerNetwork fresh = network();
        fresh.setParams(net.params());
        assertThat(session(fresh, plan)).isCloseTo(epsilon(2 * LOTS, expected), within(1e-6));
    }

    @Test
    void attach_planThatGoesOnWithAnEqualRelease_isChargedOnce() {
        MultiLayerNetwork net = network();
        session(net, unnamed(plan()));
        assertThat(session(net, unnamed(plan()))).isCloseTo(epsilon(2 * LOTS, RELEASE), within(1e-6));
        assertThat(session(net, unnamed(plan()).withSteps(30).continuing()))
                .isCloseTo(epsilon(3 * LOTS, RELEASE), within(1e-6));
        // A clone is the same run.
        assertThat(session(net.clone(), unnamed(plan()).withSteps(30)))
                .isCloseTo(epsilon(4 * LOTS, RELEASE), within(1e-6));
    }

    @Test
    void withOtherReleases_afterANamedOne_keepsItAndReplacesTheUnnamed() {
        DpSgdPlan plan =
                named(plan().withOtherReleases(new DpEvent.Gaussian(5))).withOtherReleases(CHEAP);

        assertThat(plan.otherReleases()).isEqualTo(new DpEvent.Composed(List.of(CHEAP, RELEASE)));
        assertThat(plan.epsilonAfter(0)).isCloseTo(epsilon(0, CHEAP, RELEASE), within(1e-9));
        assertThat(plan).isEqualTo(named(plan().withOtherReleases(CHEAP)));
        assertThat(plan.withOtherReleases(new DpEvent.NoOp())).isEqualTo(named(plan()));
        assertThat(PlanJson.fromMap(PlanJson.toMap(plan))).isEqualTo(plan);
    }
}
