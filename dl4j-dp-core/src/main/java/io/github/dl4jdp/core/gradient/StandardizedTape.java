// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.core.internal.arrays.HostArrays;
import io.github.dl4jdp.core.internal.arrays.Norms;
import io.github.dl4jdp.core.internal.arrays.RowSums;
import io.github.dl4jdp.core.internal.arrays.Sums;
import io.github.dl4jdp.core.internal.layers.WeightStandardization;
import io.github.dl4jdp.core.internal.layers.WeightStandardizedConvolutionLayer;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.deeplearning4j.nn.params.ConvolutionParamInitializer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The tape of a convolution with standardized weights: the gradients of the convolution's tape, each pulled back through the standardization.
 *
 * <p>The pull-back takes the parts along a filter's mean and along the filter itself out of a gradient, and they may be most of it. So it is
 * done for every example on its own and in double precision: a sum pulled back afterwards would carry the rounding of what was taken out.
 */
final class StandardizedTape implements BoundedTape {
    /** Numbers of per-example gradients that may be held from the norms to the sum: doubles, of which as much memory holds half as many. */
    private static final long MAX_HELD = TapeRecorder.MOST_HELD / 2;

    private final LayerTape convolution;
    private final WeightStandardization standardization;
    private final Shapes shapes;
    private final boolean[] discarded;
    private final double[] norms;
    private double @Nullable [][] held;

    /** Arrays for one gradient of the convolution, by the names of its parameters, and room for one that is pulled back. */
    private record Shapes(Map<String, INDArray> convolution, int weights, int biases, int gains) {
        int length() {
            return weights + biases + gains;
        }
    }

    StandardizedTape(
            LayerTape convolution,
            WeightStandardization standardization,
            Map<String, INDArray> parameters,
            int examples) {
        this(convolution, standardization, shapes(parameters), examples);
    }

    private StandardizedTape(
            LayerTape convolution, WeightStandardization standardization, Shapes shapes, int examples) {
        this.convolution = convolution;
        this.standardization = standardization;
        this.shapes = shapes;
        this.discarded = new boolean[examples];
        this.norms = new double[examples];
    }

    /** The pull-back is linear, so that of the sum is the sum. */
    @Override
    public Optional<LayerTape> sumOfCopies(int copies) {
        return convolution
                .sumOfCopies(copies)
                .map(sum -> new StandardizedTape(sum, standardization, shapes, discarded.length / copies));
    }

    private static Shapes shapes(Map<String, INDArray> parameters) {
        var row = new HashMap<String, INDArray>();
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            parameters.forEach((name, parameter) -> {
                if (!name.equals(WeightStandardizedConvolutionLayer.GAIN)) {
                    row.put(name, Nd4j.create(parameter.dataType(), parameter.shape(), 'c'));
                }
            });
        }
        INDArray bias = row.get(ConvolutionParamInitializer.BIAS_KEY);
        return new Shapes(
                row,
                Math.toIntExact(Sums.parameter(row, ConvolutionParamInitializer.WEIGHT_KEY)
                        .length()),
                bias == null ? 0 : Math.toIntExact(bias.length()),
                Math.toIntExact(Sums.parameter(parameters, WeightStandardizedConvolutionLayer.GAIN)
                        .length()));
    }

    /** The gradient of one example: weights, biases, gains. */
    private double[] row(int example) {
        if (held != null) {
            return held[example];
        }
        shapes.convolution().values().forEach(array -> array.assign(0));
        convolution.addRow(example, shapes.convolution());
        double[] gradient = new double[shapes.weights()];
        read(ConvolutionParamInitializer.WEIGHT_KEY, gradient);
        double[] gains = new double[shapes.gains()];
        standardization.pullBack(gradient, gains);
        double[] row = new double[shapes.length()];
        System.arraycopy(gradient, 0, row, 0, gradient.length);
        if (shapes.biases() > 0) {
            double[] biases = new double[shapes.biases()];
            read(ConvolutionParamInitializer.BIAS_KEY, biases);
            System.arraycopy(biases, 0, row, gradient.length, biases.length);
        }
        System.arraycopy(gains, 0, row, gradient.length + shapes.biases(), gains.length);
        return row;
    }

    private void read(String name, double[] into) {
        HostArrays.read(Sums.parameter(shapes.convolution(), name), 0, into, into.length);
    }

    @Override
    public void addNorms(double[] into) {
        double[][] rows = (long) discarded.length * shapes.length() <= MAX_HELD ? new double[discarded.length][] : null;
        for (int i = 0; i < discarded.length; i++) {
            double[] row = row(i);
            norms[i] = Norms.of(row, 0, row.length);
            into[i] = Norms.together(into[i], norms[i]);
            if (rows != null) {
                rows[i] = row;
            }
        }
        held = rows;
    }

    @Override
    public double addWeightedSum(double[] weights, Map<String, INDArray> sums, double allowance) {
        double[] sum = new double[shapes.length()];
        for (int i = 0; i < weights.length; i++) {
            if (!discarded[i] && weights[i] != 0) {
                Sums.addMeasured(sum, row(i), weights[i], norms[i]);
            }
        }
        add(sum, sums);
        return RowSums.doubleBound(RowSums.total(weights, norms), weights.length);
    }

    private void add(double[] row, Map<String, INDArray> parameters) {
        add(row, 0, shapes.weights(), parameters, ConvolutionParamInitializer.WEIGHT_KEY);
        if (shapes.biases() > 0) {
            add(row, shapes.weights(), shapes.biases(), parameters, ConvolutionParamInitializer.BIAS_KEY);
        }
        add(
                row,
                shapes.weights() + shapes.biases(),
                shapes.gains(),
                parameters,
                WeightStandardizedConvolutionLayer.GAIN);
    }

    private static void add(double[] row, int from, int length, Map<String, INDArray> parameters, String name) {
        INDArray view = Sums.parameter(parameters, name);
        double[] values = new double[length];
        HostArrays.read(view, 0, values, length);
        for (int k = 0; k < length; k++) {
            values[k] += row[from + k];
        }
        HostArrays.write(values, view, 0, length);
    }

    @Override
    public void addRow(int example, Map<String, INDArray> row) {
        add(row(example), row);
    }

    @Override
    public void discard(int example) {
        discarded[example] = true;
        convolution.discard(example);
        if (held != null) {
            held[example] = new double[shapes.length()];
        }
    }
}
