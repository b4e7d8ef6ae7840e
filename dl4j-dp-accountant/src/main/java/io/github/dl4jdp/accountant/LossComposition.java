// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * The privacy loss of many events together: convolutions by Fourier transform, with all errors counted upwards.
 *
 * <p>See Koskela, Jalko and Honkela 2020 (Fourier accountant) and Gopi, Lee and Wutschitz 2021.
 */
final class LossComposition implements Composition {
    /*
     * Let X be the sum of the lattice losses under P, finite ones only. With a tilt t >= 0 and M = E[exp(t X)] the weights
     * g(x) = Pr[X = x] exp(t x) / M form a distribution again, whose mass is where delta comes from:
     *
     *     delta(e) = sum over x > e of M exp(-t x) g(x) (1 - exp(e - x))  +  Pr[loss infinite].
     *
     * Rounding in the transforms is relative to the largest g, which thereby is near e: without the tilt it would drown
     * every delta below 1e-10. What is added to stay above the truth:
     *   1. The transform is cyclic: mass from outside the window adds to the mass inside. Mass above the window is missing
     *      where it belongs, so Chernoff's bound for it is added: Pr[X > top] <= exp(log E[exp(s X)] - s top).
     *   2. Every g is raised by a bound on the rounding of both transforms and the power between them. With b the bound of
     *      one transform for inputs of sum 1 and two sequences packed into one, an element G of an event's spectrum is
     *      wrong by r = 2 b + 6 u at most, its rounding in the power included. The product H of all powers then is wrong
     *      by R = T r at most, and more closely by the sum over events of T_e r |H / G_e|, where the last factor is below
     *      2 (|H| + R) if |G_e| > 1/2, and below 0.51^(T_e - 1) otherwise. An element of the result is wrong by the mean
     *      of that over the spectra of both directions, and by b times the mean of |H|. All elements together are wrong, in the
     *      2-norm, by the same with root mean squares in the place of means: every stage of a transform is a rotation times
     *      sqrt(2), to b in all in the 2-norm too (Higham 2002, theorem 24.2). A sum of weighted g is wrong by the
     *      smaller of the weights' sum times the one and the weights' 2-norm times the other.
     *   3. M is raised by the rounding of the tilted masses, to the power T.
     *   4. A mixture of nodes has the mean of their masses. Its weights g are the nodes', times shares that are good to a few units: an element of its spectrum is wrong
     *      by r, that many units added, and its M by as many and what the rounding of the logarithms makes.
     *   5. Losses may be larger than their lattice point says by the lattices' slack: epsilon is raised by its sum.
     */
    private static final double UNIT = 0x1p-53;

    /** For the additions and multiplications of a scan over at most 2^20 points, each good to a few units. */
    private static final double SCAN = 1 + 1e-9;

    /** Rounding of an element of an event's spectrum in the product, and where it is a sum of up to four nodes' first. */
    private static final double PRODUCT_ERROR = 6 * UNIT;

    private static final double MIXTURE_ERROR = 24 * UNIT;

    /** So many kinds of events are worth several threads. */
    private static final int MANY = 16;

    /** Beyond twice so many steps points are further apart, by this part of a loss at most: that adds a millionth to the square of a loss, and takes a fraction of the time. */
    private static final int LEAST_OCTAVE = 256;

    /** Nor are they further apart than one over this, splitting an atom would move nearly all of it up, or than one over the tilt times this, where tilted masses would grow. */
    private static final double POINTS_OF_ONE = 8;

    /** Longer products are not kept for others. */
    private static final int LONGEST_SHARED = 1 << 16;

    /** Bounds on rounding that are not small against one are not trusted. */
    private static final double LARGEST_ROUNDING = 1e-2;

    /** More of delta than this makes another lattice worth a try. */
    private static final double LARGEST_SHARE_ADDED = 1e-3;

    private static final double FEW_STEPS = 8;

