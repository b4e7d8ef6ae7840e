// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static io.github.dl4jdp.accountant.NeighboringRelation.ADD_OR_REMOVE_ONE;
import static io.github.dl4jdp.accountant.NeighboringRelation.REPLACE_ONE;
import static io.github.dl4jdp.accountant.NeighboringRelation.ZERO_OUT;
import static io.github.dl4jdp.accountant.SampleEvents.GAUSSIAN;
import static io.github.dl4jdp.accountant.SampleEvents.ONE_OF_EACH_KIND;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.EpsilonDelta;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.GaussianMixture;
import io.github.dl4jdp.accountant.DpEvent.Laplace;
import io.github.dl4jdp.accountant.DpEvent.NoOp;
import io.github.dl4jdp.accountant.DpEvent.NonPrivate;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.RandomAllocation;
import io.github.dl4jdp.accountant.DpEvent.RepeatAndSelect;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampledGroup;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** Every event that there is: what it refuses, how it prints, how it is written and read, who can bound it. */
class DpEventTest {
    private static final Set<NeighboringRelation> ALL = EnumSet.allOf(NeighboringRelation.class);
    private static final Set<NeighboringRelation> NONE = EnumSet.noneOf(NeighboringRelation.class);
    private static final Set<NeighboringRelation> SAME_SENSITIVITY = EnumSet.of(ADD_OR_REMOVE_ONE, ZERO_OUT);

    /** Under which relations a kind of event can be bounded. */
    private record Bounds(Set<NeighboringRelation> rdp, Set<NeighboringRelation> pld) {
        Set<NeighboringRelation> of(AccountantKind kind) {
            return switch (kind) {
                case RDP -> rdp;
                case PLD -> pld;
            };
        }
    }

    private static final Map<Class<? extends DpEvent>, Bounds> BOUNDS = Map.ofEntries(
            Map.entry(NoOp.class, new Bounds(ALL, ALL)),
            Map.entry(NonPrivate.class, new Bounds(ALL, ALL)),
            Map.entry(Gaussian.class, new Bounds(ALL, ALL)),
            Map.entry(Laplace.class, new Bounds(ALL, ALL)),
            Map.entry(GaussianMixture.class, new Bounds(NONE, SAME_SENSITIVITY)),
            Map.entry(EpsilonDelta.class, new Bounds(ALL, ALL)),
            Map.entry(PoissonSampled.class, new Bounds(SAME_SENSITIVITY, ALL)),
            Map.entry(TruncatedPoissonSampled.class, new Bounds(NONE, EnumSet.of(ZERO_OUT))),
            Map.entry(TruncatedPoissonSampledGroup.class, new Bounds(NONE, EnumSet.of(ZERO_OUT))),
            Map.entry(SampledWithoutReplacement.class, new Bounds(EnumSet.of(REPLACE_ONE), EnumSet.of(REPLACE_ONE))),
            Map.entry(RandomAllocation.class, new Bounds(NONE, SAME_SENSITIVITY)),
            Map.entry(SelfComposed.class, new Bounds(SAME_SENSITIVITY, ALL)),
            Map.entry(Composed.class, new Bounds(ALL, ALL)),
            Map.entry(RepeatAndSelect.class, new Bounds(ALL, NONE)));

    private static final double[] NOT_POSITIVE = {0, -1, Double.NaN, Double.POSITIVE_INFINITY};
    private static final double[] NO_PROBABILITY = {-1e-300, 1.0000000001, Double.NaN};

    @Test
    void sampleEvents_areOneOfEachPermittedKind() {
        List<Class<?>> kinds = new ArrayList<>();
        ONE_OF_EACH_KIND.forEach(event -> kinds.add(event.getClass()));
        assertThat(kinds)
                .doesNotHaveDuplicates()
                .containsExactlyInAnyOrder(DpEvent.class.getPermittedSubclasses())
                .containsExactlyInAnyOrderElementsOf(BOUNDS.keySet());
    }

    @Test
    void toString_everyKind_namesKindAndComponents() throws ReflectiveOperationException {
        for (DpEvent event : ONE_OF_EACH_KIND) {
            String text = event.toString();
            assertThat(text).startsWith(event.getClass().getSimpleName() + "[");
            for (RecordComponent component : event.getClass().getRecordComponents()) {
                assertThat(text)
                        .contains(component.getName() + "="
                                + component.getAccessor().invoke(event));
            }
        }
    }

