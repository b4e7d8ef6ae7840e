// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.AccountantKind;
import io.github.dl4jdp.accountant.CorrelatedNoise;
import io.github.dl4jdp.accountant.NeighboringRelation;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.TypeConversionException;

/** All that a question can be about. Each is an option and, unless it names a file or an event, a column of a CSV file. */
enum Parameter {
    SAMPLING_PROBABILITY("Q", "Probability that an example is in a lot."),
    STEPS("T", "Number of steps."),
    EXAMPLES("N", "Examples in the data set."),
    LOT_SIZE("L", "Size of a lot, the batch sampled for one step; for Poisson lots the expected size. Q is L / N."),
    EPOCHS("E", "Epochs instead of steps; T is E N / L, rounded up."),
    LOTS_PER_PASS("LOTS", "Random allocation: the lots of a pass; every example is in exactly one of them."),
    SAMPLING("poisson|fixed-size|random-allocation|given-batches", "How lots are sampled (default: poisson)."),
    RELATION(
            "add-or-remove-one|zero-out|replace-one",
            "Which data sets are neighbors (default: add-or-remove-one for Poisson lots and random allocation, replace-one"
                    + " for lots of fixed size, zero-out for given batches)."),
    UNIT(
            "WORD",
            "What neighbors differ in one of, and what examples and lots count: patient, account (default: example; that of"
                    + " the ledger)."),
    NOISE_MULTIPLIER("S", "Noise standard deviation / clipping norm."),
    NOISE_SCHEDULE(
            "FROM:FACTOR,...",
            "Factors of the noise multiplier, each from a step on; for random allocation and given batches, from a pass on."),
    COUNT_NOISE("B", "Adaptive clipping: noise standard deviation of the count, in examples."),
    RELEASES_PER_LOT("K", "Truncated backpropagation: noised sums about one lot (default: 1)."),
    CORRELATED_NOISE(
            "lambda-cgd:LAMBDA|bisr:BANDS|banded-square-root:BANDS|band-mf:BANDS",
            "Correlated noise of given batches, or with band-mf and banded-square-root of Poisson lots from cyclic parts; the"
                    + " noise multiplier is that of the independent draws."),
    PARTICIPATIONS("K", "Correlated noise of given batches: the most lots of an example (default: the passes)."),
    SEPARATION(
            "B",
            "Correlated noise of given batches: from a lot of an example to its next one there are at least so many lots"
                    + " (default: N / L, rounded down, for the same order in every pass)."),
    GROUP_SIZE("G", "Examples that join or leave together, such as those of one person (default: 1)."),
    ACCOUNTANT("rdp|pld", "pld is tight, rdp the moments accountant (default: pld)."),
    EPSILON("E", "Epsilon of the guarantee."),
    DELTA("D", "Delta of the guarantee."),
    EXPECTED_RUNS("K", "Expected number of runs."),
    DISTRIBUTION(
            "logarithmic|geometric|poisson",
            "Distribution of the number of runs (default: logarithmic, the cheapest of them)."),
    SHAPE("H", "Instead of the distribution: shape of the truncated negative binomial distribution, > -1."),
    RUN_EPSILON(
            "R",
            "Instead of the noise multiplier: the epsilon to which each run is calibrated, by --accountant and at the"
                    + " same delta."),
    EVENT(
            "EVENT",
            "Instead of a run: an event as JSON, or a file that contains it, with noise multipliers relative to the"
                    + " sensitivity under the relation."),
    LEDGER("FILE", "Instead of a run: what this privacy ledger has charged, under its relation."),
    EARLIER_RELEASES("EVENT", "Other releases about the same data, as an event."),
    EARLIER_LEDGER("FILE", "Also include what this privacy ledger has charged."),
    GROUPS("G,...", "Sizes of the groups of examples to report (default: 2)."),
    CLIPPING_NORM("C", "Clipping norm, to be printed; epsilon does not depend on it.");

