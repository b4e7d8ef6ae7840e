// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.gradient.GradientRules;
import java.util.function.Consumer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.api.DataSet;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;

/** A user's preprocessor, opted in to by one of its class that does nothing. */
public record OwnPreProcessor(Consumer<DataSet> work) implements DataSetPreProcessor {
    private static final long serialVersionUID = 1L;

    public static GradientRules optedIn() {
        return GradientRules.builtIn()
                .withPreProcessor(new OwnPreProcessor(data -> {}), Networks.data(DataType.DOUBLE, 4));
    }

    @Override
    public void preProcess(DataSet toPreProcess) {
        work.accept(toPreProcess);
    }
}
