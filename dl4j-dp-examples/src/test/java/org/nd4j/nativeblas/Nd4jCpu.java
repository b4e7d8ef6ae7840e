// SPDX-License-Identifier: Apache-2.0
package org.nd4j.nativeblas;

/**
 * The place where DL4J 1.0.0-M2.1 looks for the switch of its oneDNN helpers; the class has moved, so without this one they never come on. For the
 * benchmark alone: on its class path, in no artifact.
 */
public final class Nd4jCpu {
    private Nd4jCpu() {}

    /** The switch, by its old names. */
    public static final class Environment {
        private static final Environment INSTANCE = new Environment();

        private Environment() {}

        /** Called by DL4J through reflection. */
        public static Environment getInstance() {
            return INSTANCE;
        }

        /** Whether ND4J's native library was built with oneDNN and uses it. */
        public boolean isUseMKLDNN() {
            return org.nd4j.linalg.cpu.nativecpu.bindings.Nd4jCpu.Environment.getInstance()
                    .isUseONEDNN();
        }
    }
}
