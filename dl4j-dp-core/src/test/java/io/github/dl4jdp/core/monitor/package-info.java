// SPDX-License-Identifier: Apache-2.0
@NullUnmarked
package io.github.dl4jdp.core.monitor;

import org.jspecify.annotations.NullUnmarked;
