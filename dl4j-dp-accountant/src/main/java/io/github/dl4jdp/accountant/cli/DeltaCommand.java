// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import java.util.List;
import picocli.CommandLine.Command;

@Command(
        name = "delta",
        description = "The delta of a training run, or of what a ledger has spent, at a given epsilon.")
final class DeltaCommand extends QuestionCommand {
    @Override
    List<Parameter> parameters() {
        return and(RUN, Parameter.NOISE_MULTIPLIER, Parameter.EPSILON, Parameter.EVENT, Parameter.LEDGER);
    }

    @Override
    Parameter answerName() {
        return Parameter.DELTA;
    }

    @Override
    String explanation(Setting setting) {
        return "is delta at epsilon " + setting.number(Parameter.EPSILON) + " (" + setting.description() + ", "
                + setting.accountantKind() + ")";
    }

    @Override
    double answer(Setting setting) {
        double target = setting.number(Parameter.EPSILON);
        double delta = setting.accountant().compose(setting.event()).delta(target);
        warn(setting.with(Parameter.DELTA, delta).deltaWarning());
        return delta;
    }
}
