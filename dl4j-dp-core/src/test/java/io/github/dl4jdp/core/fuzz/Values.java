// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.fuzz;

import java.util.Arrays;
import java.util.stream.Collectors;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * The numbers of an array.
 *
 * @param shape the first dimension is that of the examples
 * @param numbers in the order c
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Values(long[] shape, double[] numbers) {
    private static final int PER_LINE = 400;

    static Values of(INDArray array) {
        return new Values(array.shape(), array.dup('c').data().asDouble());
    }

    int examples() {
        return (int) shape[0];
    }

    private int width() {
        return shape[0] == 0 ? 0 : numbers.length / (int) shape[0];
    }

    /** Its rows, in this order. */
    Values rows(int... rows) {
        long[] of = shape.clone();
        of[0] = rows.length;
        double[] taken = new double[rows.length * width()];
        for (int i = 0; i < rows.length; i++) {
            System.arraycopy(numbers, rows[i] * width(), taken, i * width(), width());
        }
        return new Values(of, taken);
    }

    /** This with one row replaced by the only one of another. */
    Values replaced(int row, Values by) {
        double[] changed = numbers.clone();
        long[] own = shape.clone();
        own[0] = 1;
        System.arraycopy(by.fitted(own).numbers, 0, changed, row * width(), width());
        return new Values(shape, changed);
    }

    /** Brought to another shape: cut off, or repeated. */
    Values fitted(long... other) {
        if (Arrays.equals(shape, other)) {
            return this;
        }
        int length = 1;
        for (long dimension : other) {
            length *= (int) dimension;
        }
        double[] changed = new double[length];
        for (int i = 0; i < length; i++) {
            int rest = i;
            int from = 0;
            int stride = 1;
            for (int d = other.length - 1; d >= 0; d--) {
                int at = (int) (rest % other[d]);
                rest /= (int) other[d];
                if (d < shape.length) {
                    from += (int) (at % shape[d]) * stride;
                    stride *= (int) shape[d];
                }
            }
            changed[i] = numbers[from];
        }
        return new Values(other, changed);
    }

    /** With three digits each. */
    Values rounded() {
        return new Values(
                shape,
                Arrays.stream(numbers)
                        .map(x -> Double.isFinite(x) && x != 0 ? Double.parseDouble(String.format("%.2e", x)) : x)
                        .toArray());
    }

    INDArray array(DataType type) {
        return Nd4j.create(numbers, shape, 'c').castTo(type);
    }

    /** As a view of a larger array: a part of it, or one with its dimensions permuted. */
    INDArray view(DataType type, int kind) {
        INDArray array = array(type);
        int rank = array.rank();
        if (kind == 0 || array.length() == 0) {
            return array;
        }
        if (kind == 1 && rank > 1) {
            int[] backwards = new int[rank];
            for (int i = 0; i < rank; i++) {
                backwards[i] = rank - 1 - i;
            }
            return array.permute(backwards).dup('c').permute(backwards);
        }
        if (kind == 2) {
            return array.dup('f');
        }
        long[] larger = shape.clone();
        var inside = new org.nd4j.linalg.indexing.INDArrayIndex[rank];
        for (int i = 0; i < rank; i++) {
            larger[i] += 2;
            inside[i] = NDArrayIndex.interval(1, 1 + shape[i]);
        }
        INDArray around = Nd4j.valueArrayOf(larger, 7.0, type);
        INDArray view = around.get(inside);
        view.assign(array);
        return view;
    }

    String code() {
        var text = new StringBuilder("a(new double[] {");
        for (int i = 0; i < numbers.length; i++) {
            if (i > 0) {
                text.append(i % PER_LINE == 0 ? ",\n            " : ", ");
            }
            text.append(number(numbers[i]));
        }
        return text.append("}")
                .append(Arrays.stream(shape).mapToObj(d -> ", " + d).collect(Collectors.joining()))
                .append(")")
                .toString();
    }

    private static String number(double x) {
        if (Double.isNaN(x)) {
            return "Double.NaN";
        }
        if (Double.isInfinite(x)) {
            return x > 0 ? "Double.POSITIVE_INFINITY" : "Double.NEGATIVE_INFINITY";
        }
        return x == Math.rint(x) && Math.abs(x) < 1e6 ? Long.toString((long) x) : Double.toString(x);
    }
}
