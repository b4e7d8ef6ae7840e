// SPDX-License-Identifier: Apache-2.0
/** Differential privacy accounting in plain Java. */
module io.github.dl4jdp.accountant {
    requires com.fasterxml.jackson.core;
    requires org.apache.commons.numbers.gamma;
    requires static java.desktop;
    requires static info.picocli;
    requires static org.apache.commons.csv;
    requires static org.jspecify;
    requires static org.knowm.xchart;

    exports io.github.dl4jdp.accountant;

    opens io.github.dl4jdp.accountant.cli to
            info.picocli;
}
