// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;

/** What the noise pays for rounding, as docs/threat-model.md says it. */
class RoundingTest {
    @Test
    void allowance_lotSizes_isThatOfTheDocument() {
        assertThat(Rounding.allowance(DataType.DOUBLE, 256)).isEqualTo(0x1p-16);
        assertThat(Rounding.allowance(DataType.FLOAT, 60)).isCloseTo(0.00087, within(0.00001));
        assertThat(Rounding.allowance(DataType.FLOAT, 256)).isCloseTo(0.0018, within(0.00005));
        assertThat(Rounding.allowance(DataType.FLOAT, 1L << 40)).isCloseTo(0.0049, within(0.00005));
    }

    @Test
    void allowance_anyLotSize_coversOwnAndTwiceSharedAndRows() {
        for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
            for (long lot = 1; lot < 1L << 30; lot *= 3) {
                assertThat(Rounding.shared(type, lot)).isPositive();
                assertThat(Rounding.rows(type, lot)).isPositive();
                assertThat(Rounding.own(type) + 2 * (Rounding.shared(type, lot) + Rounding.rows(type, lot)))
                        .isLessThanOrEqualTo(Rounding.allowance(type, lot) * (1 + 1e-15));
            }
        }
    }
}
