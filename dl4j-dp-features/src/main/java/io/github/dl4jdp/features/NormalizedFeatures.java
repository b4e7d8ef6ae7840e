// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.HexFormat;

/** Features of another extractor, every channel shifted and scaled. */
record NormalizedFeatures(FeatureExtractor base, ChannelNormalization normalization) implements FeatureExtractor {
    @Override
    public long[] inputShape() {
        return base.inputShape();
    }

    @Override
    public long[] outputShape() {
        return base.outputShape();
    }

    @Override
    public String identity() {
        MessageDigest digest = FeatureFileHeader.sha256();
        for (double[] values : new double[][] {normalization.mean(), normalization.deviation()}) {
            ByteBuffer bytes = ByteBuffer.allocate(Double.BYTES * values.length);
            bytes.asDoubleBuffer().put(values);
            digest.update(bytes);
        }
        return "normalized by " + HexFormat.of().formatHex(digest.digest()) + " version=1 of " + base.identity();
    }

    @Override
    public float[] extract(float[] examples) {
        float[] features = base.extract(examples);
        int length = ChannelNormalization.length(base.outputShape());
        for (int from = 0; from < features.length; from += length) {
            normalization.normalize(features, from, length);
        }
        return features;
    }
}
