// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class LiraTest {
    private static Lira.Shadow shadow(double[] confidences, boolean... members) {
        return new Lira.Shadow(confidences, members);
    }

    @Test
    void scores_twoShadows_areStandardizedByTheSharedDeviation() {
        var lira = Lira.offline(List.of(
                shadow(new double[] {1, 10}, false, false),
                shadow(new double[] {3, 10}, false, false),
                shadow(new double[] {99, -99}, true, true)));

        // Means 2 and 10; the variances 2 and 0 share 1. What was trained on an example does not count.
        assertThat(lira.scores(new double[] {3, 12})).containsExactly(new double[] {1, 2}, within(1e-12));
    }

    @Test
    void scores_manyShadows_useEveryExamplesOwnDeviation() {
        var random = new Random(3);
        var shadows = new ArrayList<Lira.Shadow>();
        for (int i = 0; i < 2000; i++) {
            shadows.add(shadow(new double[] {random.nextGaussian(), 5 + 10 * random.nextGaussian()}, false, false));
        }
        double[] scores = Lira.offline(shadows).scores(new double[] {2, 25});

        // Standard deviation 0.04: false failure 1e-5.
        assertThat(scores).containsExactly(new double[] {2, 2}, within(0.2));
    }

    @Test
    void scores_examplesOfDifferentDifficulty_beatTheBareConfidence() {
        var random = new Random(4);
        int examples = 4000;
        double[] difficulty = IntStream.range(0, examples)
                .mapToDouble(i -> 5 * random.nextGaussian())
                .toArray();
        var shadows = new ArrayList<Lira.Shadow>();
        for (int s = 0; s < 8; s++) {
            shadows.add(shadow(confidences(difficulty, 0, random), new boolean[examples]));
        }
        var lira = Lira.offline(shadows);
        double[] in = confidences(difficulty, 2, random);
        double[] out = confidences(difficulty, 0, random);

        assertThat(RocCurve.of(in, out).auc()).isBetween(0.57, 0.67);
        assertThat(RocCurve.of(lira.scores(in), lira.scores(out)).auc()).isGreaterThan(0.88);
    }

    private static double[] confidences(double[] difficulty, double gain, Random random) {
        return IntStream.range(0, difficulty.length)
                .mapToDouble(i -> difficulty[i] + gain + random.nextGaussian())
                .toArray();
    }

    @Test
    void halves_leaveEveryExampleOutOfHalfTheModels() {
        List<boolean[]> halves = Lira.halves(6, 101, new Random(6));

        assertThat(halves).hasSize(6);
        for (int i = 0; i < 101; i++) {
            int example = i;
            assertThat(halves.stream().filter(half -> !half[example]).count()).isEqualTo(3);
        }
        assertThat(halves.get(0)).isNotEqualTo(halves.get(2)).isNotEqualTo(halves.get(3));
        for (int models : new int[] {2, 5}) {
            assertThatIllegalArgumentException().isThrownBy(() -> Lira.halves(models, 10, new Random()));
        }
        assertThatIllegalArgumentException().isThrownBy(() -> Lira.halves(4, 1, new Random()));
    }

    @Test
    void offline_tooFewShadows_throwsWithTheNumberNeeded() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Lira.offline(List.of()))
                .withMessageContaining("at least 2");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Lira.offline(
                        List.of(shadow(new double[] {1, 2}, false, false), shadow(new double[] {1, 2}, false, true))))
                .withMessageContaining("at least 2 for each, were 1 for example 1");
    }

    @Test
    void badArguments_throw() {
        assertThatIllegalArgumentException().isThrownBy(() -> shadow(new double[] {1}, true, false));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> shadow(new double[] {Double.POSITIVE_INFINITY}, true))
                .withMessageContaining("index 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        Lira.offline(List.of(shadow(new double[] {1}, false), shadow(new double[2], false, false))));
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> Lira.offline(List.of(shadow(new double[] {1}, false), shadow(new double[] {1}, false))))
                .withMessageContaining("all alike");
        var lira = Lira.offline(List.of(shadow(new double[] {1}, false), shadow(new double[] {2}, false)));
        assertThatIllegalArgumentException().isThrownBy(() -> lira.scores(new double[2]));
        assertThatIllegalArgumentException().isThrownBy(() -> lira.scores(new double[] {Double.NaN}));
    }
}
