// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.StringReader;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;

class AdultDataTest {
    private static final String ROW =
            "53, Private, 77516, Bachelors, 13, Never-married, Adm-clerical, Not-in-family, White,"
                    + " Male, 999, 0, 50, United-States, >50K";

    @Test
    void load_bundledRows_haveThePublishedCounts() throws IOException {
        TrainTest<DataSet> adult = AdultData.load();

        // adult.names and the label counts of the two files.
        assertThat(adult.train().numExamples()).isEqualTo(32_561);
        assertThat(adult.test().numExamples()).isEqualTo(16_281);
        assertThat(adult.train().getLabels().sum(0).toDoubleVector()).containsExactly(24_720, 7_841);
        assertThat(adult.test().getLabels().sum(0).toDoubleVector()).containsExactly(12_435, 3_846);
        assertThat(adult.train().getFeatures().maxNumber().doubleValue()).isEqualTo(1);
        assertThat(adult.train().getFeatures().minNumber().doubleValue()).isEqualTo(0);
        assertThat(adult.train().numInputs()).isEqualTo(AdultData.featureNames().size());
    }

    @Test
    void load_everyCategoricalColumn_hasOneValueSetInEachRow() throws IOException {
        INDArray train = AdultData.load().train().getFeatures();
        for (String column : List.of(
                "workclass",
                "education",
                "marital-status",
                "occupation",
                "relationship",
                "race",
                "sex",
                "native-country")) {
            INDArray set = train.getColumns(columns(column + "=")).sum(1);
            assertThat(set.minNumber().doubleValue()).as(column).isEqualTo(1);
            assertThat(set.maxNumber().doubleValue()).as(column).isEqualTo(1);
        }
        // 2,399 training rows have something unknown, in these three columns only.
        INDArray unknown = train.getColumns(AdultData.featureNames().indexOf("workclass=?"))
                .add(train.getColumns(AdultData.featureNames().indexOf("occupation=?")))
                .add(train.getColumns(AdultData.featureNames().indexOf("native-country=?")));
        assertThat(unknown.gt(0).castTo(DataType.INT32).sumNumber().intValue()).isEqualTo(2_399);
    }

    private static int[] columns(String prefix) {
        List<String> names = AdultData.featureNames();
        return IntStream.range(0, names.size())
                .filter(i -> names.get(i).startsWith(prefix))
                .toArray();
    }

    @Test
    void read_oneRow_scalesByPublicConstants() throws IOException {
        DataSet one = AdultData.read(new StringReader(ROW + "\n\n"));

        assertThat(value(one, "age")).isCloseTo(36 / 73.0, within(1e-6));
        assertThat(value(one, "education-num")).isCloseTo(0.8, within(1e-6));
        assertThat(value(one, "hours-per-week")).isCloseTo(0.5, within(1e-6));
        assertThat(value(one, "age~45.0")).isCloseTo(0.2, within(1e-6));
        assertThat(value(one, "age~55.0")).isCloseTo(0.8, within(1e-6));
        assertThat(value(one, "hours-per-week~50.0")).isEqualTo(1);
        assertThat(value(one, "capital-gain~0.0")).isCloseTo(1 - Math.log(1000) / Math.log(1001), within(1e-6));
        assertThat(value(one, "capital-gain>0")).isEqualTo(1);
        assertThat(value(one, "log capital-gain")).isCloseTo(3 / 5.0, within(1e-6));
        assertThat(value(one, "capital-loss>0")).isZero();
        assertThat(value(one, "workclass=Private")).isEqualTo(1);
        assertThat(value(one, "sex=Female")).isZero();
        assertThat(one.getLabels().toFloatVector()).containsExactly(0, 1);
    }

    @Test
    void load_knotsOfEveryNumber_haveWeightsThatSumToOne() throws IOException {
        INDArray train = AdultData.load().train().getFeatures();
        for (String column : List.of("age", "education-num", "capital-gain", "capital-loss", "hours-per-week")) {
            INDArray sums = train.getColumns(columns(column + "~")).sum(1);
            assertThat(sums.minNumber().doubleValue()).as(column).isCloseTo(1, within(1e-6));
            assertThat(sums.maxNumber().doubleValue()).as(column).isCloseTo(1, within(1e-6));
        }
    }

    @Test
    void read_rowDependsOnItselfAlone() throws IOException {
        DataSet alone = AdultData.read(new StringReader(ROW));
        DataSet after =
                AdultData.read(new StringReader(ROW.replace("53,", "90,").replace("Private", "?") + "\n" + ROW));

        assertThat(after.getFeatures().getRow(1).toFloatVector())
                .containsExactly(alone.getFeatures().getRow(0).toFloatVector());
    }

    @Test
    void read_labelWithFullStop_isTheSameClass() throws IOException {
        DataSet rows = AdultData.read(
                new StringReader(ROW + ".\n" + ROW.replace(">50K", "<=50K.") + "\n" + ROW.replace(">50K", "<=50K")));

        assertThat(rows.getLabels().toFloatMatrix()).isDeepEqualTo(new float[][] {{0, 1}, {1, 0}, {1, 0}});
    }

    @Test
    void read_numberOutsideItsRange_isClamped() throws IOException {
        DataSet old = AdultData.read(new StringReader(ROW.replace("53,", "120,")));

        assertThat(value(old, "age")).isEqualTo(1);
    }

    @Test
    void read_unknownCategory_namesRowColumnAndValue() {
        assertThatThrownBy(() -> AdultData.read(new StringReader(ROW + "\n" + ROW.replace("White", "Blue"))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("row 2")
                .hasMessageContaining("race")
                .hasMessageContaining("Blue");
    }

    @Test
    void read_malformedRows_throw() {
        for (String bad : List.of(
                ROW.replace("53,", "NaN,"),
                ROW.replace("53,", "old,"),
                ROW.replace(", >50K", ""),
                ROW.replace(">50K", "50K"),
                "")) {
            assertThatThrownBy(() -> AdultData.read(new StringReader(bad)))
                    .as(bad)
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    private static double value(DataSet row, String feature) {
        int index = AdultData.featureNames().indexOf(feature);
        assertThat(index).as(feature).isNotNegative();
        return row.getFeatures().getDouble(0, index);
    }
}
