// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.io.IOException;
import java.io.NotSerializableException;
import java.io.ObjectOutputStream;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.DataSet;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Replaces the features of a data set by those that an extractor computes from them, on all processors: {@code
 * iterator.setPreProcessor(new FeaturePreProcessor(ScatteringTransform.of(3, 32, 32)))}.
 *
 * <p>What is iterated over more than once is better computed once, into a {@link FeatureFile}.
 */
public final class FeaturePreProcessor implements DataSetPreProcessor {
    private static final long serialVersionUID = 1L;

    /** Examples a task takes. */
    private static final int CHUNK = 64;

    private final transient FeatureExtractor extractor;

    /** Creates a pre-processor that applies {@code extractor}. */
    public FeaturePreProcessor(FeatureExtractor extractor) {
        this.extractor = extractor;
    }

    /** {@inheritDoc} */
    @Override
    public void preProcess(DataSet data) {
        data.setFeatures(apply(data.getFeatures()));
    }

    /**
     * Computes the features of a batch.
     *
     * @param examples [batch, {@link FeatureExtractor#inputShape()}], or [batch, the product of that]
     * @return [batch, {@link FeatureExtractor#outputShape()}], of type float
     * @throws IllegalArgumentException if the examples have another size
     */
    public INDArray apply(INDArray examples) {
        int count = Math.toIntExact(examples.size(0));
        int each = ChannelNormalization.length(extractor.inputShape());
        if (examples.length() != (long) count * each) {
            throw new IllegalArgumentException("examples must have shape [batch, "
                    + Arrays.toString(extractor.inputShape()) + "], was " + Arrays.toString(examples.shape()));
        }
        float[] input = examples.castTo(DataType.FLOAT).dup('c').data().asFloat();
        int length = ChannelNormalization.length(extractor.outputShape());
        float[] output = new float[Math.multiplyExact(count, length)];
        IntStream.range(0, (count + CHUNK - 1) / CHUNK).parallel().forEach(chunk -> {
            int from = chunk * CHUNK;
            int to = Math.min(count, from + CHUNK);
            float[] features = extractor.extract(Arrays.copyOfRange(input, from * each, to * each));
            System.arraycopy(features, 0, output, from * length, features.length);
        });
        long[] shape = new long[extractor.outputShape().length + 1];
        shape[0] = count;
        System.arraycopy(extractor.outputShape(), 0, shape, 1, shape.length - 1);
        return Nd4j.createFromArray(output).reshape(shape);
    }

    private void writeObject(ObjectOutputStream out) throws IOException {
        throw new NotSerializableException(
                FeaturePreProcessor.class.getName() + ": its extractor need not be serializable");
    }
}
