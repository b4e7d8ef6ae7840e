// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import java.text.Normalizer;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Which parameter a column that is not known may have been meant for. Asked too often it costs a rename; too rarely, a wrong epsilon. */
final class ColumnNames {
    private static final int SHORTEST_PREFIX = 3;
    private static final int SHORTEST_WORD = 4;

    private static final Pattern INVISIBLE = Pattern.compile("[\\p{Cf}\\p{Cc}\\p{M}]");
    private static final Pattern NEW_WORD = Pattern.compile("(?<=[\\p{Ll}\\p{N}])(?=\\p{Lu})");
    private static final Pattern SEPARATORS = Pattern.compile("[^\\p{L}\\p{N}]+");
    private static final Pattern UNDERSCORE = Pattern.compile("_");

    /** Other names in use. */
    private static final Map<Parameter, List<String>> SYNONYMS = Map.ofEntries(
            Map.entry(Parameter.SAMPLING_PROBABILITY, List.of("q", "p", "samplerate")),
            Map.entry(Parameter.STEPS, List.of("t", "iterations", "iters", "rounds", "updates")),
            Map.entry(Parameter.EXAMPLES, List.of("n", "rows", "records", "datasetsize")),
            Map.entry(Parameter.LOT_SIZE, List.of("l", "b", "batch", "batchsize")),
            Map.entry(Parameter.EPOCHS, List.of("passes")),
            Map.entry(Parameter.NOISE_MULTIPLIER, List.of("s", "sigma", "\u03c3", "z", "std")),
            Map.entry(Parameter.DELTA, List.of("d", "\u03b4")),
            Map.entry(Parameter.EPSILON, List.of("e", "\u03b5", "\u03f5", "eps")),
            Map.entry(Parameter.SAMPLING, List.of("lots", "sampler")),
            Map.entry(
                    Parameter.RELATION, List.of("neighbors", "neighbours", "neighboring", "neighbouring", "adjacency")),
            Map.entry(Parameter.NOISE_SCHEDULE, List.of("schedule")),
            Map.entry(Parameter.GROUP_SIZE, List.of("k")));

    private ColumnNames() {}

    /**
     * The parameter that a name resembles, or null.
     *
     * @param used those that the command asks for, whose names are guarded widely; those of other commands are told by their spelling alone
     */
    static @Nullable Parameter resembled(String name, List<Parameter> used) {
        String visible = INVISIBLE
                .matcher(Normalizer.normalize(name, Normalizer.Form.NFKD))
                .replaceAll("");
        String words = SEPARATORS
                .matcher(NEW_WORD.matcher(visible).replaceAll("_").toLowerCase(Locale.ROOT))
                .replaceAll("_");
        List<String> parts = Arrays.stream(UNDERSCORE.split(words, -1))
                .filter(part -> !part.isEmpty())
                .toList();
        String joined = String.join("", parts);
        for (Parameter parameter : used) {
            if (SYNONYMS.getOrDefault(parameter, List.of()).contains(joined)) {
                return parameter;
            }
        }
        for (Parameter parameter : Parameter.values()) {
            String other = parameter.column().replace("_", "");
            if (joined.equals(other) || (used.contains(parameter) && isLike(joined, parts, parameter, other))) {
                return parameter;
            }
        }
        return null;
    }

    private static boolean isLike(String joined, List<String> parts, Parameter parameter, String other) {
        List<String> words = List.of(UNDERSCORE.split(parameter.column(), -1));
        boolean prefix = joined.length() >= SHORTEST_PREFIX && (other.startsWith(joined) || joined.startsWith(other));
        boolean word = joined.length() >= SHORTEST_WORD && words.contains(joined);
        int allowed = other.length() <= 5 ? 1 : other.length() <= 9 ? 2 : 3;
        return prefix
                || word
                || parts.containsAll(words)
                || (Math.abs(joined.length() - other.length()) <= allowed && distance(joined, other) <= allowed)
                || parts.stream()
                        .anyMatch(part -> part.length() >= SHORTEST_WORD
                                && words.size() == 1
                                && Math.abs(part.length() - other.length()) <= 1
                                && distance(part, other) <= 1);
    }

    /** Letters inserted, removed, changed or exchanged with the next one; a letter of another script may stand for any. */
    private static int distance(String a, String b) {
        int[][] cost = new int[a.length() + 1][b.length() + 1];
        for (int i = 0; i <= a.length(); i++) {
            for (int j = 0; j <= b.length(); j++) {
                if (i == 0 || j == 0) {
                    cost[i][j] = i + j;
                    continue;
                }
                char x = a.charAt(i - 1);
                char y = b.charAt(j - 1);
                int change = x == y || x > 0x7F ? 0 : 1;
                int least = Math.min(cost[i - 1][j - 1] + change, 1 + Math.min(cost[i - 1][j], cost[i][j - 1]));
                if (i > 1 && j > 1 && x == b.charAt(j - 2) && y == a.charAt(i - 2)) {
                    least = Math.min(least, cost[i - 2][j - 2] + 1);
                }
                cost[i][j] = least;
            }
        }
        return cost[a.length()][b.length()];
    }
}