    private static final Pattern NUMBER =
            Pattern.compile("[+-]?((\\d+(\\.\\d*)?|\\.\\d+)([eE][+-]?\\d+)?|Infinity)|NaN");
    private static final Pattern ZERO = Pattern.compile("[+-]?[0.]*([eE].*)?");
    private static final Pattern WORD = Pattern.compile("\\p{L}[\\p{L}\\p{N} _-]{0,39}");
    private static final Pattern COMMA = Pattern.compile(",");

    private final String label;
    private final String description;

    Parameter(String label, String description) {
        this.label = label;
        this.description = description;
    }

    /** The name as a column and in messages. */
    String column() {
        return name().toLowerCase(Locale.ROOT);
    }

    String option() {
        return "--" + column().replace('_', '-');
    }

    String label() {
        return label;
    }

    boolean isColumn() {
        return switch (this) {
            case UNIT, EVENT, LEDGER, EARLIER_RELEASES, EARLIER_LEDGER, GROUPS, CLIPPING_NORM -> false;
            default -> true;
        };
    }

    OptionSpec spec() {
        return OptionSpec.builder(option())
                .paramLabel(label)
                .description(description)
                .type(Object.class)
                .converters(text -> {
                    try {
                        return read(text);
                    } catch (IllegalArgumentException e) {
                        throw new TypeConversionException(e.getMessage());
                    }
                })
                .build();
    }

    /**
     * The value that a text stands for.
     *
     * @throws IllegalArgumentException if it stands for none; the message lacks the name of the parameter
     */
    Object read(String text) {
        return switch (this) {
            case SAMPLING -> constant(LotSampling.class, text);
            case RELATION -> constant(NeighboringRelation.class, text);
            case ACCOUNTANT -> constant(AccountantKind.class, text);
            case DISTRIBUTION -> constant(SearchCommand.Distribution.class, text);
            case UNIT -> unit(text);
            case NOISE_SCHEDULE -> NoiseStages.parse(text);
            case CORRELATED_NOISE -> CorrelatedNoise.parse(text.trim());
            case GROUPS -> sizes(text);
            case EVENT, LEDGER, EARLIER_RELEASES, EARLIER_LEDGER -> text;
            default -> number(text);
        };
    }

    /** A decimal number; one that is not zero does not become zero. */
    static Double number(String text) {
        if (!NUMBER.matcher(text).matches()) {
            throw new IllegalArgumentException(
                    "must be a number, with a point and without separators of thousands, was "
                            + (text.isEmpty() ? "empty" : text));
        }
        double value = Double.parseDouble(text);
        boolean written = text.endsWith("Infinity");
        if ((Double.isInfinite(value) && !written)
                || (value == 0 && !ZERO.matcher(text).matches())) {
            throw new IllegalArgumentException("must be within the range of doubles, 5e-324 to 1.7e308, was " + text);
        }
        return value + 0.0; // -0.0 is zero
    }

    private static String unit(String text) {
        if (!WORD.matcher(text).matches()) {
            throw new IllegalArgumentException(
                    "must be a word of 1 to 40 letters, digits, spaces, hyphens or underscores, beginning with a letter, was "
                            + (text.isEmpty() ? "empty" : text));
        }
        return text;
    }

    private static List<Double> sizes(String text) {
        return COMMA.splitAsStream(text).map(part -> number(part.trim())).toList();
    }

    private static <E extends Enum<E>> E constant(Class<E> type, String text) {
        String name = text.trim().replace('-', '_').toUpperCase(Locale.ROOT);
        return Arrays.stream(type.getEnumConstants())
                .filter(constant -> constant.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("must be one of "
                        + Arrays.stream(type.getEnumConstants())
                                .map(Parameter::text)
                                .collect(Collectors.joining(", "))
                        + ", was " + (text.isEmpty() ? "empty" : text)));
    }

    /** A constant as users write it. */
    static String text(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
