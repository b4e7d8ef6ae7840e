// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

/**
 * The accountants to choose from where one is made on behalf of the caller.
 *
 * @see RdpAccountant
 * @see PldAccountant
 */
public enum AccountantKind {
    /** Renyi differential privacy, the moments accountant: fastest, a few per cent loose. */
    RDP {
        @Override
        public PrivacyAccountant create(NeighboringRelation relation) {
            return new RdpAccountant(relation);
        }
    },

    /** Privacy loss distributions: tight. */
    PLD {
        @Override
        public PrivacyAccountant create(NeighboringRelation relation) {
            return new PldAccountant(relation);
        }
    };

    /** A fresh accountant of this kind, nothing composed. */
    public abstract PrivacyAccountant create(NeighboringRelation relation);
}
