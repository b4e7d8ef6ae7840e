// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.NoiseCalibration;
import io.github.dl4jdp.accountant.PrivacyAccountant;
import picocli.CommandLine.Command;

/** The questions about one training run. */
final class Questions {
    private Questions() {}

    private static String guarantee(Setting setting) {
        return "epsilon " + setting.number(Parameter.EPSILON) + " at delta " + setting.number(Parameter.DELTA);
    }

    private static NoiseCalibration calibration(Setting setting) {
        return NoiseCalibration.to(setting.target()).withAccountant(setting.accountantKind());
    }

    @Command(name = "epsilon", description = "The epsilon that a training run costs, or that a ledger has spent.")
    static final class Epsilon extends QuestionCommand {
        Epsilon() {
            super(
                    Parameter.EPSILON,
                    and(
                            RUN_OF_ANY_NOISE,
                            Parameter.NOISE_MULTIPLIER,
                            Parameter.DELTA,
                            Parameter.EVENT,
                            Parameter.LEDGER));
        }

        @Override
        String subject(Setting setting) {
            return "epsilon at delta " + setting.number(Parameter.DELTA);
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

    @Command(
            name = "delta",
            description = "The delta of a training run, or of what a ledger has spent, at a given epsilon.")
    static final class Delta extends QuestionCommand {
        Delta() {
            super(
                    Parameter.DELTA,
                    and(
                            RUN_OF_ANY_NOISE,
                            Parameter.NOISE_MULTIPLIER,
                            Parameter.EPSILON,
                            Parameter.EVENT,
                            Parameter.LEDGER));
        }

        @Override
        String subject(Setting setting) {
            return "delta at epsilon " + setting.number(Parameter.EPSILON);
        }

        @Override
        double answer(Setting setting) {
            double target = setting.number(Parameter.EPSILON);
            double delta = setting.accountant().compose(setting.event()).delta(target);
            warn(setting.with(Parameter.DELTA, delta).deltaWarning());
            return delta;
        }
    }

    @Command(name = "noise", description = "The noise multiplier that a guarantee needs.")
    static final class Noise extends QuestionCommand {
        Noise() {
            super(Parameter.NOISE_MULTIPLIER, and(RUN_OF_ANY_NOISE, Parameter.EPSILON, Parameter.DELTA));
        }

        @Override
        String subject(Setting setting) {
            return "the noise multiplier for " + guarantee(setting);
        }

        @Override
        double answer(Setting setting) {
            warn(setting.deltaWarning());
            return calibration(setting).noiseMultiplier(setting::event);
        }
    }

    @Command(name = "steps", description = "The largest number of steps that a guarantee allows.")
    static final class Steps extends QuestionCommand {
        /** Where {@link NoiseCalibration#steps} stops looking. */
        private static final double LARGEST = 0x1p40;

        Steps() {
            super(
                    Parameter.STEPS,
                    and(
                            without(RUN, Parameter.STEPS, Parameter.EPOCHS),
                            Parameter.NOISE_MULTIPLIER,
                            Parameter.EPSILON,
                            Parameter.DELTA));
        }

        @Override
        String subject(Setting setting) {
            return "the largest number of steps within " + guarantee(setting);
        }

        @Override
        double answer(Setting setting) {
            warn(setting.deltaWarning());
            double sigma = setting.number(Parameter.NOISE_MULTIPLIER);
            double steps = calibration(setting).steps(count -> setting.event(sigma, count));
            if (steps == LARGEST) {
                warn("steps were tried up to 2^40, and even so many are within the guarantee");
            }
            return steps;
        }
    }

    @Command(
            name = "lot-size",
            description = "The largest lot size that a guarantee allows: one more example in a lot would exceed it.")
    static final class LotSize extends QuestionCommand {
        LotSize() {
            super(
                    Parameter.LOT_SIZE,
                    and(
                            without(RUN, Parameter.SAMPLING_PROBABILITY, Parameter.LOT_SIZE, Parameter.LOTS_PER_PASS),
                            Parameter.NOISE_MULTIPLIER,
                            Parameter.EPSILON,
                            Parameter.DELTA));
        }

        @Override
        String subject(Setting setting) {
            return "the largest lot size within " + guarantee(setting);
        }

        @Override
        double answer(Setting setting) {
            if (setting.sampling().chargesByPass()) {
                throw new IllegalArgumentException("sampling must be poisson or fixed-size, was "
                        + Parameter.text(setting.sampling()) + ", whose cost does not depend on the lot size");
            }
            warn(setting.deltaWarning());
            double sigma = setting.number(Parameter.NOISE_MULTIPLIER);
            return calibration(setting)
                    .lotSize(setting.examples(), size -> setting.with(Parameter.LOT_SIZE, (double) size)
                            .event(sigma));
        }
    }
}
