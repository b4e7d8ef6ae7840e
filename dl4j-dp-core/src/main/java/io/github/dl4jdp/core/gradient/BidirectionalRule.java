// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.Slices;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.layers.recurrent.BidirectionalLayer;
import org.deeplearning4j.nn.params.BidirectionalParamInitializer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A recurrent layer in both directions: two layers whose parameters have a prefix each.
 */
final class BidirectionalRule {
    private BidirectionalRule() {}

    /** @param rules find the rule of the layers inside */
    static LayerRule rule(GradientRules rules) {
        return new LayerRule(
                BidirectionalLayer.class,
                LayerRule.INSIDE,
                layer -> LayerRule.problemsInside(rules, inner((BidirectionalLayer) layer, true)),
                (layer, recorder) -> hook((BidirectionalLayer) layer, rules, recorder));
    }

    private static Layer hook(BidirectionalLayer original, GradientRules rules, TapeRecorder recorder) {
        var tapes = new Tapes(recorder);
        Layer forward = LayerRule.hookInside(
                rules, inner(original, true), tapes.direction(BidirectionalParamInitializer.FORWARD_PREFIX));
        Layer backward = LayerRule.hookInside(
                rules, inner(original, false), tapes.direction(BidirectionalParamInitializer.BACKWARD_PREFIX));
        var hooked = new BidirectionalLayer(original.conf(), forward, backward, original.params());
        if (original.getGradientsViewArray() != null) {
            hooked.setBackpropGradientsViewArray(original.getGradientsViewArray());
        }
        return hooked;
    }

    /** DL4J does not tell the layers inside, so they are made once more from the configuration, over the same parameters. */
    private static Layer inner(BidirectionalLayer layer, boolean forward) {
        var conf = (Bidirectional) layer.conf().getLayer();
        var innerConf = layer.conf().clone();
        innerConf.setLayer(forward ? conf.getFwd() : conf.getBwd());
        INDArray params = layer.params().reshape(layer.params().length());
        long half = params.length() / 2;
        INDArray view = Slices.range(params, 0, forward ? 0 : half, forward ? half : 2 * half);
        Layer inner = innerConf
                .getLayer()
                .instantiate(innerConf, layer.getListeners(), layer.getIndex(), view, false, params.dataType());
        inner.setIterationCount(layer.getIterationCount());
        inner.setEpochCount(layer.getEpochCount());
        return inner;
    }

    /** Reports when both directions have. */
    private static final class Tapes {
        private final TapeRecorder recorder;
        private @Nullable BoundedTape waiting;

        Tapes(TapeRecorder recorder) {
            this.recorder = recorder;
        }

        TapeRecorder direction(String prefix) {
            return new ForwardingRecorder(recorder) {
                @Override
                public void record(LayerTape tape) {
                    add(new PrefixedTape(prefix, BoundedTape.require(tape)));
                }
            };
        }

        private void add(BoundedTape tape) {
            BoundedTape first = waiting;
            if (first == null) {
                waiting = tape;
            } else {
                waiting = null;
                recorder.record(new CompositeTape(List.of(first, tape)));
            }
        }
    }

    /** The tape of one direction, addressed by the prefixed names. */
    private record PrefixedTape(String prefix, BoundedTape tape) implements BoundedTape {
        @Override
        public void addNorms(double[] norms) {
            tape.addNorms(norms);
        }

        @Override
        public double addWeightedSum(double[] weights, Map<String, INDArray> sums, double allowance) {
            return tape.addWeightedSum(weights, ofDirection(sums), allowance);
        }

        @Override
        public void addRow(int example, Map<String, INDArray> row) {
            tape.addRow(example, ofDirection(row));
        }

        @Override
        public void discard(int example) {
            tape.discard(example);
        }

        @Override
        public Optional<LayerTape> sumOfCopies(int copies) {
            return tape.sumOfCopies(copies).map(sum -> new PrefixedTape(prefix, BoundedTape.require(sum)));
        }

        private Map<String, INDArray> ofDirection(Map<String, INDArray> parameters) {
            var own = new LinkedHashMap<String, INDArray>();
            parameters.forEach((name, array) -> {
                if (name.startsWith(prefix)) {
                    own.put(name.substring(prefix.length()), array);
                }
            });
            return own;
        }
    }
}
