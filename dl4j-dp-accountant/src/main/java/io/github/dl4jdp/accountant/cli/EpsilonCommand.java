// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.PrivacyAccountant;
import java.util.List;
import picocli.CommandLine.Command;

@Command(name = "epsilon", description = "The epsilon that a training run costs, or that a ledger has spent.")
final class EpsilonCommand extends QuestionCommand {
    @Override
    List<Parameter> parameters() {
        return and(RUN, Parameter.NOISE_MULTIPLIER, Parameter.DELTA, Parameter.EVENT, Parameter.LEDGER);
    }

    @Override
    Parameter answerName() {
        return Parameter.EPSILON;
    }

    @Override
    String explanation(Setting setting) {
        return "is epsilon at delta " + setting.number(Parameter.DELTA) + " (" + setting.description() + ", "
                + setting.accountantKind() + ")";
    }

    @Override
    double answer(Setting setting) {
        double target = setting.number(Parameter.DELTA);
        PrivacyAccountant accountant = setting.accountant().compose(setting.event());
        double epsilon = accountant.epsilon(target);
        warnOfEdge(accountant, target);
        warn(setting.deltaWarning());
        return epsilon;
    }
}
