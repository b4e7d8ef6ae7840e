// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.plan;

import io.github.dl4jdp.core.internal.Require;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The public sizes of an example as a plan declares them.
 *
 * @param sequenceLength time steps of every sequence once it is padded; 0 if not declared
 * @param imageSize height and width, or depth, height and width, of every image; empty if not declared
 */
public record ExampleShape(long sequenceLength, List<Long> imageSize) {
    public static final ExampleShape NONE = new ExampleShape(0, List.of());

    public ExampleShape {
        imageSize = List.copyOf(imageSize);
    }

    public ExampleShape withSequenceLength(long length) {
        return new ExampleShape(Require.positive("length", length), imageSize);
    }

    public ExampleShape withImageSize(List<Long> sizes) {
        if (sizes.size() != 2 && sizes.size() != 3) {
            throw new IllegalArgumentException(
                    "sizes must be height and width, or depth, height and width, were " + sizes);
        }
        sizes.forEach(size -> Require.positive("sizes", size));
        return new ExampleShape(sequenceLength, sizes);
    }

    public String describe() {
        String steps = sequenceLength == 0 ? "" : "sequences of " + sequenceLength + " time steps";
        String pixels = imageSize.isEmpty()
                ? ""
                : "images of " + imageSize.stream().map(Object::toString).collect(Collectors.joining(" x "));
        return steps + (steps.isEmpty() || pixels.isEmpty() ? "" : ", ") + pixels;
    }
}
