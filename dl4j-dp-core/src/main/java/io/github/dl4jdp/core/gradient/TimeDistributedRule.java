// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import java.util.Set;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.TimeDistributed;
import org.deeplearning4j.nn.layers.ActivationLayer;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.layers.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.layers.recurrent.BidirectionalLayer;
import org.deeplearning4j.nn.layers.recurrent.LastTimeStepLayer;
import org.deeplearning4j.nn.layers.recurrent.TimeDistributedLayer;
import org.deeplearning4j.nn.layers.wrapper.BaseWrapperLayer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A feed-forward layer in every time step: no parameters of its own.
 *
 * <p>DL4J orders the rows by example and the mask's entries by time step, so that with masks a batch differs from its examples; here
 * both are ordered by time step, and every example is what DL4J makes of it alone.
 */
public final class TimeDistributedRule {
    /** What {@link #inOrder} looks into. */
    private static final Set<Class<? extends Layer>> ORDERED = Set.of(
            TimeDistributedLayer.class, FrozenLayer.class, FrozenLayerWithBackprop.class, LastTimeStepLayer.class);

    private TimeDistributedRule() {}

    /** @param rules find the rule of the layer inside */
    static LayerRule rule(GradientRules rules) {
        return LayerRule.wrapping(
                TimeDistributedLayer.class, rules, (layer, inner) -> new Hooked(inner, format(layer)));
    }

    /**
     * A layer that only runs forward, with masks in the order of the rows in every {@link TimeDistributedLayer} inside it; itself if there is none.
     *
     * @param layer frozen, or below a frozen one
     */
    public static Layer inOrder(Layer layer) {
        if (!(layer instanceof BaseWrapperLayer wrapper)) {
            return layer;
        }
        Layer inside = wrapper.getUnderlying();
        Layer inner = inOrder(inside);
        if (layer.getClass() == TimeDistributedLayer.class) {
            return new Hooked(inner, format((TimeDistributedLayer) layer));
        }
        if (inner == inside) {
            return layer;
        }
        if (layer.getClass() == FrozenLayer.class) {
            return new FrozenLayer(inner);
        }
        if (layer.getClass() == FrozenLayerWithBackprop.class) {
            return new FrozenLayerWithBackprop(inner);
        }
        if (layer.getClass() == LastTimeStepLayer.class) {
            return new LastTimeStepLayer(inner);
        }
        throw new IllegalArgumentException("a TimeDistributed layer inside a "
                + layer.getClass().getName() + " gets its masks in an unknown order; use it without that wrapper");
    }

    /** Whether {@link #inOrder} can put every TimeDistributed layer inside this one in order. */
    public static boolean canOrder(Layer layer) {
        if (layer instanceof BidirectionalLayer) {
            return layer.conf().getLayer() instanceof Bidirectional conf
                    && !isTimeDistributed(conf.getFwd())
                    && !isTimeDistributed(conf.getBwd());
        }
        if (!(layer instanceof BaseWrapperLayer wrapper)) {
            return true;
        }
        Layer inside = wrapper.getUnderlying();
        return canOrder(inside) && (ORDERED.contains(layer.getClass()) || !isIn(inside));
    }

    /** Whether a layer is, or wraps, a TimeDistributed one. */
    public static boolean isIn(Layer layer) {
        return layer instanceof TimeDistributedLayer
                || (layer instanceof BaseWrapperLayer wrapper && isIn(wrapper.getUnderlying()));
    }

    private static boolean isTimeDistributed(org.deeplearning4j.nn.conf.layers.Layer conf) {
        return conf instanceof TimeDistributed
                || (conf instanceof org.deeplearning4j.nn.conf.layers.wrapper.BaseWrapperLayer wrapper
                        && isTimeDistributed(wrapper.getUnderlying()));
    }

    /** DL4J's layer does not expose its format; the number of rows that it makes of two features in three time steps shows it. */
    private static RNNFormat format(TimeDistributedLayer layer) {
        var rows = new long[1];
        Layer inside = layer.getUnderlying();
        layer.setUnderlying(new ActivationLayer(inside.conf(), DataType.FLOAT) {
            private static final long serialVersionUID = 1L;

            @Override
            public INDArray activate(INDArray input, boolean training, LayerWorkspaceMgr workspaceMgr) {
                rows[0] = input.size(0);
                return input;
            }
        });
        try {
            layer.activate(Nd4j.zeros(DataType.FLOAT, 1, 2, 3), false, LayerWorkspaceMgr.noWorkspaces());
        } finally {
            layer.setUnderlying(inside);
        }
        return rows[0] == 3 ? RNNFormat.NCW : RNNFormat.NWC;
    }

    private static final class Hooked extends TimeDistributedLayer {
        private static final long serialVersionUID = 1L;
        private final RNNFormat format;

        Hooked(Layer inner, RNNFormat format) {
            super(inner, format);
            this.format = format;
        }

        @Override
        protected INDArray reshape(INDArray array) {
            INDArray timeFirst = format == RNNFormat.NCW ? array.permute(2, 0, 1) : array.permute(1, 0, 2);
            return timeFirst.dup('c').reshape('c', timeFirst.size(0) * timeFirst.size(1), timeFirst.size(2));
        }

        @Override
        protected INDArray revertReshape(INDArray rows, long examples) {
            INDArray timeFirst = rows.dup('c').reshape('c', rows.size(0) / examples, examples, rows.size(1));
            return format == RNNFormat.NCW ? timeFirst.permute(1, 2, 0) : timeFirst.permute(1, 0, 2);
        }
    }
}
