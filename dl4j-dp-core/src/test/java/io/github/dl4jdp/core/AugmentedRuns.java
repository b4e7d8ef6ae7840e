// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.data.Augmentation;
import io.github.dl4jdp.core.mechanism.Clipping;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.junit.jupiter.params.provider.Arguments;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.learning.config.Sgd;

/** Runs with augmentation multiplicity, for the tests of it. */
public abstract class AugmentedRuns {
    public static final int EXAMPLES = 12;
    public static final int COPIES = 3;
    public static final Augmentation IDENTITY = (features, random) -> features;
    /** Shifts all features: copies of an example differ. */
    public static final Augmentation SHIFT = (features, random) -> features.addi(random.nextDouble() - 0.5);

    static List<Clipping> kinds() {
        return List.of(
                Clipping.flat(0.5),
                Clipping.perLayer(List.of(0.3, 0.4)),
                Clipping.automatic(0.5),
                Clipping.adaptive(0.5).withCountNoise(2));
    }

    static Stream<Arguments> kindsOfNetworks() {
        return NetworkKind.all().stream()
                .flatMap(kind -> kinds().stream().map(clipping -> Arguments.of(kind, clipping)));
    }

    static DataSet data(int examples) {
        DataSet data = Networks.data(DataType.DOUBLE, examples);
        data.getFeatures().getRow(2).muli(1000);
        data.getFeatures().getRow(5).muli(1e-3);
        return data;
    }

    /** Lots of all sizes, some of them empty. */
    static DpSgdPlan plan(Clipping clipping) {
        return DpSgdPlan.poisson(EXAMPLES, 4)
                .withSteps(6)
                .withClipping(clipping)
                .withNoiseMultiplier(1)
                .withDelta(1e-5)
                .withSeed(7);
    }

    static DpSgdPlan copied(Clipping clipping) {
        return plan(clipping).withAugmentationMultiplicity(COPIES);
    }

    static void train(NetworkKind kind, Model network, DataSetIterator lots, int count) {
        for (int i = 0; i < count; i++) {
            if (!lots.hasNext()) {
                lots.reset();
            }
            kind.fit(network, lots.next());
        }
    }

    static ExecutionOptions physicalBatch(int size) {
        return ExecutionOptions.defaults().withPhysicalBatchSize(size);
    }

    /** What each lot released, without noise. */
    static List<INDArray> releases(
            NetworkKind kind, DpSgdPlan plan, DataSet data, Augmentation augmentation, ExecutionOptions options) {
        Model network = kind.classifier(DataType.DOUBLE, new Sgd(0));
        var sums = new ArrayList<INDArray>();
        kind.setListeners(network, new BaseTrainingListener() {
            @Override
            public void onBackwardPass(Model model) {
                sums.add(model.gradient().gradient().mul(plan.expectedLotSize()).reshape(model.numParams()));
            }
        });
        try (var engine = PrivacyEngine.attach(network, plan.withoutNoise(), options)) {
            train(kind, network, engine.lots(data, augmentation), (int) plan.steps());
        }
        return sums;
    }
}
