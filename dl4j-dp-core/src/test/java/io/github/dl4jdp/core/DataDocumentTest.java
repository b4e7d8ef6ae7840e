// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.core.data.ArrayFileExamples;
import io.github.dl4jdp.core.data.FiniteExamples;
import io.github.dl4jdp.core.data.GroupedExamples;
import io.github.dl4jdp.core.data.ImageFolderExamples;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.data.RecordExamples;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.LongStream;
import javax.imageio.ImageIO;
import org.datavec.api.records.reader.impl.csv.CSVRecordReader;
import org.datavec.api.split.FileSplit;
import org.deeplearning4j.datasets.datavec.RecordReaderDataSetIterator;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.dataset.api.preprocessor.ImagePreProcessingScaler;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;

/** The code in docs/data.md. */
class DataDocumentTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    private static final DpSgdPlan PLAN = DpSgdPlan.poisson(6, 3)
            .withSteps(3)
            .withClippingNorm(1)
            .withNoiseMultiplier(1)
            .withDelta(1e-5);

    @Test
    void arraysInFiles_train() throws IOException {
        Path images = folder.resolve("x.npy");
        Path labels = folder.resolve("y.npy");
        Files.write(images, Nd4j.toNpyByteArray(Nd4j.rand(DataType.FLOAT, 6, 4)));
        Files.write(labels, Nd4j.toNpyByteArray(Nd4j.createFromArray(0, 1, 2, 0, 1, 2)));
        DpSgdPlan plan = PLAN;
        MultiLayerNetwork net = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        // docs
        ExecutionOptions options =
                ExecutionOptions.defaults().withPhysicalBatchSize(256).withPrefetch(true);
        PrivacyEngine engine = PrivacyEngine.attach(net, plan, options);
        // docs
        RandomAccessExamples examples =
                ArrayFileExamples.numpy(images, labels, 3); // x.npy [N, ...], y.npy [N] with class numbers
        net.fit(engine.lots(examples), plan.epochs());
        DpSgdPlan counted = DpSgdPlan.poisson(examples.size(), 4)
                .withRelation(NeighboringRelation.ZERO_OUT)
                .withEpochs(1)
                .withClippingNorm(1.0)
                .calibratedTo(new PrivacyGuarantee(8.0, 1e-3, NeighboringRelation.ZERO_OUT));
        // docs
        assertThat(counted.guarantee().relation()).isEqualTo(NeighboringRelation.ZERO_OUT);
        assertThat(engine.remainingSteps()).isZero();
        assertThat(examples.get(new long[] {2}).getLabels(0))
                .isEqualTo(Nd4j.createFromArray(new float[][] {{0, 0, 1}}));
    }

    @Test
    void imagesInFolders_areLots() throws IOException {
        for (int i = 0; i < 6; i++) {
            Path label = Files.createDirectories(folder.resolve(i % 2 == 0 ? "cat" : "dog"));
            ImageIO.write(
                    new BufferedImage(9, 9, BufferedImage.TYPE_INT_RGB),
                    "png",
                    label.resolve(i + ".png").toFile());
        }
        PrivacyEngine engine = PrivacyEngine.attach(Networks.classifier(DataType.FLOAT, new Sgd(0.1)), PLAN);
        // docs
        ImageFolderExamples pictures =
                ImageFolderExamples.of(folder, 8, 8, 3); // folder/label/image.png; height, width, channels
        DataSetIterator lots = engine.lots(pictures);
        lots.setPreProcessor(new ImagePreProcessingScaler());
        // docs
        assertThat(lots.next().getFeatures().shape()).endsWith(3, 8, 8);
    }

    @Test
    void records_areExamples() throws Exception {
        Path file = Files.writeString(folder.resolve("data.csv"), "1,2,0\n3,4,1\n5,6,2\n");
        var csv = new CSVRecordReader();
        csv.initialize(new FileSplit(file.toFile()));
        // docs
        RandomAccessExamples table = RecordExamples.inMemory(new RecordReaderDataSetIterator(csv, 100, 2, 3));
        RandomAccessExamples indexed = RecordExamples.indexed(new RecordReaderDataSetIterator(csv, 100, 2, 3));
        // docs
        assertThat(table.size()).isEqualTo(indexed.size()).isEqualTo(3);
        assertThat(table.get(new long[] {1}).getFeatures(0))
                .isEqualTo(indexed.get(new long[] {1}).getFeatures(0));
    }

    @Test
    void peopleWithSeveralRows_train() {
        DataSet rows = Networks.data(DataType.FLOAT, 30);
        long[] patientIds = LongStream.range(0, 30).map(row -> row % 10).toArray();
        MultiLayerNetwork net = Networks.classifier(DataType.FLOAT, new Sgd(0.1));
        PrivacyEngine engine;
        // docs
        GroupedExamples visits = GroupedExamples.of(rows, patientIds); // an id for each row: long[], String[] or a list
        DpSgdPlan byPatient = DpSgdPlan.poisson(10, 4) // patients, expected patients of a lot
                .withUnit("patient", 8) // at most 8 visits of each in a lot
                .withEpochs(1)
                .withClippingNorm(1.0)
                .calibratedTo(new PrivacyGuarantee(8.0, 1e-3));
        engine = PrivacyEngine.attach(net, byPatient);
        net.fit(engine.lots(visits), byPatient.epochs());
        // docs
        assertThat(engine.report().toString()).contains("one patient");
    }

    @Test
    void longSequences_train() {
        DataSet sequences = TruncatedNetworks.data(6, 120);
        DpSgdPlan plan = PLAN;
        var net = (MultiLayerNetwork) TruncatedNetworks.Kind.LSTM.network(new Sgd(0.1));
        net.getLayerWiseConfigurations().setTbpttFwdLength(50);
        net.getLayerWiseConfigurations().setTbpttBackLength(50);
        // docs
        DpSgdPlan truncated = plan.withTruncatedBackprop(200, 50); // the longest sequence; the network's tBPTTLength
        PrivacyEngine engine = PrivacyEngine.attach(net, truncated);
        net.fit(engine.lots(sequences), truncated.epochs());
        // docs
        assertThat(engine.steps()).isEqualTo(3);
        assertThat(net.getIterationCount()).isEqualTo(12);
    }

    @Test
    void finiteExamples_finite_pass() {
        RandomAccessExamples examples = RandomAccessExamples.of(Networks.data(DataType.FLOAT, 20));

        FiniteExamples.require(examples); // throws at the first example that is not finite
    }

    @Test
    void document_everyJavaLine_standsInThisTest() throws IOException {
        DocumentCode.assertRunBy(DataDocumentTest.class, "docs/data.md", 11);
    }
}
