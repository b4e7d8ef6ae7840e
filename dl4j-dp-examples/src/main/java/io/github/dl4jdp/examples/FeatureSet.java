// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.examples.data.ImageSet;
import io.github.dl4jdp.features.ChannelNormalization;
import io.github.dl4jdp.features.FeatureFile;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.evaluation.classification.Evaluation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Images and their features. */
record FeatureSet(FeatureFile features, ImageSet images) {
    private static final int CHUNK = 1000;

    /** Shape of an image's features. */
    long[] shape() {
        return features.shape();
    }

    /** The features with the images' labels. */
    RandomAccessExamples examples() {
        return features.withLabels(images.oneHotLabels());
    }

    FeatureSet normalizedBy(ChannelNormalization normalization) {
        return new FeatureSet(features.normalizedBy(normalization), images);
    }

    /** The share of the images that the network classifies correctly by their features. */
    double accuracy(MultiLayerNetwork network) {
        INDArray labels = images.oneHotLabels();
        Evaluation evaluation = new Evaluation(images.classes());
        for (int from = 0; from < images.size(); from += CHUNK) {
            int to = Math.min(images.size(), from + CHUNK);
            INDArray output =
                    network.output(features.read(IntStream.range(from, to).toArray()));
            evaluation.eval(labels.get(NDArrayIndex.interval(from, to)), output);
        }
        return evaluation.accuracy();
    }
}
