// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * The components of several resolutions, and of a network, together, each part with its share of the squared norm, whitened by what
 * differs between views of a drawing. Components of one frequency, of whatever part, are whitened together.
 */
final class FeatureParts {
    private static final int GROUPS = PatchOptions.GRID * PatchOptions.GRID;
    private static final int PICTURES_AT_ONCE = 64;

    /** Pieces of a picture that have views of their own. */
    private static final int PIECES = 4;

    private static final int VIEWS = 2;

    /** The resolutions in the order of the options, then the network. */
    final List<GridComponents> parts = new ArrayList<>();

    /** What to multiply the components of each part by. */
    private final float[] factors;

    private final int[] sizes = new int[GROUPS];
    private final ViewWhitening whitening;

    /** Draws pictures and learns from them. */
    FeatureParts(PatchOptions options, int channels, int height, int width, SplittableRandom random) {
        double[] shares = options.shares();
        for (PatchOptions.Scale scale : options.scales()) {
            PatchOptions own = options.at(scale);
            SplittableRandom drawing = random.split();
            GridSpectra spectra = new PatchSpectra(own, scale.zoom(), channels, height, width, drawing);
            parts.add(components(spectra, own.components(), options, channels, height, width, drawing));
        }
        if (options.networkComponents() > 0) {
            GridSpectra spectra = new NetworkSpectra(channels, height, width);
            parts.add(
                    components(spectra, options.networkComponents(), options, channels, height, width, random.split()));
        }
        for (GridComponents part : parts) {
            int[] own = part.sizes();
            Arrays.setAll(sizes, group -> sizes[group] + own[group]);
        }
        this.factors = new float[parts.size()];
        Arrays.fill(factors, 1);
        var products = new float[GROUPS][][];
        Arrays.setAll(products, group -> new float[sizes[group]][sizes[group]]);
        double[] squares = new double[parts.size()];
        int count = addViews(options.viewPictures(), channels, height, width, random, products, squares);
        for (int part = 0; part < factors.length; part++) {
            factors[part] = (float) Math.sqrt(shares[part] * VIEWS * count / squares[part]);
        }
        scaleProducts(products);
        this.whitening = new ViewWhitening(products, count);
    }

    private static GridComponents components(
            GridSpectra spectra,
            int count,
            PatchOptions options,
            int channels,
            int height,
            int width,
            RandomGenerator random) {
        return new GridComponents(spectra, GROUPS * count, options.scalePictures(), channels, height, width, random);
    }

    /** Adds up products of the differences between two views of each piece of a picture; returns how many. */
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
            float[][][] images = new float[number][VIEWS * PIECES][];
            for (float[][] ofPicture : images) {
                float[] picture = PatchFilters.asChannels(leaves.next(), channels);
                for (int view = 0; view < ofPicture.length; view++) {
                    ofPicture[view] = views.next(picture, view / VIEWS, random);
                }
            }
            float[][][] differences = new float[GROUPS][PIECES * number][];
            double[][] norms = new double[number][parts.size()];
            IntStream.range(0, number).parallel().forEach(n -> {
                float[][][] groups = groups(images[n], norms[n]);
                for (int group = 0; group < GROUPS; group++) {
                    for (int piece = 0; piece < PIECES; piece++) {
                        float[] difference = groups[group][VIEWS * piece];
                        Rows.addScaled(difference, groups[group][VIEWS * piece + 1], -1, difference.length);
                        // Each view deviates from what they have in common by half of the difference's square.
                        Rows.scale(difference, (float) Math.sqrt(0.5), difference.length);
                        differences[group][PIECES * n + piece] = difference;
                    }
                }
            });
            for (double[] norm : norms) {
                Arrays.setAll(squares, part -> squares[part] + norm[part]);
            }
            IntStream.range(0, GROUPS)
                    .parallel()
                    .forEach(group -> ViewWhitening.addProducts(products[group], differences[group]));
        }
        return PIECES * pictures;
    }

    /** As if the components had been multiplied by their factors. */
    private void scaleProducts(float[][][] products) {
        for (int group = 0; group < GROUPS; group++) {
            float[] weights = new float[sizes[group]];
            int from = 0;
            for (int part = 0; part < factors.length; part++) {
                int to = from + parts.get(part).sizes()[group];
                Arrays.fill(weights, from, to, factors[part]);
                from = to;
            }
            for (int i = 0; i < weights.length; i++) {
                Rows.scaleEach(products[group][i], weights, 0, weights.length);
                Rows.scale(products[group][i], weights[i], weights.length);
            }
        }
    }

    /** Components of images by [group][image], all parts' in a row; adds each part's squares to {@code squares}. */
    float[][][] groups(float[][] images, double[] squares) {
        float[][][] out = new float[GROUPS][images.length][];
        for (int group = 0; group < GROUPS; group++) {
            for (int n = 0; n < images.length; n++) {
                out[group][n] = new float[sizes[group]];
            }
        }
        int[] next = new int[GROUPS];
        for (int part = 0; part < factors.length; part++) {
            float[][] components = parts.get(part).extract(images);
            int[] own = parts.get(part).sizes();
            for (int n = 0; n < images.length; n++) {
                for (float component : components[n]) {
                    squares[part] += (double) component * component;
                }
                Rows.scale(components[n], factors[part], components[n].length);
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
