// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.CorrelatedNoise;
import io.github.dl4jdp.accountant.CorrelationMatrix;
import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.DpEvent.Composed;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.RandomAllocation;
import io.github.dl4jdp.accountant.DpEvent.SampledWithoutReplacement;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.GroupPrivacy;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyAccountant;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.RunCount;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The values of one question, whether they come from options or from the row of a CSV file. */
final class Setting {
    /** Counts above this are not all whole numbers as doubles. */
    static final double LARGEST_COUNT = 0x1p53;

    /** What an event or a ledger says in a run's place. */
    private static final List<Parameter> OF_A_RUN = List.of(
            Parameter.SAMPLING_PROBABILITY,
            Parameter.STEPS,
            Parameter.LOT_SIZE,
            Parameter.LOTS_PER_PASS,
            Parameter.EPOCHS,
            Parameter.SAMPLING,
            Parameter.NOISE_MULTIPLIER,
            Parameter.NOISE_SCHEDULE,
            Parameter.COUNT_NOISE,
            Parameter.RELEASES_PER_LOT,
            Parameter.CORRELATED_NOISE,
            Parameter.PARTICIPATIONS,
            Parameter.SEPARATION);

    private static final String EXAMPLE = "example";

    private final Map<Parameter, Object> values;
    private final Releases run;
    private final Releases earlier;

    private Setting(Map<Parameter, Object> values, Releases run, Releases earlier) {
        this.values = new EnumMap<>(Parameter.class);
        this.values.putAll(values);
        this.run = run;
        this.earlier = earlier;
    }

    /** A setting of these values; reads the files that they name. */
    static Setting of(Map<Parameter, Object> values) throws IOException {
        return new Setting(
                values,
                Releases.of(values, Parameter.EVENT, Parameter.LEDGER),
                Releases.of(values, Parameter.EARLIER_RELEASES, Parameter.EARLIER_LEDGER));
    }

    /** This setting with other values on top. */
    Setting with(Map<Parameter, Object> others) {
        Map<Parameter, Object> merged = new EnumMap<>(values);
        merged.putAll(others);
        return new Setting(merged, run, earlier);
    }

    Setting with(Parameter parameter, double value) {
        return with(Map.of(parameter, value));
    }

    /** What an answer must not be given without. */
    List<String> warnings() {
        return Stream.of(run.warning(), earlier.warning())
                .flatMap(Stream::ofNullable)
                .toList();
    }

    boolean has(Parameter parameter) {
        return values.containsKey(parameter);
    }

    /** What was given. */
    Map<Parameter, Object> values() {
        return values;
    }

    private Object value(Parameter parameter) {
        Object value = values.get(parameter);
        if (value == null) {
            throw new IllegalArgumentException(parameter.column() + " is missing; give " + parameter.option()
                    + (parameter.isColumn() ? ", or a column of that name" : ""));
        }
        return value;
    }

    double number(Parameter parameter) {
        return (double) value(parameter);
    }

    double positive(Parameter parameter) {
        double value = number(parameter);
        if (value > 0 && value < LARGEST_COUNT) {
            return value;
        }
        // Out of range or NaN
        throw new IllegalArgumentException(parameter.column() + " must be > 0 and < 2^53, was " + text(value));
    }

    long examples() {
        return (long) whole(Parameter.EXAMPLES);
    }

    private double whole(Parameter parameter) {
        double value = positive(parameter);
        if (value == Math.rint(value)) {
            return value;
        }
        throw new IllegalArgumentException(parameter.column() + " must be a whole number, was " + text(value));
    }

    void exclude(Parameter one, Parameter other) {
        if (has(one) && has(other)) {
            throw new IllegalArgumentException(
                    one.column() + " and " + other.column() + " exclude each other; remove one of them");
        }
    }

    LotSampling sampling() {
        return (LotSampling) values.getOrDefault(Parameter.SAMPLING, LotSampling.POISSON);
    }

    AccountantKind accountantKind() {
        return (AccountantKind) values.getOrDefault(Parameter.ACCOUNTANT, AccountantKind.PLD);
    }

