// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The privacy target of a run and how long it may take: a mix-in of every main. */
final class PrivacyOptions {
    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // picocli sets it before anything is parsed
    private CommandSpec mixee;

    private double epsilon;

    private double delta;

    @Option(
            names = "--seed",
            paramLabel = "N",
            description =
                    "Seed of the initial weights (default: ${DEFAULT-VALUE}). Noise and sampling always come from a"
                            + " cryptographic generator.",
            defaultValue = "1")
    int seed;

    @Option(
            names = "--quick",
            description =
                    "Run everything with little data and few steps, as a check; the accuracy is" + " meaningless.")
    boolean quick;

    @Option(
            names = "--epsilon",
            paramLabel = "E",
            description = "Epsilon at the end of the run: a positive number (default: ${DEFAULT-VALUE}).")
    void setEpsilon(double value) {
        if (value > 0 && value < Double.POSITIVE_INFINITY) {
            epsilon = value;
            return;
        }
        throw new ParameterException(
                mixee.commandLine(), "Invalid value for --epsilon: must be finite and > 0, was " + value);
    }

    @Option(
            names = "--delta",
            paramLabel = "D",
            description = "Delta of the guarantee (default: ${DEFAULT-VALUE}).",
            defaultValue = "1e-5")
    void setDelta(double value) {
        if (value > 0 && value < 1) {
            delta = value;
            return;
        }
        throw new ParameterException(mixee.commandLine(), "Invalid value for --delta: must be in (0, 1), was " + value);
    }

    /** The target. */
    PrivacyGuarantee target() {
        return new PrivacyGuarantee(epsilon, delta);
    }

    /** The target epsilon. */
    double epsilon() {
        return epsilon;
    }

    /** The target delta. */
    double delta() {
        return delta;
    }
}
