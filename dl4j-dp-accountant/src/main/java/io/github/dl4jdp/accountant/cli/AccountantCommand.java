// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import io.github.dl4jdp.accountant.PrivacyLedgerException;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;

/**
 * The accountant on the command line.
 *
 * <p>Exit codes: 0 for an answer, 1 where a file cannot be read or written or a computation fails, 2 for bad arguments or bad
 * content of a file. An error is one line on standard error, and nothing is on standard output then.
 */
@Command(
        name = "dl4j-dp-accountant",
        mixinStandardHelpOptions = true,
        versionProvider = AccountantCommand.Version.class,
        description = "Differential privacy accounting for DP-SGD.",
        synopsisSubcommandLabel = "COMMAND")
public final class AccountantCommand {
    /** What more there is of a message, such as an event of a thousand parts, is left out of its middle. */
    private static final int LONGEST_MESSAGE = 1000;

    /**
     * In the order of the help. One that is not asked for is neither made nor loaded: all of them take a third of the time of a short run. Hence no references to
     * constructors, which load their classes.
     */
    private static final Map<String, Supplier<Object>> COMMANDS = commands();

    private static final Pattern CONTROL = Pattern.compile("[\\p{Cntrl}\\p{Zl}\\p{Zp}\\s]+");

    /** The library's version, as its jar says it. */
    static final class Version implements CommandLine.IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {"dl4j-dp-accountant " + number()};
        }

        static String number() {
            return Objects.requireNonNullElse(
                    AccountantCommand.class.getPackage().getImplementationVersion(), "development");
        }
    }

    private AccountantCommand() {}

    private static Map<String, Supplier<Object>> commands() {
        var commands = new LinkedHashMap<String, Supplier<Object>>();
        commands.put("epsilon", () -> new Questions.Epsilon());
        commands.put("noise", () -> new Questions.Noise());
        commands.put("delta", () -> new Questions.Delta());
        commands.put("steps", () -> new Questions.Steps());
        commands.put("lot-size", () -> new Questions.LotSize());
        commands.put("search", () -> new SearchCommand());
        commands.put("statement", () -> new StatementCommand());
        commands.put("plot", () -> new PlotCommand());
        commands.put("verify", () -> new VerifyCommand());
        return commands;
    }

    /** Runs the command line and exits. */
    public static void main(String[] arguments) {
        if (System.getProperty("java.awt.headless") == null) {
            System.setProperty("java.awt.headless", "true"); // plots need no display
        }
        System.exit(run(writer(System.out), writer(System.err), arguments));
    }

    private static PrintWriter writer(PrintStream stream) {
        return new PrintWriter(stream, true, StandardCharsets.UTF_8);
    }

    /** Runs the command line with the given outputs and returns the exit code. */
    static int run(PrintWriter out, PrintWriter err, String... arguments) {
        if (arguments.length == 0) {
            commands(out, err, "").usage(err);
            return CommandLine.ExitCode.USAGE;
        }
        StringWriter answer = new StringWriter();
        int code;
        try {
            code = commands(new PrintWriter(answer), err, arguments[0]).execute(arguments);
        } catch (RuntimeException | OutOfMemoryError | StackOverflowError e) {
            code = explain(e, err, "dl4j-dp-accountant");
        }
        if (code != CommandLine.ExitCode.OK) {
            return code;
        }
        out.print(answer);
        out.flush();
        if (out.checkError()) {
            print(err, "standard output must be writable for the answer, but cannot be written to");
            return CommandLine.ExitCode.SOFTWARE;
        }
        return code;
    }

    /** @param asked the command that is asked for; all of them if it is none */
    private static CommandLine commands(PrintWriter out, PrintWriter err, String asked) {
        CommandLine commands = new CommandLine(new AccountantCommand());
        COMMANDS.forEach((name, command) -> {
            if (name.equals(asked) || !COMMANDS.containsKey(asked)) {
                commands.addSubcommand(name, command.get());
            }
        });
        commands.getSubcommands().values().forEach(AccountantCommand::complete);
        return commands.setOut(out)
                .setErr(err)
                .setExpandAtFiles(false)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setParameterExceptionHandler((e, given) ->
                        explain(e, err, e.getCommandLine().getCommandSpec().qualifiedName()))
                .setExecutionExceptionHandler((e, command, parsed) ->
                        explain(e, err, command.getCommandSpec().qualifiedName()));
    }

    private static void complete(CommandLine command) {
        CommandSpec spec = command.getCommandSpec();
        spec.mixinStandardHelpOptions(true).versionProvider(new Version());
        if (command.getCommand() instanceof SettingCommand setting) {
            setting.parameters().forEach(parameter -> spec.addOption(parameter.spec()));
        }
    }

    private static int explain(Throwable e, PrintWriter err, String command) {
        String given = e instanceof CommandLine.UnmatchedArgumentException unmatched
                ? NotTaken.message(unmatched)
                : e.getMessage();
        String message = Objects.requireNonNullElse(given, "")
                .replace("use PldAccountant, in a plan withAccountant(AccountantKind.PLD)", "use --accountant pld")
                .replace("use RdpAccountant, in a plan withAccountant(AccountantKind.RDP)", "use --accountant rdp");
        String help = " (see '" + command + " --help')";
        if (e instanceof InvalidPathException) {
            print(err, "a file name must be valid on this system, was " + message + help);
            return CommandLine.ExitCode.USAGE;
        }
        if (e instanceof ArithmeticException) {
            print(err, "counts must stay below 2^63: " + message + help);
            return CommandLine.ExitCode.USAGE;
        }
        if (e instanceof IllegalArgumentException || e instanceof CommandLine.ParameterException) {
            print(err, (message.isEmpty() ? "bad arguments" : message) + help);
            return CommandLine.ExitCode.USAGE;
        }
        if (e instanceof PrivacyLedgerException || e instanceof IllegalStateException) {
            print(err, message);
        } else if (e instanceof IOException) {
            print(err, "cannot read or write: " + reason(e) + message);
        } else if (e instanceof OutOfMemoryError) {
            print(err, "not enough memory; give java a larger -Xmx, or reduce the question");
        } else {
            print(err, "internal error, please report it: " + e);
        }
        return CommandLine.ExitCode.SOFTWARE;
    }

    /** What the messages of some exceptions, which are only the file's name, leave out. */
    private static String reason(Throwable e) {
        return e instanceof NoSuchFileException
                ? "there is no file "
                : e instanceof AccessDeniedException ? "no permission for " : "";
    }

    /** One line, whatever was in the arguments. */
    private static void print(PrintWriter err, String message) {
        String line = CONTROL.matcher(message).replaceAll(" ").trim();
        int half = LONGEST_MESSAGE / 2;
        err.println(
                line.length() <= LONGEST_MESSAGE
                        ? line
                        : line.substring(0, half) + " ... " + line.substring(line.length() - half));
        err.flush();
    }
}