    /** The relation that was given, or is that of the ledger, or is usual for the lots. */
    NeighboringRelation relation() {
        NeighboringRelation ofLedger = run.relation();
        if (ofLedger == null) {
            ofLedger = earlier.relation();
        } else if (earlier.relation() != null && earlier.relation() != ofLedger) {
            throw new IllegalArgumentException("earlier_ledger must be under the relation of ledger, "
                    + Parameter.text(ofLedger) + ", was under " + Parameter.text(earlier.relation())
                    + "; costs under different relations do not add up");
        }
        NeighboringRelation relation = (NeighboringRelation) values.get(Parameter.RELATION);
        if (ofLedger != null) {
            if (relation != null && relation != ofLedger) {
                throw new IllegalArgumentException("relation must be that of the ledger, " + Parameter.text(ofLedger)
                        + ", was " + Parameter.text(relation) + "; remove it");
            }
            relation = ofLedger;
        }
        boolean isCyclic = has(Parameter.CORRELATED_NOISE) && sampling() == LotSampling.POISSON;
        if (relation == null) {
            relation = isCyclic ? NeighboringRelation.ZERO_OUT : sampling().usualRelation();
        }
        if (isCyclic && relation != NeighboringRelation.ZERO_OUT) {
            throw new IllegalArgumentException("relation must be zero-out for correlated noise with Poisson lots, was "
                    + Parameter.text(relation) + "; no cost is known under other relations");
        }
        return run.event() == null ? sampling().require(relation) : relation;
    }

    /** The unit of privacy that was given, or is that of the ledger: costs for another one do not add up, nor does one follow from the other. */
    String unit() {
        String given = (String) values.get(Parameter.UNIT);
        String ofLedger = run.unit();
        if (ofLedger != null && given != null && !given.equals(ofLedger)) {
            throw new IllegalArgumentException(
                    "unit must be that of the ledger, " + ofLedger + ", was " + given + "; remove it");
        }
        String unit = ofLedger != null ? ofLedger : given != null ? given : EXAMPLE;
        if (earlier.unit() != null && !earlier.unit().equals(unit)) {
            throw new IllegalArgumentException("earlier_ledger must be for the unit of the run, " + unit + ", was for "
                    + earlier.unit()
                    + "; costs for different units of privacy do not add up. If the run is of that unit, "
                    + "set unit to it");
        }
        return unit;
    }

    /** Whether a row is the unit of privacy. */
    boolean isOfExamples() {
        return unit().equals(EXAMPLE);
    }

    PrivacyAccountant accountant() {
        unit(); // what cannot be added up has no cost
        return accountantKind().create(relation());
    }

    /** The guarantee that is aimed at. */
    PrivacyGuarantee target() {
        return new PrivacyGuarantee(number(Parameter.EPSILON), number(Parameter.DELTA), relation());
    }

    /** The probability with which an example is in a lot. */
    double samplingProbability() {
        if (sampling() == LotSampling.RANDOM_ALLOCATION) {
            return 1.0 / lotsPerPass();
        }
        if (has(Parameter.SAMPLING_PROBABILITY)) {
            exclude(Parameter.SAMPLING_PROBABILITY, Parameter.LOT_SIZE);
            if (sampling() != LotSampling.POISSON) {
                throw new IllegalArgumentException("sampling_probability must not be given for "
                        + sampling().description() + "; give examples and lot_size");
            }
            return number(Parameter.SAMPLING_PROBABILITY);
        }
        double examples = whole(Parameter.EXAMPLES);
        double lot = sampling() == LotSampling.POISSON ? positive(Parameter.LOT_SIZE) : whole(Parameter.LOT_SIZE);
        if (!(lot <= examples)) {
            throw new IllegalArgumentException(
                    "lot_size must be <= examples = " + text(examples) + ", was " + text(lot));
        }
        return lot / examples;
    }

