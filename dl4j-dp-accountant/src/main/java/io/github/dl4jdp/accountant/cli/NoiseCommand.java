// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.NoiseCalibration;
import java.util.List;
import picocli.CommandLine.Command;

@Command(name = "noise", description = "The noise multiplier that a guarantee needs.")
final class NoiseCommand extends QuestionCommand {
    @Override
    List<Parameter> parameters() {
        return and(RUN, Parameter.EPSILON, Parameter.DELTA);
    }

    @Override
    Parameter answerName() {
        return Parameter.NOISE_MULTIPLIER;
    }

    @Override
    String explanation(Setting setting) {
        return "is the noise multiplier for epsilon " + setting.number(Parameter.EPSILON) + " at delta "
                + setting.number(Parameter.DELTA) + " (" + setting.description() + ", " + setting.accountantKind()
                + ")";
    }

    @Override
    double answer(Setting setting) {
        warn(setting.deltaWarning());
        return NoiseCalibration.to(setting.target())
                .withAccountant(setting.accountantKind())
                .noiseMultiplier(setting::event);
    }
}
