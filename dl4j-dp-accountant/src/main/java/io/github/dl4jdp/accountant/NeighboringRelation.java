// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

/**
 * When two data sets count as neighbors, that is, which difference between them the guarantee hides.
 *
 * <p>An epsilon means nothing without its relation: the same training run has about twice the epsilon under
 * {@link #REPLACE_ONE} that it has under {@link #ADD_OR_REMOVE_ONE}. With per-example clipping to the norm C the sum of the
 * clipped gradients moves by at most C, C and 2 C.
 *
 * @see <a href="https://arxiv.org/abs/2303.00654">Ponomareva et al. 2023, How to DP-fy ML, section 2</a>
 */
public enum NeighboringRelation {
    /** One data set is the other plus one example; sizes differ by one. */
    ADD_OR_REMOVE_ONE("one data set has one example more than the other"),

    /** One example of one data set is replaced by a null record that contributes nothing; sizes are equal and public. */
    ZERO_OUT("one example is replaced by an empty record that contributes nothing"),

    /** One example of one data set is replaced by any other example; sizes are equal and public. */
    REPLACE_ONE("one example is replaced by any other example");

    private final String description;

    NeighboringRelation(String description) {
        this.description = description;
    }

    /** The relation in plain words, completing the sentence "two data sets are neighbors if ...". */
    public String description() {
        return description;
    }

    /**
     * As {@link #description()}, between data sets that differ in another unit of privacy than an example.
     *
     * @param unit the word for one, such as "patient"
     */
    public String description(String unit) {
        return description.replace("example", unit);
    }
}
