// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.examples.data.ReviewData;
import io.github.dl4jdp.examples.data.ReviewData.Review;
import io.github.dl4jdp.examples.data.TrainTest;
import io.github.dl4jdp.features.EnglishWords;
import io.github.dl4jdp.features.HashedText;
import java.io.IOException;
import java.util.List;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Movie reviews again, as {@link ReviewsLstm}, but by which words they have: 1,800 texts are enough for a linear model of hashed words, if public lists name the words that matter.
 *
 * <p>Neither the hash nor the lists come from the reviews, so they cost no privacy. A linear model in which the whole data set is in every lot needs few steps.
 */
@Command(
        name = "ReviewsHashed",
        description = "Trains a private linear model on the words of movie reviews (--data is needed).")
public final class ReviewsHashed extends ExampleMain {
    /** A public constant, not a count: how many reviews there are is hidden too. */
    private static final int REVIEWS = 1_800;

    private static final int BUCKETS = 4096;
    private static final double OPINION_WEIGHT = 4;
    private static final int FOLDS = 10;
    private static final int STEPS = 40;
    private static final double CLIPPING_NORM = 0.3;
    private static final double LEARNING_RATE = 12;

    @Mixin
    private final DataOption data = new DataOption();

    @Option(
            names = "--splits",
            paramLabel = "N",
            description =
                    "Test on N tenths of the reviews, one after the other, each time training on the rest (default: the last tenth).",
            defaultValue = "1")
    private int splits;

    @Option(names = "--no-lists", description = "Without the public lists of words: all words weigh the same.")
    private boolean withoutLists;

    private ReviewsHashed() {
        super(3.0);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        System.exit(execute(new ReviewsHashed(), args));
    }

    @Override
    void run() throws IOException {
        cell("The features: words in " + BUCKETS + " buckets, chosen by a hash; the opinions among them weigh more");
        HashedText words = HashedText.of(BUCKETS);
        HashedText hashed = withoutLists
                ? words
                : words.withWeights(EnglishWords.functionWords(), 0)
                        .withWeights(EnglishWords.opinions(), OPINION_WEIGHT);

        cell("Private training, and the same without noise; the whole data set is in every lot");
        Table table = new Table("tested on tenth", "epsilon", "test accuracy", "without noise");
        double sum = 0;
        double squares = 0;
        int folds = Math.max(1, Math.min(FOLDS, splits));
        for (int fold = FOLDS - folds; fold < FOLDS; fold++) {
            TrainTest<List<Review>> reviews = ReviewData.load(data.folder, fold);
            DataSet train = encode(reviews.train(), hashed);
            DataSet test = encode(reviews.test(), hashed);
            int count = size(REVIEWS, train.numExamples());
            DpSgdPlan draft = DpSgdPlan.poisson(count, count)
                    .withSteps(privacy().quick ? 2 : STEPS)
                    .withClippingNorm(CLIPPING_NORM);
            DpSgdPlan plan = draft.calibratedTo(privacy().target());
            if (fold == FOLDS - folds) {
                print(train.numExamples() + " training reviews, " + test.numExamples() + " test reviews");
                print(plan);
            }
            MultiLayerNetwork network = Networks.linear(new long[] {BUCKETS}, 2, LEARNING_RATE, privacy().seed);
            PrivacyEngine engine = PrivacyEngine.attach(network, plan);
            fitWithProgress(network, engine, train);
            if (fold == FOLDS - 1) {
                print(engine.report());
            }
            MultiLayerNetwork plain = Networks.linear(new long[] {BUCKETS}, 2, LEARNING_RATE, privacy().seed);
            try (PrivacyEngine noiseless = PrivacyEngine.attach(
                    plain, draft.withoutNoise().withDelta(privacy().delta()))) {
                fitWithProgress(plain, noiseless, train);
            }
            double accuracy = Networks.accuracy(network, List.of(test));
            sum += accuracy;
            squares += accuracy * accuracy;
            table.row(
                    Integer.toString(fold),
                    RoundedBounds.upper(engine.epsilon(), 4),
                    percent(accuracy),
                    percent(Networks.accuracy(plain, List.of(test))));
            engine.close();
        }

        cell("Test accuracy: on 200 reviews each, so with an error of about 3 points");
        print(table);
        double mean = sum / folds;
        print("mean test accuracy " + percent(mean)
                + (folds > 1
                        ? ", standard deviation "
                                + percent(Math.sqrt(Math.max(0, (squares - folds * mean * mean) / (folds - 1))))
                        : ""));
    }

    private static DataSet encode(List<Review> reviews, HashedText hashed) {
        float[][] features = new float[reviews.size()][];
        float[][] labels = new float[reviews.size()][2];
        for (int i = 0; i < features.length; i++) {
            features[i] = hashed.ofTokens(reviews.get(i).tokens());
            labels[i][reviews.get(i).positive() ? 1 : 0] = 1;
        }
        return new DataSet(Nd4j.create(features), Nd4j.create(labels));
    }
}
