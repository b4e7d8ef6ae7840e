// SPDX-License-Identifier: Apache-2.0
/**
 * What the tests of a gradient rule extend: {@link io.github.dl4jdp.audit.testkit.GradientRuleContract} states what every rule must satisfy,
 * a {@link io.github.dl4jdp.audit.testkit.GradientCase} is a network with the layer under test, and
 * {@link io.github.dl4jdp.audit.testkit.NeighboringRuns} records and replays whole runs. It needs jqwik and AssertJ, which this artifact does not
 * bring along.
 *
 * <p>Data and parameters of the tests are drawn from ND4J's generator under fixed seeds; nothing here releases anything.
 */
@NullMarked
package io.github.dl4jdp.audit.testkit;

import org.jspecify.annotations.NullMarked;
