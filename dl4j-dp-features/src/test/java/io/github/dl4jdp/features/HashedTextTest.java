// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.weights.WeightInit;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Nesterovs;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

class HashedTextTest {
    /** A power of two in all weights changes nothing, whatever its size, and no sum or square leaves the range of doubles. */
    @Test
    void ofTokens_weightsOfAnySize_haveNormOne() {
        List<String> tokens = IntStream.range(0, 40).mapToObj(i -> "word" + i).toList();
        Set<String> all = Set.copyOf(tokens);
        float[] plain = HashedText.of(8).ofTokens(tokens);
        assertThat(dot(plain, plain)).isCloseTo(1, within(1e-6));
        for (double weight : new double[] {Double.MIN_VALUE, 0x1p-600, 0x1p600, 0x1p1023}) {
            assertThat(HashedText.of(8).withWeights(all, weight).ofTokens(tokens))
                    .isEqualTo(plain);
        }
        for (double weight : new double[] {1e-200, 1e200, Double.MAX_VALUE}) {
            float[] one = HashedText.of(8).withWeights(Set.of("word1"), weight).ofTokens(tokens);
            assertThat(dot(one, one)).isCloseTo(1, within(1e-6));
        }
        assertThat(HashedText.of(8).withWeights(all, 0).ofTokens(tokens)).containsOnly(0);
    }

