// SPDX-License-Identifier: Apache-2.0
/** The longer samples of the documentation, written as a user would: the public API alone, and no null annotations. */
package io.github.dl4jdp.audit.documents;
