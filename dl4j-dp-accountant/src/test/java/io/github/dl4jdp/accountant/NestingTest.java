// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.RandomAllocation;
import io.github.dl4jdp.accountant.DpEvent.RepeatAndSelect;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampledGroup;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** Events of any depth are answered or refused: none ends in an overflow of the stack. */
class NestingTest {
    private static final List<UnaryOperator<DpEvent>> LEVELS = List.of(
            event -> new SelfComposed(event, 1),
            event -> new Composed(List.of(event)),
            event -> new PoissonSampled(0.5, event),
            event -> new PoissonSampled(1, event),
            event -> new TruncatedPoissonSampled(0.5, 10, 10, event),
            event -> new TruncatedPoissonSampledGroup(0.5, 10, 8, 2, event),
            event -> new SampledWithoutReplacement(10, 5, event),
            event -> new RandomAllocation(1, event),
            event -> new RepeatAndSelect(event, RunCount.logarithmic(2)));

    private static DpEvent nested(UnaryOperator<DpEvent> level, int depth) {
        DpEvent event = new Gaussian(1e6);
        for (int i = 0; i < depth; i++) {
            event = level.apply(event);
        }
        return event;
    }

    @Test
    void composeAndGroup_eventsNestedTooDeep_areRefusedWithTheRemedy() {
        for (UnaryOperator<DpEvent> level : LEVELS) {
            for (int depth : new int[] {Nesting.DEEPEST + 1, 100_000}) {
                DpEvent event = nested(level, depth);
                for (AccountantKind kind : AccountantKind.values()) {
                    assertThatIllegalArgumentException()
                            .isThrownBy(() ->
                                    kind.create(NeighboringRelation.ZERO_OUT).compose(event))
                            .withMessageContaining("event must be nested 1000 deep at most, was deeper")
                            .withMessageContaining("into the count of one SelfComposed");
                }
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> GroupPrivacy.event(event, 2))
                        .withMessageContaining("event must be nested 1000 deep at most");
            }
        }
    }

    @Test
    void compose_asDeepAsMayBe_isAnswered() {
        double flat = new PldAccountant().compose(new Gaussian(1e6)).epsilon(1e-9);
        for (UnaryOperator<DpEvent> level : List.of(LEVELS.get(0), LEVELS.get(1), LEVELS.get(3), LEVELS.get(7))) {
            DpEvent event = nested(level, Nesting.DEEPEST);
            assertThat(new PldAccountant().compose(event).epsilon(1e-9)).isEqualTo(flat);
            assertThat(GroupPrivacy.event(event, 2)).isNotNull();
        }
    }
}
