// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import java.util.Objects;
import java.util.Set;
import org.deeplearning4j.nn.conf.dropout.AlphaDropout;
import org.deeplearning4j.nn.conf.dropout.Dropout;
import org.deeplearning4j.nn.conf.dropout.GaussianDropout;
import org.deeplearning4j.nn.conf.dropout.GaussianNoise;
import org.deeplearning4j.nn.conf.dropout.IDropout;
import org.deeplearning4j.nn.conf.dropout.SpatialDropout;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.transforms.pairwise.arithmetic.AddOp;
import org.nd4j.linalg.api.ops.impl.transforms.pairwise.arithmetic.MulOp;
import org.nd4j.linalg.factory.Broadcast;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.schedule.ISchedule;
import org.nd4j.shade.jackson.databind.annotation.JsonSerialize;
import org.nd4j.shade.jackson.databind.util.StdConverter;

/**
 * The dropout of one layer of an attached network: DL4J's, with masks that are drawn for each example by itself, see {@link LotDraws}.
 *
 * <p>It never leaves the run: whatever copies or writes it gets DL4J's own.
 */
@JsonSerialize(converter = KeyedDropout.ToOriginal.class)
final class KeyedDropout implements IDropout {
    private static final long serialVersionUID = 1L;

    private static final Set<Class<? extends IDropout>> KNOWN =
            Set.of(Dropout.class, GaussianDropout.class, GaussianNoise.class, AlphaDropout.class, SpatialDropout.class);

    private final IDropout original;
    private final transient RowDraws draws;
    /** What the input was multiplied by. */
    private transient @Nullable INDArray factor;

    /** One of DL4J's kinds: its parameter, fixed or by a schedule, and what it does. */
    private record Kind(double fixed, @Nullable ISchedule schedule, Application application) {}

    private interface Application {
        /** Applies it and returns what {@link #backprop} multiplies by, or null for nothing. */
        @Nullable
        INDArray apply(KeyedDropout self, INDArray input, INDArray output, double parameter);
    }

    private KeyedDropout(IDropout original, LotDraws.Part part) {
        this.original = original;
        this.draws = new RowDraws(part);
    }

    /** Whether {@link #of} takes it: DL4J's own classes, and no subclass. */
    static boolean knows(IDropout dropout) {
        return KNOWN.contains(dropout.getClass());
    }

    /** The schedule that a known dropout follows, or null. */
    static @Nullable ISchedule schedule(IDropout dropout) {
        Kind kind = kind(dropout);
        return kind == null ? null : kind.schedule();
    }

    /** The same dropout with the draws of {@code part}. */
    static KeyedDropout of(IDropout original, LotDraws.Part part) {
        if (kind(original) == null) {
            throw new IllegalArgumentException("dropout must be one of DL4J's, was " + original.getClass());
        }
        return new KeyedDropout(original, part);
    }

    private static @Nullable Kind kind(IDropout dropout) {
        if (dropout instanceof Dropout one) {
            return new Kind(one.getP(), one.getPSchedule(), KeyedDropout::dropElements);
        }
        if (dropout instanceof GaussianDropout one) {
            return new Kind(one.getRate(), one.getRateSchedule(), KeyedDropout::multiplyByNormals);
        }
        if (dropout instanceof GaussianNoise one) {
            return new Kind(one.getStddev(), one.getStddevSchedule(), KeyedDropout::addNormals);
        }
        if (dropout instanceof AlphaDropout one) {
            return new Kind(
                    one.getP(),
                    one.getPSchedule(),
                    (self, input, output, p) -> self.dropToAlpha(one, input, output, p));
        }
        return dropout instanceof SpatialDropout one
                ? new Kind(one.getP(), one.getPSchedule(), KeyedDropout::dropChannels)
                : null;
    }

