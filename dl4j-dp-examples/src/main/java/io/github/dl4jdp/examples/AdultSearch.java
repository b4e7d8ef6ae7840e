// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.accountant.RunCount;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivateSearch;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.examples.data.AdultData;
import io.github.dl4jdp.examples.data.TrainTest;
import java.io.IOException;
import java.util.List;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.indexing.NDArrayIndex;
import picocli.CommandLine.Command;

/**
 * The learning rate of the quick start, searched for on the private data themselves, and paid for: epsilon is that of the whole search, however many networks it trains.
 */
@Command(
        name = "AdultSearch",
        description = "Searches privately for a learning rate on the Adult census data (bundled).")
public final class AdultSearch extends ExampleMain {
    private static final List<Double> RATES = List.of(0.001, 0.003, 0.01, 0.03, 0.1);
    private static final double EXPECTED_RUNS = 5;
    private static final double QUICK_RUNS = 1.5;

    /** The last rows of the file score the networks. Chance moves the number of correct ones by 21; this noise hardly matters. */
    private static final int VALIDATION_ROWS = 3561;

    private static final double SCORE_NOISE = 20;

    private AdultSearch() {
        super(1.0);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        System.exit(execute(new AdultSearch(), args));
    }

    @Override
    void run() throws IOException {
        cell("The data: most rows train, the last ones compare the networks; all of them are protected");
        TrainTest<DataSet> adult = AdultData.load();
        int rows = AdultQuickstart.PEOPLE - VALIDATION_ROWS;
        DataSet train = part(adult.train(), 0, rows);
        DataSet validation = part(adult.train(), rows, rows + VALIDATION_ROWS);
        print("training rows " + rows + ", validation rows " + VALIDATION_ROWS);

        cell("The search: what it draws from, and the noise of each run so that the whole search has the guarantee");
        DpSgdPlan draft = DpSgdPlan.poisson(rows, AdultQuickstart.LOT_SIZE)
                .withEpochs(privacy().quick ? 1 : AdultQuickstart.EPOCHS)
                .withClippingNorm(AdultQuickstart.CLIPPING_NORM);
        RunCount count = RunCount.logarithmic(privacy().quick ? QUICK_RUNS : EXPECTED_RUNS);
        PrivateSearch<Double> search = PrivateSearch.of(draft, RATES, count)
                .withPrivateAccuracy(validation, SCORE_NOISE)
                .calibratedTo(privacy().target());
        print("learning rates " + RATES);
        print("noise multiplier of each run " + number("%.3f", search.plan().noiseMultiplier()));

        cell("The search: it says nothing while it runs, since the number of runs must stay secret");
        PrivateSearch.Best<Double, MultiLayerNetwork> best = search.run(
                rate -> AdultQuickstart.network(train.numInputs(), rate, privacy().seed),
                RandomAccessExamples.of(train));
        print(best.report());

        cell("The best, and test accuracy");
        print(new Table("learning rate", "noisy validation accuracy", "epsilon, all costs", "test accuracy")
                .row(
                        best.candidate().toString(),
                        percent(best.score()),
                        RoundedBounds.upper(best.guarantee().epsilon(), 4),
                        percent(Networks.accuracy(best.network(), List.of(adult.test())))));
    }

    private static DataSet part(DataSet all, int from, int to) {
        var rows = NDArrayIndex.interval(from, to);
        return new DataSet(
                all.getFeatures().get(rows, NDArrayIndex.all()).dup(),
                all.getLabels().get(rows, NDArrayIndex.all()).dup());
    }
}
