// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Objects;
import org.bytedeco.dnnl.global.dnnl;
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

    @Test
    void find_shorterNumbersAskedFor_computesWithFloats() {
        assumeTrue(Objects.requireNonNull(CpuBlas.find()).usesOneDnn(), "oneDNN is not on the class path");
        int[] mode = new int[1];

        assertThat(dnnl.dnnl_get_default_fpmath_mode(mode)).isEqualTo(dnnl.dnnl_success);
        assertThat(mode[0]).isEqualTo(dnnl.dnnl_fpmath_mode_strict);
    }
}
