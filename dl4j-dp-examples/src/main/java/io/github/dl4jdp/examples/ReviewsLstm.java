// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.examples.data.ReviewData;
import io.github.dl4jdp.examples.data.ReviewData.Review;
import io.github.dl4jdp.examples.data.TrainTest;
import java.io.IOException;
import java.util.List;
import java.util.stream.IntStream;
import org.deeplearning4j.datasets.iterator.ExistingDataSetIterator;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.EmbeddingSequenceLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/**
 * Movie reviews: did the writer like the film? Words, an embedding, an LSTM; and how little 1,800 texts allow under privacy.
 *
 * <p>A vocabulary is learned from texts and leaks information about them: it contains a word that only one writer uses, or not. Here there is none.
 * Every word goes to one of 2,048 rows of the embedding by a hash of its letters, which is public whatever the texts are; a few words
 * share a row. The other ways are a vocabulary from public texts, and counts of words released with noise, which cost privacy of
 * their own.
 */
@Command(
        name = "ReviewsLstm",
        description = "Trains a private LSTM on 1,800 movie reviews (--data is needed), beside one without privacy.")
public final class ReviewsLstm extends ExampleMain {
    static final int ROWS = 2048;
    static final int TOKENS = 64;
    static final int WIDTH = 16;

    /** A public constant, not a count. */
    static final int REVIEWS = 1_800;

    static final int LOT_SIZE = 300;
    static final int EPOCHS = 20;
    static final double CLIPPING_NORM = 1;
    static final double LEARNING_RATE = 0.01;
    private static final int PLAIN_EPOCHS = 10;
    private static final double PLAIN_LEARNING_RATE = 0.005;
    private static final int PLAIN_BATCH = 32;
    private static final int QUICK_REVIEWS = 60;

    @Mixin
    private final DataOption data = new DataOption();

    private ReviewsLstm() {
        super(8.0);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        System.exit(execute(new ReviewsLstm(), args));
    }

    @Override
    void run() throws IOException {
        boolean quick = privacy().quick;
        cell("The data: 1,800 training reviews, 200 test reviews; the last " + TOKENS
                + " words of each, which usually contain the verdict");
        TrainTest<List<Review>> reviews = ReviewData.load(data.folder);
        DataSet train = encode(quick ? everyFew(reviews.train()) : reviews.train());
        DataSet test = encode(quick ? everyFew(reviews.test()) : reviews.test());
        print(train.numExamples() + " training reviews, " + test.numExamples() + " test reviews");

        cell("The plan: what will run, and its cost; the number of reviews is a public constant, not a count");
        int count = size(REVIEWS, train.numExamples());
        DpSgdPlan plan = DpSgdPlan.poisson(count, Math.min(LOT_SIZE, count))
                .withEpochs(quick ? 1 : EPOCHS)
                .withClippingNorm(CLIPPING_NORM)
                .calibratedTo(privacy().target());
        print(plan);

        MultiLayerNetwork network = network(new Adam(LEARNING_RATE));
        PrivacyEngine engine = PrivacyEngine.attach(network, plan);
        trainPrivately(network, engine, RandomAccessExamples.of(train));

        cell("The same network without privacy");
        MultiLayerNetwork plain = network(new Adam(PLAIN_LEARNING_RATE));
        train.shuffle(privacy().seed);
        plain.fit(new ExistingDataSetIterator(train.batchBy(PLAIN_BATCH)), quick ? 1 : PLAIN_EPOCHS);

        cell("Test accuracy: on " + test.numExamples() + " reviews, so with an error of about 3 points");
        print(new Table("model", "epsilon", "test accuracy")
                .row("guessing", "0", "50.00 %")
                .row(
                        "private",
                        RoundedBounds.upper(engine.epsilon(), 4),
                        percent(Networks.accuracy(network, List.of(test))))
                .row("without privacy", "infinity", percent(Networks.accuracy(plain, List.of(test)))));
        engine.close();
    }

    static List<Review> everyFew(List<Review> reviews) {
        int step = Math.max(1, reviews.size() / QUICK_REVIEWS);
        return IntStream.range(0, reviews.size())
                .filter(i -> i % step == 0)
                .mapToObj(reviews::get)
                .toList();
    }

    /** Rows of the embedding, [reviews, 1, words], with a mask where a review is shorter; and one-hot labels. */
    static DataSet encode(List<Review> reviews) {
        float[][][] rows = new float[reviews.size()][1][TOKENS];
        float[][] mask = new float[reviews.size()][TOKENS];
        float[][] labels = new float[reviews.size()][2];
        for (int i = 0; i < rows.length; i++) {
            List<String> tokens = reviews.get(i).tokens();
            int count = Math.min(TOKENS, tokens.size());
            for (int t = 0; t < count; t++) {
                String token = tokens.get(tokens.size() - count + t);
                rows[i][0][t] = Math.floorMod(token.hashCode(), ROWS);
                mask[i][t] = 1;
            }
            labels[i][reviews.get(i).positive() ? 1 : 0] = 1;
        }
        INDArray features = Nd4j.create(rows);
        return new DataSet(features, Nd4j.create(labels), Nd4j.create(mask), null);
    }

    private MultiLayerNetwork network(IUpdater updater) {
        return Networks.create(new NeuralNetConfiguration.Builder()
                .seed(privacy().seed)
                .updater(updater)
                .list()
                .layer(new EmbeddingSequenceLayer.Builder()
                        .nIn(ROWS)
                        .nOut(WIDTH)
                        .inputLength(TOKENS)
                        .build())
                .layer(new LastTimeStep(new LSTM.Builder()
                        .nOut(WIDTH)
                        .activation(Activation.TANH)
                        .build()))
                .layer(Networks.softmax(2))
                .setInputType(InputType.recurrent(ROWS, TOKENS))
                .build());
    }
}
