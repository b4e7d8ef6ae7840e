// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.data;

import java.util.function.Function;

/**
 * A data set with its customary division into training and test examples.
 *
 * @param train the private examples a model learns from
 * @param test the examples that only measure it
 * @param <T> how the examples are held
 */
public record TrainTest<T>(T train, T test) {
    /** The same done with both. */
    public <R> TrainTest<R> map(Function<T, R> function) {
        return new TrainTest<>(function.apply(train), function.apply(test));
    }
}
