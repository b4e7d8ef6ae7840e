// SPDX-License-Identifier: Apache-2.0
/** Activation functions that suit private training and that DL4J lacks. */
@NullMarked
package io.github.dl4jdp.core.activations;

import org.jspecify.annotations.NullMarked;
