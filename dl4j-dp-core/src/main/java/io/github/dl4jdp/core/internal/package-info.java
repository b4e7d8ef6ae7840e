// SPDX-License-Identifier: Apache-2.0
/** What the rooms of the engine share. Nothing below {@code core.internal} is API; this package touches the accountant alone. */
@NullMarked
package io.github.dl4jdp.core.internal;

import org.jspecify.annotations.NullMarked;
