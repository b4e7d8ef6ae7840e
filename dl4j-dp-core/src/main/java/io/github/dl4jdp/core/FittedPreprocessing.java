// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.api.preprocessor.AbstractDataSetNormalizer;
import org.nd4j.linalg.dataset.api.preprocessor.AbstractMultiDataSetNormalizer;
import org.nd4j.linalg.dataset.api.preprocessor.MultiNormalizerHybrid;

/** Preprocessors that hold statistics of data: if these are the training data, the model gives the statistics away unprotected. */
final class FittedPreprocessing {
    private FittedPreprocessing() {}

    /**
     * What has to be assumed of a preprocessor. Scalers that are the same function whatever the data, as DL4J's {@code ImagePreProcessingScaler},
     * ask for nothing.
     */
    static Optional<String> assumption(@Nullable Object preProcessor) {
        if (preProcessor instanceof AbstractDataSetNormalizer<?>
                || preProcessor instanceof AbstractMultiDataSetNormalizer<?>
                || preProcessor instanceof MultiNormalizerHybrid) {
            return Optional.of(
                    "the " + Objects.requireNonNull(preProcessor).getClass().getSimpleName()
                            + " was fitted on public data: statistics of the training data would be given away without protection, use fixed"
                            + " ranges instead");
        }
        return Optional.empty();
    }
}
