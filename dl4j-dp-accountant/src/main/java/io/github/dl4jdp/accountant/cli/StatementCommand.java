// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import java.io.IOException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(name = "statement", description = "A privacy statement in plain words, as Markdown or JSON.")
final class StatementCommand extends SettingCommand {
    @Option(names = "--json", description = "JSON instead of Markdown.")
    boolean json;

    StatementCommand() {
        super(and(
                without(RUN_OF_ANY_NOISE, Parameter.GROUP_SIZE),
                Parameter.NOISE_MULTIPLIER,
                Parameter.DELTA,
                Parameter.EVENT,
                Parameter.LEDGER,
                Parameter.GROUPS,
                Parameter.CLIPPING_NORM));
    }

    @Override
    public Integer call() throws IOException {
        Statement statement = new Statement(setting(given()));
        out().println(json ? statement.json() : statement.markdown());
        statement.grade().warning().ifPresent(this::warn);
        printWarnings();
        return 0;
    }
}
