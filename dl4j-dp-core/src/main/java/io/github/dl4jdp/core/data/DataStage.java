// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.data;

import io.github.dl4jdp.core.internal.HeldObjects;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;
import org.nd4j.linalg.dataset.api.MultiDataSetPreProcessor;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.dataset.api.iterator.MultiDataSetIterator;

/**
 * A stage on the way of examples to the network: examples themselves, what computes features, what normalizes. The engine looks at each stage, and at all that it finds in the fields of one, before it charges anything.
 */
public interface DataStage {
    /** Where this stage's own constants come from; those of other stages that it holds in fields are asked for themselves. By default, nothing private went into them. */
    default Origin origin() {
        return Origin.PUBLIC;
    }

    /** Whether this stage has constants of its own that its maker was given as public numbers, or learned from examples called public: the report names that as an assumption. By default it has none. */
    default boolean hasGivenConstants() {
        return false;
    }

    /**
     * All stages, iterators and preprocessors that are in one, itself among them.
     *
     * @param outermost a stage, an iterator or a preprocessor
     */
    static Set<Object> within(Object outermost) {
        Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        look(outermost, seen);
        return seen;
    }

    private static void look(Object object, Set<Object> seen) {
        if (seen.add(object)) {
            HeldObjects.of(object).stream()
                    .filter(one -> one instanceof DataStage
                            || one instanceof DataSetIterator
                            || one instanceof MultiDataSetIterator
                            || isPreProcessor(one))
                    .forEach(one -> look(one, seen));
        }
    }

    /** Whether an object is one of DL4J's preprocessors of data sets. */
    static boolean isPreProcessor(Object object) {
        return object instanceof DataSetPreProcessor || object instanceof MultiDataSetPreProcessor;
    }
}
