// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.commons.numbers.gamma.Erf;
import org.apache.commons.numbers.gamma.Erfc;
import org.jspecify.annotations.Nullable;

/**
 * Many kinds of events as mixtures of few, so that a schedule of noise or of lot sizes does not need a lattice for each of its steps.
 *
 * <p>Let H(q, sigma) be the hockey-stick divergence, at any order, of Gaussian noise sigma on a sample with probability q.
 *
 * <ul>
 *   <li>H is convex in q: the pair (P, Q) is linear in q, and H is the largest of the linear functions P(A) - exp(e) Q(A).
 *   <li>H is convex in u = erf(1 / (sqrt(8) sigma)), the total variation distance of the Gaussians. With t = 1 / sigma, u'' = -t/4 u', so that is H'' >= -t/4 H' in t. For
 *       N(0, 1) and N(t, 1) at order exp(e), H' = phi(t/2 - e/t) and H'' = (e^2 / t^3 - t/4) H'. A sample takes q H at another order, or, at orders where P is larger
 *       everywhere, a constant. Under replacement H has its threshold x where A - B = (1 - q) (exp(e) - 1) phi(x), A = q phi(a), B = exp(e) q phi(b), a, b = x -+ t/2. As the threshold is
 *       optimal, H' = (A + B) / 2; as x' = -m / t with m = (a A + b B) / (A + B), H'' / H' = (m + t s / 4)^2 / t + 3/16 t s^2 - t/4, s = (A - B) / (A + B).
 * </ul>
 *
 * So the divergence at a point between nodes is at most the interpolated one, which is that of the mixture of the nodes' pairs where both sides know the node: it dominates, and so does its
 * composition with all else (Zhu, Dong and Wang 2022, theorem 10). What the mixture tells too much is of second order in the distance of the nodes.
 */
final class LossNet {
    /** Fewer kinds are composed as they are. */
    private static final int FEW = 32;

    /** Each node stands for at least so many kinds on average. */
    private static final int KINDS_PER_NODE = 2;

    /** Relative distance of neighboring nodes, as the standard deviation of their losses goes, to begin with. */
    private static final double SPACING = 0.12;

    /** Sampling probabilities matter less than noise where losses are large. */
    private static final double PROBABILITY_SPACING = 2;

    /**
     * What the mixtures may add, as parts of what the plan allows the lattice to add: to the log moment at Chernoff's tilt, which is above the tilts that decide, and to the variance.
     * Epsilon grows by less than about 0.15 %.
     */
    private static final double MOST_OF_MOMENT = 3;

    private static final double MOST_OF_VARIANCE = 0.5;

    private static final int MOST_REFINEMENTS = 3;

    /** Elements of all nodes' spectra, of 16 bytes each. */
    private static final long MOST_ELEMENTS = 1 << 23;

    private static final double UNIT = 0x1p-53;

    /**
     * Pairs of one kind for all sampling probabilities and all noise, convex in both as above.
     *
     * <p>More of the first and less of the second must tell more.
     */
    interface Family {
        LossPair pair(double q, double sigma);
    }

    /** A pair's place in its family. */
    record Place(Family family, double q, double sigma) {}