    /**
     * Logarithms of one direction: of the tilt's scale, rounded up and down, of the
     * tilted padding, of the moments that bound the mass above the
     * window and the tilted mass below and above it, of the finite mass.
     */
    private record Side(
            double logScale,
            double logScaleDown,
            double logUnsure,
            double logTail,
            double logBelow,
            double logAbove,
            double logFinite) {}

    /** A node of the net: one lattice and its transform. */
    private record Node(LossSpectrum spectrum, double slack, Side forward, Side backward) {
        Side side(int d) {
            return d == 0 ? forward : backward;
        }
    }

    /** One kind of event. */
    private record Part(LossSpectrum.Mixture spectrum, double slack, Side forward, Side backward) {
        Side side(int d) {
            return d == 0 ? forward : backward;
        }
    }

    /** Kinds that were multiplied together. */
    record Group(List<LossSpectrum> spectra, LossSpectrum product, Map<LossPair, Part> parts) {}

    private final LossPlan plan;
    private final LossGrid grid;
    private final Fourier fourier;
    /** Of the nodes; none where kinds are in groups. */
    private final List<LossSpectrum> spectra;

    private final double elementError;
    private final Map<LossPair, Part> parts = new LinkedHashMap<>();
    private final Map<LossPair, Long> counts = new LinkedHashMap<>();
    private final LossSpectrum product;
    private final double[][] weights;
    private final @Nullable Curve[] curves = new @Nullable Curve[2];

    /** The composition of the given pairs, computed as planned, on an even lattice as {@link #epsilonAtLeast} needs it. */
    LossComposition(LossPlan plan, Map<LossPair, Long> pairs) {
        this(plan, LossNet.exact(pairs), LossGrid.even(plan.step()), new PldMemory());
    }

    /** The composition of the net's kinds of events, computed as planned. */
    LossComposition(LossPlan plan, LossNet net, PldMemory memory) {
        this(plan, net, grid(plan, net), memory);
    }

    private LossComposition(LossPlan plan, LossNet net, LossGrid grid, PldMemory memory) {
        if (net.counts().isEmpty()) {
            throw new IllegalArgumentException("pairs must not be empty");
        }
        this.plan = plan;
        this.grid = grid;
        this.fourier = new Fourier(plan.length());
        this.elementError = 2 * fourier.error() + (net.isExact() ? PRODUCT_ERROR : MIXTURE_ERROR);
        this.weights = new double[2][plan.length()];
        this.counts.putAll(net.counts());
        if (!net.isExact() || net.counts().size() <= PldMemory.GROUP) {
            Group all = group(net);
            this.spectra = all.spectra;
            this.product = all.product;
            this.parts.putAll(all.parts);
            return;
        }
        // The spectra of so many kinds would take much memory; products of some do not.
        this.spectra = List.of();
        this.product = LossSpectrum.one(plan.length());
        boolean shared = plan.length() <= LONGEST_SHARED;
        for (PldMemory.Group kinds :
                PldMemory.Group.of(List.of(plan.lattice(), grid), counts).parts()) {
            Group group = shared ? memory.spectra().of(kinds, this::group) : group(kinds);
            this.product.multiply(group.product);
            this.parts.putAll(group.parts);
        }
    }

    /** Atoms would be moved by the whole width of their interval: only what is smooth goes to octaves. */
    private static LossGrid grid(LossPlan plan, LossNet net) {
        if (!net.nodes().stream().allMatch(LossPair::isSmooth)) {
            return LossGrid.even(plan.step());
        }
        double range = net.nodes().stream()
                .mapToDouble(node -> node.range(plan.tail()))
                .max()
                .orElse(0);
        double tilt = Math.min(plan.forward().bestTilt(), plan.backward().bestTilt());
        int needed = (int) Math.min(plan.length(), Math.ceil(POINTS_OF_ONE * Math.max(1, tilt) * range));
        int octave = needed <= LEAST_OCTAVE ? LEAST_OCTAVE : Integer.highestOneBit(needed - 1) << 1;
        return LossGrid.octaves(plan.step(), octave);
    }

