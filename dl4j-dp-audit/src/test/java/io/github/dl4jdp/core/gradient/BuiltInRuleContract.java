// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.gradient;

import io.github.dl4jdp.audit.testkit.GradientRuleContract;

/** The contract for the library's own rules, with the parts that their {@link Cases} add. */
abstract class BuiltInRuleContract extends GradientRuleContract {
    @Override
    protected GradientRules rules() {
        return GradientRules.builtIn()
                .trusting(FixedDropout.class, true, "a mask by position")
                .trusting(FixedWeightNoise.class, true, "noise by position");
    }
}
