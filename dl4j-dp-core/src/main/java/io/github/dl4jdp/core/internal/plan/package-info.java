// SPDX-License-Identifier: Apache-2.0
/** A plan in which nothing is missing, and its parts that are neither mechanism nor API. It may touch {@code core.mechanism} and the accountant. */
@NullMarked
package io.github.dl4jdp.core.internal.plan;

import org.jspecify.annotations.NullMarked;
