// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Objects;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.Test;

/** Runs twice: with oneDNN on the class path, and without. */
class OneDnnTest {
    @Test
    void usesOneDnn_isWhetherItsNativesAreThere() {
        String platform = Loader.getPlatform();
        boolean present = platform.endsWith("x86_64")
                && OneDnnTest.class.getClassLoader().getResource("org/bytedeco/dnnl/" + platform + "/") != null;
        CpuBlas blas = Objects.requireNonNull(CpuBlas.find());

        assertThat(blas.usesOneDnn()).isEqualTo(present);
        assertThat(Nd4jBuild.lacksOneDnn()).isEqualTo(platform.endsWith("x86_64") && !present);
    }
}
