// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import java.util.Arrays;
import java.util.Objects;
import picocli.CommandLine;
import picocli.CommandLine.UnmatchedArgumentException;

/** Why a command does not take an option that others have, and what to do instead. */
final class NotTaken {
    private NotTaken() {}

    static String message(UnmatchedArgumentException e) {
        CommandLine command = e.getCommandLine();
        return e.getUnmatched().stream()
                .flatMap(given -> Arrays.stream(Parameter.values())
                        .filter(parameter ->
                                given.equals(parameter.option()) || given.startsWith(parameter.option() + "=")))
                .filter(parameter -> !command.getCommandSpec().optionsMap().containsKey(parameter.option()))
                .findFirst()
                .map(parameter -> parameter.option() + " must not be given to " + command.getCommandName()
                        + reason(command.getCommand(), parameter))
                .orElseGet(() -> Objects.requireNonNullElse(e.getMessage(), "an option is unknown"));
    }

    private static String reason(Object command, Parameter parameter) {
        return switch (parameter) {
            case CORRELATED_NOISE, PARTICIPATIONS, SEPARATION ->
                ", since correlated noise is made for a number of steps that is known beforehand; ask epsilon or noise for several --steps";
            case EARLIER_RELEASES, EARLIER_LEDGER ->
                command instanceof SearchCommand
                        ? ", which answers for the search alone; ask epsilon with --accountant rdp, --event"
                                + " '{\"type\":\"RepeatAndSelect\",...}' of the search, and " + parameter.option()
                        : "; ask epsilon";
            default -> ", which does not depend on it; leave it out";
        };
    }
}
