// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

/** Many events together: what they cost, never below the truth. */
interface Composition {

    /** The larger epsilon of the two directions; infinite where the computation cannot be trusted. */
    double epsilon(double delta);

    /** The larger delta of the two directions; one where the computation cannot be trusted. */
    double delta(double epsilon);

    /** Adds events of a kind that is already here. */
    void add(LossPair pair, long count);
}
