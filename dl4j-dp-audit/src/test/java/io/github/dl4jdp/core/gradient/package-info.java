// SPDX-License-Identifier: Apache-2.0
/** The library's rules under the contract, which stands in this module: in the rules' own package, since some of them are not public. */
@NullMarked
package io.github.dl4jdp.core.gradient;

import org.jspecify.annotations.NullMarked;
