// SPDX-License-Identifier: Apache-2.0
@NullMarked
package io.github.dl4jdp.examples;

import org.jspecify.annotations.NullMarked;
