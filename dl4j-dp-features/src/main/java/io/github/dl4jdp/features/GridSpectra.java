// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

/** Nonnegative answers to the parts of an image, averaged in the cells of a grid, whose roots are transformed over the grid. */
interface GridSpectra {
    /** Numbers of each frequency, even. */
    int length();

    /**
     * Finds the spectra of images; callable from several threads at once.
     *
     * @param images [channels, height, width] each
     * @param to for each image [frequency][number]
     */
    void find(float[][] images, float[][][] to);
}