    @Test
    void apply_noTextOrNoToken_isEmptyOrRefused() {
        HashedText hashed = HashedText.of(8);
        assertThat(hashed.apply(List.of()).shape()).containsExactly(0, 8);
        assertThat(hashed.apply(List.of("")).toFloatVector()).containsOnly(0).hasSize(8);
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        hashed.withTokenizer(text -> Arrays.asList("a", null)).apply("a b"))
                .withMessageContaining("tokens must be texts, was null at 1 of 2; leave out what is no token");
    }

    private static double dot(float[] a, float[] b) {
        return IntStream.range(0, a.length)
                .mapToDouble(i -> (double) a[i] * b[i])
                .sum();
    }

    /** The sample of docs/texts.md. */
    @Test
    void hashedText_sample_trains() {
        List<String> texts = IntStream.range(0, 200)
                .mapToObj(i -> (i % 2 == 0 ? "An excellent film, number " : "A boring film, number ") + i)
                .toList();
        INDArray labels = Nd4j.create(IntStream.range(0, 200)
                .mapToObj(i -> i % 2 == 0 ? new float[] {0, 1} : new float[] {1, 0})
                .toArray(float[][]::new));

        HashedText hashed = HashedText.of(4096)
                .withWeights(EnglishWords.functionWords(), 0) // left out
                .withWeights(EnglishWords.opinions(), 4); // heard: public lists, so they cost nothing
        DataSet train = new DataSet(hashed.apply(texts), labels);

        MultiLayerNetwork net = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .updater(new Nesterovs(12, 0.9)) // features have norm one: a high learning rate
                .list()
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nIn(hashed.buckets())
                        .nOut(2)
                        .hasBias(false)
                        .weightInit(WeightInit.ZERO)
                        .activation(Activation.SOFTMAX)
                        .build())
                .build());
        net.init();
        int n = 200; // texts: a constant, not counted
        DpSgdPlan plan = DpSgdPlan.poisson(n, n) // everything in every lot
                .withSteps(40)
                .withClippingNorm(0.3)
                .calibratedTo(new PrivacyGuarantee(3.0, 1e-5));
        PrivacyEngine engine = PrivacyEngine.attach(net, plan);
        net.fit(engine.lots(train), plan.epochs());

        assertThat(engine.epsilon()).isLessThanOrEqualTo(3);
        INDArray output = net.output(hashed.apply(List.of("excellent", "boring")));
        assertThat(output.getDouble(0, 1)).isGreaterThan(0.5);
        assertThat(output.getDouble(1, 1)).isLessThan(0.5);
    }

    @Test
    void apply_anyText_hasNormOneAndIgnoresOrderCaseAndRepetition() {
        HashedText hashed = HashedText.of(512);
        float[] one = hashed.apply("Don't panic, dear reader!");
        assertThat(dot(one, one)).isCloseTo(1, within(1e-6));
        assertThat(hashed.apply("reader PANIC dear panic don't")).isEqualTo(one);
        assertThat(hashed.apply(" .,; ")).containsOnly(0f);
    }

    @Test
    void hash_isTheSameOnEveryMachine() {
        assertThat(HashedText.hash("")).isEqualTo(-1166397803181037274L);
        assertThat(HashedText.hash("word")).isEqualTo(5510257167405134287L);
        assertThat(HashedText.hash("naïve")).isEqualTo(-8145003899743867863L);
        float[] word = HashedText.of(8).apply("word");
        assertThat(IntStream.range(0, 8).filter(i -> word[i] != 0)).hasSize(1);
    }

    /** The bucket and the sign of 20,000 words: each count is binomial; five deviations fail once in 1.7 million, and there are 18. */
    @Test
    void hash_manyWords_isEven() {
        int[] buckets = new int[16];
        int positive = 0;
        int matches = 0;
        for (int i = 0; i < 20_000; i++) {
            float[] features = HashedText.of(16).ofTokens(List.of("w" + i));
            for (int b = 0; b < 16; b++) {
                if (features[b] != 0) {
                    buckets[b]++;
                    positive += features[b] > 0 ? 1 : 0;
                    matches += features[b] > 0 == (b % 2 == 0) ? 1 : 0;
                }
            }
        }
        for (int count : buckets) {
            assertThat(count).isBetween(1250 - 171, 1250 + 171);
        }
        assertThat(positive).isBetween(10_000 - 354, 10_000 + 354);
        assertThat(matches).isBetween(10_000 - 354, 10_000 + 354); // sign and bucket are independent
    }

    @Test
    void withWeights_zero_leavesOutAndLaterListsOverride() {
        HashedText hashed = HashedText.of(1 << 16).withWeights(Set.of("the", "not"), 0);
        assertThat(hashed.apply("the film not")).isEqualTo(hashed.apply("film"));
        assertThat(hashed.withWeights(Set.of("not"), 1).apply("film not")).isNotEqualTo(hashed.apply("film"));
        float[] heavy = hashed.withWeights(Set.of("bad"), 3).apply("bad film");
        assertThat(dot(heavy, hashed.apply("bad"))).isCloseTo(3 / Math.sqrt(10), within(1e-6));
    }

    @Test
    void withSequences_order_matters() {
        HashedText words = HashedText.of(1 << 16);
        HashedText pairs = words.withSequences(2, 0.5);
        assertThat(words.apply("good not bad")).isEqualTo(words.apply("bad not good"));
        assertThat(pairs.apply("good not bad")).isNotEqualTo(pairs.apply("bad not good"));
        assertThat(pairs.withWeights(Set.of("of", "the"), 0).apply("of the")).containsOnly(0f);
    }

    @Test
    void withTokenizer_own_isUsed() {
        HashedText letters = HashedText.of(64).withTokenizer(text -> List.of(text.split("")));
        assertThat(letters.apply("ab")).isEqualTo(letters.ofTokens(List.of("b", "a")));
        assertThat(letters.apply(List.of("ab", "c")).shape()).containsExactly(2, 64);
    }

    @Test
    void arguments_outOfRange_areRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> HashedText.of(0)).withMessageContaining("[1, 2^24]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> HashedText.of(8).withSequences(1, 0.5))
                .withMessageContaining("[2, 8]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> HashedText.of(8).withWeights(Set.of(), Double.NaN))
                .withMessageContaining("weight");
        assertThat(EnglishWords.opinions()).hasSizeGreaterThan(200).contains("boring", "excellent");
        assertThat(EnglishWords.functionWords()).hasSizeGreaterThan(100).doesNotContain("boring");
    }
}
