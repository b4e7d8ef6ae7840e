// SPDX-License-Identifier: Apache-2.0
/** Loaders of the data sets that the examples train on: no statistic of a private row goes into any feature. */
@NullMarked
package io.github.dl4jdp.examples.data;

import org.jspecify.annotations.NullMarked;
