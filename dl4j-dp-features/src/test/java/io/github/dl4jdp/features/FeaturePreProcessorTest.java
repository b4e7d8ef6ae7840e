// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;

class FeaturePreProcessorTest {
    private final ScatteringTransform transform = ScatteringTransform.of(2, 8, 12);

    @Test
    void preProcess_batchLargerThanAChunk_replacesFeaturesAndKeepsLabels() {
        INDArray images =
                Nd4j.linspace(DataType.FLOAT, 0, 1e-4, 70 * 2 * 8 * 12).reshape(70, 2, 8, 12);
        INDArray labels = Nd4j.ones(DataType.FLOAT, 70, 3);
        DataSet data = new DataSet(images, labels);

        new FeaturePreProcessor(transform).preProcess(data);

        assertThat(data.getFeatures().shape()).containsExactly(70, 162, 2, 3);
        assertThat(data.getFeatures().ravel().toFloatVector())
                .isEqualTo(transform.extract(images.ravel().toFloatVector()));
        assertThat(data.getLabels()).isSameAs(labels);
    }

    @Test
    void apply_otherOrderFlatOrDouble_isTheSame() {
        INDArray images = Nd4j.linspace(DataType.FLOAT, 0, 1e-3, 3 * 2 * 8 * 12).reshape(3, 2, 8, 12);
        FeaturePreProcessor processor = new FeaturePreProcessor(transform);
        float[] expected = processor.apply(images).ravel().toFloatVector();

        assertThat(processor.apply(images.dup('f')).ravel().toFloatVector()).isEqualTo(expected);
        assertThat(processor.apply(images.reshape(3, 192)).ravel().toFloatVector())
                .isEqualTo(expected);
        assertThat(processor.apply(images.castTo(DataType.DOUBLE)).dataType()).isEqualTo(DataType.FLOAT);
    }

    @Test
    void apply_otherShape_throws() {
        assertThatThrownBy(() -> new FeaturePreProcessor(transform).apply(Nd4j.ones(DataType.FLOAT, 2, 1, 8, 12)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("[2, 8, 12]")
                .hasMessageContaining("[2, 1, 8, 12]");
    }
}
