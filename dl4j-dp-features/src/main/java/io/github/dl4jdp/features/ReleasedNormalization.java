// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.core.DpSgdPlan;
import java.io.File;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** What {@link PrivateNormalization#release} released, and what it cost. */
public final class ReleasedNormalization {
    private final ChannelNormalization normalization;
    private final ReleaseTerms terms;

    ReleasedNormalization(ChannelNormalization normalization, ReleaseTerms terms) {
        this.normalization = normalization;
        this.terms = terms;
    }

    /** The normalization by the released means and variances. */
    public ChannelNormalization normalization() {
        return normalization;
    }

    /** What was done, relative to the sensitivity under {@link #relation()}; {@code NonPrivate} if a seed drew the noise. */
    public DpEvent event() {
        return terms.event();
    }

    /** The relation for which {@link #event()} is true. */
    public NeighboringRelation relation() {
        return terms.relation();
    }

    /** What is protected as one: "example", or the name given by {@code withUnit}. */
    public String unit() {
        return terms.unit().name();
    }

    /** The identity of this release: it is charged once under this name, in every plan, model and ledger. */
    public String identity() {
        return terms.identity();
    }

    /**
     * Writes this release, so that a script which runs again reuses it instead of paying for another release. The file is replaced when the new one is whole and on the disk.
     *
     * @throws IOException if it cannot be written; a file that is there stays as it is
     */
    public void save(File file) throws IOException {
        terms.save(file, Map.of("mean", normalization.mean(), "deviation", normalization.deviation()));
    }

    /**
     * Reads what {@link #save} wrote: the same release, charged once.
     *
     * @throws IOException if it cannot be read, or is not such a file, or not whole
     */
    public static ReleasedNormalization load(File file) throws IOException {
        return ReleaseTerms.load(
                file,
                ReleasedNormalization.class,
                List.of("mean", "deviation"),
                (terms, released) -> new ReleasedNormalization(
                        ChannelNormalization.of(
                                ReleaseTerms.numbers(released.get("mean")),
                                ReleaseTerms.numbers(released.get("deviation")),
                                terms.origin()),
                        terms));
    }

    /**
     * The plan with this release charged to it, beside what it has been charged with {@link DpSgdPlan#withOtherReleases} already. It is charged once, and a
     * release that is made again is charged again: a script that runs more than once should {@link #save} it and {@link #load} it.
     *
     * @throws IllegalArgumentException if the plan has another relation, another unit of privacy or another number of examples, or is calibrated to a guarantee
     *     that its earlier releases alone exceed
     */
    public DpSgdPlan chargedTo(DpSgdPlan plan) {
        return terms.chargedTo(plan, PrivateNormalization.class);
    }
}
