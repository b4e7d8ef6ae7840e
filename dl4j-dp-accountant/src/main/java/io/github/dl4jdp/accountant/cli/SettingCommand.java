// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.PrivacyAccountant;
import io.github.dl4jdp.accountant.RdpAccountant;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** A command about a {@link Setting}: its options are made of its parameters, and nothing else can be asked. */
abstract class SettingCommand implements Callable<Integer> {
    /** What describes a training run but for its noise. */
    static final List<Parameter> RUN = List.of(
            Parameter.SAMPLING_PROBABILITY,
            Parameter.STEPS,
            Parameter.EXAMPLES,
            Parameter.LOT_SIZE,
            Parameter.LOTS_PER_PASS,
            Parameter.EPOCHS,
            Parameter.SAMPLING,
            Parameter.RELATION,
            Parameter.UNIT,
            Parameter.NOISE_SCHEDULE,
            Parameter.COUNT_NOISE,
            Parameter.RELEASES_PER_LOT,
            Parameter.GROUP_SIZE,
            Parameter.ACCOUNTANT,
            Parameter.EARLIER_RELEASES,
            Parameter.EARLIER_LEDGER);

    /** The same with correlated noise, where the number of steps is not asked for. */
    static final List<Parameter> RUN_OF_ANY_NOISE =
            and(RUN, Parameter.CORRELATED_NOISE, Parameter.PARTICIPATIONS, Parameter.SEPARATION);

    private static final int LONGEST_WARNINGS = 20;

    private final List<String> warnings = new ArrayList<>();

    @Spec
    @Nullable
    CommandSpec spec;

    private final List<Parameter> parameters;

    /** @param parameters what can be asked */
    SettingCommand(List<Parameter> parameters) {
        this.parameters = parameters;
    }

    List<Parameter> parameters() {
        return parameters;
    }

    static List<Parameter> and(List<Parameter> some, Parameter... more) {
        List<Parameter> all = new ArrayList<>(some);
        all.addAll(List.of(more));
        return List.copyOf(all);
    }

    static List<Parameter> without(List<Parameter> some, Parameter... less) {
        List<Parameter> rest = new ArrayList<>(some);
        rest.removeAll(List.of(less));
        return List.copyOf(rest);
    }

    CommandSpec spec() {
        if (spec == null) {
            throw new IllegalStateException("commands are run by picocli");
        }
        return spec;
    }

    PrintWriter out() {
        return spec().commandLine().getOut();
    }

    /** The options that were given. */
    Map<Parameter, Object> given() {
        Map<Parameter, Object> values = new EnumMap<>(Parameter.class);
        for (Parameter parameter : parameters) {
            Object value = spec().commandLine().getParseResult().matchedOptionValue(parameter.option(), null);
            if (value != null) {
                values.put(parameter, value);
            }
        }
        return values;
    }

    /** The setting of these values; notes what is to be said about the files that they name. */
    Setting setting(Map<Parameter, Object> values) throws IOException {
        Setting setting = Setting.of(values);
        setting.warnings().forEach(this::warn);
        return setting;
    }

    /** Notes what is to be said on standard error once there is an answer. */
    void warn(@Nullable String warning) {
        if (warning != null && !warnings.contains(warning)) {
            warnings.add(warning);
        }
    }

    /** Says so where other Renyi orders might do better. */
    void warnOfEdge(PrivacyAccountant accountant, double delta) {
        if (accountant instanceof RdpAccountant rdp && delta > 0 && delta < 1 && rdp.bestOrderAtEdge(delta)) {
            warn("the best Renyi order, " + rdp.bestOrder(delta) + ", is the "
                    + (rdp.bestOrder(delta) < 2 ? "smallest" : "largest")
                    + " available; epsilon is valid but may be loose, --accountant pld is tight");
        }
    }

    void printWarnings() {
        PrintWriter err = spec().commandLine().getErr();
        warnings.stream().limit(LONGEST_WARNINGS).forEach(warning -> err.println("warning: " + warning));
        if (warnings.size() > LONGEST_WARNINGS) {
            err.println("warning: and " + (warnings.size() - LONGEST_WARNINGS) + " more");
        }
    }
}
