// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;

/** What a command line printed, and its exit code. */
record Outcome(int code, String out, String err) {
    static Outcome of(List<String> arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code = AccountantCommand.run(new PrintWriter(out), new PrintWriter(err), arguments.toArray(String[]::new));
        return new Outcome(code, out.toString(), err.toString());
    }

    /** Runs words that are separated by single spaces, and further arguments as they are. */
    static Outcome of(String line, String... more) {
        List<String> arguments = new ArrayList<>(List.of(line.trim().split(" ", -1)));
        arguments.addAll(List.of(more));
        return of(arguments);
    }

    /** One line of error, nothing printed, the exit code of bad arguments. */
    Outcome refused(String... parts) {
        assertThat(code).as(out + err).isEqualTo(2);
        assertThat(out).isEmpty();
        assertThat(err.lines()).hasSize(1);
        assertThat(err).contains(parts);
        return this;
    }

    Outcome answered() {
        assertThat(code).as(err).isZero();
        return this;
    }

    /** The number that a plain answer begins with. */
    double number() {
        answered();
        return Double.parseDouble(out.substring(0, out.indexOf(' ')));
    }
}
