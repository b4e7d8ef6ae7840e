package quickstart;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.ClassWeights;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.PrivacyListener;
import io.github.dl4jdp.core.PrivacyReport;
import io.github.dl4jdp.core.data.FiniteExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.data.RecordExamples;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import org.datavec.api.records.reader.impl.csv.CSVRecordReader;
import org.datavec.api.records.reader.impl.transform.TransformProcessRecordReader;
import org.datavec.api.split.FileSplit;
import org.datavec.api.transform.TransformProcess;
import org.datavec.api.transform.schema.Schema;
import org.datavec.api.transform.transform.doubletransform.MinMaxNormalizer;
import org.deeplearning4j.datasets.datavec.RecordReaderDataSetIterator;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.evaluation.classification.Evaluation;
import org.nd4j.evaluation.classification.ROC;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.impl.LossMCXENT;

/** A private model of a table with categories and a rare class: made-up loans, few of which are not paid back. */
public final class PrivateCategories {
    // 1. What is public about the table. Write literals here: values computed from the data are not public.
    private static final int ROWS = 10_000;
    private static final double RARE_SHARE = 0.05;
    private static final Schema COLUMNS = new Schema.Builder()
            .addColumnInteger("age")
            .addColumnDouble("income")
            .addColumnInteger("months")
            .addColumnCategorical("region", "north", "south", "east", "west")
            .addColumnCategorical("product", "card", "car", "home")
            .addColumnInteger("defaulted")
            .build();
    private static final TransformProcess TO_NUMBERS = new TransformProcess.Builder(COLUMNS)
            .transform(new MinMaxNormalizer("age", 18, 90, -1, 1))
            .transform(new MinMaxNormalizer("income", 0, 100, -1, 1))
            .transform(new MinMaxNormalizer("months", 0, 120, -1, 1))
            .categoricalToOneHot("region", "product")
            .build();
    private static final int CLASSES = 2;
    /** At most 1, because clipping undoes more; a third of the balance for the frequent class, because clipping shortens the gradients of the rare one. */
    private static final INDArray WEIGHTS = ClassWeights.balanced(3 * (1 - RARE_SHARE), RARE_SHARE);

    private static final int INPUTS = TO_NUMBERS.getFinalSchema().numColumns() - 1;

    public static void main(String[] args) throws Exception {
        // 2. The examples. The check is a look at private data: do not publish what it says.
        RandomAccessExamples train = RecordExamples.inMemory(csv("loans-train.csv"));
        FiniteExamples.require(train);

        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .updater(new Adam(0.02))
                .list()
                .layer(new DenseLayer.Builder()
                        .nIn(INPUTS)
                        .nOut(16)
                        .activation(Activation.TANH)
                        .build())
                .layer(new OutputLayer.Builder(new LossMCXENT(WEIGHTS))
                        .nOut(CLASSES)
                        .activation(Activation.SOFTMAX)
                        .build())
                .build());
        network.init();

        // 3. The plan.
        DpSgdPlan plan = DpSgdPlan.poisson(ROWS, 1_000)
                .withEpochs(20)
                .withClippingNorm(1.0)
                .calibratedTo(new PrivacyGuarantee(2.0, 1e-5));

        // 4. The training.
        try (PrivacyEngine engine = PrivacyEngine.attach(network, plan)) {
            network.addListeners(new PrivacyListener(engine, 50));
            network.fit(engine.lots(train), plan.epochs());

            // 5. The report. Accuracy says nothing about a rare class: take what weighs both classes alike.
            var evaluation = new Evaluation(CLASSES);
            var ranking = new ROC(0);
            network.doEvaluation(csv("loans-test.csv"), evaluation, ranking);
            PrivacyReport report =
                    engine.report().named("loan risk", "made-up loans").withEvaluation("public test rows", evaluation);
            System.out.println(report);
            System.out.printf(
                    "Balanced accuracy on public test rows: %.3f, area under the curve %.3f%n",
                    (evaluation.recall(0) + evaluation.recall(1)) / 2, ranking.calculateAUC());
            engine.exportForInference(new File("loans-model.zip"));
            Files.writeString(Path.of("loans-report.html"), report.toHtml());
        }
    }

    /** Rows of a file as numbers, the class in the last column. A category that is not in the list is an error. */
    private static RecordReaderDataSetIterator csv(String file) throws Exception {
        var reader = new TransformProcessRecordReader(new CSVRecordReader(1, ','), TO_NUMBERS);
        reader.initialize(new FileSplit(new File("data", file)));
        return new RecordReaderDataSetIterator(reader, 1_000, INPUTS, CLASSES);
    }
}
