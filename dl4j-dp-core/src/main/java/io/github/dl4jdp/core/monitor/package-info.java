// SPDX-License-Identifier: Apache-2.0
/**
 * Shows the privacy of a run while it is spent: in a file, on a terminal, in DL4J's training UI.
 *
 * <p>Everything here takes the {@link io.github.dl4jdp.core.PrivacyStatus} that a {@link io.github.dl4jdp.core.PrivacyListener} reports. The training
 * UI and the progress bar need {@code org.deeplearning4j:deeplearning4j-ui} and {@code me.tongfei:progressbar} on the class path; the rest of
 * the library does without them.
 */
@NullMarked
package io.github.dl4jdp.core.monitor;

import org.jspecify.annotations.NullMarked;