    /** The lots of a pass of random allocation, and nothing that may contradict them. */
    private long lotsPerPass() {
        for (Parameter parameter : List.of(Parameter.SAMPLING_PROBABILITY, Parameter.LOT_SIZE)) {
            if (has(parameter)) {
                throw new IllegalArgumentException(
                        parameter.column() + " must not be given for random allocation; give lots_per_pass");
            }
        }
        return (long) whole(Parameter.LOTS_PER_PASS);
    }

    long steps() {
        exclude(Parameter.STEPS, Parameter.EPOCHS);
        if (has(Parameter.STEPS)) {
            return (long) whole(Parameter.STEPS);
        }
        if (sampling() == LotSampling.RANDOM_ALLOCATION) {
            BigDecimal steps =
                    BigDecimal.valueOf(positive(Parameter.EPOCHS)).multiply(BigDecimal.valueOf(lotsPerPass()));
            return fewEnough(steps.setScale(0, RoundingMode.CEILING));
        }
        // Exactly: where a product of doubles is rounded down, a step would be missing.
        BigDecimal steps = BigDecimal.valueOf(positive(Parameter.EPOCHS))
                .multiply(BigDecimal.valueOf(whole(Parameter.EXAMPLES)))
                .divide(BigDecimal.valueOf(positive(Parameter.LOT_SIZE)), 0, RoundingMode.CEILING);
        return fewEnough(steps);
    }

    private long fewEnough(BigDecimal steps) {
        if (!(steps.doubleValue() < LARGEST_COUNT)) {
            throw new IllegalArgumentException(
                    "epochs must lead to fewer than 2^53 steps, was " + text(number(Parameter.EPOCHS)));
        }
        return steps.longValueExact();
    }

    /** How often an example takes part at most, if lots are consecutive parts of a pass over the data. */
    long passes() {
        if (has(Parameter.EPOCHS)) {
            exclude(Parameter.STEPS, Parameter.EPOCHS);
            return (long) Math.ceil(positive(Parameter.EPOCHS));
        }
        return passes(steps());
    }

    private long passes(long steps) {
        if (sampling() == LotSampling.RANDOM_ALLOCATION) {
            return Math.max(1, -Math.floorDiv(-steps, lotsPerPass()));
        }
        if (has(Parameter.SAMPLING_PROBABILITY)) {
            return Math.max(1, (long) Math.ceil(steps * samplingProbability() - 1e-9));
        }
        return BigDecimal.valueOf(steps)
                .multiply(BigDecimal.valueOf(positive(Parameter.LOT_SIZE)))
                .divide(BigDecimal.valueOf(whole(Parameter.EXAMPLES)), 0, RoundingMode.CEILING)
                .max(BigDecimal.ONE)
                .longValueExact();
    }

    /** The size of the groups that the question is about. */
    int groupSize() {
        return has(Parameter.GROUP_SIZE) ? groupSize(number(Parameter.GROUP_SIZE), Parameter.GROUP_SIZE) : 1;
    }

    /** The sizes of the groups of which a statement speaks. */
    List<Integer> groups() {
        List<Integer> sizes = new ArrayList<>();
        if (values.get(Parameter.GROUPS) instanceof List<?> given) {
            given.forEach(size -> sizes.add(groupSize((double) size, Parameter.GROUPS)));
        } else {
            sizes.add(2);
        }
        return sizes;
    }

    private static int groupSize(double size, Parameter parameter) {
        if (size >= 1 && size <= 1000 && size == Math.rint(size)) {
            return (int) size;
        }
        throw new IllegalArgumentException(
                parameter.column() + " must be a whole number from 1 to 1000, was " + text(size));
    }

    /** The distribution of the number of runs of a search. */
    RunCount runs() {
        exclude(Parameter.DISTRIBUTION, Parameter.SHAPE);
        double shape = has(Parameter.SHAPE)
                ? number(Parameter.SHAPE)
                : ((SearchCommand.Distribution)
                                values.getOrDefault(Parameter.DISTRIBUTION, SearchCommand.Distribution.LOGARITHMIC))
                        .shape();
        return new RunCount(number(Parameter.EXPECTED_RUNS), shape);
    }

