// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.zip.InflaterInputStream;

/**
 * Six convolutions that learned from drawn pictures alone, with a rectifier after each.
 *
 * <p>They were trained once, by {@code docs/notes/pretraining}, to map two crops of one drawing near one another and different drawings far
 * apart. No photograph and no label had a part in it, so that they cost no privacy.
 *
 * <p>Source: T. Wang and P. Isola, Understanding Contrastive Representation Learning through Alignment and Uniformity on the
 * Hypersphere, ICML 2020; M. Baradad, J. Wulff, T. Wang, P. Isola, A. Torralba, Learning to See by Looking at Noise, NeurIPS 2021.
 */
final class DrawnNetwork {
    /** Red, green, blue. */
    static final int CHANNELS = 3;

    /** Subtracted from all pixels. */
    static final float GRAY = 0.5f;

    private static final String RESOURCE = "drawn-network.bfloat16";

    /** One convolution, with zeros around its input: half of the side of its kernel less one, rounded down, on each side. */
    static final class Convolution {
        final int kernel;
        final int stride;

        /** [output][input, row, column]. */
        final float[][] weights;

        /** Of each output. */
        final float[] biases;

        private Convolution(int kernel, int stride, float[][] weights, float[] biases) {
            this.kernel = kernel;
            this.stride = stride;
            this.weights = weights;
            this.biases = biases;
        }

        int outputs() {
            return biases.length;
        }

        int padding() {
            return (kernel - 1) / 2;
        }

        /** Positions along an axis of the output. */
        int positions(int side) {
            return (side + 2 * padding() - kernel) / stride + 1;
        }
    }

    private static final class Shipped {
        static final DrawnNetwork NETWORK = read();
    }

    final Convolution[] convolutions;

    private DrawnNetwork(Convolution[] convolutions) {
        this.convolutions = convolutions;
    }

    /** The one whose weights are in the library. */
    static DrawnNetwork shipped() {
        return Shipped.NETWORK;
    }

    private static DrawnNetwork read() {
        try (InputStream file = DrawnNetwork.class.getResourceAsStream(RESOURCE)) {
            if (file == null) {
                throw new IllegalStateException("the jar of dl4j-dp-features must contain " + RESOURCE
                        + ", and does not; build it with its resources");
            }
            DataInputStream in = new DataInputStream(new InflaterInputStream(file));
            return new DrawnNetwork(new Convolution[] {
                read(in, CHANNELS, 64, 6, 2),
                read(in, 64, 128, 3, 2),
                read(in, 128, 128, 3, 1),
                read(in, 128, 128, 3, 1),
                read(in, 128, 256, 3, 2),
                read(in, 256, 256, 3, 1)
            });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Convolution read(DataInputStream in, int inputs, int outputs, int kernel, int stride)
            throws IOException {
        float[][] weights = new float[outputs][inputs * kernel * kernel];
        for (float[] row : weights) {
            read(in, row);
        }
        float[] biases = new float[outputs];
        read(in, biases);
        return new Convolution(kernel, stride, weights, biases);
    }

    /** Numbers of 16 bits: the upper half of a float. */
    private static void read(DataInputStream in, float[] to) throws IOException {
        for (int i = 0; i < to.length; i++) {
            to[i] = Float.intBitsToFloat(in.readUnsignedShort() << 16);
        }
    }
}
