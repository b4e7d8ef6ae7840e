// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import java.util.Set;
import org.deeplearning4j.nn.conf.layers.Convolution3D;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.Deconvolution2D;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.DepthwiseConvolution2D;
import org.deeplearning4j.nn.conf.layers.GravesLSTM;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.SeparableConvolution2D;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;

/** The kinds of layers that DL4J asks for their weight noise in every forward pass, frozen or not. Others need a guard before them. */
@SuppressWarnings("deprecation") // DL4J calls GravesLSTM deprecated, and networks with it exist
final class NoisyLayers {
    private static final Set<Class<? extends Layer>> ASKED = Set.of(
            Convolution3D.class,
            ConvolutionLayer.class,
            Deconvolution2D.class,
            DenseLayer.class,
            DepthwiseConvolution2D.class,
            GravesLSTM.class,
            LSTM.class,
            SeparableConvolution2D.class,
            SimpleRnn.class);

    private NoisyLayers() {}

    /** Whether DL4J asks a layer, or one that it wraps. */
    static boolean isAsked(Layer conf) {
        return AccountCarriers.levels(conf).stream().anyMatch(level -> ASKED.contains(level.getClass()));
    }
}
