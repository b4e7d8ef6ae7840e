// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.Arrays;
import java.util.concurrent.ConcurrentLinkedQueue;

/** How enlarged images answer to a network that learned from drawings. */
final class NetworkSpectra implements GridSpectra {
    /** Sides of the enlarged images, of the images' own: the network learned from pieces of drawings that were enlarged about as much. */
    private static final double ZOOM = 2;

    private final DrawnNetwork network = DrawnNetwork.shipped();
    private final int channels;
    private final int newHeight;
    private final int newWidth;
    private final Resampling resampling;
    private final ConcurrentLinkedQueue<NetworkResponses> idle = new ConcurrentLinkedQueue<>();

    /**
     * For images of a size.
     *
     * @param channels 1 or 3
     */
    NetworkSpectra(int channels, int height, int width) {
        this.channels = channels;
        this.newHeight = (int) Math.round(height * ZOOM);
        this.newWidth = (int) Math.round(width * ZOOM);
        this.resampling = new Resampling(height, width, newHeight, newWidth);
    }

    @Override
    public int length() {
        return NetworkResponses.length(network);
    }

    @Override
    public void find(float[][] images, float[][][] to) {
        NetworkResponses polled = idle.poll();
        NetworkResponses responses = polled != null ? polled : new NetworkResponses(network, newHeight, newWidth);
        float[][] enlarged = Arrays.stream(images)
                .map(image -> resampling.apply(colored(image, channels)))
                .toArray(float[][]::new);
        responses.spectra(enlarged, to);
        idle.add(responses);
    }

    /** Gray images with three equal channels. */
    private static float[] colored(float[] image, int channels) {
        if (channels == DrawnNetwork.CHANNELS) {
            return image;
        }
        float[] out = new float[DrawnNetwork.CHANNELS * image.length];
        for (int channel = 0; channel < DrawnNetwork.CHANNELS; channel++) {
            System.arraycopy(image, 0, out, channel * image.length, image.length);
        }
        return out;
    }
}
