// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.DoubleStream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Features of a text: which words and pairs of words it has, each in a bucket that a hash of its letters chooses. There is no vocabulary, which private texts would have to be read for.
 *
 * <pre>{@code
 * HashedText hashed = HashedText.of(4096).withWeights(EnglishWords.functionWords(), 0).withWeights(EnglishWords.opinions(), 4);
 * INDArray features = hashed.apply(texts);   // [texts, 4096]
 * }</pre>
 *
 * <p>Every word counts once, however often it stands in the text: a bucket's number is the sum of the weights of its words, each with a sign that its hash chooses too, so that words which share a bucket cancel as
 * often as they add. The vector is scaled to norm one: it then has the same say as any other under clipping.
 *
 * <p>The hash is the same on every machine, and the tables of weights are public: the features of a text depend on that text alone, and cost no privacy.
 *
 * <p>Source: K. Weinberger et al., Feature Hashing for Large Scale Multitask Learning, ICML 2009.
 */
public final class HashedText {
    private static final int MOST_BUCKETS = 1 << 24;
    private static final int LONGEST = 8;

    /** Runs of letters and digits, with apostrophes and hyphens inside. */
    private static final Pattern WORD = Pattern.compile("[\\p{L}\\p{N}]+(?:['’-][\\p{L}\\p{N}]+)*");

    private final int buckets;
    private final Function<String, List<String>> tokenizer;
    private final Map<String, Double> weights;
    private final int longest;
    private final double gramWeight;

    private HashedText(
            int buckets,
            Function<String, List<String>> tokenizer,
            Map<String, Double> weights,
            int longest,
            double gramWeight) {
        this.buckets = buckets;
        this.tokenizer = tokenizer;
        this.weights = weights;
        this.longest = longest;
        this.gramWeight = gramWeight;
    }

    /**
     * Single words, all of weight 1: lower-case runs of letters and digits.
     *
     * @param buckets the number of features, in [1, 2^24]; more than the examples' words share few, fewer get less noise
     * @throws IllegalArgumentException if it is out of range
     */
    public static HashedText of(int buckets) {
        if (buckets < 1 || buckets > MOST_BUCKETS) {
            throw new IllegalArgumentException("buckets must be in [1, 2^24], was " + buckets);
        }
        return new HashedText(buckets, HashedText::words, Map.of(), 1, 1);
    }

    private static List<String> words(String text) {
        return WORD.matcher(text.toLowerCase(Locale.ROOT))
                .results()
                .map(MatchResult::group)
                .toList();
    }

    /**
     * The same with another way from a text to its tokens, in order. A tokenizer of DataVec or DL4J fits as {@code text -> factory.create(text).getTokens()}. It must not have learned from private texts.
     */
    public HashedText withTokenizer(Function<String, List<String>> value) {
        return new HashedText(buckets, Objects.requireNonNull(value, "value"), weights, longest, gramWeight);
    }

    /**
     * The same with a weight for some tokens: 0 leaves them out, more than 1 makes them heard. The list must be public: chosen without looking at the private texts.
     *
     * @throws IllegalArgumentException if {@code weight} is negative or not finite
     */
    public HashedText withWeights(Set<String> tokens, double weight) {
        requireWeight(weight);
        Map<String, Double> more = new HashMap<>(weights);
        tokens.forEach(token -> more.put(token, weight));
        return new HashedText(buckets, tokenizer, more, longest, gramWeight);
    }

    /**
     * The same with sequences of two and more tokens beside the single ones. A sequence of tokens that all have weight 0 is left out.
     *
     * @param length of the longest sequences, in [2, 8]
     * @param weight of a sequence; well below 1, since there are many
     * @throws IllegalArgumentException if {@code length} is out of range, or {@code weight} is negative or not finite
     */
    public HashedText withSequences(int length, double weight) {
        if (length < 2 || length > LONGEST) {
            throw new IllegalArgumentException("length must be in [2, " + LONGEST + "], was " + length);
        }
        requireWeight(weight);
        return new HashedText(buckets, tokenizer, weights, length, weight);
    }

