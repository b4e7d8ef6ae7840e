// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Adding to the parts of a sum or a row, whose data type may be another than that of what is added. */
public final class Sums {
    private Sums() {}

    /** A layer's parameter, which must be there. */
    public static INDArray parameter(Map<String, INDArray> parameters, String name) {
        @Nullable INDArray array = parameters.get(name);
        if (array == null) {
            throw new IllegalArgumentException("parameters must hold " + name + ", has " + parameters.keySet());
        }
        return array;
    }

    /**
     * {@code view += values}.
     *
     * @throws IllegalStateException if the shapes differ: ND4J would add one row to several, and the sum would be longer than what was measured
     */
    public static void add(INDArray view, INDArray values) {
        EqualShapes.require("what is added to a sum of gradients", values, view.shape());
        view.addi(values.dataType() == view.dataType() ? values : values.castTo(view.dataType()));
    }

    /** Adds to a parameter, by its elements in c order. */
    public static void add(Map<String, INDArray> parameters, String name, INDArray values) {
        INDArray view = parameter(parameters, name);
        add(view, values.reshape('c', view.shape()));
    }

    /** Adds {@code values[from ...]} to a c-contiguous view. */
    public static void add(INDArray view, double[] values, int from) {
        int length = Math.toIntExact(view.length());
        var sum = new double[length];
        HostArrays.read(view, 0, sum, length);
        for (int j = 0; j < length; j++) {
            sum[j] += values[from + j];
        }
        HostArrays.write(sum, view, 0, length);
    }

    /**
     * {@code sum += weight row}, for a row that is made once more: should its norm be larger than the one that was measured, the row is made shorter, and
     * left out if it is not finite.
     */
    public static void addMeasured(double[] sum, double[] row, double weight, double measured) {
        double norm = Norms.of(row, 0, row.length);
        if (!(norm < Double.POSITIVE_INFINITY)) {
            return;
        }
        double factor = norm > measured ? weight * (measured / norm) : weight;
        for (int j = 0; j < sum.length; j++) {
            sum[j] += factor * row[j];
        }
    }

    /** An array of its own [n] of doubles, outside every workspace. */
    public static INDArray vector(double[] values) {
        return array(values, new long[] {values.length});
    }

    /** An array of its own in c order of doubles, outside every workspace. */
    public static INDArray array(double[] values, long[] shape) {
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            INDArray array = Nd4j.createUninitialized(DataType.DOUBLE, shape, 'c');
            HostArrays.write(values, array, 0, values.length);
            return array;
        }
    }

    /** Whether double precision may be added to it directly. */
    public static boolean isDouble(INDArray view) {
        return view.dataType() == DataType.DOUBLE && HostArrays.isContiguous(view);
    }
}
