// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.dl4jdp.core.data.MappedArray;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

class RowLayoutTest {
    @Test
    void examples_ofRows_areTheExamplesWithTypesShapesAndMasks() {
        var examples = new MultiDataSet(
                new INDArray[] {
                    Nd4j.rand(DataType.FLOAT, 3, 2, 4).permute(0, 2, 1).dup('f'), Nd4j.rand(DataType.DOUBLE, 3, 5)
                },
                new INDArray[] {Nd4j.rand(DataType.FLOAT, 3, 2, 4)},
                new INDArray[] {Nd4j.ones(DataType.FLOAT, 3, 4), null},
                new INDArray[] {Nd4j.ones(DataType.FLOAT, 3, 4)});
        RowLayout layout = RowLayout.of(examples);
        assertThat(layout.element()).isEqualTo(MappedArray.Element.FLOAT64);
        assertThat(layout.length()).isEqualTo(8 + 5 + 8 + 4 + 4);
        var rows = Nd4j.createFromArray(layout.rows(examples)).reshape(3, layout.length());
        var read = layout.examples(rows);
        assertThat(read.getFeatures(0)).isEqualTo(examples.getFeatures(0));
        assertThat(read.getFeatures(0).dataType()).isEqualTo(DataType.FLOAT);
        assertThat(read.getFeatures(1)).isEqualTo(examples.getFeatures(1));
        assertThat(read.getLabels(0)).isEqualTo(examples.getLabels(0));
        assertThat(read.getFeaturesMaskArray(0)).isEqualTo(examples.getFeaturesMaskArray(0));
        assertThat(read.getFeaturesMaskArray(1)).isNull();
        assertThat(read.getLabelsMaskArray(0)).isEqualTo(examples.getLabelsMaskArray(0));
    }

    @Test
    void manifest_writtenAndRead_isTheSame() throws Exception {
        var examples = new MultiDataSet(new INDArray[] {Nd4j.ones(2, 3)}, new INDArray[] {Nd4j.ones(2, 1)});
        var manifest = new ShardManifest(
                RowLayout.of(examples),
                List.of(
                        new ShardManifest.Shard("a", 0, 2, "0".repeat(64)),
                        new ShardManifest.Shard("b", 2, 1, "1".repeat(64))));
        ShardManifest read = ShardManifest.read(manifest.toJson(), "here");
        assertThat(read.shards()).isEqualTo(manifest.shards());
        assertThat(read.layout()).isEqualTo(manifest.layout());
        assertThat(read.size()).isEqualTo(3);
    }

    /** An example that two shards have would move the sum by twice the clipping norm. */
    @Test
    void manifest_gapsAndOverlaps_areRefused() {
        var examples = new MultiDataSet(new INDArray[] {Nd4j.ones(2, 3)}, new INDArray[] {Nd4j.ones(2, 1)});
        RowLayout layout = RowLayout.of(examples);
        for (long first : new long[] {1, 3}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new ShardManifest(
                            layout,
                            List.of(
                                    new ShardManifest.Shard("a", 0, 2, "0".repeat(64)),
                                    new ShardManifest.Shard("b", first, 1, "1".repeat(64)))))
                    .withMessageContaining("without gap or overlap");
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new ShardManifest(
                        layout,
                        List.of(
                                new ShardManifest.Shard("a", 0, 2, "0".repeat(64)),
                                new ShardManifest.Shard("a", 2, 1, "1".repeat(64)))))
                .withMessageContaining("a file of its own");
    }
}
