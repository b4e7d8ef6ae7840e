// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import io.github.dl4jdp.accountant.DpEvent;
import io.github.dl4jdp.accountant.PrivacyLedger.Head;
import io.github.dl4jdp.core.internal.charging.PrivacyAccount;
import io.github.dl4jdp.core.mechanism.TrainableLayer;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * How far a run has come, for its report.
 *
 * @param steps lots released so far
 * @param remainingSteps lots that the plan still allows
 * @param epsilon spent so far, infinite without noise
 * @param epsilonAtEnd once the plan is at its end, of everything; at least {@code epsilon}
 * @param momentsEpsilon the moments accountant's epsilon, where the plan's accountant is a tighter one
 * @param clippingNorm in force for the next lot
 * @param history what was charged under other plans before this one
 * @param account everything that went into the network's parameters
 * @param spent everything released so far, as the accountant composes it
 * @param hasLedger whether what is spent is kept in one
 * @param ledger the last line of the ledger, if there is one
 * @param layers that trained
 * @param assumptions of the rules and of the preprocessors that the training data went through
 * @param augments whether examples were augmented
 * @param noiseBegan after how many charges correlated noise began anew
 * @param shapesMatter whether the number of time steps, or of pixels, of an example changes gradients
 */
record RunState(
        long steps,
        long remainingSteps,
        double epsilon,
        double epsilonAtEnd,
        OptionalDouble momentsEpsilon,
        double clippingNorm,
        List<String> history,
        PrivacyAccount account,
        DpEvent spent,
        boolean hasLedger,
        Optional<Head> ledger,
        List<TrainableLayer> layers,
        List<String> assumptions,
        boolean augments,
        long noiseBegan,
        boolean shapesMatter) {}
