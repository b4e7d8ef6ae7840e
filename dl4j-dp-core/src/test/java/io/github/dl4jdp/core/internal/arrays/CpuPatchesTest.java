// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** Patches against the definition of im2col, element by element. */
class CpuPatchesTest {
    /** A geometry and the size of the image that it is for. */
    record Case(PatchGeometry geometry, int height, int width) {}

    @Provide
    Arbitrary<Case> cases() {
        Arbitrary<Integer> side = Arbitraries.integers().between(1, 9);
        Arbitrary<Integer> kernel = Arbitraries.integers().between(1, 5);
        Arbitrary<Integer> step = Arbitraries.integers().between(1, 2);
        Arbitrary<Integer> pad = Arbitraries.integers().between(0, 4);
        Arbitrary<int[]> sizes = Combinators.combine(side, side).as((h, w) -> new int[] {h, w});
        Arbitrary<int[]> kernels = Combinators.combine(kernel, kernel).as((h, w) -> new int[] {h, w});
        Arbitrary<int[]> steps = Combinators.combine(step, step).as((h, w) -> new int[] {h, w});
        Arbitrary<int[]> pads = Combinators.combine(pad, pad).as((h, w) -> new int[] {h, w});
        return Combinators.combine(
                        sizes,
                        kernels,
                        steps,
                        steps,
                        pads,
                        Arbitraries.integers().between(1, 3),
                        Arbitraries.of(true, false))
                .as((size, k, strides, dilation, padding, channels, sameSize) -> {
                    int[] s = sameSize ? new int[] {1, 1} : strides;
                    int[] out = sameSize
                            ? size
                            : new int[] {
                                outOf(size[0], k[0], s[0], dilation[0], padding[0]),
                                outOf(size[1], k[1], s[1], dilation[1], padding[1])
                            };
                    return new Case(
                            new PatchGeometry(1, channels, k, s, padding, dilation, out, sameSize), size[0], size[1]);
                });
    }

    private static int outOf(int in, int kernel, int stride, int dilation, int pad) {
        return Math.max(1, (in + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1);
    }

    /** What stands at every place of the patches: an index into the image, or -1 for what lies outside. */
    private static int[] places(Case c) {
        PatchGeometry g = c.geometry();
        int[] places = new int[g.patchSize() * g.positions()];
        int at = 0;
        for (int channel = 0; channel < g.inChannels(); channel++) {
            for (int ky = 0; ky < g.kernel()[0]; ky++) {
                for (int kx = 0; kx < g.kernel()[1]; kx++) {
                    for (int oy = 0; oy < g.out()[0]; oy++) {
                        for (int ox = 0; ox < g.out()[1]; ox++) {
                            int y = oy * g.strides()[0] + ky * g.dilation()[0] - g.pad()[0];
                            int x = ox * g.strides()[1] + kx * g.dilation()[1] - g.pad()[1];
                            boolean inside = y >= 0 && y < c.height() && x >= 0 && x < c.width();
                            places[at++] = inside ? (channel * c.height() + y) * c.width() + x : -1;
                        }
                    }
                }
            }
        }
        return places;
    }

    @Property(tries = 500)
    void gather_anyGeometry_isIm2col(@ForAll("cases") Case c) {
        var patches = new CpuPatches(c.geometry(), c.height(), c.width());
        float[] image = random(patches.imageSize(), 1);
        float[] gathered = random(patches.size(), 2); // leftovers of the example before

        patches.gather(image, gathered);

        int[] places = places(c);
        for (int i = 0; i < places.length; i++) {
            assertThat(gathered[i]).isEqualTo(places[i] < 0 ? 0 : image[places[i]]);
        }
    }

    @Property(tries = 500)
    void scatter_anyGeometry_isTheAdjoint(@ForAll("cases") Case c) {
        var patches = new CpuPatches(c.geometry(), c.height(), c.width());
        float[] values = random(patches.size(), 3);
        double[] expected = new double[patches.imageSize()];
        int[] places = places(c);
        for (int i = 0; i < places.length; i++) {
            if (places[i] >= 0) {
                expected[places[i]] += values[i];
            }
        }
        float[] image = new float[patches.imageSize()];

        patches.scatter(values.clone(), image);

        for (int i = 0; i < image.length; i++) {
            assertThat((double) image[i]).isCloseTo(expected[i], org.assertj.core.data.Offset.offset(1e-5));
        }
    }

    private static float[] random(int length, long seed) {
        var random = new Random(seed);
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = random.nextFloat() - 0.5f;
        }
        return values;
    }
}
