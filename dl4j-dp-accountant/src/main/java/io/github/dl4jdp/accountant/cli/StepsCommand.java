// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.NoiseCalibration;
import java.util.List;
import picocli.CommandLine.Command;

@Command(name = "steps", description = "The largest number of steps that a guarantee allows.")
final class StepsCommand extends CountCommand {
    /** Where {@link NoiseCalibration#steps} stops looking. */
    private static final double LARGEST = 0x1p40;

    StepsCommand() {
        super("number of steps");
    }

    @Override
    List<Parameter> parameters() {
        return and(
                without(RUN, Parameter.STEPS, Parameter.EPOCHS),
                Parameter.NOISE_MULTIPLIER,
                Parameter.EPSILON,
                Parameter.DELTA);
    }

    @Override
    Parameter answerName() {
        return Parameter.STEPS;
    }

    @Override
    double answer(Setting setting) {
        warn(setting.deltaWarning());
        double sigma = setting.number(Parameter.NOISE_MULTIPLIER);
        double steps = NoiseCalibration.to(setting.target())
                .withAccountant(setting.accountantKind())
                .steps(count -> setting.event(sigma, count));
        if (steps == LARGEST) {
            warn("steps were tried up to 2^40, and even so many are within the guarantee");
        }
        return steps;
    }
}
