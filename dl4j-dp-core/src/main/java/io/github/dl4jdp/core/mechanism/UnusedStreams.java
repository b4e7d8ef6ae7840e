// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.core.random.RandomStreams;

/**
 * Numbers of streams for releases that may fail before anything leaves: a secure source gives each stream once, so that a release that is tried again takes
 * one that has not been drawn. A seeded source gives every try the stream of its step, and a resumed run the same.
 */
final class UnusedStreams {
    private final boolean once;
    private long last = -1;

    UnusedStreams(RandomStreams streams) {
        this.once = streams.isSecure();
    }

    /** The number of the stream for a step, {@code step} itself unless that one or a later one was given out. */
    long next(long step) {
        last = once ? Math.max(step, last + 1) : step;
        return last;
    }
}
