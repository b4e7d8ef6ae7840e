// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.core.internal.check.Problem;
import java.util.List;
import java.util.stream.Collectors;

/** The network cannot be trained with privacy; lists every problem found, and nothing was changed. */
public final class UnsupportedModelException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    private final transient List<ModelProblem> problems;

    static UnsupportedModelException of(List<Problem> problems) {
        return new UnsupportedModelException(ModelProblem.of(problems));
    }

    private UnsupportedModelException(List<ModelProblem> problems) {
        super(problems.stream()
                .map(problem -> System.lineSeparator() + "  - " + problem)
                .collect(Collectors.joining(
                        "", "the network cannot be trained with privacy; " + problems.size() + " problem(s):", "")));
        this.problems = List.copyOf(problems);
    }

    /** Every problem, in the order of the layers. */
    public List<ModelProblem> problems() {
        return problems;
    }
}
