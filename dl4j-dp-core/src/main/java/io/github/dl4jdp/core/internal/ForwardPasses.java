// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal;

import java.lang.ref.WeakReference;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Predicate;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.layers.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.TransferLearningHelper;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.optimize.solvers.BaseOptimizer;

/** What the forward pass is for in which a guard of a private network is asked, and which networks an engine drives. */
final class ForwardPasses {
    private static final StackWalker STACK = StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE);

    /** The networks that an engine drives. */
    private static final List<WeakReference<Model>> DRIVEN = new CopyOnWriteArrayList<>();

    /**
     * By whom the last passes of a thread that were no fit are known: DL4J makes workspace managers for every pass, and one list of layers takes two in turn. Looking at the
     * stack for each parameter would take as long as a small layer.
     */
    private static final ThreadLocal<Deque<WeakReference<LayerWorkspaceMgr>>> INFERENCE =
            ThreadLocal.withInitial(ArrayDeque::new);

    /** By whom the last pass of a thread that was announced is known: one announcement is for all guards of a network. */
    private static final ThreadLocal<WeakReference<LayerWorkspaceMgr>> ANNOUNCED =
            ThreadLocal.withInitial(() -> new WeakReference<>(null));

    /** Of one pass over a list of layers. */
    private static final int MANAGERS = 2;

    /** Why a network computes its layers' output. */
    enum Use {
        /** The layer that asks may train. */
        FIT_OF_IT,
        /** The layer that asks is frozen, or another one is pretrained. */
        FIT_OF_OTHERS,
        /** A {@code TransferLearningHelper} takes the output for a network of its own. */
        FEATURES,
        INFERENCE
    }

    private ForwardPasses() {}

    static void drive(Model network) {
        release(network);
        DRIVEN.add(new WeakReference<>(network));
    }

    static void release(Model network) {
        DRIVEN.removeIf(one -> one.refersTo(network) || one.refersTo(null));
    }

    /** Whether an engine drives a network of that sort. */
    static boolean isDriven(Predicate<Model> which) {
        return DRIVEN.stream().map(WeakReference::get).anyMatch(network -> network != null && which.test(network));
    }

    /** Whether a pass is known to be none of a fit. */
    static boolean isOfInference(LayerWorkspaceMgr pass) {
        for (WeakReference<LayerWorkspaceMgr> one : INFERENCE.get()) {
            if (one.refersTo(pass)) {
                return true;
            }
        }
        return false;
    }

    static void noteInference(LayerWorkspaceMgr pass) {
        if (!isShared(pass)) {
            Deque<WeakReference<LayerWorkspaceMgr>> last = INFERENCE.get();
            if (last.size() == MANAGERS) {
                last.removeLast();
            }
            last.addFirst(new WeakReference<>(pass));
        }
    }

    /** One manager belongs to no pass. */
    @SuppressWarnings("ReferenceEquality") // a manager is one by its identity
    private static boolean isShared(LayerWorkspaceMgr pass) {
        return pass == LayerWorkspaceMgr.noWorkspacesImmutable();
    }

    /** Whether a guard has announced the network that makes a pass, in this pass. */
    static boolean isAnnounced(LayerWorkspaceMgr pass) {
        return !isShared(pass) && ANNOUNCED.get().refersTo(pass);
    }

    static void noteAnnounced(LayerWorkspaceMgr pass) {
        ANNOUNCED.set(new WeakReference<>(pass));
    }

    /**
     * Who asked the network nearest on the stack for the pass. Other networks may train further out: a listener of theirs may evaluate this one.
     */
    static Use use() {
        return STACK.walk(frames -> {
            boolean isFrozen = false;
            boolean isInside = false;
            for (Iterator<StackWalker.StackFrame> all = frames.iterator(); all.hasNext(); ) {
                StackWalker.StackFrame frame = all.next();
                Class<?> type = frame.getDeclaringClass();
                if (MultiLayerNetwork.class.isAssignableFrom(type) || ComputationGraph.class.isAssignableFrom(type)) {
                    isInside = true;
                    boolean isDl4js = type == MultiLayerNetwork.class || type == ComputationGraph.class;
                    if (isDl4js && frame.getMethodName().startsWith("pretrain")) {
                        return Use.FIT_OF_OTHERS;
                    }
                } else if (isInside) {
                    return useBy(type, isFrozen);
                } else {
                    isFrozen |= type == FrozenLayer.class || type == FrozenLayerWithBackprop.class;
                }
            }
            return Use.INFERENCE;
        });
    }

    private static Use useBy(Class<?> type, boolean isFrozen) {
        if (BaseOptimizer.class.isAssignableFrom(type)) {
            return isFrozen ? Use.FIT_OF_OTHERS : Use.FIT_OF_IT;
        }
        return type == TransferLearningHelper.class ? Use.FEATURES : Use.INFERENCE;
    }

    /** Whether a {@code TransferLearningHelper} asked for the fit that is under way. */
    static boolean isOfHelper() {
        return STACK.walk(
                frames -> frames.anyMatch(frame -> frame.getDeclaringClass() == TransferLearningHelper.class));
    }
}
