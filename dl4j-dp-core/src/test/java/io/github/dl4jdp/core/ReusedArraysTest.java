// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.core.data.RandomAccessExamples;
import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;

/** Arrays of physical batches that were accumulated are filled again: never one that somebody still reads. */
class ReusedArraysTest {
    private static final DataSet DATA = Networks.data(DataType.DOUBLE, 60);
    private static final DpSgdPlan PLAN = DpSgdPlan.poisson(60, 30)
            .withSteps(8)
            .withClippingNorm(1)
            .withNoiseMultiplier(1)
            .withDelta(1e-5)
            .withSeed(6);

    /** As a user writes them: new arrays for every call. */
    private static class New implements RandomAccessExamples {
        final RandomAccessExamples examples = RandomAccessExamples.of(DATA);

        @Override
        public long size() {
            return examples.size();
        }

        @Override
        public MultiDataSet get(long[] indices) {
            return examples.get(indices);
        }
    }

    /** Spoils what it is given before it fills it: whoever still reads the arrays gets something that is no number. */
    private static final class Spoiling extends New {
        int filledAgain;

        @Override
        public MultiDataSet get(long[] indices, MultiDataSet reuse) {
            assertThat(reuse.getFeatures(0).size(0)).isEqualTo(indices.length);
            reuse.getFeatures(0).assign(Double.NaN);
            reuse.getLabels(0).assign(Double.NaN);
            filledAgain++;
            return examples.get(indices, reuse);
        }
    }

    private static INDArray train(NetworkKind kind, RandomAccessExamples data, boolean ahead) {
        Model network = kind.classifier(DataType.DOUBLE, new Adam(0.1));
        var options = ExecutionOptions.defaults().withPhysicalBatchSize(4).withPrefetch(ahead);
        try (var engine = PrivacyEngine.attach(network, PLAN, options)) {
            kind.fit(network, engine.lots(data), PLAN.epochs());
            assertThat(engine.remainingSteps()).isZero();
        }
        return network.params();
    }

    @ParameterizedTest
    @CsvSource({"MULTI_LAYER, false", "MULTI_LAYER, true", "GRAPH, false", "GRAPH, true"})
    void fit_arraysFilledAgain_trainsTheSame(NetworkKind kind, boolean ahead) {
        Spoiling spoiling = new Spoiling();

        assertThat(train(kind, spoiling, ahead)).isEqualTo(train(kind, new New(), ahead));
        // Of some seven parts in each of eight lots.
        assertThat(spoiling.filledAgain).isGreaterThan(30);
    }

    @Test
    void next_lotsHandedOut_keepTheirArrays() {
        MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Sgd(0.1));
        var options = ExecutionOptions.defaults().withPhysicalBatchSize(4);
        List<DataSet> lots = new ArrayList<>();
        List<INDArray> copies = new ArrayList<>();
        // All parts are full, the one that is handed out too.
        DpSgdPlan plan = DpSgdPlan.fixedSize(60, 20)
                .withSteps(3)
                .withClippingNorm(1)
                .withNoiseMultiplier(1)
                .withDelta(1e-5);
        try (var engine = PrivacyEngine.attach(network, plan, options)) {
            var iterator = engine.lots(DATA);
            while (iterator.hasNext()) {
                DataSet lot = iterator.next();
                lots.add(lot);
                copies.add(lot.getFeatures().dup());
                network.fit(lot);
            }
        }

        assertThat(lots).hasSize(3);
        for (int i = 0; i < lots.size(); i++) {
            assertThat(lots.get(i).getFeatures()).isEqualTo(copies.get(i));
        }
    }

    /** The array that a preprocessor puts in is the user's. */
    @Test
    void fit_preprocessorWithArraysOfItsOwn_leavesThemAlone() {
        MultiLayerNetwork network = Networks.classifier(DataType.DOUBLE, new Sgd(0.1));
        var options = ExecutionOptions.defaults().withPhysicalBatchSize(4);
        INDArray own = Nd4j.ones(DataType.DOUBLE, 4, Networks.INPUTS);
        try (var engine = PrivacyEngine.attach(network, PLAN, options, OwnPreProcessor.optedIn())) {
            var lots = engine.lots(DATA);
            lots.setPreProcessor(new OwnPreProcessor(data -> {
                if (data.getFeatures().size(0) == 4) {
                    data.setFeatures(own);
                }
            }));
            network.fit(lots, PLAN.epochs());
        }

        assertThat(own).isEqualTo(Nd4j.ones(DataType.DOUBLE, 4, Networks.INPUTS));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void get_spentArrays_areFilledWithTheExamples(boolean masks) {
        INDArray features = Nd4j.rand(DataType.FLOAT, 9, 3, 2, 5);
        INDArray labels = Nd4j.rand(DataType.FLOAT, 9, 2);
        INDArray mask = masks ? Nd4j.rand(DataType.FLOAT, 9, 5) : null;
        RandomAccessExamples examples = RandomAccessExamples.of(new DataSet(features, labels, mask, mask));
        MultiDataSet reuse = examples.get(new long[] {0, 1, 2});

        MultiDataSet again = examples.get(new long[] {8, 3, 3}, reuse);

        MultiDataSet expected = examples.get(new long[] {8, 3, 3});
        assertThat(again.getFeatures(0)).isSameAs(reuse.getFeatures(0)).isEqualTo(expected.getFeatures(0));
        assertThat(again.getLabels(0)).isEqualTo(expected.getLabels(0));
        assertThat(first(again.getFeaturesMaskArrays())).isEqualTo(first(expected.getFeaturesMaskArrays()));
        assertThat(first(again.getLabelsMaskArrays())).isEqualTo(first(expected.getLabelsMaskArrays()));
        assertThat(first(again.getLabelsMaskArrays()) != null).isEqualTo(masks);
    }

    private static @Nullable INDArray first(INDArray @Nullable [] arrays) {
        return arrays == null ? null : arrays[0];
    }
}
