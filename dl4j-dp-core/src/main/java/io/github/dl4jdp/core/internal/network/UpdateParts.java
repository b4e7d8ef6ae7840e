// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.layers.LayerConstraint;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.layers.FrozenLayerWithBackprop;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.IUpdater;

/**
 * Tries what DL4J does after a release, where a failure would come after the charge and again with every lot: updaters are made, and constraints are applied to a copy of the
 * parameters.
 */
public final class UpdateParts {
    /** Of the parameters that an updater is made for. */
    private static final long PARAMETERS = 4;

    private UpdateParts() {}

    /**
     * What of a layer's update fails.
     *
     * @param conf its configuration in the network
     * @param trains whether it is updated
     */
    public static List<String> problems(Layer layer, NeuralNetConfiguration conf, boolean trains) {
        var problems = new ArrayList<String>();
        if (trains) {
            InnerLayers.updaters(conf.getLayer()).stream()
                    .map(updater -> updater instanceof PrivateUpdater own ? own.updater() : updater)
                    .distinct()
                    .forEach(updater -> tryUpdater(updater, layer.params(), problems));
        }
        boolean isConstrained =
                layer.numParams() > 0 && !(layer instanceof FrozenLayer) && !(layer instanceof FrozenLayerWithBackprop);
        if (isConstrained) {
            constraints(conf).forEach(constraint -> tryConstraint(constraint, layer, conf, problems));
        }
        return problems;
    }

    private static void tryUpdater(IUpdater updater, INDArray params, List<String> problems) {
        try {
            IUpdater copy = updater.clone();
            long size = copy.stateSize(PARAMETERS);
            copy.instantiate(size == 0 ? null : Nd4j.zeros(params.dataType(), size), true);
        } catch (RuntimeException e) {
            problems.add("its updater " + updater.getClass().getSimpleName() + " fails when DL4J makes it (" + e
                    + "), without privacy too; use another, such as Adam");
        }
    }

    /** Those that users have put there: an account is no constraint. */
    private static Set<LayerConstraint> constraints(NeuralNetConfiguration conf) {
        Set<LayerConstraint> all = Collections.newSetFromMap(new IdentityHashMap<>());
        InnerLayers.of(conf.getLayer()).stream()
                .map(org.deeplearning4j.nn.conf.layers.Layer::getConstraints)
                .filter(Objects::nonNull)
                .forEach(all::addAll);
        all.removeIf(AccountConstraint.class::isInstance);
        return all;
    }

    private static void tryConstraint(
            LayerConstraint constraint, Layer layer, NeuralNetConfiguration conf, List<String> problems) {
        NeuralNetConfiguration own = conf.clone();
        InnerLayers.change(own.getLayer(), inner -> {
            List<LayerConstraint> all = inner.getConstraints();
            boolean has = all != null && all.stream().anyMatch(one -> one == constraint);
            inner.setConstraints(has ? List.of(constraint.clone()) : null);
        });
        INDArray params = layer.params().dup();
        try {
            own.getLayer()
                    .instantiate(own, List.of(), layer.getIndex(), params, false, params.dataType())
                    .applyConstraints(layer.getIterationCount(), layer.getEpochCount());
        } catch (RuntimeException e) {
            problems.add(
                    "its constraint " + constraint + " fails on its parameters (" + e
                            + "): every lot would be charged first; give it dimensions that the parameters have, for dense weights 1");
        }
    }
}
