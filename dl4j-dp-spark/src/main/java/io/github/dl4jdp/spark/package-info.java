// SPDX-License-Identifier: Apache-2.0
/**
 * Private training whose lots are summed on an Apache Spark cluster: the same result as on one machine, to the bit.
 *
 * <p>Executors evaluate a pure function of the lot's key, the parameters and a shard of the examples, and return a sum on an integer grid. Charge, noise, division and update happen on the driver,
 * by the classes that train locally. Read {@link io.github.dl4jdp.spark.SparkPrivacyEngine} first, then {@code ClusterSums} and {@code ExecutorRun}.
 */
@NullMarked
package io.github.dl4jdp.spark;

import org.jspecify.annotations.NullMarked;
