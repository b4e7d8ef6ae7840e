// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Arrays outside every workspace: DL4J closes the workspaces of the backward pass layer by layer, and tapes outlive them. */
final class Detached {
    private Detached() {}

    /** A copy in c order outside every workspace. */
    static INDArray copy(INDArray array) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            return array.dup('c');
        }
    }
}
