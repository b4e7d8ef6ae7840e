// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/**
 * The accountant on the command line.
 *
 * <p>Exit codes: 0 for an answer, 1 where a file cannot be read or written, 2 for bad arguments. Errors go to standard error.
 */
@Command(
        name = "dl4j-dp-accountant",
        mixinStandardHelpOptions = true,
        version = "dl4j-dp-accountant 0.1.0",
        description = "Differential privacy accounting for DP-SGD with Poisson lots and Gaussian noise.",
        subcommands = {
            EpsilonCommand.class,
            NoiseCommand.class,
            DeltaCommand.class,
            SearchCommand.class,
            StatementCommand.class,
            PlotCommand.class
        },
        synopsisSubcommandLabel = "COMMAND")
public final class AccountantCommand {

    private AccountantCommand() {}

    /** Runs the command line and exits. */
    public static void main(String[] arguments) {
        System.exit(run(writer(System.out), writer(System.err), arguments));
    }

    private static PrintWriter writer(PrintStream stream) {
        return new PrintWriter(stream, true, StandardCharsets.UTF_8);
    }

    /** Runs the command line with the given outputs and returns the exit code. */
    static int run(PrintWriter out, PrintWriter err, String... arguments) {
        CommandLine commands = new CommandLine(new AccountantCommand())
                .setOut(out)
                .setErr(err)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setExecutionExceptionHandler(AccountantCommand::explain);
        commands.getSubcommands().values().forEach(command -> command.getCommandSpec()
                .mixinStandardHelpOptions(true));
        if (arguments.length == 0) {
            commands.usage(err);
            return CommandLine.ExitCode.USAGE;
        }
        return commands.execute(arguments);
    }

    private static int explain(Exception e, CommandLine command, CommandLine.ParseResult parsed) throws Exception {
        if (e instanceof IllegalArgumentException) {
            command.getErr().println(Objects.requireNonNullElse(e.getMessage(), "bad arguments"));
            command.getErr().println("Try '" + command.getCommandSpec().qualifiedName() + " --help'.");
            return CommandLine.ExitCode.USAGE;
        }
        if (e instanceof IOException) {
            command.getErr().println("cannot read or write: " + e.getMessage());
            return CommandLine.ExitCode.SOFTWARE;
        }
        throw e;
    }
}
