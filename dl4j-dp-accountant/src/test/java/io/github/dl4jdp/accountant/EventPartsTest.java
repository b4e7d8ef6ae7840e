// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class EventPartsTest {
    @Test
    void of_equalEventsApart_countsThemAll() {
        DpEvent first = new PoissonSampled(0.1, new Gaussian(1));
        DpEvent second = new Gaussian(3);
        DpEvent event = new Composed(List.of(first, second, new SelfComposed(first, 3)));
        assertThat(EventParts.of(event, 5, "test", NeighboringRelation.ADD_OR_REMOVE_ONE, leaf -> null))
                .isEqualTo(Map.of(first, 20L, second, 5L));
    }
}
