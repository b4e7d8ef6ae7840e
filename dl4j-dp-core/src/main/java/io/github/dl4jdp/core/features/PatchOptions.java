// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.features;

/**
 * How {@link PatchFeatures} are made.
 *
 * @param filters pairs of mirror-image filters
 * @param components directions that are kept of the space of filter responses, at most {@code filters * 2}
 * @param filterPictures pictures that filters are cut from
 * @param scalePictures pictures that the responses' covariance is measured on, four pieces of the images' size each
 */
record PatchOptions(int filters, int components, int filterPictures, int scalePictures) {
    /** Side of a patch. */
    static final int SIDE = 6;

    /** Pixels from a patch to the next. */
    static final int STRIDE = 2;

    /** Cells along each axis, in which responses are averaged. */
    static final int GRID = 3;

    /** Responses to a filter (of norm one, on whitened patches) below this are noise. */
    static final float THRESHOLD = 0.25f;

    /** Standard deviation of a patch that is as weak as noise, of full scale 1: flatter ones are not blown up. */
    static final float CONTRAST_FLOOR = 10f / 255;

    /** Added to the variances that patches are whitened by: their finest details are mostly noise. */
    static final double PATCH_DAMPING = 0.1;

    /** Added to the variances that components are scaled by, of the largest. */
    static final double COMPONENT_DAMPING = 0.003;

    private static final int MIN_FILTER_PICTURES = 20;
    private static final int MIN_SCALE_PICTURES = 50;

    /** The ones that reached 63.9 % on CIFAR-10 at epsilon 1 and 67.0 % at 3, with a linear model. */
    static PatchOptions standard() {
        return new PatchOptions(600, 300, 200, 600);
    }

    /**
     * Other numbers of filters and components, with as many pictures for each as the standard has.
     *
     * @throws IllegalArgumentException if {@code filters < 1} or {@code components} is not in [1, 2 filters]
     */
    static PatchOptions of(int filters, int components) {
        if (filters < 1) {
            throw new IllegalArgumentException("filters must be at least 1, was " + filters);
        }
        if (components < 1 || components > 2L * filters) {
            throw new IllegalArgumentException("components must be in [1, " + 2L * filters + "], was " + components);
        }
        return new PatchOptions(
                filters, components, Math.max(MIN_FILTER_PICTURES, filters / 3), Math.max(MIN_SCALE_PICTURES, filters));
    }
}
