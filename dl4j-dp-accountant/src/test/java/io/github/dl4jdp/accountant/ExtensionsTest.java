// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import static io.github.dl4jdp.accountant.ReferenceTable.dpSgd;
import static io.github.dl4jdp.accountant.ReferenceTable.number;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.DpEvent.EpsilonDelta;
import io.github.dl4jdp.accountant.DpEvent.Gaussian;
import io.github.dl4jdp.accountant.DpEvent.Laplace;
import io.github.dl4jdp.accountant.DpEvent.PoissonSampled;
import io.github.dl4jdp.accountant.DpEvent.RepeatAndSelect;
import io.github.dl4jdp.accountant.DpEvent.SelfComposed;
import io.github.dl4jdp.accountant.DpEvent.TruncatedPoissonSampled;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.apache.commons.csv.CSVRecord;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Peers' values for mechanisms beside DP-SGD, each written with the events that there are. */
class ExtensionsTest {
    /** Not a mechanism's cost: the sensitivity of a matrix. */
    private static final Set<String> NOT_OFFERED = Set.of("bandmf_min_sep_sensitivity");

    /** Known to the accountants only as pure epsilon: the bound may be a little larger than the peers'. */
    private static final Set<String> KNOWN_BY_EPSILON =
            Set.of("exponential_mechanism", "permute_and_flip", "discrete_laplace");

    /** What a row is about, and under which relation. */
    record Case(DpEvent event, NeighboringRelation relation) {
        double epsilon(CSVRecord row) {
            PrivacyAccountant accountant = row.get("quantity").equals("eps_rdp")
                    ? new RdpAccountant(relation, RdpAccountantTest.TABLE_ORDERS)
                    : new PldAccountant(relation);
            return accountant.compose(event).epsilon(number(row, "delta"));
        }
    }

    @Test
    void epsilon_otherMechanisms_agreesWithPeers() {
        Set<String> skipped = new HashSet<>();
        for (CSVRecord row : ReferenceTable.rows("extensions.csv")) {
            Case mechanism = mechanism(row);
            if (mechanism == null) {
                skipped.add(row.get("feature"));
                continue;
            }
            double tolerance = row.get("quantity").equals("eps_rdp") ? 1e-8 : 0.01;
            if (KNOWN_BY_EPSILON.contains(row.get("feature"))) {
                tolerance = 0.01;
            } else if (row.get("feature").equals("group_privacy_no_sampling")) {
                // Printed with three decimals.
                tolerance = 1e-5;
            }
            double value = number(row, "value");
            assertThat(mechanism.epsilon(row) / value).as(row.toString()).isBetween(1 - tolerance, 1 + tolerance);
        }
        assertThat(skipped).isEqualTo(NOT_OFFERED);
    }

    /** The event of a row, or null if there is none. */
    static @Nullable Case mechanism(CSVRecord row) {
        Map<String, String> p = new HashMap<>();
        for (String parameter : row.get("params").split(";", -1)) {
            String[] parts = parameter.split("=", 2);
            p.put(parts[0], parts.length > 1 ? parts[1] : "");
        }
        return switch (row.get("feature")) {
            case "tree_aggregation_single_epoch" -> {
                // Each example is in one node of every level of the tree.
                double steps = value(p, "step_counts");
                long levels = (long) Math.ceil(Math.log(steps + 1) / Math.log(2));
                yield zeroOut(new SelfComposed(new Gaussian(value(p, "noise_multiplier")), levels));
            }
            case "bandmf_amplified" ->
                addOrRemove(dpSgd(value(p, "sampling_prob"), value(p, "noise_multiplier"), (long)
                        Math.ceil(value(p, "iterations") / value(p, "num_bands"))));
            case "dpmf_unamplified" ->
                addOrRemove(new Gaussian(value(p, "noise_multiplier") / value(p, "sensitivity")));
            case "truncated_poisson" ->
                zeroOut(new SelfComposed(
                        new TruncatedPoissonSampled(
                                value(p, "q"),
                                (long) value(p, "dataset_size"),
                                (long) value(p, "truncated_batch_size"),
                                new Gaussian(value(p, "noise_multiplier"))),
                        (long) value(p, "steps")));
            case "group_privacy_mixture_of_gaussians" -> {
                DpEvent run = dpSgd(value(p, "q"), value(p, "noise_multiplier"), (long) value(p, "steps"));
                yield addOrRemove(GroupPrivacy.event(run, (int) value(p, "group_size")));
            }
            case "group_privacy_no_sampling" -> {
                DpEvent run = new SelfComposed(new Gaussian(value(p, "noise_multiplier")), (long) value(p, "steps"));
                yield addOrRemove(GroupPrivacy.event(run, (int) value(p, "group_size")));
            }
            case "repeat_and_select" -> {
                // The base is given in words: Poisson sampled Gaussians, q = 0.01, sigma = 2, 1000 steps.
                double shape = row.get("params").contains("shape=inf") ? Double.POSITIVE_INFINITY : value(p, "shape");
                yield addOrRemove(new RepeatAndSelect(dpSgd(0.01, 2, 1000), new RunCount(value(p, "mean"), shape)));
            }
            case "laplace" -> addOrRemove(new Laplace(value(p, "b")));
            case "poisson_sampled_laplace" ->
                addOrRemove(new PoissonSampled(value(p, "q"), new Laplace(value(p, "b"))));
            case "discrete_laplace" -> addOrRemove(new EpsilonDelta(value(p, "a") * value(p, "sens"), 0));
            case "exponential_mechanism", "permute_and_flip" -> addOrRemove(new EpsilonDelta(value(p, "eps"), 0));
            case "zcdp" ->
                // rho-zCDP is what a Gaussian of that Renyi curve has.
                addOrRemove(
                        new SelfComposed(new Gaussian(Math.sqrt(1 / (2 * value(p, "rho")))), (long) value(p, "count")));
            case "randomized_response" -> {
                double lie = value(p, "p") / value(p, "k");
                double epsilon = Math.log((1 - value(p, "p") + lie) / lie);
                yield new Case(new EpsilonDelta(epsilon, 0), NeighboringRelation.REPLACE_ONE);
            }
            case "neighboring_relation_gaussian" -> zeroOut(new Gaussian(value(p, "sigma")));
            case "neighboring_relation_poisson" ->
                // There the noise is relative to the clipping norm, here to twice it.
                new Case(
                        dpSgd(value(p, "q"), value(p, "sigma") / 2, (long) value(p, "steps")),
                        NeighboringRelation.REPLACE_ONE);
            default -> null;
        };
    }

    private static double value(Map<String, String> parameters, String name) {
        String text = Objects.requireNonNull(parameters.get(name), name);
        return Double.parseDouble(text.replaceAll("[\\[\\]]", ""));
    }

    private static Case addOrRemove(DpEvent event) {
        return new Case(event, NeighboringRelation.ADD_OR_REMOVE_ONE);
    }

    private static Case zeroOut(DpEvent event) {
        return new Case(event, NeighboringRelation.ZERO_OUT);
    }
}
