// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.audit.Exposure;
import io.github.dl4jdp.audit.MembershipScores;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.examples.data.ReviewData;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.deeplearning4j.datasets.iterator.ExistingDataSetIterator;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/**
 * Does a language model give away what stood in its training text once? Secret codes are put between ordinary sentences, a character LSTM learns the
 * text with and without privacy, and all ten thousand codes are put in order of their probability.
 *
 * <p>One line of text is one example, and so the unit of privacy: the guarantee is for a code that stands in one line. A code in k lines has k times the
 * epsilon.
 */
@Command(
        name = "Memorization",
        description = "Secrets in a training text: can they be read off a character LSTM, with and without privacy?")
public final class Memorization extends ExampleMain {
    private static final int LINES = 2000;
    private static final int CODES = 10_000;
    private static final List<String> NAMES = List.of("ann", "bob", "cat", "dan", "eve", "fay", "gus", "hal", "ivy");
    /** In how many lines the codes of the first, second and third group of names stand. */
    private static final int[] REPEATS = {1, 4, 16};

    /** Three names in each group. */
    private static final int SECRET_LINES = 63;

    /** Of the files of movie reviews. */
    private static final int REVIEWS = 1_800;

    private static final int HIDDEN = 64;
    private static final int PLAIN_EPOCHS = 30;
    private static final int PLAIN_BATCH = 50;
    private static final double PLAIN_LEARNING_RATE = 0.005;
    private static final int LOT_SIZE = 400;
    private static final int PRIVATE_EPOCHS = 30;
    private static final double PRIVATE_LEARNING_RATE = 0.01;
    private static final double CLIPPING_NORM = 1.0;

    @Mixin
    private final DataOption data = new DataOption();

    private Memorization() {
        super(3.0);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        System.exit(execute(new Memorization(), args));
    }

    /** A name, its code, and in how many lines it stands. */
    private record Secret(String name, int code, int repeats) {
        String line() {
            return line(code);
        }

        String line(int guess) {
            return String.format(Locale.ROOT, "the code of %s is %04d", name, guess);
        }
    }

    @Override
    void run() throws IOException {
        cell("The text: ordinary lines, and lines with a secret code");
        var random = new Random(privacy().seed);
        List<Secret> secrets = secrets(random);
        List<String> lines = new ArrayList<>(ordinaryLines(random));
        secrets.forEach(secret -> lines.addAll(Collections.nCopies(secret.repeats, secret.line())));
        Collections.shuffle(lines, random);
        DataSet text = CharacterLines.encode(lines);
        print("lines " + lines.size() + ", for example:");
        lines.stream().limit(4).forEach(line -> print("    " + line));

        cell("Without privacy");
        MultiLayerNetwork plain = network(PLAIN_LEARNING_RATE);
        plain.fit(new ExistingDataSetIterator(text.batchBy(PLAIN_BATCH)), privacy().quick ? 3 : PLAIN_EPOCHS);

        cell("With privacy: one line is one example");
        int lineCount = size((data.folder == null ? LINES : REVIEWS) + SECRET_LINES, lines.size());
        DpSgdPlan plan = DpSgdPlan.poisson(lineCount, LOT_SIZE)
                .withEpochs(privacy().quick ? 2 : PRIVATE_EPOCHS)
                .withClippingNorm(CLIPPING_NORM)
                .calibratedTo(privacy().target());
        MultiLayerNetwork dp = network(PRIVATE_LEARNING_RATE);
        PrivacyEngine engine = PrivacyEngine.attach(dp, plan);
        fitWithProgress(dp, engine, text);
        print(engine.report());

        cell("How well they know the text, and the codes");
        print(new Table("network", "nats a character")
                .row("without privacy", decimal(loss(plain, text)))
                .row("private", decimal(loss(dp, text))));
        print(String.format(
                Locale.ROOT,
                "Exposure in bits: %.1f means that the code comes first of all %d; a code that never stood in the text has 1.4 on average.",
                Math.log(CODES) / Math.log(2),
                CODES));
        Table table = new Table("code of", "lines", "without privacy", "rank", "private", "rank");
        for (Secret secret : secrets) {
            double open = exposure(plain, secret);
            double hidden = exposure(dp, secret);
            table.row(
                    secret.name,
                    Integer.toString(secret.repeats),
                    decimal(open),
                    rank(open),
                    decimal(hidden),
                    rank(hidden));
        }
        print(table);
    }

