// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * The components of several resolutions together, each with its share of the squared norm, whitened by what differs between views of
 * a drawing. Components of one frequency, of whatever resolution, are whitened together.
 */
final class PatchScales {
    private static final int GROUPS = PatchOptions.GRID * PatchOptions.GRID;
    private static final int PICTURES_AT_ONCE = 64;

    /** Parts of a picture that have views of their own. */
    private static final int PARTS = 4;

    private static final int VIEWS = 2;

    /** In the order of the options. */
    final List<PatchScale> scales = new ArrayList<>();

    /** What to multiply the components of each scale by. */
    private final float[] factors;

    private final int[] sizes = new int[GROUPS];
    private final ViewWhitening whitening;

    /** Draws pictures and learns from them. */
    PatchScales(PatchOptions options, int channels, int height, int width, SplittableRandom random) {
        for (PatchOptions.Scale scale : options.scales()) {
            scales.add(new PatchScale(options.at(scale), scale.zoom(), channels, height, width, random.split()));
        }
        for (PatchScale scale : scales) {
            int[] own = scale.sizes();
            Arrays.setAll(sizes, group -> sizes[group] + own[group]);
        }
        this.factors = new float[scales.size()];
        Arrays.fill(factors, 1);
        var products = new float[GROUPS][][];
        Arrays.setAll(products, group -> new float[sizes[group]][sizes[group]]);
        double[] squares = new double[scales.size()];
        int count = addViews(options.viewPictures(), channels, height, width, random, products, squares);
        for (int scale = 0; scale < factors.length; scale++) {
            double share = options.scales().get(scale).share();
            factors[scale] = (float) Math.sqrt(share * VIEWS * count / squares[scale]);
        }
        scaleProducts(products);
        this.whitening = new ViewWhitening(products, count);
    }

    /** Adds up products of the differences between two views of each part of a picture; returns how many. */
    private int addViews(
            int pictures,
            int channels,
            int height,
            int width,
            SplittableRandom random,
            float[][][] products,
            double[] squares) {
        int size = 2 * Math.max(height, width);
        DeadLeaves leaves = new DeadLeaves(random, size);
        DrawnViews views = new DrawnViews(size, height, width);
        for (int from = 0; from < pictures; from += PICTURES_AT_ONCE) {
            int number = Math.min(PICTURES_AT_ONCE, pictures - from);
            float[][][] images = new float[number][VIEWS * PARTS][];
            for (float[][] ofPicture : images) {
                float[] picture = PatchFilters.asChannels(leaves.next(), channels);
                for (int view = 0; view < ofPicture.length; view++) {
                    ofPicture[view] = views.next(picture, view / VIEWS, random);
                }
            }
            float[][][] differences = new float[GROUPS][PARTS * number][];
            double[][] norms = new double[number][scales.size()];
            IntStream.range(0, number).parallel().forEach(n -> {
                float[][][] groups = groups(images[n], norms[n]);
                for (int group = 0; group < GROUPS; group++) {
                    for (int part = 0; part < PARTS; part++) {
                        float[] difference = groups[group][VIEWS * part];
                        Rows.addScaled(difference, groups[group][VIEWS * part + 1], -1, difference.length);
                        // Each view deviates from what they have in common by half of the difference's square.
                        Rows.scale(difference, (float) Math.sqrt(0.5), difference.length);
                        differences[group][PARTS * n + part] = difference;
                    }
                }
            });
            for (double[] norm : norms) {
                Arrays.setAll(squares, scale -> squares[scale] + norm[scale]);
            }
            IntStream.range(0, GROUPS)
                    .parallel()
                    .forEach(group -> ViewWhitening.addProducts(products[group], differences[group]));
        }
        return PARTS * pictures;
    }

    /** As if the components had been multiplied by their factors. */
    private void scaleProducts(float[][][] products) {
        for (int group = 0; group < GROUPS; group++) {
            float[] weights = new float[sizes[group]];
            int from = 0;
            for (int scale = 0; scale < factors.length; scale++) {
                int to = from + scales.get(scale).sizes()[group];
                Arrays.fill(weights, from, to, factors[scale]);
                from = to;
            }
            for (int i = 0; i < weights.length; i++) {
                Rows.scaleEach(products[group][i], weights, 0, weights.length);
                Rows.scale(products[group][i], weights[i], weights.length);
            }
        }
    }

    /** Components of images by [group][image], all scales' in a row; adds each scale's squares to {@code squares}. */
    float[][][] groups(float[][] images, double[] squares) {
        float[][][] out = new float[GROUPS][images.length][];
        for (int group = 0; group < GROUPS; group++) {
            for (int n = 0; n < images.length; n++) {
                out[group][n] = new float[sizes[group]];
            }
        }
        int[] next = new int[GROUPS];
        for (int scale = 0; scale < factors.length; scale++) {
            float[][] components = scales.get(scale).extract(images);
            int[] own = scales.get(scale).sizes();
            for (int n = 0; n < images.length; n++) {
                for (float component : components[n]) {
                    squares[scale] += (double) component * component;
                }
                Rows.scale(components[n], factors[scale], components[n].length);
                int from = 0;
                for (int group = 0; group < GROUPS; group++) {
                    System.arraycopy(components[n], from, out[group][n], next[group], own[group]);
                    from += own[group];
                }
            }
            for (int group = 0; group < GROUPS; group++) {
                next[group] += own[group];
            }
        }
        return out;
    }

    /**
     * Finds the features of images.
     *
     * @param images [channels, height, width] each
     * @param length features of an image
     * @param to the features, of any norm, from {@code offset} on
     */
    void extract(float[][] images, int length, float[] to, int offset) {
        float[][][] groups = groups(images, new double[factors.length]);
        int next = offset;
        for (int group = 0; group < GROUPS; group++) {
            whitening.apply(group, groups[group]);
            for (int n = 0; n < images.length; n++) {
                System.arraycopy(groups[group][n], 0, to, next + n * length, sizes[group]);
            }
            next += sizes[group];
        }
    }
}
