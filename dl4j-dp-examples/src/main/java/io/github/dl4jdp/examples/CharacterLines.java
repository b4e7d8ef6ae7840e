// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import java.util.List;
import java.util.Random;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;

/** Lines of text for a character network: each character is to be told from those before it. */
final class CharacterLines {
    /** All characters there are; others become a space. The space is the first: it fills up short lines. */
    static final String ALPHABET = " abcdefghijklmnopqrstuvwxyz0123456789.";

    /** Characters of a line. */
    static final int LENGTH = 24;

    private static final List<String> SUBJECTS =
            List.of("the cat", "my friend", "our teacher", "the old man", "a child", "the doctor", "her dog");
    private static final List<String> VERBS = List.of("sees", "likes", "paints", "finds", "sells", "takes", "wants");
    private static final List<String> OBJECTS =
            List.of("a house", "the sea", "red apples", "12 boats", "new shoes", "the road", "365 days", "40 eggs");

    private CharacterLines() {}

    /** A random sentence, cut to a line. */
    static String sentence(Random random) {
        return pick(SUBJECTS, random) + " " + pick(VERBS, random) + " " + pick(OBJECTS, random) + ".";
    }

    private static String pick(List<String> words, Random random) {
        return words.get(random.nextInt(words.size()));
    }

    /**
     * One-hot features of all characters but the last and one-hot labels of all but the first, each [lines, characters, LENGTH - 1].
     */
    static DataSet encode(List<String> lines) {
        int times = LENGTH - 1;
        int characters = ALPHABET.length();
        var features = new float[lines.size() * characters * times];
        var labels = new float[features.length];
        for (int line = 0; line < lines.size(); line++) {
            int[] indices = indices(lines.get(line));
            int from = line * characters * times;
            for (int t = 0; t < times; t++) {
                features[from + indices[t] * times + t] = 1;
                labels[from + indices[t + 1] * times + t] = 1;
            }
        }
        return new DataSet(
                Nd4j.createFromArray(features).reshape(lines.size(), characters, times),
                Nd4j.createFromArray(labels).reshape(lines.size(), characters, times));
    }

    private static int[] indices(String line) {
        var indices = new int[LENGTH];
        for (int i = 0; i < Math.min(LENGTH, line.length()); i++) {
            indices[i] = Math.max(0, ALPHABET.indexOf(line.charAt(i)));
        }
        return indices;
    }
}