    @Test
    void fromJson_everyKind_isEqual() {
        for (DpEvent event : ONE_OF_EACH_KIND) {
            DpEvent read = DpEvent.fromJson(event.toJson());
            assertThat(read).isEqualTo(event).hasSameHashCodeAs(event);
            assertThat(event.toJson())
                    .startsWith("{\"type\":\"" + event.getClass().getSimpleName() + "\"");
        }
    }

    @Test
    void compose_everyKindAccountantAndRelation_isBoundedOrRefusedByName() {
        for (DpEvent event : ONE_OF_EACH_KIND) {
            for (AccountantKind kind : AccountantKind.values()) {
                for (NeighboringRelation relation : NeighboringRelation.values()) {
                    PrivacyAccountant accountant = kind.create(relation);
                    boolean supported = Objects.requireNonNull(BOUNDS.get(event.getClass()))
                            .of(kind)
                            .contains(relation);
                    String name = kind + " " + relation + " " + event;
                    assertThat(accountant.supports(event)).as(name).isEqualTo(supported);
                    if (supported) {
                        assertBounded(kind, accountant, event, name);
                    } else {
                        assertRefused(accountant, event, name);
                    }
                }
            }
        }
    }

    private static void assertBounded(AccountantKind kind, PrivacyAccountant accountant, DpEvent event, String name) {
        double epsilon = accountant.compose(event).epsilon(1e-5);
        if (event instanceof NoOp) {
            assertThat(epsilon).as(name).isZero();
        } else if (event instanceof NonPrivate) {
            assertThat(epsilon).as(name).isInfinite();
        } else {
            assertThat(epsilon).as(name).isPositive().isFinite();
        }
        PrivacyAccountant again = kind.create(accountant.relation()).compose(accountant.event());
        assertThat(again.event()).as(name).isEqualTo(accountant.event());
    }

    private static void assertRefused(PrivacyAccountant accountant, DpEvent event, String name) {
        DpEvent behindOther = new Composed(List.of(GAUSSIAN, event));
        DpEvent part = event instanceof SelfComposed repeated ? repeated.event() : event;
        assertThatThrownBy(() -> accountant.compose(behindOther))
                .as(name)
                .isInstanceOf(UnsupportedEventException.class)
                .hasMessageContaining(part.toString())
                .hasMessageContaining(accountant.relation().toString())
                .extracting(e -> ((UnsupportedEventException) e).part())
                .isEqualTo(part.toString());
        assertThat(accountant.event()).as(name).isEqualTo(new NoOp());
        assertThat(accountant.epsilon(1e-5)).as(name).isZero();
    }

    @Test
    void samplers_everyKindInside_areBoundedByPldOrRefused() {
        for (DpEvent inside : ONE_OF_EACH_KIND) {
            List<DpEvent> samplers = List.of(
                    new PoissonSampled(0.1, inside),
                    new TruncatedPoissonSampled(0.1, 1000, 120, inside),
                    new SampledWithoutReplacement(1000, 100, inside),
                    new RandomAllocation(10, inside));
            for (DpEvent sampler : samplers) {
                for (NeighboringRelation relation : NeighboringRelation.values()) {
                    PldAccountant accountant = new PldAccountant(relation);
                    if (accountant.supports(sampler)) {
                        double epsilon = accountant.compose(sampler).epsilon(1e-6);
                        assertThat(epsilon).as(relation + " " + sampler).isNotNaN();
                        // A sample costs no more than the whole; cut samples may, by twice the distance. A random
                        // distance alone is
                        // that of groups which join or leave, so that it is refused under replace-one, where a sample
                        // of it is not.
                        if (!(sampler instanceof TruncatedPoissonSampled)
                                && new PldAccountant(relation).supports(inside)) {
                            assertThat(epsilon)
                                    .as(relation + " " + sampler)
                                    .isLessThanOrEqualTo(new PldAccountant(relation)
                                                    .compose(inside)
                                                    .epsilon(1e-6)
                                            * 1.001);
                        }
                    } else {
                        assertRefusedSampler(accountant, sampler);
                    }
                }
            }
        }
    }

