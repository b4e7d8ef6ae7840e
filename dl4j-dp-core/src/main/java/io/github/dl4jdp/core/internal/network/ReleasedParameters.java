// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import io.github.dl4jdp.core.internal.charging.PrivacyAccount;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The parameters and updater states that came out of private training in this process, by their fingerprints: a copy of them is recognized wherever it was put, {@code setParams} on a
 * network that knows of nothing for instance. The oldest are dropped beyond {@value #MOST}, some 20 MB.
 */
final class ReleasedParameters {
    private static final int MOST = 1 << 18;

    private static final Map<Long, Lineage> KNOWN = new LinkedHashMap<>();

    private ReleasedParameters() {}

    /** The account of parameters that come from one another: all of them have the latest one. */
    static final class Lineage {
        private volatile PrivacyAccount account;

        Lineage(PrivacyAccount account) {
            this.account = account;
        }

        PrivacyAccount account() {
            return account;
        }

        void setAccount(PrivacyAccount account) {
            this.account = account;
        }
    }

    /** Notes parameters; those that are known stay what they are. */
    static void add(Set<Long> fingerprints, Lineage lineage) {
        synchronized (KNOWN) {
            for (Long fingerprint : fingerprints) {
                if (ParameterFingerprints.tellsApart(fingerprint)) {
                    KNOWN.putIfAbsent(fingerprint, lineage);
                }
            }
            var oldest = KNOWN.keySet().iterator();
            while (KNOWN.size() > MOST) {
                oldest.next();
                oldest.remove();
            }
        }
    }

    /** Notes parameters, whatever was known of them: another account holds for them now. */
    static void replace(Set<Long> fingerprints, Lineage lineage) {
        synchronized (KNOWN) {
            fingerprints.forEach(KNOWN::remove);
        }
        add(fingerprints, lineage);
    }

    /**
     * Notes an array that is not known, but is a known one apart from some of its values or digits: it was changed since.
     *
     * @param account of its network, which may have forgotten the known one
     */
    static void addIfChanged(ParameterFingerprints array, PrivacyAccount account) {
        if (array.length() >= ParameterFingerprints.TELLING
                && lineageOf(array.exact()).isEmpty()) {
            accountOf(array.places())
                    .map(known -> known.without(account.forgotten().keySet()))
                    .filter(PrivacyAccount::isSpent)
                    .ifPresent(
                            known -> add(
                                    Set.of(array.exact()),
                                    new Lineage(
                                            known.withUnprotected(
                                                    "changed-" + Long.toHexString(array.exact()),
                                                    "some of the parameters of an array were changed outside an engine after private training"))));
        }
    }

    /** The account of parameters that were released here. */
    static Optional<PrivacyAccount> accountOf(long fingerprint) {
        return lineageOf(fingerprint).map(Lineage::account);
    }

    /** The lineage of parameters that were released here. */
    static Optional<Lineage> lineageOf(long fingerprint) {
        synchronized (KNOWN) {
            return Optional.ofNullable(KNOWN.get(fingerprint));
        }
    }
}
