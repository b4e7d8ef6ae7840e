// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Public lists of English words, lower case, for {@link HashedText#withWeights}. They were written down from general knowledge of the language, not from any data set, and cost no privacy.
 */
public final class EnglishWords {
    private EnglishWords() {}

    /** Words with little meaning of their own: articles, pronouns, prepositions, auxiliary verbs; about 130. */
    public static Set<String> functionWords() {
        return read("english-function-words.txt");
    }

    /** Words that praise or blame, in no order; about 210. Whether a word praises is left for the model to learn. */
    public static Set<String> opinions() {
        return read("english-opinion-words.txt");
    }

    private static Set<String> read(String name) {
        try (InputStream in = EnglishWords.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("resource " + name + " is missing from the class path");
            }
            return Stream.of(new String(in.readAllBytes(), StandardCharsets.UTF_8).split("\\s+"))
                    .filter(word -> !word.isEmpty())
                    .collect(Collectors.toCollection(LinkedHashSet::new));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