    /** Whether other releases count too. */
    boolean hasEarlier() {
        return earlier.event() != null;
    }

    /** The releases that stand in the place of a run, in a few words. */
    String releases() {
        return run.description();
    }

    /** Whether the question is about what an event or a ledger says, not about a run that is described. */
    boolean isOfEvent() {
        return run.event() != null;
    }

    /** All that the question is about, as it concerns one example or one group. */
    DpEvent event() {
        DpEvent given = run.event();
        if (given == null) {
            return event(number(Parameter.NOISE_MULTIPLIER));
        }
        for (Parameter parameter : OF_A_RUN) {
            exclude(has(Parameter.EVENT) ? Parameter.EVENT : Parameter.LEDGER, parameter);
        }
        return whole(given, groupSize());
    }

    /** All that the question is about, at another noise multiplier. */
    DpEvent event(double noiseMultiplier) {
        return whole(run(noiseMultiplier, charges()), groupSize());
    }

    /** All that the question is about, at another noise multiplier and number of steps. */
    DpEvent event(double noiseMultiplier, long steps) {
        return whole(run(noiseMultiplier, chargedByPass() ? passes(steps) : steps), groupSize());
    }

    /** All that the question is about, for groups of another size. */
    DpEvent eventForGroup(int size) {
        DpEvent given = run.event();
        return whole(given == null ? run(number(Parameter.NOISE_MULTIPLIER), charges()) : given, size);
    }

    private boolean chargedByPass() {
        return sampling().chargesByPass();
    }

    private long charges() {
        return chargedByPass() && !has(Parameter.CORRELATED_NOISE) ? passes() : steps();
    }

    private DpEvent whole(DpEvent asked, int groupSize) {
        if (groupSize > 1 && has(Parameter.CORRELATED_NOISE) && sampling() == LotSampling.POISSON) {
            throw new IllegalArgumentException("group_size must be 1 for correlated noise with Poisson lots, was "
                    + groupSize + ": the lots of a group's examples share noise, and no cost is known");
        }
        for (Releases given : List.of(run, earlier)) {
            if (groupSize > 1 && given.sharesNoise()) {
                throw new IllegalArgumentException(
                        given.isLedger()
                                ? "group_size must be 1 for a ledger with lots that cost nothing after Poisson lots, as with correlated noise, was "
                                        + groupSize
                                        + ": the lots of a group's examples share noise, and no cost is known"
                                : "group_size must be 1 for an event with Poisson samples, was " + groupSize
                                        + ": it does not tell whether their lots share noise, as with correlated noise, and no cost is known then; describe the run by options, or give the event of"
                                        + " GroupPrivacy.event, which is for independent noise, without a group size");
            }
        }
        DpEvent before = earlier.event();
        DpEvent all = before == null ? asked : new Composed(List.of(before, asked));
        return GroupPrivacy.event(all, groupSize);
    }

    /** The run that is described; a charge is for a lot, or for a pass where that is one release. */
    private DpEvent run(double noiseMultiplier, long charges) {
        if (has(Parameter.LOTS_PER_PASS) && sampling() != LotSampling.RANDOM_ALLOCATION) {
            throw new IllegalArgumentException("lots_per_pass must not be given for "
                    + sampling().description() + "; give --sampling random-allocation, or remove it");
        }
        if (values.get(Parameter.CORRELATED_NOISE) instanceof CorrelatedNoise noise) {
            return correlatedRun(noise, noiseMultiplier);
        }
        for (Parameter parameter : List.of(Parameter.PARTICIPATIONS, Parameter.SEPARATION)) {
            if (has(parameter)) {
                throw new IllegalArgumentException(
                        parameter.column() + " must come with correlated_noise, whose cost alone depends on it");
            }
        }
        List<DpEvent> parts = new ArrayList<>();
        List<NoiseStages.Stage> stages = stages();
        for (int i = 0; i < stages.size(); i++) {
            NoiseStages.Stage stage = stages.get(i);
            long last =
                    i + 1 < stages.size() ? Math.min(charges, stages.get(i + 1).from() - 1) : charges;
            if (last >= stage.from()) {
                parts.add(new SelfComposed(charge(noiseMultiplier * stage.factor()), last - stage.from() + 1));
            }
        }
        return parts.size() == 1 ? parts.get(0) : new Composed(parts);
    }

