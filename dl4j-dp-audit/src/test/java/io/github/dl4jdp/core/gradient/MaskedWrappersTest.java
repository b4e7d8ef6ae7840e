// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientCase;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.conf.layers.util.MaskZeroLayer;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

/** Recurrent wrappers one above the other, under masks: what a padded example gives alone is what it gives in a batch. */
class MaskedWrappersTest extends BuiltInRuleContract {
    /** Under a mask DL4J makes the last steps an array of the default type: with FLOAT a network in double precision would round. */
    @BeforeContainer
    static void useDoubleByDefault() {
        Nd4j.setDefaultDataTypes(DataType.DOUBLE, DataType.DOUBLE);
    }

    @AfterContainer
    static void useFloatByDefault() {
        Nd4j.setDefaultDataTypes(DataType.FLOAT, DataType.FLOAT);
    }

    @Override
    protected Arbitrary<GradientCase> cases() {
        return Arbitraries.of(
                masked(new LastTimeStep(new Bidirectional(Bidirectional.Mode.ADD, lstm()))),
                masked(new Bidirectional(Bidirectional.Mode.CONCAT, lstm()), new GlobalPoolingLayer(PoolingType.MAX)),
                masked(new Bidirectional(Bidirectional.Mode.CONCAT, lstm()), new GlobalPoolingLayer(PoolingType.AVG))
                        .withConfiguration(builder -> builder.dropOut(new FixedDropout())),
                GradientCase.of(
                                InputType.recurrent(1, 5),
                                new MaskZeroLayer(lstm(), 1),
                                new GlobalPoolingLayer(PoolingType.MAX),
                                Cases.output())
                        .withVocabulary(3)
                        .withFeatureMask(true));
    }

    private static LSTM lstm() {
        return new LSTM.Builder().nOut(3).activation(Activation.TANH).build();
    }

    private static GradientCase masked(Layer... layers) {
        var all = new Layer[layers.length + 2];
        all[0] = Cases.simpleRnn(3, RNNFormat.NCW);
        System.arraycopy(layers, 0, all, 1, layers.length);
        all[all.length - 1] = Cases.output();
        return GradientCase.of(InputType.recurrent(3, 5), all).withFeatureMask(true);
    }
}
