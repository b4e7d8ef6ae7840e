// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.bytedeco.javacpp.FloatPointer;

/** oneDNN's convolutions against the sums of their definition in double precision. */
class OneDnnConvolutionTest {
    /** A convolution and the random numbers that it is given. */
    record Case(PatchGeometry geometry, int height, int width, boolean hasBias, long seed) {
        int image() {
            return geometry.inChannels() * height * width;
        }

        int result() {
            return geometry.outChannels() * geometry.positions();
        }

        @Override
        public String toString() {
            return "%d -> %d channels of %dx%d, kernel %s, strides %s, pad %s, dilation %s, out %s, bias %s, seed %d"
                    .formatted(
                            geometry.inChannels(),
                            geometry.outChannels(),
                            height,
                            width,
                            java.util.Arrays.toString(geometry.kernel()),
                            java.util.Arrays.toString(geometry.strides()),
                            java.util.Arrays.toString(geometry.pad()),
                            java.util.Arrays.toString(geometry.dilation()),
                            java.util.Arrays.toString(geometry.out()),
                            hasBias,
                            seed);
        }
    }

    @BeforeContainer
    static void requireLibrary() {
        assumeTrue(OneDnn.find() != null, "oneDNN is not on the class path");
    }

    @Provide
    Arbitrary<Case> cases() {
        return Arbitraries.longs().map(OneDnnConvolutionTest::random);
    }

    private static Case random(long seed) {
        var random = new Random(seed);
        int[] channels = {1, 2, 3, 8, 10, 16, 17, 32, 48};
        int[] kernel = {1 + random.nextInt(5), 1 + random.nextInt(5)};
        int[] strides = {1 + random.nextInt(3), 1 + random.nextInt(3)};
        int[] dilation = {1 + random.nextInt(2), 1 + random.nextInt(2)};
        int[] in = new int[2];
        int[] pad = new int[2];
        int[] out = new int[2];
        boolean same = random.nextBoolean();
        for (int d = 0; d < 2; d++) {
            int reach = (kernel[d] - 1) * dilation[d] + 1;
            in[d] = reach + random.nextInt(12);
            if (same) {
                out[d] = (in[d] + strides[d] - 1) / strides[d];
                pad[d] = Math.max(0, (out[d] - 1) * strides[d] + reach - in[d]) / 2;
            } else {
                pad[d] = random.nextInt(kernel[d]);
                out[d] = (in[d] + 2 * pad[d] - reach) / strides[d] + 1;
            }
        }
        var geometry = new PatchGeometry(
                channels[random.nextInt(channels.length)],
                channels[random.nextInt(channels.length)],
                kernel,
                strides,
                pad,
                dilation,
                out,
                same);
        return new Case(geometry, in[0], in[1], random.nextBoolean(), seed);
    }

    @Property(tries = 150, seed = "20261130")
    void allThree_anyShape_areTheSumsOfTheirDefinition(@ForAll("cases") Case c) {
        var ranges = new ParallelRanges(2);
        OneDnnConvolution convolution =
                OneDnnConvolution.find(c.geometry(), c.height(), c.width(), c.hasBias(), ranges);
        if (convolution == null) {
            return;
        }
        var random = new Random(c.seed());
        PatchGeometry g = c.geometry();
        int weights = (int) g.weights();
        float[] x = normal(random, 2 * c.image());
        float[] w = normal(random, weights);
        float[] b = normal(random, g.outChannels());
        float[] delta = normal(random, 2 * c.result());
        double[] z = new double[2 * c.result()];
        double[] below = new double[2 * c.image()];
        double[] gradients = new double[2 * weights];
        for (int i = 0; i < 2; i++) {
            define(c, i, x, w, b, delta, z, below, gradients);
        }

        float[] zFound = new float[z.length];
        float[] belowFound = new float[below.length];
        float[] gradientsFound = new float[gradients.length];
        int length = convolution.gradientLength();
        try (var xMemory = new FloatPointer(x);
                var wMemory = new FloatPointer(w);
                var bMemory = new FloatPointer(b);
                var dMemory = new FloatPointer(delta);
                var zMemory = new FloatPointer(z.length);
                var belowMemory = new FloatPointer(below.length);
                var gradientMemory = new FloatPointer(2L * length)) {
            convolution.takeForward(wMemory, c.hasBias() ? bMemory : null);
            convolution.takeBackward(wMemory);
            ranges.run(2, 1, (worker, from, to) -> {
                FloatPointer image = CpuMemory.at(xMemory, (long) from * c.image());
                FloatPointer d = CpuMemory.at(dMemory, (long) from * c.result());
                convolution.forward(worker, image, CpuMemory.at(zMemory, (long) from * c.result()));
                convolution.gradients(
                        worker,
                        image,
                        d,
                        CpuMemory.at(gradientMemory, (long) from * length),
                        CpuMemory.at(belowMemory, (long) from * c.image()));
            });
            zMemory.get(zFound);
            belowMemory.get(belowFound);
            float[] stored = new float[2 * length];
            gradientMemory.get(stored);
            int[] places = convolution.places();
            for (int j = 0; j < stored.length; j++) {
                int place = places[j % length];
                if (place < 0) {
                    assertThat(stored[j]).isZero();
                } else {
                    gradientsFound[j / length * weights + place] = stored[j];
                }
            }
        }
        assertClose(zFound, z);
        assertClose(belowFound, below);
        assertClose(gradientsFound, gradients);
    }

    private static void assertClose(float[] found, double[] expected) {
        double largest = 1;
        for (double value : expected) {
            largest = Math.max(largest, Math.abs(value));
        }
        for (int i = 0; i < expected.length; i++) {
            assertThat((double) found[i]).isBetween(expected[i] - 1e-5 * largest, expected[i] + 1e-5 * largest);
        }
    }

    private static float[] normal(Random random, int n) {
        float[] values = new float[n];
        for (int i = 0; i < n; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static void define(
            Case c,
            int example,
            float[] x,
            float[] w,
            float[] b,
            float[] delta,
            double[] z,
            double[] below,
            double[] gradients) {
        PatchGeometry g = c.geometry();
        int weights = (int) g.weights();
        for (int o = 0; o < g.outChannels(); o++) {
            for (int p = 0; p < g.positions(); p++) {
                int at = example * c.result() + o * g.positions() + p;
                z[at] = c.hasBias() ? b[o] : 0;
                for (int k = 0; k < g.patchSize(); k++) {
                    int channel = k / (g.kernel()[0] * g.kernel()[1]);
                    int y = p / g.out()[1] * g.strides()[0]
                            - g.pad()[0]
                            + k / g.kernel()[1] % g.kernel()[0] * g.dilation()[0];
                    int column = p % g.out()[1] * g.strides()[1] - g.pad()[1] + k % g.kernel()[1] * g.dilation()[1];
                    if (y >= 0 && y < c.height() && column >= 0 && column < c.width()) {
                        int from = example * c.image() + (channel * c.height() + y) * c.width() + column;
                        int weight = o * g.patchSize() + k;
                        z[at] += (double) w[weight] * x[from];
                        below[from] += (double) w[weight] * delta[at];
                        gradients[example * weights + weight] += (double) x[from] * delta[at];
                    }
                }
            }
        }
    }
}