    /** Without sampling a whole run is one release of the matrix's sensitivity; lots of cyclic parts are one a round. */
    private DpEvent correlatedRun(CorrelatedNoise noise, double noiseMultiplier) {
        for (Parameter parameter :
                List.of(Parameter.NOISE_SCHEDULE, Parameter.COUNT_NOISE, Parameter.RELEASES_PER_LOT)) {
            exclude(Parameter.CORRELATED_NOISE, parameter);
        }
        double sigma = noiseMultiplier / (relation() == NeighboringRelation.REPLACE_ONE ? 2 : 1);
        long steps = steps();
        return switch (sampling()) {
            case GIVEN_BATCHES -> {
                requirePossiblePasses(steps);
                yield new Gaussian(weakened(sigma, noise, steps, participations(), separation()));
            }
            case POISSON -> {
                for (Parameter parameter : List.of(Parameter.PARTICIPATIONS, Parameter.SEPARATION)) {
                    if (has(parameter)) {
                        throw new IllegalArgumentException(
                                parameter.column() + " must not be given for Poisson lots, whose bands say it");
                    }
                }
                double probability = has(Parameter.SAMPLING_PROBABILITY)
                        ? noise.bands() * samplingProbability()
                        : noise.bands() * positive(Parameter.LOT_SIZE) / whole(Parameter.EXAMPLES);
                samplingProbability(); // checks the sizes
                if (!noise.isBanded() || !(probability <= 1)) {
                    throw new IllegalArgumentException("correlated_noise must be "
                            + (noise.isBanded()
                                    ? "of at most 1 / sampling_probability bands, was of " + noise.bands()
                                    : "band-mf or banded-square-root for Poisson lots, was " + noise.code()));
                }
                yield new SelfComposed(
                        new PoissonSampled(probability, new Gaussian(weakened(sigma, noise, steps, 1, noise.bands()))),
                        -Math.floorDiv(-steps, (long) noise.bands()));
            }
            case FIXED_SIZE, RANDOM_ALLOCATION ->
                throw new IllegalArgumentException(
                        "sampling must be given-batches or poisson for correlated noise, was "
                                + Parameter.text(sampling()) + "; no cost is known of others");
        };
    }

    /** The noise multiplier of the event, rounded down. */
    private static double weakened(
            double sigma, CorrelatedNoise noise, long steps, long participations, long separation) {
        return Math.nextDown(sigma
                / CorrelationMatrix.of(noise, steps, participations, separation).sensitivity());
    }

    /** Refuses less than the sizes of data and lots say about the lots of an example. */
    private void requirePossiblePasses(long steps) {
        if (!has(Parameter.EXAMPLES) || !has(Parameter.LOT_SIZE)) {
            return;
        }
        if (participations() < passes(steps)) {
            throw new IllegalArgumentException("participations must be at least the " + passes(steps) + " passes that "
                    + steps + " lots take, was " + participations());
        }
        long lotsOfPass = (long) Math.ceil(whole(Parameter.EXAMPLES) / positive(Parameter.LOT_SIZE));
        if (participations() > 1 && separation() > lotsOfPass) {
            throw new IllegalArgumentException("separation must be at most the " + lotsOfPass
                    + " lots of a pass, which are all that lie between two lots of an example, was " + separation()
                    + "; leave it out for the same order in every pass, or give 1 for any order");
        }
    }

    private long participations() {
        return has(Parameter.PARTICIPATIONS) ? (long) whole(Parameter.PARTICIPATIONS) : passes();
    }

    private long separation() {
        return has(Parameter.SEPARATION)
                ? (long) whole(Parameter.SEPARATION)
                : Math.max(1, (long) (whole(Parameter.EXAMPLES) / whole(Parameter.LOT_SIZE)));
    }

