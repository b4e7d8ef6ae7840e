// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples.data;

import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Movie reviews, 1,000 positive and 1,000 negative: the polarity data set 2.0 of Pang and Lee (A Sentimental Education,
 * ACL 2004).
 *
 * <p>The texts are lower case with one space between tokens. The customary division tests on the last tenth
 * ({@code cv900} to {@code cv999} of each class).
 */
public final class ReviewData {
    /** The customary division tests on the last tenth. */
    private static final int LAST_FOLD = 9;

    /** The names begin with cv and a number of three digits. */
    private static final int FOLD_AT = 2;

    private ReviewData() {}

    /**
     * One review.
     *
     * @param tokens words and punctuation, in order
     * @param positive whether the reviewer liked the film
     */
    public record Review(List<String> tokens, boolean positive) {
        /** Copies the tokens. */
        public Review {
            tokens = List.copyOf(tokens);
        }
    }

    /**
     * Reads the reviews.
     *
     * @param folder the folder {@code txt_sentoken}, or the one it is in; null throws, since DL4J brings no copy
     * @throws MissingDataException if there are no {@code pos} and {@code neg} folders with texts
     * @throws IOException if a file cannot be read
     */
    public static TrainTest<List<Review>> load(@Nullable Path folder) throws IOException {
        return load(folder, LAST_FOLD);
    }

    /**
     * As above, tested on another tenth: 0 for {@code cv000} to {@code cv099} of each class.
     *
     * @param testFold in [0, 9]
     */
    public static TrainTest<List<Review>> load(@Nullable Path folder, int testFold) throws IOException {
        if (folder == null) {
            throw new MissingDataException(remedy("no folder was given"));
        }
        Path inner = folder.resolve("txt_sentoken");
        Path root = Files.isDirectory(inner) ? inner : folder;
        List<Review> train = new ArrayList<>();
        List<Review> test = new ArrayList<>();
        for (String polarity : List.of("pos", "neg")) {
            for (Path file : textFiles(root.resolve(polarity))) {
                boolean isTest = file.getFileName().toString().charAt(FOLD_AT) == '0' + testFold;
                (isTest ? test : train).add(new Review(tokens(file), polarity.equals("pos")));
            }
        }
        return new TrainTest<>(List.copyOf(train), List.copyOf(test));
    }

    private static String remedy(String what) {
        return "No movie reviews: " + what + ". Unpack review_polarity.tar.gz of "
                + "www.cs.cornell.edu/people/pabo/movie-review-data and pass its folder txt_sentoken with --data.";
    }

    private static List<Path> textFiles(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            throw new MissingDataException(remedy(folder + " is not a folder"));
        }
        try (Stream<Path> files = Files.list(folder)) {
            List<Path> texts = files.filter(f -> f.getFileName().toString().endsWith(".txt"))
                    .sorted()
                    .toList();
            if (texts.isEmpty()) {
                throw new MissingDataException(remedy(folder + " has no .txt files"));
            }
            return texts;
        }
    }

    private static List<String> tokens(Path file) throws IOException {
        String text;
        try {
            text = Files.readString(file, StandardCharsets.UTF_8);
        } catch (MalformedInputException e) {
            // A few reviews hold single Latin-1 letters.
            text = Files.readString(file, StandardCharsets.ISO_8859_1);
        }
        return Stream.of(text.split("\\s+")).filter(t -> !t.isEmpty()).toList();
    }
}
