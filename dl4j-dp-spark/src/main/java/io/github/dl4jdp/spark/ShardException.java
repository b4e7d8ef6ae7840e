// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

/** A shard could not be read or summed. Its message crosses the network and is logged, so that it holds nothing that depends on values of examples. */
final class ShardException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    ShardException(String message) {
        super(message);
    }
}
