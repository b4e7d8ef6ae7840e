package quickstart;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.PrivacyListener;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.data.RecordExamples;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import org.datavec.api.records.reader.impl.csv.CSVRecordReader;
import org.datavec.api.split.FileSplit;
import org.deeplearning4j.datasets.datavec.RecordReaderDataSetIterator;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.dataset.api.preprocessor.NormalizerMinMaxScaler;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** A private model of a table: from a CSV file to a model and a privacy report. */
public final class PrivateTable {
    // What is public about the table. Write literals here: values computed from the data are not public.
    private static final int ROWS = 8_000;
    private static final double[] LOWEST = {18, 15, 80, 60, 0};
    private static final double[] HIGHEST = {90, 45, 200, 250, 1};
    private static final int CLASSES = 2;

    public static void main(String[] args) throws Exception {
        RandomAccessExamples train = RecordExamples.inMemory(csv("train.csv"));

        var network = new MultiLayerNetwork(new NeuralNetConfiguration.Builder()
                .updater(new Adam(0.01))
                .list()
                .layer(new DenseLayer.Builder()
                        .nIn(LOWEST.length)
                        .nOut(16)
                        .activation(Activation.TANH)
                        .build())
                .layer(new OutputLayer.Builder(LossFunction.MCXENT)
                        .nOut(CLASSES)
                        .activation(Activation.SOFTMAX)
                        .build())
                .build());
        network.init();

        DpSgdPlan plan = DpSgdPlan.poisson(ROWS, 512)
                .withEpochs(20)
                .withClippingNorm(1.0)
                .calibratedTo(new PrivacyGuarantee(1.0, 1e-5));
        try (PrivacyEngine engine = PrivacyEngine.attach(network, plan)) {
            network.addListeners(new PrivacyListener(engine, 50));
            network.fit(engine.lots(train), plan.epochs());
            System.out.println(engine.report());
            engine.exportForInference(new File("model.zip"));
            Files.writeString(Path.of("privacy-report.html"), engine.report().toHtml());
        }
        System.out.printf("Accuracy on public test rows: %.3f%n", network.evaluate(csv("test.csv")).accuracy());
    }

    /** Rows of a file: numbers, scaled by the public ranges, and the class in the last column. */
    private static RecordReaderDataSetIterator csv(String file) throws Exception {
        var reader = new CSVRecordReader(1, ',');
        reader.initialize(new FileSplit(new File("data", file)));
        var rows = new RecordReaderDataSetIterator(reader, 1_000, LOWEST.length, CLASSES);
        var scaler = new NormalizerMinMaxScaler(-1, 1);
        scaler.setFeatureStats(Nd4j.create(new double[][] {LOWEST}), Nd4j.create(new double[][] {HIGHEST}));
        rows.setPreProcessor(scaler);
        return rows;
    }
}
