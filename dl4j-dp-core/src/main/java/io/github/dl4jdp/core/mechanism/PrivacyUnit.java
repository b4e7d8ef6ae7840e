// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.mechanism;

import io.github.dl4jdp.core.internal.Require;
import java.util.regex.Pattern;

/**
 * What the guarantee protects as one: a row of the data set, or a person with all rows.
 *
 * <p><b>Formal guarantee.</b> What is sampled, clipped and counted is the unit. Of a unit with several rows at most {@code maximumRows} are chosen for a lot, as a function of the lot's key and the unit's number; the unit's
 * gradient is the mean of theirs, and is clipped as one ({@link AveragedTape}). So one unit, however many rows it has, moves a sum by the clipping norm at most, and the event of a charge is that of examples.
 *
 * @param name the word for one of them, 1 to 40 letters, digits, spaces, hyphens or underscores, beginning with a letter
 * @param maximumRows the most rows of one unit in a lot, a public constant, at least 1
 */
public record PrivacyUnit(String name, int maximumRows) {
    private static final Pattern NAME = Pattern.compile("\\p{L}[\\p{L}\\p{N} _-]{0,39}");

    /** A row is a unit. */
    public static final PrivacyUnit EXAMPLE = new PrivacyUnit("example", 1);

    /** Checks both; {@code IllegalArgumentException} if one is out of its range. */
    public PrivacyUnit {
        Require.that(
                NAME.matcher(name).matches(),
                "unit must be a word of 1 to 40 letters, digits, spaces, hyphens or underscores, such as \"patient\", was \""
                        + name + "\"");
        Require.positive("maximumRows", maximumRows);
    }

    /** Whether rows have owners. */
    public boolean isGroup() {
        return !equals(EXAMPLE);
    }

    /** The word for several. */
    public String plural() {
        if (name.equals("person")) {
            return "people";
        }
        if (name.matches(".*[^aeiou]y")) {
            return name.substring(0, name.length() - 1) + "ies";
        }
        return name + (name.matches(".*(s|x|z|ch|sh)") ? "es" : "s");
    }

    /** The unit in the words of a report. */
    public String describe() {
        return isGroup()
                ? "one " + name + " with all rows, of which a lot has at most " + maximumRows
                        + ", drawn afresh for each lot and averaged before clipping"
                : "one example";
    }
}
