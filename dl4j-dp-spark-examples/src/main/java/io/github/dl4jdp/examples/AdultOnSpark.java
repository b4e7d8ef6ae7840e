// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.examples.data.AdultData;
import io.github.dl4jdp.examples.data.TrainTest;
import java.io.IOException;
import java.util.List;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.dataset.DataSet;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** The network, the data and the plan of {@link AdultQuickstart}, its lots summed by Apache Spark: in this process, or on a cluster by {@code spark-submit}. */
@Command(
        name = "AdultOnSpark",
        description = "Trains the private network of AdultQuickstart on Apache Spark (the data are bundled).")
public final class AdultOnSpark extends ExampleMain {
    @Mixin
    private final SparkOptions spark = new SparkOptions();

    private AdultOnSpark() {
        super(1.0);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        SparkPresence.require();
        System.exit(execute(new AdultOnSpark(), args));
    }

    @Override
    void run() throws IOException {
        cell("The data: one row is one person; numbers are scaled by public ranges, categories are one-hot");
        TrainTest<DataSet> adult = AdultData.load();
        DataSet train = adult.train();
        DataSet test = adult.test();
        print("training rows " + train.numExamples() + ", test rows " + test.numExamples() + ", features "
                + train.numInputs());

        cell("The plan: what will run, and its cost");
        DpSgdPlan plan = AdultQuickstart.plan(
                privacy().quick ? 1 : AdultQuickstart.EPOCHS, privacy().target());
        print(plan);

        cell("Private training: executors sum the lots, shard by shard; charge, noise and update happen here");
        MultiLayerNetwork network =
                AdultQuickstart.network(train.numInputs(), AdultQuickstart.LEARNING_RATE, privacy().seed);
        spark.train("AdultOnSpark", network, plan, RandomAccessExamples.of(train), engine -> {
            print(engine.report());

            cell("Test accuracy");
            print(new Table("model", "epsilon", "test accuracy")
                    .row(
                            "private, on Spark",
                            RoundedBounds.upper(engine.epsilon(), 4),
                            percent(Networks.accuracy(network, List.of(test)))));
        });
    }
}
