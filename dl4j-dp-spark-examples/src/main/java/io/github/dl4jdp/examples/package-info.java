// SPDX-License-Identifier: Apache-2.0
/** Notebook-style mains that train on an Apache Spark cluster. */
@NullMarked
package io.github.dl4jdp.examples;

import org.jspecify.annotations.NullMarked;