    private Group group(PldMemory.Group kinds) {
        Group group = group(LossNet.exact(kinds.counts()));
        return new Group(List.of(), group.product, group.parts);
    }

    private Group group(LossNet net) {
        List<LossPair> order = net.nodes();
        List<Node> nodes = (order.size() < MANY ? order.stream() : order.parallelStream())
                .map(this::node)
                .toList();
        List<LossSpectrum> nodeSpectra = nodes.stream().map(Node::spectrum).toList();
        // Kinds that happen equally often are multiplied first, and the product is raised to that power.
        Map<Long, List<LossSpectrum.Mixture>> once = new LinkedHashMap<>();
        Map<LossPair, Part> ofGroup = new LinkedHashMap<>();
        net.counts().forEach((pair, count) -> {
            Part part = part(net.mixture(pair), nodes);
            ofGroup.put(pair, part);
            once.computeIfAbsent(count, c -> new ArrayList<>()).add(part.spectrum);
        });
        return new Group(nodeSpectra, LossSpectrum.product(nodeSpectra, once), ofGroup);
    }

    private Node node(LossPair pair) {
        LossLattice lattice = pair.lattice(grid, plan.tail());
        double[][] tilted = new double[2][fourier.length()];
        Side forward = tilt(lattice.forward(), plan.direction(false), tilted[0]);
        Side backward = tilt(lattice.backward(), plan.direction(true), tilted[1]);
        return new Node(LossSpectrum.of(fourier, tilted[0], tilted[1]), lattice.slack(), forward, backward);
    }

    private static Part part(LossNet.Mixture mixture, List<Node> nodes) {
        if (mixture.isNode()) {
            Node node = nodes.get(mixture.nodes()[0]);
            var spectrum = new LossSpectrum.Mixture(mixture.nodes(), new double[][] {{1}, {1}});
            return new Part(spectrum, node.slack, node.forward, node.backward);
        }
        List<Node> mixed = Arrays.stream(mixture.nodes()).mapToObj(nodes::get).toList();
        Side[] sides = new Side[2];
        double[][] shares = new double[2][];
        for (int d = 0; d < 2; d++) {
            boolean reversed = d == 1;
            double[] scales = mixed.stream()
                    .mapToDouble(n -> n.side(reversed ? 1 : 0).logScale)
                    .toArray();
            sides[d] = mixed(
                    mixture, mixed.stream().map(n -> n.side(reversed ? 1 : 0)).toList());
            shares[d] = new double[scales.length];
            for (int c = 0; c < scales.length; c++) {
                shares[d][c] = mixture.weights()[c] * Math.exp(scales[c] - sides[d].logScale);
            }
        }
        double slack = mixed.stream().mapToDouble(Node::slack).max().orElseThrow();
        return new Part(new LossSpectrum.Mixture(mixture.nodes(), shares), slack, sides[0], sides[1]);
    }

    private static Side mixed(LossNet.Mixture mixture, List<Side> sides) {
        double finite = 0;
        for (int c = 0; c < sides.size(); c++) {
            finite += mixture.weights()[c] * Math.expm1(sides.get(c).logFinite);
        }
        return new Side(
                logMean(mixture, sides, Side::logScale, 1),
                logMean(mixture, sides, Side::logScaleDown, -1),
                logMean(mixture, sides, Side::logUnsure, 1),
                logMean(mixture, sides, Side::logTail, 1),
                logMean(mixture, sides, Side::logBelow, 1),
                logMean(mixture, sides, Side::logAbove, 1),
                Math.log1p(finite) * (1 + 16 * UNIT));
    }

    private static double logMean(
            LossNet.Mixture mixture, List<Side> sides, ToDoubleFunction<Side> value, int direction) {
        double[] values = sides.stream().mapToDouble(value).toArray();
        double largest = 0;
        for (double v : values) {
            largest = Math.max(largest, Math.abs(v));
        }
        return LossNet.logMean(mixture.weights(), values) + direction * (32 + 4 * largest) * UNIT;
    }