    /** A pair as a mixture of nodes, with weights that sum up to one. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Mixture(int[] nodes, double[] weights) {
        boolean isNode() {
            return nodes.length == 1;
        }

        /** What the mixture's nodes have of a value that each node has. */
        private double[] of(double[] all) {
            return Arrays.stream(nodes).mapToDouble(node -> all[node]).toArray();
        }
    }

    private final Map<LossPair, Long> counts;
    private final List<LossPair> nodes = new ArrayList<>();
    private final Map<LossPair, Mixture> mixtures = new LinkedHashMap<>();
    private final double spacing;

    private LossNet(Map<LossPair, Long> counts, double spacing) {
        this.counts = counts;
        this.spacing = spacing;
    }

    /** Every kind is a node. */
    static LossNet exact(Map<LossPair, Long> counts) {
        LossNet net = new LossNet(counts, 0);
        for (LossPair pair : counts.keySet()) {
            net.mixtures.put(pair, net.alone(pair));
        }
        return net;
    }

    /** Mixtures of few nodes where there are many kinds, else every kind is a node. */
    static LossNet of(Map<LossPair, Long> counts) {
        return of(counts, SPACING);
    }

    private static LossNet of(Map<LossPair, Long> counts, double spacing) {
        if (counts.size() < FEW) {
            return exact(counts);
        }
        Map<Family, List<LossPair>> families = new LinkedHashMap<>();
        LossNet net = new LossNet(counts, spacing);
        for (LossPair pair : counts.keySet()) {
            Place place = pair.place();
            if (place == null) {
                net.mixtures.put(pair, net.alone(pair));
            } else {
                families.computeIfAbsent(place.family, f -> new ArrayList<>()).add(pair);
            }
        }
        families.forEach(net::addFamily);
        return net.nodes.size() * KINDS_PER_NODE > counts.size() ? exact(counts) : net;
    }

    private Mixture alone(LossPair pair) {
        nodes.add(pair);
        return new Mixture(new int[] {nodes.size() - 1}, new double[] {1});
    }

    private void addFamily(Family family, List<LossPair> pairs) {
        List<Double> probabilities = new ArrayList<>();
        List<Double> noises = new ArrayList<>();
        for (LossPair pair : pairs) {
            probabilities.add(place(pair).q);
            noises.add(place(pair).sigma);
        }
        double[] q = axis(probabilities, Axis.PROBABILITY, spacing * PROBABILITY_SPACING);
        double[] sigma = axis(noises, Axis.NOISE, spacing);
        Map<Long, Integer> known = new HashMap<>();
        for (LossPair pair : pairs) {
            Place at = place(pair);
            int row = interval(q, at.q, Axis.PROBABILITY);
            int column = interval(sigma, at.sigma, Axis.NOISE);
            double more = row + 1 < q.length ? upperWeight(at.q - q[row], q[row + 1] - q[row], q[row + 1]) : 0;
            double louder = column + 1 < sigma.length ? noiseWeight(sigma[column], at.sigma, sigma[column + 1]) : 0;
            int[] corners = new int[4];
            double[] weights = new double[4];
            int n = 0;
            for (int i = 0; i < 4; i++) {
                double weight = (i % 2 == 0 ? 1 - more : more) * (i < 2 ? 1 - louder : louder);
                if (weight > 0) {
                    int r = row + i % 2;
                    int c = column + i / 2;
                    corners[n] = known.computeIfAbsent((long) r << 32 | c, k -> {
                        nodes.add(family.pair(q[r], sigma[c]));
                        return nodes.size() - 1;
                    });
                    weights[n++] = weight;
                }
            }
            mixtures.put(pair, new Mixture(Arrays.copyOf(corners, n), Arrays.copyOf(weights, n)));
        }
    }

    /** The place of a pair that has one. */
    static Place place(LossPair pair) {
        Place place = pair.place();
        if (place == null) {
            throw new IllegalArgumentException("pair must have a place");
        }
        return place;
    }

    /** A parameter on a scale where equal distances change the losses about equally, more of it telling more. */
    private enum Axis {
        PROBABILITY {
            @Override
            double scale(double q) {
                return Math.log(q);
            }

            @Override
            double value(double scale) {
                return Math.exp(scale);
            }
        },
        /** By log sqrt(exp(1 / sigma^2) - 1), the standard deviation of the likelihood ratio. */
        NOISE {
            @Override
            double scale(double sigma) {
                double square = 1 / (sigma * sigma);
                return square > 30 ? square / 2 : Math.log(Math.expm1(square)) / 2;
            }

            @Override
            double value(double scale) {
                return 1 / Math.sqrt(scale > 15 ? 2 * scale : Math.log1p(Math.exp(2 * scale)));
            }
        };

        abstract double scale(double value);

        abstract double value(double scale);
    }

    /** Nodes from the value that tells least to the one that tells most; the values themselves where these are no more. */
    private static double[] axis(Collection<Double> values, Axis axis, double spacing) {
        double[] distinct = values.stream().mapToDouble(v -> v).distinct().toArray();
        double[] sorted = Arrays.stream(distinct)
                .boxed()
                .sorted((a, b) -> axis == Axis.NOISE ? Double.compare(b, a) : Double.compare(a, b))
                .mapToDouble(v -> v)
                .toArray();
        double least = sorted[0];
        double most = sorted[sorted.length - 1];
        double low = axis.scale(least);
        double length = axis.scale(most) - low;
        if (!(length / spacing + 2 < sorted.length)) {
            return sorted;
        }
        int intervals = (int) Math.ceil(length / spacing);
        double[] nodes = new double[intervals + 1];
        for (int j = 1; j < intervals; j++) {
            nodes[j] = axis.value(low + length * j / intervals);
        }
        nodes[0] = least;
        nodes[intervals] = most;
        return nodes;
    }

    /** The interval that the value lies in; the last node where it is that. */
    private static int interval(double[] nodes, double value, Axis axis) {
        int low = 0;
        int high = nodes.length - 1;
        while (low < high) {
            int middle = (low + high + 1) >>> 1;
            if (axis == Axis.NOISE ? nodes[middle] >= value : nodes[middle] <= value) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }

    /** The weight of the node that tells more, rounded up: both differences are good to some units of the largest value. */
    private static double upperWeight(double part, double whole, double largest) {
        if (part == 0) {
            return 0;
        }
        double weight = part / whole + 64 * UNIT * largest / whole;
        return weight <= 1 ? weight : 1;
    }

    /** The same for noise between {@code most} and {@code least}, by the total variation distance. */
    private static double noiseWeight(double most, double sigma, double least) {
        if (sigma == most) {
            return 0;
        }
        double near = argument(most);
        double far = argument(least);
        if (near < 0.5) {
            double start = Erf.value(near);
            return upperWeight(Erf.value(argument(sigma)) - start, Erf.value(far) - start, Erf.value(far));
        }
        // An error of a unit in the argument is one of 2 x^2 units in erfc.
        double start = Erfc.value(near);
        return upperWeight(start - Erfc.value(argument(sigma)), start - Erfc.value(far), start * (1 + near * near));
    }

    private static double argument(double sigma) {
        return 1 / (Math.sqrt(8) * sigma);
    }

    /** Nodes as many times as their weights in all kinds add up to: what a composition may be planned with. */
    Map<LossPair, Double> expected() {
        double[] sums = new double[nodes.size()];
        mixtures.forEach((pair, mixture) -> {
            for (int i = 0; i < mixture.nodes.length; i++) {
                sums[mixture.nodes[i]] += mixture.weights[i] * counts.getOrDefault(pair, 0L);
            }
        });
        Map<LossPair, Double> expected = new LinkedHashMap<>();
        for (int i = 0; i < sums.length; i++) {
            expected.put(nodes.get(i), sums[i]);
        }
        return expected;
    }

    /** This net, or a finer one if this adds more to the losses than a part of what the plan's lattice does. */
    LossNet fitting(LossPlan plan) {
        LossNet net = this;
        for (int i = 0; i < MOST_REFINEMENTS && !net.isExact(); i++) {
            double share = net.excess(plan);
            if (share <= 1) {
                return net;
            }
            net = of(counts, net.spacing * Math.max(0.1, Math.min(0.7, 0.9 / Math.sqrt(share))));
        }
        return net.isExact() || net.excess(plan) <= 1 ? net : exact(counts);
    }

    /** What the mixtures add to log moments and variance of the losses, as a part of what moves by less than a step add. */
    private double excess(LossPlan plan) {
        List<LossMoments> atNodes =
                nodes.stream().map(node -> node.moments(plan.tail())).toList();
        double total = counts.values().stream().mapToDouble(n -> n).sum();
        double allowed = total * plan.step() * plan.step() / 8;
        double[][] logMoment = new double[2][nodes.size()];
        double[][] variance = new double[2][nodes.size()];
        for (int d = 0; d < 2; d++) {
            for (int i = 0; i < nodes.size(); i++) {
                logMoment[d][i] =
                        atNodes.get(i).logMoment(d == 1, plan.direction(d == 1).bestTilt());
                variance[d][i] = atNodes.get(i).variance(d == 1);
            }
        }
        double[] addedMoment = new double[2];
        double[] addedVariance = new double[2];
        for (Map.Entry<LossPair, Mixture> entry : mixtures.entrySet()) {
            Mixture mixture = entry.getValue();
            if (!mixture.isNode()) {
                LossMoments moments = entry.getKey().moments(plan.tail());
                long count = counts.getOrDefault(entry.getKey(), 0L);
                for (int d = 0; d < 2; d++) {
                    addedMoment[d] += count
                            * (logMean(mixture.weights, mixture.of(logMoment[d]))
                                    - moments.logMoment(
                                            d == 1, plan.direction(d == 1).bestTilt()));
                    addedVariance[d] += count * (mean(mixture, variance[d]) - moments.variance(d == 1));
                }
            }
        }
        double worst = 0;
        for (int d = 0; d < 2; d++) {
            double tilt = plan.direction(d == 1).bestTilt();
            worst = Math.max(worst, addedMoment[d] / (allowed * tilt * (tilt + 1)) / MOST_OF_MOMENT);
            worst = Math.max(worst, addedVariance[d] / allowed / MOST_OF_VARIANCE);
        }
        return worst;
    }

    private static double mean(Mixture mixture, double[] values) {
        double sum = 0;
        for (int i = 0; i < mixture.nodes.length; i++) {
            sum += mixture.weights[i] * values[mixture.nodes[i]];
        }
        return sum;
    }

    /** log of the weighted mean of exp(value), good to some units of its largest value or of one. */
    static double logMean(double[] weights, double[] values) {
        double top = Double.NEGATIVE_INFINITY;
        double size = 0;
        for (double value : values) {
            top = Math.max(top, value);
            size = Math.max(size, Math.abs(value));
        }
        double sum = 0;
        boolean small = size < 1;
        for (int i = 0; i < values.length; i++) {
            sum += weights[i] * (small ? Math.expm1(values[i]) : Math.exp(values[i] - top));
        }
        return small ? Math.log1p(sum) : top + Math.log(sum);
    }

    /** Whether the nodes' transforms, at the plan's length, do not take too much memory. */
    boolean fits(LossPlan plan) {
        return (long) nodes.size() * plan.length() <= MOST_ELEMENTS;
    }

    boolean isExact() {
        return spacing == 0;
    }

    List<LossPair> nodes() {
        return nodes;
    }

    Map<LossPair, Long> counts() {
        return counts;
    }

    Mixture mixture(LossPair pair) {
        @Nullable Mixture mixture = mixtures.get(pair);
        if (mixture == null) {
            throw new IllegalArgumentException("pair must be part of the net");
        }
        return mixture;
    }
}
