// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

/** A question for the largest count that a guarantee allows: its answer is a whole number. */
abstract class CountCommand extends QuestionCommand {
    private final String counted;

    /** @param counted what is counted, in words */
    CountCommand(String counted) {
        this.counted = counted;
    }

    @Override
    final String explanation(Setting setting) {
        return "is the largest " + counted + " within epsilon " + setting.number(Parameter.EPSILON) + " at delta "
                + setting.number(Parameter.DELTA) + " (" + setting.description() + ", " + setting.accountantKind()
                + ")";
    }

    @Override
    final String exact(double value) {
        return Setting.text(value);
    }

    @Override
    final String plain(double value) {
        return exact(value);
    }
}
