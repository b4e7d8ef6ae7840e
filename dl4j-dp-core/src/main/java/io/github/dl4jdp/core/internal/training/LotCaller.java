// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.training;

import java.lang.StackWalker.StackFrame;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.AsyncDataSetIterator;
import org.nd4j.linalg.dataset.AsyncMultiDataSetIterator;
import org.nd4j.linalg.dataset.adapter.MultiDataSetIteratorAdapter;
import org.nd4j.linalg.dataset.api.iterator.BlockDataSetIterator;
import org.nd4j.linalg.dataset.api.iterator.BlockMultiDataSetIterator;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;

/**
 * Which part of DL4J asks an iterator of lots, read from the call stack: the nearest one that is not an iterator itself.
 *
 * @param kind what it does with a lot
 * @param name its class and method
 */
record LotCaller(Kind kind, String name) {
    enum Kind {
        /** A network's {@code fit} over an iterator; which network, the caller of this must find out. */
        FIT,
        /** A user's code, or a trainer that calls {@code fit} for each lot. */
        LOOP,
        /** A thread of DL4J's that reads ahead. */
        PREFETCH,
        /** The thread that builds or resets an iterator that reads ahead. */
        PREFETCH_SETUP,
        /** What reads data and trains no attached network: an evaluation, the fit of a normalizer, a loss calculator, SameDiff. */
        OTHER
    }

    private static final LotCaller NOBODY_OF_DL4J = new LotCaller(Kind.LOOP, "your own loop");

    /** Where DL4J and ND4J keep what reads data. Programs of their users may live in other packages of the same roots. */
    private static final List<String> PACKAGES = List.of(
            "org.deeplearning4j.nn.",
            "org.deeplearning4j.datasets.",
            "org.deeplearning4j.earlystopping.",
            "org.deeplearning4j.eval.",
            "org.deeplearning4j.optimize.",
            "org.deeplearning4j.parallelism.",
            "org.deeplearning4j.spark.",
            "org.deeplearning4j.util.",
            "org.nd4j.autodiff.",
            "org.nd4j.evaluation.",
            "org.nd4j.linalg.");

    private static final String TRAINERS = "org.deeplearning4j.earlystopping.trainer.";

    /** Who is asking now. */
    static LotCaller current() {
        return StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE)
                .walk(frames -> frames.map(LotCaller::of)
                        .filter(Objects::nonNull)
                        .findFirst()
                        .orElse(NOBODY_OF_DL4J));
    }

    /**
     * Whether the {@code fit} of one of DL4J's two network classes asks, with nothing in between but DL4J's adapter from {@code DataSet} to {@code MultiDataSet} that
     * {@code ComputationGraph.fit} makes itself: no other code has the lot in its hands before the network does. Must be asked by the iterator's {@code next()}.
     */
    static boolean isFitItself() {
        return StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE)
                .walk(frames -> isFitItself(frames.dropWhile(frame ->
                                frame.getDeclaringClass().getPackageName().equals(LotCaller.class.getPackageName()))
                        .limit(3)
                        .toList()));
    }

    private static boolean isFitItself(List<StackFrame> callers) {
        if (callers.size() < 3) {
            return false;
        }
        StackFrame first = callers.get(0);
        if (first.getDeclaringClass() != MultiDataSetIteratorAdapter.class) {
            return isFit(first, MultiLayerNetwork.class) || isFit(first, ComputationGraph.class);
        }
        // An adapter of the user's own may have a preprocessor.
        return isFit(callers.get(1), ComputationGraph.class)
                && isFit(callers.get(2), ComputationGraph.class)
                && callers.get(2).getMethodType().parameterList().equals(List.of(DataSetIterator.class));
    }

    private static boolean isFit(StackFrame frame, Class<?> network) {
        return frame.getDeclaringClass() == network && frame.getMethodName().startsWith("fit");
    }

    /** Null for a frame that does not decide. */
    private static @Nullable LotCaller of(StackFrame frame) {
        Class<?> type = frame.getDeclaringClass();
        String className = type.getName();
        if (PACKAGES.stream().noneMatch(className::startsWith)) {
            return null;
        }
        String method = frame.getMethodName();
        String name = type.getSimpleName() + "." + method;
        if (Thread.class.isAssignableFrom(type)) {
            return new LotCaller(Kind.PREFETCH, name);
        }
        if (AsyncDataSetIterator.class.isAssignableFrom(type)
                || AsyncMultiDataSetIterator.class.isAssignableFrom(type)) {
            return new LotCaller(Kind.PREFETCH_SETUP, type.getSimpleName());
        }
        if (type == MultiLayerNetwork.class || type == ComputationGraph.class) {
            return new LotCaller(method.startsWith("fit") ? Kind.FIT : Kind.OTHER, name);
        }
        if (className.startsWith(TRAINERS)) {
            return new LotCaller(Kind.LOOP, name);
        }
        return Iterator.class.isAssignableFrom(type)
                        || BlockDataSetIterator.class.isAssignableFrom(type)
                        || BlockMultiDataSetIterator.class.isAssignableFrom(type)
                ? null
                : new LotCaller(Kind.OTHER, name);
    }
}
