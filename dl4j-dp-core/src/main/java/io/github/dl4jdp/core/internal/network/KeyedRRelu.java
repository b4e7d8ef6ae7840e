// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.activations.IActivation;
import org.nd4j.linalg.activations.impl.ActivationRReLU;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.BooleanIndexing;
import org.nd4j.linalg.indexing.conditions.Conditions;
import org.nd4j.shade.jackson.databind.annotation.JsonSerialize;
import org.nd4j.shade.jackson.databind.util.StdConverter;

/**
 * The randomized leaky relu of one layer of an attached network: DL4J's, with slopes that are drawn for each example by itself, see {@link
 * LotDraws}. Its backward pass is DL4J's, which hands the gradient on as it is.
 *
 * <p>It never leaves the run: whatever writes it gets DL4J's own.
 */
@JsonSerialize(converter = KeyedRRelu.ToOriginal.class)
final class KeyedRRelu extends ActivationRReLU {
    private static final long serialVersionUID = 1L;

    private final ActivationRReLU original;
    private final transient RowDraws draws;

    KeyedRRelu(ActivationRReLU original, LotDraws.Part part) {
        super(original.getL(), original.getU());
        this.original = original;
        this.draws = new RowDraws(part);
    }

    @Override
    public INDArray getActivation(INDArray in, boolean training) {
        if (!training) {
            return super.getActivation(in, false);
        }
        INDArray slopes = draws.uniform(in.dataType(), in.shape(), getL(), getU());
        BooleanIndexing.replaceWhere(in, in.mul(slopes), Conditions.lessThan(0));
        return in;
    }

    @Override
    public Pair<INDArray, INDArray> backprop(INDArray in, INDArray epsilon) {
        assertShape(in, epsilon);
        return new Pair<>(epsilon.dup(), null);
    }

    private Object writeReplace() {
        return original;
    }

    /** Files hold DL4J's own. */
    static final class ToOriginal extends StdConverter<KeyedRRelu, IActivation> {
        @Override
        public IActivation convert(KeyedRRelu activation) {
            return activation.original;
        }
    }
}
