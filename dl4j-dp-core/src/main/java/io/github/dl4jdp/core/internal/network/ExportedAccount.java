// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import java.util.Map;
import java.util.Set;
import org.deeplearning4j.nn.api.layers.LayerConstraint;
import org.deeplearning4j.nn.conf.constraint.MaxNormConstraint;
import org.jspecify.annotations.Nullable;
import org.nd4j.shade.jackson.core.JsonProcessingException;
import org.nd4j.shade.jackson.core.type.TypeReference;
import org.nd4j.shade.jackson.databind.ObjectMapper;

/**
 * An account in a model that any DL4J program loads: a constraint of DL4J's own on a parameter that does not exist, whose name is the account. It constrains nothing.
 */
final class ExportedAccount {
    private static final String START = "dl4j-dp privacy account ";
    private static final ObjectMapper JSON = new ObjectMapper();

    private ExportedAccount() {}

    static LayerConstraint of(AccountConstraint carrier) {
        try {
            return new MaxNormConstraint(1, Set.of(START + JSON.writeValueAsString(carrier.toMap())), 1);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("an account of strings and numbers could not be written as JSON", e);
        }
    }

    static boolean isOne(LayerConstraint constraint) {
        return text(constraint) != null;
    }

    private static @Nullable String text(LayerConstraint constraint) {
        return constraint instanceof MaxNormConstraint norm && norm.getParams() != null
                ? norm.getParams().stream()
                        .filter(name -> name.startsWith(START))
                        .findFirst()
                        .orElse(null)
                : null;
    }

    /**
     * The account in a constraint, or null if there is none.
     *
     * @throws IllegalArgumentException if there is one that cannot be read
     */
    static @Nullable AccountConstraint read(LayerConstraint constraint) {
        String text = text(constraint);
        if (text == null) {
            return null;
        }
        try {
            return AccountConstraint.fromMap(JSON.convertValue(
                    JSON.readTree(text.substring(START.length())), new TypeReference<Map<String, Object>>() {}));
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(
                    "the model's privacy account must be unchanged since its export; it was altered, or written by a later version of the library",
                    e);
        }
    }
}
