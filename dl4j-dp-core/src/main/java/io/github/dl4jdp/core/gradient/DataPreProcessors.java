// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.data.DataStage;
import io.github.dl4jdp.core.data.Origin;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.nd4j.linalg.dataset.api.preprocessor.AbstractDataSetNormalizer;
import org.nd4j.linalg.dataset.api.preprocessor.AbstractMultiDataSetNormalizer;
import org.nd4j.linalg.dataset.api.preprocessor.MultiNormalizerHybrid;

/**
 * Preprocessors of data sets on the way to the network, on lots, on an iterator or inside examples: each, and each inside another, must be known by its exact class to treat every example on its own, or be
 * opted in to by {@link GradientRules#withPreProcessor}. Those that hold statistics of data are named: if these are the training data, the model
 * gives the statistics away unprotected.
 */
public final class DataPreProcessors {
    /** By name, since some are in modules that this one does without. */
    private static final Set<String> EXAMPLE_WISE = Set.of(
            "io.github.dl4jdp.features.FeaturePreProcessor",
            "io.github.dl4jdp.features.TableNormalizer",
            "org.deeplearning4j.datasets.iterator.CombinedMultiDataSetPreProcessor",
            "org.deeplearning4j.datasets.iterator.CombinedPreProcessor",
            "org.deeplearning4j.datasets.iterator.DummyPreProcessor",
            "org.nd4j.linalg.dataset.api.preprocessor.CompositeDataSetPreProcessor",
            "org.nd4j.linalg.dataset.api.preprocessor.CompositeMultiDataSetPreProcessor",
            "org.nd4j.linalg.dataset.api.preprocessor.CropAndResizeDataSetPreProcessor",
            "org.nd4j.linalg.dataset.api.preprocessor.ImageFlatteningDataSetPreProcessor",
            "org.nd4j.linalg.dataset.api.preprocessor.ImageMultiPreProcessingScaler",
            "org.nd4j.linalg.dataset.api.preprocessor.ImagePreProcessingScaler",
            "org.nd4j.linalg.dataset.api.preprocessor.LabelLastTimeStepPreProcessor",
            "org.nd4j.linalg.dataset.api.preprocessor.MultiNormalizerHybrid",
            "org.nd4j.linalg.dataset.api.preprocessor.MultiNormalizerMinMaxScaler",
            "org.nd4j.linalg.dataset.api.preprocessor.MultiNormalizerStandardize",
            "org.nd4j.linalg.dataset.api.preprocessor.NormalizerMinMaxScaler",
            "org.nd4j.linalg.dataset.api.preprocessor.NormalizerStandardize",
            "org.nd4j.linalg.dataset.api.preprocessor.PermuteDataSetPreProcessor",
            "org.nd4j.linalg.dataset.api.preprocessor.RGBtoGrayscaleDataSetPreProcessor",
            "org.nd4j.linalg.dataset.api.preprocessor.VGG16ImagePreProcessor");

    private DataPreProcessors() {}

    /**
     * Refuses a preprocessor that may mix examples, by itself or by one inside it.
     *
     * @param stage a preprocessor, an iterator or a {@link DataStage}
     * @throws IllegalArgumentException if one is neither known nor opted in to
     */
    public static void requireExampleWise(Object stage, GradientRules rules) {
        for (Object one : DataStage.within(stage)) {
            Class<?> type = one.getClass();
            if (DataStage.isPreProcessor(one) && !EXAMPLE_WISE.contains(type.getName()) && !rules.hasOptedInTo(type)) {
                throw new IllegalArgumentException(
                        "the preprocessor " + type.getName()
                                + " is not known to compute every example independently; preprocess the data before passing them, use one of"
                                + " ND4J's, or opt in to it by a check on real batches (GradientRules.builtIn().withPreProcessor)");
            }
        }
    }

    /** What has to be assumed of a stage and of those inside it. Scalers that are the same function whatever the data ask for nothing. */
    public static List<String> assumptions(Object stage) {
        var assumptions = new LinkedHashSet<String>();
        for (Object one : DataStage.within(stage)) {
            if (one instanceof AbstractDataSetNormalizer<?>
                    || one instanceof AbstractMultiDataSetNormalizer<?>
                    || one instanceof MultiNormalizerHybrid) {
                assumptions.add("the " + one.getClass().getSimpleName()
                        + " was fitted on public data; statistics of the training data would leak without protection (use fixed ranges"
                        + " instead)");
            }
            if (one instanceof DataStage constants && !constants.origin().isKnown()) {
                assumptions.add(
                        "the constants of the " + one.getClass().getSimpleName()
                                + ", whose file does not say where they come from, are public, or their release is charged to the plan");
            }
            if (one instanceof DataStage constants && constants.hasGivenConstants()) {
                assumptions.add(
                        "the constants that the " + one.getClass().getSimpleName()
                                + " was made from are public: neither statistics of the training data nor the numbers of a private release, whose charge would be missing");
            }
        }
        return List.copyOf(assumptions);
    }

    /** The events of the private releases that the constants of a stage and of those inside it come from, by identity. */
    public static Map<String, String> releases(Object stage) {
        return stages(stage)
                .map(DataStage::origin)
                .reduce(Origin.PUBLIC, Origin::and)
                .releases();
    }

    private static Stream<DataStage> stages(Object stage) {
        return DataStage.within(stage).stream()
                .filter(DataStage.class::isInstance)
                .map(DataStage.class::cast);
    }
}
