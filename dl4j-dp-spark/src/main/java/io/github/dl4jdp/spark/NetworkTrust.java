// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.SparkConf;

/** Clean sums cross the network between executors and driver: it must keep them secret, and let nobody else take part. */
final class NetworkTrust {
    private NetworkTrust() {}

    /** Whether all tasks run in the driver's process. */
    static boolean isInProcess(String master) {
        return master.equals("local") || master.startsWith("local[");
    }

    /** The settings that are missing for a network that is not trusted. */
    static List<String> missing(SparkConf conf, String version) {
        var missing = new ArrayList<String>();
        if (!conf.getBoolean("spark.authenticate", false)) {
            missing.add("spark.authenticate=true");
        }
        // Spark 3.5 knows no TLS for these connections, and passes over its settings.
        boolean hasTls = version.startsWith("4.") && conf.getBoolean("spark.ssl.rpc.enabled", false);
        if (!conf.getBoolean("spark.network.crypto.enabled", false) && !hasTls) {
            missing.add("spark.network.crypto.enabled=true");
        }
        if (!conf.getBoolean("spark.io.encryption.enabled", false)) {
            missing.add("spark.io.encryption.enabled=true");
        }
        return missing;
    }
}
