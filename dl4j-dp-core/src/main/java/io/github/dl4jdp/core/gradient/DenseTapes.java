// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import org.deeplearning4j.nn.params.DefaultParamInitializer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Chooses the tape of {@code z = x W + b}: one row for each example, or one for each time step of each example. */
final class DenseTapes {
    private DenseTapes() {}

    /**
     * @param input [rows, nIn]
     * @param delta [rows, nOut]; copied, since it dies with its workspace
     */
    static BoundedTape of(TapeRecorder recorder, INDArray input, INDArray delta, boolean hasBias) {
        return ofOwn(recorder, input, Detached.copy(delta), hasBias, null);
    }

    /**
     * As {@link #of}, for a delta in c order that the tape may take over.
     *
     * @param inputNorms the norm of every row of the input, if it is known
     */
    static BoundedTape ofOwn(
            TapeRecorder recorder, INDArray input, INDArray delta, boolean hasBias, double @Nullable [] inputNorms) {
        int examples = recorder.examples();
        // A cast would die with the workspace of the layer.
        INDArray x = input.dataType() == delta.dataType() ? input : Detached.copy(input.castTo(delta.dataType()));
        return delta.size(0) == examples
                ? new OuterProductTape(x, delta, hasBias, inputNorms, new ParallelRanges(recorder.threads()))
                : SequenceTape.ofDense(
                        TimeMajor.ofRows(x, examples),
                        TimeMajor.ofRows(delta, examples),
                        DefaultParamInitializer.WEIGHT_KEY,
                        hasBias ? DefaultParamInitializer.BIAS_KEY : null);
    }
}