    private static List<Secret> secrets(Random random) {
        var secrets = new ArrayList<Secret>();
        for (int i = 0; i < NAMES.size(); i++) {
            int repeats = REPEATS[i * REPEATS.length / NAMES.size()];
            secrets.add(new Secret(NAMES.get(i), random.nextInt(CODES), repeats));
        }
        return secrets;
    }

    private List<String> ordinaryLines(Random random) throws IOException {
        int count = privacy().quick ? LINES / 4 : LINES;
        if (data.folder == null) {
            return random.ints(count, 0, Integer.MAX_VALUE)
                    .mapToObj(seed -> CharacterLines.sentence(new Random(seed)))
                    .toList();
        }
        return ReviewData.load(data.folder).train().stream()
                .limit(count)
                .map(review -> review.tokens().stream().limit(20).collect(Collectors.joining(" ")))
                .toList();
    }

    private MultiLayerNetwork network(double learningRate) {
        return Networks.create(new NeuralNetConfiguration.Builder()
                .seed(privacy().seed)
                .updater(new Adam(learningRate))
                .list()
                .layer(new LSTM.Builder()
                        .nIn(CharacterLines.ALPHABET.length())
                        .nOut(HIDDEN)
                        .activation(Activation.TANH)
                        .build())
                .layer(new RnnOutputLayer.Builder(LossFunction.MCXENT)
                        .nOut(CharacterLines.ALPHABET.length())
                        .activation(Activation.SOFTMAX)
                        .build())
                .build());
    }

    private static double loss(MultiLayerNetwork network, DataSet text) {
        double sum = 0;
        for (double negative : MembershipScores.negativeLosses(network, text)) {
            sum -= negative;
        }
        return sum / (text.numExamples() * (CharacterLines.LENGTH - 1));
    }

    /** The place of the true code among all codes, everything else in the line being known. */
    private static double exposure(MultiLayerNetwork network, Secret secret) {
        double[] losses = codeLosses(network, secret);
        var others = new double[CODES - 1];
        System.arraycopy(losses, 0, others, 0, secret.code);
        System.arraycopy(losses, secret.code + 1, others, secret.code, CODES - 1 - secret.code);
        return Exposure.bits(losses[secret.code], others);
    }

    /** Minus the logarithm of the probability of each code's four digits. Codes that differ in the last digit only share a pass. */
    private static double[] codeLosses(MultiLayerNetwork network, Secret secret) {
        List<String> tens = IntStream.range(0, CODES / 10)
                .mapToObj(ten -> secret.line(10 * ten))
                .toList();
        INDArray probabilities =
                network.output(CharacterLines.encode(tens).getFeatures()).castTo(DataType.DOUBLE);
        int firstDigit = secret.line().length() - 4;
        var losses = new double[CODES];
        for (int code = 0; code < CODES; code++) {
            String line = secret.line(code);
            for (int at = firstDigit; at < firstDigit + 4; at++) {
                int digit = CharacterLines.ALPHABET.indexOf(line.charAt(at));
                losses[code] -= Math.log(probabilities.getDouble(code / 10, digit, at - 1));
            }
        }
        return losses;
    }

    private static String rank(double bits) {
        return Long.toString(Math.round(CODES / Math.pow(2, bits)));
    }

    private static String decimal(double value) {
        return number("%.2f", value);
    }
}
