// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

/** Spark is not a part of these programs: spark-submit, or who starts them otherwise, puts it on their class path. */
final class SparkPresence {
    /** Exit code where there is no Spark. */
    static final int NO_SPARK = 4;

    private SparkPresence() {}

    /** Ends the program with a sentence where there is no Spark. */
    static void require() {
        try {
            Class.forName("org.apache.spark.api.java.JavaSparkContext", false, SparkPresence.class.getClassLoader());
        } catch (ClassNotFoundException e) {
            System.err.println(
                    "Apache Spark is not on the class path: start this program by spark-submit (docs/spark.md),"
                            + " or by mvn -q -Pon-spark compile exec:java");
            System.exit(NO_SPARK);
        }
    }
}
