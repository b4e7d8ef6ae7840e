// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

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
abstract class KeyedDropout implements IDropout {
    private static final long serialVersionUID = 1L;

    private static final Set<Class<? extends IDropout>> KNOWN =
            Set.of(Dropout.class, GaussianDropout.class, GaussianNoise.class, AlphaDropout.class, SpatialDropout.class);

    private final IDropout original;
    final transient RowDraws draws;
    /** What the input was multiplied by. */
    private transient @Nullable INDArray factor;

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
        if (dropout instanceof Dropout one) {
            return one.getPSchedule();
        }
        if (dropout instanceof GaussianDropout one) {
            return one.getRateSchedule();
        }
        if (dropout instanceof GaussianNoise one) {
            return one.getStddevSchedule();
        }
        if (dropout instanceof AlphaDropout one) {
            return one.getPSchedule();
        }
        return dropout instanceof SpatialDropout one ? one.getPSchedule() : null;
    }

    /** The same dropout with the draws of {@code part}. */
    static KeyedDropout of(IDropout original, LotDraws.Part part) {
        if (original instanceof Dropout dropout) {
            return new OfElements(dropout, part);
        }
        if (original instanceof GaussianDropout dropout) {
            return new Gaussian(dropout, part);
        }
        if (original instanceof GaussianNoise noise) {
            return new Additive(noise, part);
        }
        if (original instanceof AlphaDropout dropout) {
            return new Alpha(dropout, part);
        }
        if (original instanceof SpatialDropout dropout) {
            return new OfChannels(dropout, part);
        }
        throw new IllegalArgumentException("dropout must be one of DL4J's, was " + original.getClass());
    }

    private static double at(double fixed, @Nullable ISchedule schedule, int iteration, int epoch) {
        return schedule == null ? fixed : schedule.valueAt(iteration, epoch);
    }

    /** 0 or {@code 1 / p}, as DL4J computes it in the array's type. */
    private INDArray inverted(DataType type, long[] shape, double p) {
        return draws.twoValues(type, shape, p, type == DataType.FLOAT ? 1f / (float) p : 1 / p, 0);
    }

    @Override
    public final INDArray applyDropout(
            INDArray input, INDArray output, int iteration, int epoch, LayerWorkspaceMgr workspaceMgr) {
        if (!output.dataType().isFPType()) {
            throw new IllegalStateException(
                    "the output of dropout must be of a floating-point type, was " + output.dataType());
        }
        INDArray from =
                input == output || input.dataType() == output.dataType() ? input : input.castTo(output.dataType());
        factor = apply(from, output, iteration, epoch);
        return output;
    }

    /** Applies it and returns what {@link #backprop} multiplies by, or null for nothing. */
    abstract @Nullable INDArray apply(INDArray input, INDArray output, int iteration, int epoch);

    @Override
    public final INDArray backprop(INDArray gradAtOutput, INDArray gradAtInput, int iteration, int epoch) {
        INDArray by = factor;
        factor = null;
        if (by == null) {
            if (!(this instanceof Additive)) {
                throw new IllegalStateException(
                        "the backward pass of dropout needs a forward pass before it, whose mask it takes");
            }
            return gradAtInput == gradAtOutput ? gradAtInput : gradAtInput.assign(gradAtOutput);
        }
        multiply(gradAtOutput, by.castTo(gradAtInput.dataType()), gradAtInput);
        return gradAtInput;
    }

    void multiply(INDArray x, INDArray by, INDArray into) {
        Nd4j.getExecutioner().exec(new MulOp(x, by, into));
    }

    @Override
    public final void clear() {
        factor = null;
    }

    @Override
    public final IDropout clone() { // a copy of a network is not attached
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

    private static final class OfElements extends KeyedDropout {
        private static final long serialVersionUID = 1L;
        private final Dropout dropout;

        OfElements(Dropout dropout, LotDraws.Part part) {
            super(dropout, part);
            this.dropout = dropout;
        }

        @Override
        INDArray apply(INDArray input, INDArray output, int iteration, int epoch) {
            double p = at(dropout.getP(), dropout.getPSchedule(), iteration, epoch);
            INDArray mask = super.inverted(output.dataType(), output.shape(), p);
            multiply(input, mask, output);
            return mask;
        }
    }

    private static final class Gaussian extends KeyedDropout {
        private static final long serialVersionUID = 1L;
        private final GaussianDropout dropout;

        Gaussian(GaussianDropout dropout, LotDraws.Part part) {
            super(dropout, part);
            this.dropout = dropout;
        }

        @Override
        INDArray apply(INDArray input, INDArray output, int iteration, int epoch) {
            double rate = at(dropout.getRate(), dropout.getRateSchedule(), iteration, epoch);
            INDArray noise = draws.normal(output.dataType(), output.shape(), 1, Math.sqrt(rate / (1 - rate)));
            multiply(input, noise, output);
            return noise;
        }
    }

    private static final class Additive extends KeyedDropout {
        private static final long serialVersionUID = 1L;
        private final GaussianNoise noise;

        Additive(GaussianNoise noise, LotDraws.Part part) {
            super(noise, part);
            this.noise = noise;
        }

        @Override
        @Nullable
        INDArray apply(INDArray input, INDArray output, int iteration, int epoch) {
            double deviation = at(noise.getStddev(), noise.getStddevSchedule(), iteration, epoch);
            INDArray added = draws.normal(output.dataType(), output.shape(), 0, deviation);
            Nd4j.getExecutioner().exec(new AddOp(input, added, output));
            return null;
        }
    }

    /** Klambauer et al. 2017, arXiv 1706.02515: what is dropped becomes alpha', and an affine map keeps mean and variance. */
    private static final class Alpha extends KeyedDropout {
        private static final long serialVersionUID = 1L;
        private final AlphaDropout dropout;

        Alpha(AlphaDropout dropout, LotDraws.Part part) {
            super(dropout, part);
            this.dropout = dropout;
        }

        @Override
        INDArray apply(INDArray input, INDArray output, int iteration, int epoch) {
            double p = at(dropout.getP(), dropout.getPSchedule(), iteration, epoch);
            double a = dropout.a(p);
            INDArray mask = draws.twoValues(output.dataType(), output.shape(), p, 1, 0);
            // a (x d + alpha' (1 - d)) + b
            INDArray dropped = mask.rsub(1.0).muli(-dropout.getLambda() * dropout.getAlpha());
            multiply(input, mask, output);
            output.addi(dropped).muli(a).addi(dropout.b(p));
            return mask.muli(a);
        }
    }

    private static final class OfChannels extends KeyedDropout {
        private static final long serialVersionUID = 1L;
        private final SpatialDropout dropout;

        OfChannels(SpatialDropout dropout, LotDraws.Part part) {
            super(dropout, part);
            this.dropout = dropout;
        }

        @Override
        INDArray apply(INDArray input, INDArray output, int iteration, int epoch) {
            if (input.rank() < 3 || input.rank() > 5) {
                throw new IllegalStateException("spatial dropout requires activations of rank 3, 4 or 5, got rank "
                        + input.rank() + "; use Dropout");
            }
            double p = at(dropout.getP(), dropout.getPSchedule(), iteration, epoch);
            INDArray mask = super.inverted(output.dataType(), new long[] {input.size(0), input.size(1)}, p);
            multiply(input, mask, output);
            return mask;
        }

        @Override
        void multiply(INDArray x, INDArray by, INDArray into) {
            Broadcast.mul(x, by, into, 0, 1);
        }
    }
}
