// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.NoiseCalibration;
import java.util.List;
import picocli.CommandLine.Command;

@Command(
        name = "lot-size",
        description = "The largest lot size that a guarantee allows: one more example in a lot would exceed it.")
final class LotSizeCommand extends CountCommand {
    LotSizeCommand() {
        super("lot size");
    }

    @Override
    List<Parameter> parameters() {
        return and(
                without(RUN, Parameter.SAMPLING_PROBABILITY, Parameter.LOT_SIZE),
                Parameter.NOISE_MULTIPLIER,
                Parameter.EPSILON,
                Parameter.DELTA);
    }

    @Override
    Parameter answerName() {
        return Parameter.LOT_SIZE;
    }

    @Override
    double answer(Setting setting) {
        if (setting.sampling() == LotSampling.GIVEN_BATCHES) {
            throw new IllegalArgumentException(
                    "sampling must be poisson or fixed-size, was given-batches, whose cost does not depend on the lot size");
        }
        warn(setting.deltaWarning());
        double sigma = setting.number(Parameter.NOISE_MULTIPLIER);
        return NoiseCalibration.to(setting.target())
                .withAccountant(setting.accountantKind())
                .lotSize(setting.examples(), size -> setting.with(Parameter.LOT_SIZE, (double) size)
                        .event(sigma));
    }
}
