// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.data;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;

class FiniteExamplesTest {
    @Test
    void require_finiteNumbersOfAnySize_passes() {
        DataSet data = data();
        data.getFeatures().putScalar(1, 1, Float.MAX_VALUE);
        data.getFeatures().putScalar(1, 2, -Float.MAX_VALUE);
        data.getFeatures().putScalar(2, 2, Float.MIN_VALUE);

        assertThatCode(() -> FiniteExamples.require(RandomAccessExamples.of(data)))
                .doesNotThrowAnyException();
    }

    @ParameterizedTest
    @CsvSource({"0, NaN", "1500, Infinity", "2999, -Infinity"})
    void require_oneThatIsNot_namesTheExample(int example, float value) {
        DataSet features = data();
        features.getFeatures().putScalar(example, 3, value);
        DataSet labels = data();
        labels.getLabels().putScalar(example, 0, value);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> FiniteExamples.require(RandomAccessExamples.of(features)))
                .withMessageContaining("the features of every example must be finite")
                .withMessageContaining("example " + example + " of 3000");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> FiniteExamples.require(RandomAccessExamples.of(labels)))
                .withMessageContaining("the labels of every example must be finite");
    }

    private static DataSet data() {
        return new DataSet(Nd4j.ones(DataType.FLOAT, 3000, 4), Nd4j.ones(DataType.FLOAT, 3000, 2));
    }
}
