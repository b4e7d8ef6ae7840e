///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 17+
//DEPS io.github.dl4jdp:dl4j-dp-accountant:0.1.0
//DEPS info.picocli:picocli:4.7.7
//DEPS org.apache.commons:commons-csv:1.12.0
//DEPS org.knowm.xchart:xchart:3.8.8

import io.github.dl4jdp.accountant.cli.AccountantCommand;

/** The accountant's command line: accountant.java epsilon --examples 60000 --lot-size 256 --epochs 15 --noise-multiplier 1.1 --delta 1e-5. */
final class accountant {
    public static void main(String[] args) {
        AccountantCommand.main(args);
    }
}
