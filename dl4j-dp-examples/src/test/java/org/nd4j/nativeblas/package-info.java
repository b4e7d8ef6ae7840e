// SPDX-License-Identifier: Apache-2.0
/** Stands in for a class that moved, see {@link org.nd4j.nativeblas.Nd4jCpu}. */
@NullMarked
package org.nd4j.nativeblas;

import org.jspecify.annotations.NullMarked;