    private Side tilt(LossMasses masses, LossPlan.Direction direction, double[] tilted) {
        double tilt = direction.tilt();
        double logMoment = masses.logMoment(tilt);
        double[] weights = masses.tilted(tilt, logMoment);
        int last = fourier.length() - 1;
        for (int i = 0; i < weights.length; i++) {
            tilted[(int) grid.even(masses.first() + i) & last] += weights[i];
        }
        return new Side(
                logMoment + 2 * masses.sumError(tilt),
                logMoment - 2 * masses.sumError(tilt),
                masses.logUnsure(tilt),
                upper(masses, direction.tailTilt()),
                upper(masses, direction.belowTilt()),
                upper(masses, direction.aboveTilt()),
                Math.log1p(-masses.infinite()));
    }

    private static double upper(LossMasses masses, double tilt) {
        return masses.logMoment(tilt) + masses.sumError(tilt);
    }

    /** Below this epsilon the bound holds but may be loose. */
    double leastEpsilon() {
        return plan.leastEpsilon();
    }

    @Override
    public void add(LossPair pair, long count) {
        Part part = parts.get(pair);
        if (part == null) {
            throw new IllegalArgumentException("pair must be part of the plan");
        }
        product.multiply(
                spectra.isEmpty()
                        ? group(LossNet.exact(Map.of(pair, count))).product
                        : LossSpectrum.product(spectra, Map.of(count, List.of(part.spectrum))));
        counts.merge(pair, count, Long::sum);
        curves[0] = null;
        curves[1] = null;
    }

    private double sum(ToDoubleFunction<Part> value) {
        double sum = 0;
        for (Map.Entry<LossPair, Part> entry : parts.entrySet()) {
            sum += counts.getOrDefault(entry.getKey(), 0L) * value.applyAsDouble(entry.getValue());
        }
        return sum;
    }

    /** A bound on the rounding error of one tilted weight. */
    private double rounding() {
        return rounding(product.mean(0) + product.mean(1));
    }

    /** A bound on the 2-norm of the rounding errors of all tilted weights. */
    private double roundingOfAll() {
        return rounding(product.rootMeanSquare(0) + product.rootMeanSquare(1));
    }

    private double rounding(double mean) {
        double transform = fourier.error();
        double element = elementError;
        double events = counts.values().stream().mapToDouble(Long::doubleValue).sum();
        double crude = element * events;
        double sum = transform * mean;
        for (long count : counts.values()) {
            sum += count * element * (2 * (mean + 2 * crude) + 2 * Math.pow(0.51, count - 1.0));
        }
        return crude < LARGEST_ROUNDING ? sum * (1 + LARGEST_ROUNDING) : Double.POSITIVE_INFINITY;
    }

    /** The lattice index of the window's lowest point. */
    private long bottom(int d) {
        return (long) Math.floor(plan.direction(d == 1).lowest() / plan.step());
    }

    /** Mass that is not in the window: infinite losses and losses above it. */
    private double outside(int d) {
        double infinite = -Math.expm1(sum(part -> part.side(d).logFinite));
        double top = (bottom(d) + fourier.length() - 1) * plan.step();
        double above = Math.exp(
                sum(part -> part.side(d).logTail) - plan.direction(d == 1).tailTilt() * top);
        return (infinite + above) * SCAN;
    }

    @Override
    public double epsilon(double delta) {
        double epsilon = Math.max(epsilon(curve(0), delta), epsilon(curve(1), delta));
        return (epsilon + sum(Part::slack)) * (1 + 4 * UNIT);
    }

