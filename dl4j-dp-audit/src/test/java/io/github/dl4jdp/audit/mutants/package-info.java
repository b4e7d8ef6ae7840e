// SPDX-License-Identifier: Apache-2.0
@NullMarked
package io.github.dl4jdp.audit.mutants;

import org.jspecify.annotations.NullMarked;
