// SPDX-License-Identifier: Apache-2.0
/** How long a private step takes, against plain DL4J in the same run. */
@NullMarked
package io.github.dl4jdp.examples.benchmark;

import org.jspecify.annotations.NullMarked;
