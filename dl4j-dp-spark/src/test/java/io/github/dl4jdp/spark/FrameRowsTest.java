// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
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

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void rows_ownersAsTextOrNumbers_areOneShardEach(boolean text, @TempDir Path directory) {
        Dataset<Row> frame = owned(
                text ? DataTypes.StringType : DataTypes.LongType,
                text ? List.of("ann", "bob", "ann") : List.of(7L, 8L, 7L));
        ShardedExamples shards = ShardedExamples.writeByOwner(
                FrameRows.classification(frame, "features", "label", 2, "patient"),
                2,
                directory.resolve("shards").toUri().toString());
        assertThat(shards.size()).isEqualTo(3);
        assertThat(shards.units()).isEqualTo(2);
        assertThat(FrameRows.regression(frame, "features", "label", "patient")
                        .keys()
                        .collect())
                .containsExactly(text ? new String[] {"ann", "bob", "ann"} : new String[] {"7", "8", "7"});
    }

    /** 7.0 and 7.0000001 may be one person; an id that is missing is refused where rows are written. */
    @Test
    void rows_ownersThatAreNoIds_areRefused(@TempDir Path directory) {
        Dataset<Row> fractions = owned(DataTypes.DoubleType, List.of(7.0, 8.0, 7.0));
        assertThatThrownBy(() -> FrameRows.classification(fractions, "features", "label", 2, "patient")
                        .collect())
                .hasMessageContaining(
                        "column \"patient\" must hold ids, as text or whole numbers, holds java.lang.Double");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> FrameRows.classification(fractions, "features", "label", 2, "owner"))
                .withMessageContaining("must have a column \"owner\"");
        Dataset<Row> missing = owned(DataTypes.StringType, Arrays.asList("ann", null, "ann"));
        assertThatThrownBy(() -> ShardedExamples.writeByOwner(
                        FrameRows.regression(missing, "features", "label", "patient"),
                        2,
                        directory.resolve("shards").toUri().toString()))
                .hasMessageContaining("ids must name the owner of every row");
    }

    /** Three rows with an owner each. */
    private static Dataset<Row> owned(DataType type, List<?> owners) {
        return session.createDataFrame(
                owners.stream()
                        .map(owner -> RowFactory.create(List.of(0.5, 1.0), 1.0, owner))
                        .toList(),
                new StructType()
                        .add("features", DataTypes.createArrayType(DataTypes.DoubleType))
                        .add("label", DataTypes.DoubleType)
                        .add("patient", type));
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