    /** What holds of a run whose lots are no samples: a pass over the data is one release, with the least noise there is. */
    DpEvent withoutSampling() {
        double factor =
                stages().stream().mapToDouble(NoiseStages.Stage::factor).min().orElseThrow();
        return new SelfComposed(releases(number(Parameter.NOISE_MULTIPLIER) * factor), passes());
    }

    private List<NoiseStages.Stage> stages() {
        return values.get(Parameter.NOISE_SCHEDULE) instanceof NoiseStages schedule
                ? schedule.stages()
                : List.of(new NoiseStages.Stage(1, 1));
    }

    private DpEvent charge(double noiseMultiplier) {
        DpEvent releases = releases(noiseMultiplier);
        return switch (sampling()) {
            case POISSON -> new PoissonSampled(samplingProbability(), releases);
            case FIXED_SIZE -> {
                samplingProbability(); // checks the sizes
                yield new SampledWithoutReplacement(examples(), (long) whole(Parameter.LOT_SIZE), releases);
            }
            case RANDOM_ALLOCATION -> new RandomAllocation(lotsPerPass(), releases);
            case GIVEN_BATCHES -> {
                if (has(Parameter.SAMPLING_PROBABILITY) || has(Parameter.LOT_SIZE)) {
                    samplingProbability();
                }
                yield releases;
            }
        };
    }

    /** What is released about one lot: replacing an example moves a sum by two clipping norms, and a count by one. */
    private DpEvent releases(double noiseMultiplier) {
        double sensitivity = relation() == NeighboringRelation.REPLACE_ONE ? 2 : 1;
        DpEvent sum = new Gaussian(noiseMultiplier / sensitivity);
        if (has(Parameter.RELEASES_PER_LOT)) {
            exclude(Parameter.RELEASES_PER_LOT, Parameter.COUNT_NOISE);
            return new SelfComposed(sum, (long) whole(Parameter.RELEASES_PER_LOT));
        }
        if (has(Parameter.COUNT_NOISE)) {
            // One example moves the count, less half the lot size, by 1/2.
            return new Composed(List.of(sum, new Gaussian(2 * positive(Parameter.COUNT_NOISE) / sensitivity)));
        }
        return sum;
    }

    /** What the answer is about, in a few words. */
    String description() {
        List<String> words = new ArrayList<>();
        if (groupSize() > 1) {
            words.add("groups of " + groupSize());
        }
        words.add(Parameter.text(relation()) + (isOfExamples() ? "" : " of one " + unit()));
        words.add(run.event() == null ? sampling().description() : run.description());
        if (values.get(Parameter.CORRELATED_NOISE) instanceof CorrelatedNoise noise) {
            words.add("correlated noise: " + noise.describe());
        }
        if (has(Parameter.NOISE_SCHEDULE)) {
            words.add("noise times " + values.get(Parameter.NOISE_SCHEDULE));
        }
        if (earlier.event() != null) {
            words.add("with " + earlier.description());
        }
        return String.join(", ", words);
    }

    /** Why delta is too large to mean anything, or null where it is not known to be. */
    @Nullable
    String deltaWarning() {
        double delta = number(Parameter.DELTA);
        if (!has(Parameter.EXAMPLES)) {
            return delta == 1 ? "delta is 1: everything has that guarantee" : null;
        }
        double share = 1 / whole(Parameter.EXAMPLES);
        return delta >= share
                ? "delta must be well below 1 / examples = " + significant(share) + " to mean anything, was " + delta
                        + ": publishing one example outright has that delta"
                : null;
    }

    static String significant(double value) {
        return String.format(Locale.ROOT, "%.3g", value);
    }

    static String text(Object value) {
        if (value instanceof Enum<?> constant) {
            return Parameter.text(constant);
        }
        if (value instanceof CorrelatedNoise noise) {
            return noise.code();
        }
        if (value instanceof Double number) {
            return number == Math.rint(number) && Math.abs(number) < 1e15
                    ? String.format(Locale.ROOT, "%.0f", number)
                    : number.toString();
        }
        return value.toString();
    }
}