    private static void requireWeight(double weight) {
        if (!(weight >= 0 && weight < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("weight must be finite and >= 0, was " + weight);
        }
    }

    /** The number of features. */
    public int buckets() {
        return buckets;
    }

    /**
     * The features of one text.
     *
     * @return [buckets], of norm one, or zero if the text has no token of weight above 0, or all cancel
     * @throws IllegalArgumentException if the tokenizer gives no token where it should give one
     */
    public float[] apply(String text) {
        return ofTokens(tokenizer.apply(Objects.requireNonNull(text, "text")));
    }

    /**
     * The features of a text that is in tokens already.
     *
     * @throws IllegalArgumentException if a token is null
     */
    public float[] ofTokens(List<String> tokens) {
        Map<String, Double> grams = new LinkedHashMap<>();
        for (int i = 0; i < tokens.size(); i++) {
            if (tokens.get(i) == null) {
                throw new IllegalArgumentException("tokens must be texts, was null at " + i + " of " + tokens.size()
                        + "; leave out what is no token, in the tokenizer");
            }
        }
        for (int i = 0; i < tokens.size(); i++) {
            String token = tokens.get(i);
            double weight = weights.getOrDefault(token, 1.0);
            grams.put(token, weight);
            StringBuilder gram = new StringBuilder(token);
            boolean isHeard = weight > 0;
            for (int n = 2; n <= longest && i + n <= tokens.size(); n++) {
                String next = tokens.get(i + n - 1);
                isHeard |= weights.getOrDefault(next, 1.0) > 0;
                gram.append(' ').append(next);
                if (isHeard) {
                    grams.put(gram.toString(), gramWeight);
                }
            }
        }
        double[] sums = new double[buckets];
        int size = exponent(grams.values().stream().mapToDouble(Double::doubleValue));
        grams.forEach((gram, weight) -> {
            long hash = hash(gram);
            double scaled = Math.scalb(weight, -size);
            sums[(int) Long.remainderUnsigned(hash >>> 1, buckets)] += (hash & 1) == 0 ? scaled : -scaled;
        });
        int left = exponent(Arrays.stream(sums));
        for (int i = 0; i < buckets; i++) {
            sums[i] = Math.scalb(sums[i], -left);
        }
        double squares = 0;
        for (double sum : sums) {
            squares += sum * sum;
        }
        double scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
        float[] features = new float[buckets];
        for (int i = 0; i < buckets; i++) {
            features[i] = (float) (scale * sums[i]);
        }
        return features;
    }

    /** The power of two of the largest number, by which neither a sum nor a square leaves the range of doubles; a power changes no digit. */
    private static int exponent(DoubleStream numbers) {
        double largest = numbers.map(Math::abs).max().orElse(0);
        return largest > 0 ? Math.getExponent(largest) : 0;
    }

    /**
     * The features of several texts.
     *
     * @return [texts, buckets], empty if there is no text
     */
    public INDArray apply(List<String> texts) {
        if (texts.isEmpty()) {
            return Nd4j.create(DataType.FLOAT, 0, buckets);
        }
        return Nd4j.create(texts.stream().map(this::apply).toArray(float[][]::new));
    }

    /** FNV-1a over the UTF-16 code units, and then the finalizer of MurmurHash3, so that every bit depends on every letter. */
    static long hash(String gram) {
        long h = 0xcbf29ce484222325L;
        for (int i = 0; i < gram.length(); i++) {
            h = (h ^ gram.charAt(i)) * 0x100000001b3L;
        }
        h = (h ^ (h >>> 33)) * 0xff51afd7ed558ccdL;
        h = (h ^ (h >>> 33)) * 0xc4ceb9fe1a85ec53L;
        return h ^ (h >>> 33);
    }
}