    @Override
    public INDArray applyDropout(
            INDArray input, INDArray output, int iteration, int epoch, LayerWorkspaceMgr workspaceMgr) {
        if (!output.dataType().isFPType()) {
            throw new IllegalStateException(
                    "the output of dropout must be of a floating-point type, was " + output.dataType());
        }
        INDArray from =
                input == output || input.dataType() == output.dataType() ? input : input.castTo(output.dataType());
        Kind kind = Objects.requireNonNull(kind(original));
        ISchedule schedule = kind.schedule();
        double parameter = schedule == null ? kind.fixed() : schedule.valueAt(iteration, epoch);
        factor = kind.application().apply(this, from, output, parameter);
        return output;
    }

    @Override
    public INDArray backprop(INDArray gradAtOutput, INDArray gradAtInput, int iteration, int epoch) {
        INDArray by = factor;
        factor = null;
        if (by == null) {
            if (!(original instanceof GaussianNoise)) {
                throw new IllegalStateException(
                        "the backward pass of dropout needs a forward pass before it, whose mask it takes");
            }
            return gradAtInput == gradAtOutput ? gradAtInput : gradAtInput.assign(gradAtOutput);
        }
        multiply(gradAtOutput, by.castTo(gradAtInput.dataType()), gradAtInput);
        return gradAtInput;
    }

    private void multiply(INDArray x, INDArray by, INDArray into) {
        if (original instanceof SpatialDropout) {
            Broadcast.mul(x, by, into, 0, 1);
        } else {
            Nd4j.getExecutioner().exec(new MulOp(x, by, into));
        }
    }

    private INDArray dropElements(INDArray input, INDArray output, double p) {
        return multiplyBy(inverted(output.dataType(), output.shape(), p), input, output);
    }

    private INDArray dropChannels(INDArray input, INDArray output, double p) {
        if (input.rank() < 3 || input.rank() > 5) {
            throw new IllegalStateException("spatial dropout requires activations of rank 3, 4 or 5, got rank "
                    + input.rank() + "; use Dropout");
        }
        long[] channels = {input.size(0), input.size(1)};
        return multiplyBy(inverted(output.dataType(), channels, p), input, output);
    }

    private INDArray multiplyByNormals(INDArray input, INDArray output, double rate) {
        return multiplyBy(
                draws.normal(output.dataType(), output.shape(), 1, Math.sqrt(rate / (1 - rate))), input, output);
    }

    private INDArray multiplyBy(INDArray mask, INDArray input, INDArray output) {
        multiply(input, mask, output);
        return mask;
    }

    /** 0 or {@code 1 / p}, as DL4J computes it in the array's type. */
    private INDArray inverted(DataType type, long[] shape, double p) {
        return draws.twoValues(type, shape, p, type == DataType.FLOAT ? 1f / (float) p : 1 / p, 0);
    }

    private @Nullable INDArray addNormals(INDArray input, INDArray output, double deviation) {
        INDArray added = draws.normal(output.dataType(), output.shape(), 0, deviation);
        Nd4j.getExecutioner().exec(new AddOp(input, added, output));
        return null;
    }

    /** Klambauer et al. 2017, arXiv 1706.02515: what is dropped becomes alpha', and an affine map keeps mean and variance. */
    private INDArray dropToAlpha(AlphaDropout alpha, INDArray input, INDArray output, double p) {
        double a = alpha.a(p);
        INDArray mask = draws.twoValues(output.dataType(), output.shape(), p, 1, 0);
        // a (x d + alpha' (1 - d)) + b
        INDArray dropped = mask.rsub(1.0).muli(-alpha.getLambda() * alpha.getAlpha());
        multiply(input, mask, output);
        output.addi(dropped).muli(a).addi(alpha.b(p));
        return mask.muli(a);
    }

    @Override
    public void clear() {
        factor = null;
    }

    @Override
    public IDropout clone() { // a copy of a network is not attached
        return original.clone();
    }

    private Object writeReplace() {
        return original;
    }

    /** Files hold DL4J's own. */
    static final class ToOriginal extends StdConverter<KeyedDropout, IDropout> {
        @Override
        public IDropout convert(KeyedDropout dropout) {
            return dropout.original;
        }
    }
}
