// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.layers;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

/** For tests that let DL4J check gradients: it insists on doubles. */
abstract class GradientCheckedLayers {
    @BeforeAll
    static void useDoubleByDefault() {
        Nd4j.setDefaultDataTypes(DataType.DOUBLE, DataType.DOUBLE);
    }

    @AfterAll
    static void useFloatByDefault() {
        Nd4j.setDefaultDataTypes(DataType.FLOAT, DataType.FLOAT);
    }
}
