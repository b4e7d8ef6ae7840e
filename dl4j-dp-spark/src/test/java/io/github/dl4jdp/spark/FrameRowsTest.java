// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.dataset.DataSet;

class FrameRowsTest {
    @SuppressWarnings("NullAway.Init")
    private static SparkSession session;

    @BeforeAll
    static void start() {
        session = SparkSession.builder()
                .master("local[2]")
                .appName("dl4j-dp")
                .config("spark.ui.enabled", "false")
                .config("spark.driver.host", "127.0.0.1")
                .config("spark.driver.bindAddress", "127.0.0.1")
                .getOrCreate();
    }

    @AfterAll
    static void stop() {
        session.stop();
    }

    private static Dataset<Row> frame(List<Row> rows) {
        return session.createDataFrame(
                rows,
                new StructType()
                        .add("features", DataTypes.createArrayType(DataTypes.DoubleType))
                        .add("label", DataTypes.DoubleType));
    }

    @Test
    void rows_arraysAndLabels_areExamplesThatShardsHold(@TempDir Path directory) {
        Dataset<Row> frame = frame(List.of(
                RowFactory.create(List.of(0.5, 1.0), 1.0),
                RowFactory.create(List.of(1.5, 2.0), 0.0),
                RowFactory.create(List.of(2.5, 3.0), 2.0)));
        List<DataSet> rows =
                FrameRows.classification(frame, "features", "label", 3).collect();
        assertThat(rows).hasSize(3);
        assertThat(rows.get(2).getFeatures().toFloatMatrix()).isEqualTo(new float[][] {{2.5f, 3}});
        assertThat(rows.get(2).getLabels().toFloatMatrix()).isEqualTo(new float[][] {{0, 0, 1}});
        assertThat(FrameRows.regression(frame, "features", "label")
                        .collect()
                        .get(0)
                        .getLabels()
                        .toFloatMatrix())
                .isEqualTo(new float[][] {{1}});
        ShardedExamples shards = ShardedExamples.write(
                FrameRows.classification(frame, "features", "label", 3),
                directory.resolve("shards").toUri().toString());
        assertThat(shards.size()).isEqualTo(3);
    }

    @Test
    void rows_badColumns_areRefusedWithoutTheirValues() {
        Dataset<Row> frame = frame(List.of(RowFactory.create(List.of(0.5, 1.0), 7.25)));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> FrameRows.regression(frame, "other", "label"))
                .withMessageContaining("must have a column \"other\", has [features, label]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> FrameRows.classification(frame, "features", "label", 1))
                .withMessageContaining("classes must be at least 2");
        assertThatThrownBy(() ->
                        FrameRows.classification(frame, "features", "label", 3).collect())
                .hasMessageContaining("whole numbers from 0 to 2")
                .satisfies(e -> assertThat(e.getMessage()).doesNotContain("7.25"));
        assertThatThrownBy(() -> FrameRows.regression(frame, "label", "label").collect())
                .hasMessageContaining("must hold vectors or arrays of numbers");
        assertThatThrownBy(() -> FrameRows.regression(frame(List.of(RowFactory.create(null, 1.0))), "features", "label")
                        .collect())
                .hasMessageContaining("column \"features\" must hold a value in every row");
    }
}
