// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.PatchGeometry;
import io.github.dl4jdp.core.internal.arrays.Slices;
import io.github.dl4jdp.core.internal.arrays.Sums;
import io.github.dl4jdp.core.internal.arrays.TimeMajor;
import java.util.List;
import org.deeplearning4j.nn.params.ConvolutionParamInitializer;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A convolution as a {@link SequenceTape}: the positions, and the images of one example, are its steps. */
final class PatchSequence {
    private PatchSequence() {}

    /**
     * The tape of images that are time steps.
     *
     * @param x [T * examples, inChannels, height, width], rows as in {@link TimeMajor#ofRows}
     * @param delta [T * examples, outChannels, outHeight, outWidth]
     */
    static BoundedTape ofImages(INDArray x, INDArray delta, PatchGeometry geometry, boolean hasBias, int examples) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            long steps = x.size(0) / examples;
            int positions = geometry.positions();
            INDArray patches = geometry.patches(x)
                    .reshape('c', steps, examples, positions, geometry.patchSize())
                    .permute(0, 2, 1, 3);
            INDArray deltas = delta.dup('c')
                    .reshape('c', steps, examples, geometry.outChannels(), positions)
                    .permute(0, 3, 1, 2);
            return of(
                    patches.dup('c').reshape('c', steps * positions, examples, geometry.patchSize()),
                    deltas.dup('c').reshape('c', steps * positions, examples, geometry.outChannels()),
                    hasBias);
        }
    }

    /**
     * The tape of weights whose c order is [outChannels, patchSize].
     *
     * @param patches [positions, examples, patchSize], c order, the tape's own
     * @param delta [positions, examples, outChannels], c order, the tape's own
     */
    static BoundedTape of(INDArray patches, INDArray delta, boolean hasBias) {
        long patchSize = patches.size(2);
        INDArray left = hasBias ? TimeMajor.withOnes(patches) : patches;
        var factor = new SequenceTape.Factor(left, (parameters, product) -> {
            INDArray weights = Sums.parameter(parameters, ConvolutionParamInitializer.WEIGHT_KEY);
            Sums.add(
                    weights.reshape('c', product.size(1), patchSize).transpose(),
                    Slices.range(product, 0, 0, patchSize));
            if (hasBias) {
                Sums.add(parameters, ConvolutionParamInitializer.BIAS_KEY, Slices.at(product, 0, patchSize));
            }
        });
        return new SequenceTape(List.of(factor), delta);
    }
}
