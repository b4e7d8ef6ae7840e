// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import org.bytedeco.javacpp.Loader;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.nativeblas.NativeOpsHolder;

/** Which build of ND4J's CPU backend is in use. */
public final class Nd4jBuild {
    private Nd4jBuild() {}

    /** Whether arrays lie in the memory of the CPU. */
    static boolean isForCpu() {
        return Nd4j.getBackend().getClass().getSimpleName().equals("CpuBackend");
    }

    /** Whether the processor is one of those that oneDNN has kernels for: elsewhere its products are plain loops. */
    static boolean isForX86() {
        return Loader.getPlatform().endsWith("x86_64");
    }

    /** Whether the natives of oneDNN would make layers faster here, and are absent. */
    public static boolean lacksOneDnn() {
        CpuBlas blas = CpuBlas.find();
        return blas != null && isForX86() && !blas.usesOneDnn();
    }

    /** Whether ND4J's own operations go to oneDNN. */
    public static boolean usesOneDnn() {
        return Holder.PRESENT && Nd4j.getEnvironment().helpersAllowed();
    }

    private static final class Holder {
        static final boolean PRESENT = present();

        private static boolean present() {
            if (CpuBlas.find() == null) {
                return false;
            }
            // The builds differ in nothing but the library's name: its own switch says "on" in all of them.
            String library = Loader.load(
                    NativeOpsHolder.getInstance().getDeviceNativeOps().getClass());
            return library != null && library.contains("onednn");
        }
    }
}