    private static void assertRefusedSampler(PldAccountant accountant, DpEvent sampler) {
        assertThatThrownBy(() -> accountant.compose(sampler)).isInstanceOf(UnsupportedEventException.class);
        assertThat(accountant.event()).isEqualTo(new NoOp());
    }

    @Test
    void constructors_noiseMultiplierOutOfRange_throw() {
        for (double bad : NOT_POSITIVE) {
            String message = "noiseMultiplier must be finite and > 0, was " + bad;
            assertInvalid(() -> new Gaussian(bad), message);
            assertInvalid(() -> new Laplace(bad), message);
            assertInvalid(() -> new GaussianMixture(bad, List.of(1.0), List.of(1.0)), message);
        }
    }

    @Test
    void constructors_probabilityOutOfRange_throw() {
        for (double bad : NO_PROBABILITY) {
            String range = " must be >= 0 and <= 1, was " + bad;
            assertInvalid(() -> new PoissonSampled(bad, GAUSSIAN), "samplingProbability" + range);
            assertInvalid(() -> new TruncatedPoissonSampled(bad, 10, 5, GAUSSIAN), "samplingProbability" + range);
            assertInvalid(() -> new EpsilonDelta(1, bad), "delta" + range);
            assertInvalid(
                    () -> new GaussianMixture(1, List.of(1.0, 2.0), List.of(0.5, bad)), "probabilities[1]" + range);
        }
    }

    @Test
    void constructors_countsOutOfRange_throw() {
        assertInvalid(() -> new SelfComposed(GAUSSIAN, -1), "count must be >= 0, was -1");
        assertInvalid(() -> new RandomAllocation(0, GAUSSIAN), "lots must be >= 1, was 0");
        assertInvalid(() -> new TruncatedPoissonSampled(0.1, 0, 5, GAUSSIAN), "sourceSize must be >= 1, was 0");
        assertInvalid(
                () -> new TruncatedPoissonSampledGroup(0.1, 10, 5, 1001, GAUSSIAN),
                "groupSize must be >= 1 and <= 1000, was 1001");
        assertInvalid(
                () -> new TruncatedPoissonSampled(0.1, 10, 0, GAUSSIAN), "truncatedBatchSize must be >= 1, was 0");
        assertInvalid(() -> new SampledWithoutReplacement(0, 0, GAUSSIAN), "sourceSize must be >= 1, was 0");
        assertInvalid(
                () -> new SampledWithoutReplacement(10, 11, GAUSSIAN), "sampleSize must be >= 0 and <= 10, was 11");
        assertInvalid(
                () -> new SampledWithoutReplacement(10, -1, GAUSSIAN), "sampleSize must be >= 0 and <= 10, was -1");
    }

    @Test
    void constructors_otherValuesOutOfRange_throw() {
        for (double bad : new double[] {-0.1, Double.NaN}) {
            assertInvalid(() -> new EpsilonDelta(bad, 0), "epsilon must be >= 0, was " + bad);
            assertInvalid(
                    () -> new GaussianMixture(1, List.of(bad), List.of(1.0)),
                    "sensitivities[0] must be finite and >= 0, was " + bad);
        }
        assertInvalid(
                () -> new GaussianMixture(1, List.of(), List.of()), "number of sensitivities must be >= 1, was 0");
        assertInvalid(
                () -> new GaussianMixture(1, List.of(1.0), List.of(0.5, 0.5)),
                "sensitivities and probabilities must be of one length, were 1 and 2");
        assertInvalid(
                () -> new GaussianMixture(1, List.of(0.0, 1.0), List.of(0.5, 0.49)),
                "probabilities must sum to 1, summed to 0.99");
    }

    private static void assertInvalid(ThrowingCallable construction, String message) {
        assertThatThrownBy(construction)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @Test
    void lists_ofTheCaller_areCopied() {
        List<Double> probabilities = new ArrayList<>(List.of(1.0));
        GaussianMixture mixture = new GaussianMixture(1, List.of(1.0), probabilities);
        probabilities.set(0, 0.0);
        assertThat(mixture.probabilities()).containsExactly(1.0);
        List<DpEvent> events = new ArrayList<>(List.of(GAUSSIAN));
        Composed composed = new Composed(events);
        events.clear();
        assertThat(composed.events()).containsExactly(GAUSSIAN);
    }
}
