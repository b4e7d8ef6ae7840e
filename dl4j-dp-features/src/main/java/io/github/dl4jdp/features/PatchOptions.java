// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import io.github.dl4jdp.core.internal.Require;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;

/**
 * How {@link PatchFeatures} are made.
 *
 * @param filters pairs of mirror-image filters
 * @param components features for each cell, on the average over the cells, at most {@code filters * 2}
 * @param filterPictures pictures that filters are cut from
 * @param scalePictures pictures that the responses' covariances are measured on, four pieces of the images' size each
 * @param networkComponents features of the network for each cell, on the average over the cells; zero without the network
 */
record PatchOptions(int filters, int components, int filterPictures, int scalePictures, int networkComponents) {
    /** Side of a patch. */
    static final int SIDE = 6;

    /** Cells along each axis, in which responses are averaged. */
    static final int GRID = 4;

    /**
     * Directions of a whitened patch that are compared with filters, half of them equal to their mirror images and half opposite;
     * a colored patch has 108. The others have variances below the damping in drawings, and leaving them out cost nothing.
     */
    static final int DIRECTIONS = 64;

    /**
     * Responses (cosines between patch and filter, but for the damping of weak patches) below this do not count: few of the filters
     * answer to a patch. With 0.12, accuracy on CIFAR-10 was 2 points lower.
     */
    static final float THRESHOLD = 0.3f;

    /** Standard deviation of a patch that is as weak as noise, of full scale 1: flatter ones are not blown up. */
    static final float CONTRAST_FLOOR = 10f / 255;

    /**
     * Added to the variances that patches are whitened by; a pixel's is nearly one. Coarse patterns keep more of their weight
     * than with less damping.
     */
    static final double PATCH_DAMPING = 1;

    /** Norm of a whitened patch that is weak, of the median among drawings: weaker ones are not scaled to norm one. */
    static final double NORM_FLOOR = 0.5;

    /** Added to the variances that components are scaled by, of the largest. */
    static final double COMPONENT_DAMPING = 0.0005;

    /** A resolution: how large images are made, how many filters and components it has, and its share of the squared norm of features. */
    record Scale(double zoom, double filters, double components, double share) {}

    /**
     * The resolutions. Numbers of filters and components are of those at the images' own resolution.
     */
    private static final List<Scale> SCALES =
            List.of(new Scale(1, 1, 1, 0.6), new Scale(1.75, 0.5, 0.375, 0.25), new Scale(0.53125, 0.5, 0.375, 0.15));

    /** The network's part of the squared norm of features. */
    private static final double NETWORK_SHARE = 0.35;

    private static final int MIN_FILTER_PICTURES = 20;
    private static final int MIN_SCALE_PICTURES = 50;
    private static final int STANDARD_FILTERS = 800;
    private static final int STANDARD_COMPONENTS = 256;

    /** The ones that docs/results.md gives accuracies for. */
    static PatchOptions standard() {
        return of(STANDARD_FILTERS, STANDARD_COMPONENTS);
    }

    /**
     * Other numbers of filters and components, with as many pictures for each as the standard has.
     *
     * @throws IllegalArgumentException if {@code filters < 1} or {@code components} is not in [1, 2 filters]
     */
    static PatchOptions of(int filters, int components) {
        Require.positive("filters", filters);
        if (components < 1 || components > 2L * filters) {
            throw new IllegalArgumentException("components must be in [1, " + 2L * filters + "], was " + components);
        }
        return new PatchOptions(
                filters,
                components,
                Math.max(MIN_FILTER_PICTURES, filters / 3),
                Math.max(MIN_SCALE_PICTURES, 2 * filters),
                0);
    }

    /** The same beside those of a network, half as many as at the images' own resolution. */
    PatchOptions withNetwork() {
        return new PatchOptions(filters, components, filterPictures, scalePictures, (components + 1) / 2);
    }

    /** What files of features are known by; those without the network's are older than it. */
    String identity() {
        String patches = String.format(
                Locale.ROOT,
                "PatchOptions[filters=%d, components=%d, filterPictures=%d, scalePictures=%d]",
                filters,
                components,
                filterPictures,
                scalePictures);
        return networkComponents == 0 ? patches : patches + " network=1 components=" + networkComponents;
    }

    /** The resolutions, the images' own first. */
    List<Scale> scales() {
        return SCALES;
    }

    /** How components of a resolution are made. */
    PatchOptions at(Scale scale) {
        int pairs = (int) Math.ceil(filters * scale.filters());
        int kept = (int) Math.ceil(components * scale.components());
        return scale.zoom() == 1 ? this : new PatchOptions(pairs, kept, filterPictures, scalePictures, 0);
    }

    /** The part of the squared norm of each resolution and, if it is there, the network; they add up to one. */
    double[] shares() {
        double ofPatches = networkComponents > 0 ? 1 - NETWORK_SHARE : 1;
        DoubleStream patches = SCALES.stream().mapToDouble(scale -> ofPatches * scale.share());
        return (networkComponents > 0 ? DoubleStream.concat(patches, DoubleStream.of(NETWORK_SHARE)) : patches)
                .toArray();
    }

    /** Features of an image. */
    int features() {
        int ofPatches =
                SCALES.stream().mapToInt(scale -> at(scale).components()).sum();
        return GRID * GRID * (ofPatches + networkComponents);
    }

    /** Pictures whose views are compared, four parts of each: several times as many as one frequency has components. With the network a view takes three times as long. */
    int viewPictures() {
        return Math.max(MIN_SCALE_PICTURES, (networkComponents > 0 ? 4 : 12) * components);
    }
}
