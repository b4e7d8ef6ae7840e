// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.examples.data.FakeData;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every main from its first cell to its last, with {@code --quick}, on data that look like the real ones. */
class QuickRunsTest {
    private static final int IMAGES = 120;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private String run(Class<? extends ExampleMain> main, String... more) throws ReflectiveOperationException {
        var constructor = main.getDeclaredConstructor();
        constructor.setAccessible(true);
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        List<String> args = new ArrayList<>(List.of("--quick", "--epsilon", "2"));
        args.addAll(List.of(more));
        int exit = ExampleMain.commandLine(constructor.newInstance())
                .setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err))
                .execute(args.toArray(String[]::new));
        assertThat(exit).as(err.toString()).isZero();
        return out.toString();
    }

    @ParameterizedTest
    @CsvSource({"MnistDpSgd,", "MnistScatterNet,features", "TransferLearningHead,"})
    void digits_quick_runsToTheEnd(String main, String hasFeatures) throws Exception {
        FakeData.mnist(folder, IMAGES, IMAGES);

        assertEnds(main, hasFeatures);
    }

    @ParameterizedTest
    @CsvSource({"Cifar10Cnn,", "Cifar10PatchFeatures,features", "Cifar10ScatterNet,features"})
    void photographs_quick_runsToTheEnd(String main, String hasFeatures) throws Exception {
        FakeData.cifar(folder, IMAGES / 5, IMAGES);

        assertEnds(main, hasFeatures);
    }

    @Test
    void correlatedNoise_quick_comparesAllMethods() throws Exception {
        FakeData.mnist(folder, IMAGES, IMAGES);

        assertThat(run(CorrelatedNoiseUtility.class, "--data", folder.toString()))
                .contains("| 2, given batches, independent")
                .contains("| 8, Poisson lots, BandMF of 16 bands");
    }

    @Test
    void photographs_quickWithAugmentations_runsToTheEnd() throws Exception {
        FakeData.cifar(folder, IMAGES / 5, IMAGES);

        String out = run(Cifar10Cnn.class, "--data", folder.toString(), "--augmentations", "2");

        assertThat(out)
                .contains("2 copies of each example, averaged before clipping")
                .contains("(epsilon = 2.000, delta = 1.00e-05)")
                .contains("test accuracy");
    }

    @ParameterizedTest
    @ValueSource(strings = {"group", "weights"})
    void photographs_quickWithNormalization_runsToTheEnd(String normalization) throws Exception {
        FakeData.cifar(folder, IMAGES / 5, IMAGES);

        String out = run(Cifar10Cnn.class, "--data", folder.toString(), "--normalization", normalization);

        assertThat(out).contains("(epsilon = 2.000, delta = 1.00e-05)").contains("test accuracy");
    }

    @ParameterizedTest
    @CsvSource({"small, all, 10485", "lenet, head, 2505", "lenet, all, 1253575"})
    void transferLearning_quickBodies_trainTheWeightsSaid(String body, String part, String weights) throws Exception {
        FakeData.mnist(folder, IMAGES, IMAGES);

        String out = run(TransferLearningHead.class, "--data", folder.toString(), "--body", body, "--train", part);

        assertThat(out)
                .contains("weights that train: " + weights)
                .contains("(epsilon = 2.000, delta = 1.00e-05)")
                .contains("trained on public digits");
    }

    @ParameterizedTest
    @CsvSource({"linear, whitened", "cnn, private"})
    void scatterNet_quickModels_runToTheEnd(String model, String normalization) throws Exception {
        FakeData.cifar(folder, IMAGES / 5, IMAGES);

        String out = run(
                Cifar10ScatterNet.class,
                "--data",
                folder.toString(),
                "--features",
                folder.toString(),
                "--model",
                model,
                "--normalization",
                normalization);

        assertThat(out).contains("(epsilon = 2.000, delta = 1.00e-05)").containsPattern("accuracy");
        if (normalization.equals("private")) {
            assertThat(out).contains("Gaussian[noiseMultiplier=30.0], included in epsilon");
        }
    }

    private void assertEnds(String main, String hasFeatures) throws Exception {
        List<String> args = new ArrayList<>(List.of("--data", folder.toString()));
        if (hasFeatures != null) {
            args.addAll(List.of("--features", folder.toString()));
        }
        String out = run(
                Class.forName("io.github.dl4jdp.examples." + main).asSubclass(ExampleMain.class),
                args.toArray(String[]::new));

        assertThat(out)
                .contains("[1] The data")
                .contains("(epsilon = 2.000, delta = 1.00e-05)")
                .containsPattern("accuracy");
    }

    @Test
    void privacyUtility_quick_drawsTheCurve() throws Exception {
        FakeData.cifar(folder, IMAGES / 5, IMAGES);
        Path plot = folder.resolve("plots/curve.png");

        String out = run(
                Cifar10PrivacyUtility.class,
                "--data",
                folder.toString(),
                "--features",
                folder.toString(),
                "--plot",
                plot.toString());

        assertThat(out).containsPattern("\\| +8 \\| +1 \\|").containsPattern("\\| infinity \\|");
        assertIsPng(plot);
    }

    @Test
    void adult_quickCurve_drawsIt() throws Exception {
        Path plot = folder.resolve("adult.png");

        String out = run(AdultQuickstart.class, "--curve", "--runs", "1", "--plot", plot.toString());

        assertThat(out).contains("without privacy").containsPattern("\\| +0.25 \\| +1 \\|");
        assertIsPng(plot);
    }

    @Test
    void patients_quick_runsToTheEnd() throws Exception {
        String out = run(PatientVisits.class);

        assertThat(out)
                .contains("(epsilon = 2.000, delta = 1.00e-05)-differential privacy, ADD_OR_REMOVE_ONE, one patient")
                .contains("The guarantee protects one patient with all rows")
                .contains("visit, noise for 8");
    }

    @Test
    void reviews_quick_runsToTheEnd() throws Exception {
        FakeData.reviews(folder, 20);

        String out = run(ReviewsLstm.class, "--data", folder.toString());

        assertThat(out).contains("36 training reviews, 4 test reviews").contains("without privacy");
    }

    @Test
    void hashedReviews_quick_runsToTheEnd() throws Exception {
        FakeData.reviews(folder, 20);

        String out = run(ReviewsHashed.class, "--data", folder.toString());

        assertThat(out)
                .contains("36 training reviews, 4 test reviews")
                .contains("(epsilon = 2.000, delta = 1.00e-05)")
                .contains("mean test accuracy");
    }

    @Test
    void adultRawColumns_quick_chargesTheScaling() throws Exception {
        String out = run(AdultRawColumns.class);

        assertThat(out)
                .contains("Gaussian[noiseMultiplier=20.0], included in epsilon")
                .contains("(epsilon = 2.000, delta = 1.00e-05)")
                .contains("columns scaled privately");
    }

    @Test
    void adultRareClass_quick_trainsWithEachOfTheWeights() throws Exception {
        String out = run(AdultRareClass.class);

        assertThat(out).contains("largest weight 1").contains("0.0204, 1").contains("1.00, 49.0");
    }

    @Test
    void adultSearch_quick_costsWhatWasAskedFor() throws Exception {
        String out = run(AdultSearch.class);

        assertThat(out)
                .contains("the best of a number of runs that was drawn from RunCount[mean=1.5, shape=0.0]")
                .containsPattern("\\(epsilon = (2.000|1.99\\d), delta = 1.00e-05\\)")
                .contains("noisy validation accuracy");
    }

    private static void assertIsPng(Path file) throws IOException {
        assertThat(Files.readAllBytes(file)).startsWith(0x89, 'P', 'N', 'G').hasSizeGreaterThan(5000);
    }
}
