// SPDX-License-Identifier: Apache-2.0
@NullMarked
package io.github.dl4jdp.audit;

import org.jspecify.annotations.NullMarked;