    private double epsilon(Curve curve, double delta) {
        int low = 0;
        int high = curve.value.length - 1;
        if (!(curve.delta(high) <= delta)) {
            return Double.POSITIVE_INFINITY;
        }
        while (low < high) {
            int middle = (low + high) / 2;
            if (curve.delta(middle) <= delta) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        double right = curve.loss(high);
        if (high == 0) {
            return Math.max(0, right);
        }
        double above = curve.delta(high - 1);
        double below = curve.delta(high);
        // Between lattice points delta is linear in exp(epsilon).
        double part = (above - delta) / (above - below);
        double step = plan.step();
        double epsilon = part >= 0 && part <= 1 ? right - step + Math.log1p(part * Math.expm1(step)) : right;
        return Math.max(0, epsilon);
    }

    /**
     * Whether what was added makes much of delta at this epsilon. Far below the losses that the tilt brings out all that is left of a small delta is the rounding of what is
     * more probable; and far below the delta that was planned for it is what lies outside the window. An epsilon of few steps suffers from the steps themselves.
     */
    boolean isBadlyKnown(double epsilon) {
        if (epsilon > 0 && epsilon < FEW_STEPS * plan.step()) {
            return true;
        }
        for (int d = 0; d < 2; d++) {
            Curve curve = curve(d);
            double place = Math.floor(epsilon / plan.step()) - curve.bottom;
            int i = (int) Math.max(0, Math.min(curve.value.length - 2.0, place));
            boolean added = curve.padding[i] > LARGEST_SHARE_ADDED * curve.value[i]
                    || curve.outside > LARGEST_SHARE_ADDED * curve.delta(i);
            if (added && 2 * curve.delta(i) > delta(curve(1 - d), epsilon)) {
                return true;
            }
        }
        return false;
    }

    @Override
    public double delta(double epsilon) {
        double shifted = Math.max(0, epsilon * (1 - 4 * UNIT) - sum(Part::slack));
        return Math.min(1, Math.max(delta(curve(0), shifted), delta(curve(1), shifted)));
    }

    private double delta(Curve curve, double epsilon) {
        double step = plan.step();
        double place = Math.floor(epsilon / step) - curve.bottom;
        if (!(place >= 0)) {
            return 1;
        }
        if (place >= curve.value.length - 1) {
            return curve.delta(curve.value.length - 1);
        }
        int i = (int) place;
        double left = curve.delta(i);
        double right = curve.delta(i + 1);
        double part = Math.expm1(epsilon - curve.loss(i)) / Math.expm1(step);
        return part >= 0 && part <= 1 ? left - (left - right) * part : left;
    }

    /*
     * A lower bound. An event's lattice loss Y is its loss X moved by D to one of the two neighbors, so that D ranges over
     * one step h given X, and E[exp(-D)] = 1 as P and Q keep their masses. By Hoeffding's lemma E[D] <= h^2 / 8, and the sum
     * of T such moves exceeds s = T h^2 / 8 + h sqrt(T log(1/eta) / 2) with probability eta at most. Hence delta at e is at
     * least the lattice's at e + s, less eta, less what the lattice has too much: what wrapped around, and the padding of
     * each event's masses, T times because T measures are multiplied.
     */
    /** Share of delta that the moves to the lattice may exceed their bound with. */
    private static final double SHARE_MOVED = 1e-3;

    /** An epsilon that the exact one of the dominating pairs does not fall below, zero at worst. */
    double epsilonAtLeast(double delta) {
        if (!grid.isEven()) {
            throw new IllegalStateException("a bound from below needs an even lattice");
        }
        double events = counts.values().stream().mapToDouble(Long::doubleValue).sum();
        double step = plan.step();
        double moved = delta * SHARE_MOVED;
        double shift = events * step * step / 8 + step * Math.sqrt(-events * Math.log(moved) / 2) + sum(Part::slack);
        double wanted = delta + moved;
        double epsilon = 0;
        for (int d = 0; d < 2; d++) {
            epsilon = Math.max(epsilon, lastAbove(d, wanted) - shift);
        }
        return epsilon * (1 - 8 * UNIT);
    }

    /** The largest lattice loss at which the lattice's delta surely reaches what is wanted. */
    private double lastAbove(int d, double wanted) {
        Curve curve = curve(d);
        LossPlan.Direction direction = plan.direction(d == 1);
        int n = fourier.length();
        double logScale = sum(part -> part.side(d).logScaleDown);
        double low = sum(part -> part.side(d).logBelow) - logScale;
        double high = sum(part -> part.side(d).logAbove) - logScale;
        double above = direction.aboveTilt() - direction.tilt();
        double excess = Math.exp(low + (direction.tilt() - direction.belowTilt()) * curve.loss(0));
        excess += sum(part -> Math.exp(part.side(d).logUnsure - part.side(d).logScaleDown)) * (1 + LARGEST_ROUNDING);
        double rounding = rounding();
        double decay = Math.exp(-curve.tilt * plan.step());
        double inner = Math.exp(-plan.step());
        double gain = -Math.expm1(-plan.step());
        double all = 0;
        double value = 0;
        for (int i = n - 2; i >= 0; i--) {
            all += Math.max(0, weights[d][(int) Math.floorMod(curve.bottom + i + 1, (long) n)] - rounding);
            value = decay * (gain * all + inner * value);
            all *= decay;
            // Of the mass above the window only what lies a whole window above this point wraps to above it.
            double wrapped = Math.exp(high - above * (curve.loss(i) + n * plan.step()));
            double sure = value / SCAN - excess - wrapped;
            if (sure > 0 && logScale - curve.tilt * curve.loss(i) + Math.log(sure) >= Math.log(wanted)) {
                return curve.loss(i);
            }
        }
        return Double.NEGATIVE_INFINITY;
    }

    private Curve curve(int d) {
        if (curves[0] == null) {
            product.invert(fourier, weights[0], weights[1]);
            curves[0] = new Curve(0);
            curves[1] = new Curve(1);
        }
        return Objects.requireNonNull(curves[d]);
    }

    /** Delta as a function of epsilon on the lattice, in one direction. */
    private final class Curve {
        final long bottom;
        /** Delta at (bottom + i) step, without what is outside, in units of exp(logScale - tilt (bottom + i) step). */
        final double[] value;
        /** How much of each is a bound on rounding. */
        final double[] padding;

        final double tilt;
        final double logScale;
        final double outside;

        Curve(int d) {
            LossPlan.Direction direction = plan.direction(d == 1);
            bottom = bottom(d);
            tilt = direction.tilt();
            logScale = sum(part -> part.side(d).logScale);
            double rounding = rounding();
            outside = rounding < LARGEST_ROUNDING ? outside(d) : 1;
            int n = fourier.length();
            value = new double[n];
            padding = new double[n];
            double decay = Math.exp(-tilt * plan.step());
            double inner = Math.exp(-plan.step());
            double gain = -Math.expm1(-plan.step());
            double all = 0;
            double sum = 0;
            double apart = 0;
            double apartAll = 0;
            double together = roundingOfAll() * weightsNorm(decay, inner, n);
            int place = (int) Math.floorMod(bottom + n - 1, (long) n);
            for (int i = n - 2; i >= 0; i--) {
                all += Math.max(0, weights[d][place]);
                apartAll += rounding;
                place = place == 0 ? n - 1 : place - 1;
                sum = decay * (gain * all + inner * sum);
                apart = decay * (gain * apartAll + inner * apart);
                padding[i] = Math.min(apart, together);
                value[i] = sum + padding[i];
                all *= decay;
                apartAll *= decay;
            }
        }

        /** The 2-norm of decay^m (1 - inner^m), m = 1, 2, ..., the weights of the tilted masses in delta. */
        private static double weightsNorm(double decay, double inner, int n) {
            double squares = 0;
            double far = 1;
            double near = 1;
            for (int m = 1; m < n; m++) {
                far *= decay;
                near *= inner;
                squares += far * far * (1 - near) * (1 - near);
            }
            return Math.sqrt(squares) * SCAN;
        }

        double loss(int i) {
            return (bottom + i) * plan.step();
        }

        double delta(int i) {
            double inside = value[i] > 0 ? Math.exp(logScale - tilt * loss(i) + Math.log(value[i])) : 0;
            double delta = inside * SCAN + outside;
            return delta >= 0 ? delta : 1;
        }
    }
}
