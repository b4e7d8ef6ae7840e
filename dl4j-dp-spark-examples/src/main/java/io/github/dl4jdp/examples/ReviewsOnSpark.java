// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.examples.data.ReviewData;
import io.github.dl4jdp.examples.data.ReviewData.Review;
import io.github.dl4jdp.examples.data.TrainTest;
import java.io.IOException;
import java.util.List;
import org.deeplearning4j.datasets.iterator.ExistingDataSetIterator;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.EmbeddingSequenceLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Adam;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Movie reviews of {@link ReviewsLstm}, sequences with masks, by a {@code ComputationGraph} whose lots Apache Spark sums. */
@Command(
        name = "ReviewsOnSpark",
        description = "Trains a private LSTM on 1,800 movie reviews (--data is needed) on Apache Spark.")
public final class ReviewsOnSpark extends ExampleMain {
    @Mixin
    private final DataOption data = new DataOption();

    @Mixin
    private final SparkOptions spark = new SparkOptions();

    private ReviewsOnSpark() {
        super(8.0);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        SparkPresence.require();
        System.exit(execute(new ReviewsOnSpark(), args));
    }

    @Override
    void run() throws IOException {
        boolean quick = privacy().quick;
        cell("The data: the last " + ReviewsLstm.TOKENS + " words of each review, under masks");
        TrainTest<List<Review>> reviews = ReviewData.load(data.folder);
        DataSet train = ReviewsLstm.encode(quick ? ReviewsLstm.everyFew(reviews.train()) : reviews.train());
        DataSet test = ReviewsLstm.encode(quick ? ReviewsLstm.everyFew(reviews.test()) : reviews.test());
        print(train.numExamples() + " training reviews, " + test.numExamples() + " test reviews");

        cell("The plan: what will run, and its cost; the number of reviews is a public constant, not a count");
        int count = size(ReviewsLstm.REVIEWS, train.numExamples());
        DpSgdPlan plan = DpSgdPlan.poisson(count, Math.min(ReviewsLstm.LOT_SIZE, count))
                .withEpochs(quick ? 1 : ReviewsLstm.EPOCHS)
                .withClippingNorm(ReviewsLstm.CLIPPING_NORM)
                .calibratedTo(privacy().target());
        print(plan);

        cell("Private training: executors sum the lots, shard by shard; charge, noise and update happen here");
        ComputationGraph network = network();
        spark.train("ReviewsOnSpark", network, plan, RandomAccessExamples.of(train), engine -> {
            print(engine.report());

            cell("Test accuracy: on " + test.numExamples() + " reviews, so with an error of about 3 points");
            print(new Table("model", "epsilon", "test accuracy")
                    .row("guessing", "0", "50.00 %")
                    .row(
                            "private, on Spark",
                            RoundedBounds.upper(engine.epsilon(), 4),
                            percent(network.evaluate(new ExistingDataSetIterator(List.of(test)))
                                    .accuracy())));
        });
    }

    private ComputationGraph network() {
        var network = new ComputationGraph(new NeuralNetConfiguration.Builder()
                .seed(privacy().seed)
                .updater(new Adam(ReviewsLstm.LEARNING_RATE))
                .graphBuilder()
                .addInputs("words")
                .setInputTypes(InputType.recurrent(ReviewsLstm.ROWS, ReviewsLstm.TOKENS))
                .addLayer(
                        "embedding",
                        new EmbeddingSequenceLayer.Builder()
                                .nIn(ReviewsLstm.ROWS)
                                .nOut(ReviewsLstm.WIDTH)
                                .inputLength(ReviewsLstm.TOKENS)
                                .build(),
                        "words")
                .addLayer(
                        "lstm",
                        new LastTimeStep(new LSTM.Builder()
                                .nOut(ReviewsLstm.WIDTH)
                                .activation(Activation.TANH)
                                .build()),
                        "embedding")
                .addLayer("verdict", Networks.softmax(2), "lstm")
                .setOutputs("verdict")
                .build());
        network.init();
        return network;
    }
}
