// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit.mutants;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import java.util.Arrays;
import org.junit.platform.engine.DiscoverySelector;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** Runs test classes in this process and ends it at the first failure. */
final class MutantTests {
    static final int CAUGHT = 3;
    static final int SURVIVED = 0;
    static final int NO_TESTS = 4;

    private MutantTests() {}

    /**
     * Runs them, without the slow ones.
     *
     * @param args classes, or methods as {@code class#method}
     */
    public static void main(String[] args) throws ReflectiveOperationException {
        var selectors = new DiscoverySelector[args.length];
        for (int i = 0; i < args.length; i++) {
            String[] parts = args[i].split("#", -1);
            Class<?> type = Class.forName(parts[0]);
            if (parts.length == 1) {
                selectors[i] = selectClass(type);
            } else {
                selectors[i] = Arrays.stream(methods(type))
                        .filter(method -> method.getName().equals(parts[1]))
                        .findFirst()
                        .map(method -> selectMethod(type, method))
                        .orElseThrow(() -> new NoSuchMethodException(parts[1]));
            }
        }
        var listener = new TestExecutionListener() {
            private int tests;

            @Override
            public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                if (result.getStatus() == TestExecutionResult.Status.FAILED) {
                    System.out.println("CAUGHT " + test.getParentId().orElse("") + " "
                            + result.getThrowable().map(Throwable::toString).orElse(""));
                    System.out.flush();
                    Runtime.getRuntime().halt(CAUGHT);
                }
                tests += test.isTest() ? 1 : 0;
            }
        };
        LauncherFactory.create()
                .execute(
                        LauncherDiscoveryRequestBuilder.request()
                                .selectors(selectors)
                                .filters(TagFilter.excludeTags("slow"))
                                .build(),
                        listener);
        Runtime.getRuntime().halt(listener.tests == 0 ? NO_TESTS : SURVIVED);
    }

    private static java.lang.reflect.Method[] methods(Class<?> type) {
        return java.util.stream.Stream.<Class<?>>iterate(type, c -> c != null, c -> c.getSuperclass())
                .flatMap(c -> Arrays.stream(c.getDeclaredMethods()))
                .toArray(java.lang.reflect.Method[]::new);
    }
}
