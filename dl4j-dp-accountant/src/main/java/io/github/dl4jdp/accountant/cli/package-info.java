// SPDX-License-Identifier: Apache-2.0
/** The command line of the accountant. */
@NullMarked
package io.github.dl4jdp.accountant.cli;

import org.jspecify.annotations.NullMarked;
