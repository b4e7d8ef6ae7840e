// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.accountant.PrivacyGuarantee;
import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.examples.data.CifarData;
import io.github.dl4jdp.examples.data.ImageSet;
import io.github.dl4jdp.examples.data.TrainTest;
import io.github.dl4jdp.features.PatchFeatures;
import java.io.IOException;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** What privacy costs on CIFAR-10: the accuracy of a linear model of patch features at several epsilons. */
@Command(
        name = "Cifar10PrivacyUtility",
        description = "Draws accuracy against epsilon on CIFAR-10 (--epsilon is not used: there are several).")
public final class Cifar10PrivacyUtility extends ExampleMain {
    private static final double[] EPSILONS = {1, 2, 3, 8, Double.POSITIVE_INFINITY};

    @Mixin
    private final DataOption data = new DataOption();

    @Mixin
    private final FeatureOption features = new FeatureOption();

    @Mixin
    private final PlotOption plot = new PlotOption("cifar10-privacy-utility.png");

    private Cifar10PrivacyUtility() {
        super(1.0);
    }

    /** Runs the example. */
    public static void main(String[] args) {
        System.exit(execute(new Cifar10PrivacyUtility(), args));
    }

    @Override
    void run() throws IOException {
        boolean quick = privacy().quick;
        cell("The data, and features learned from drawn pictures, which cost no privacy");
        TrainTest<ImageSet> cifar = shortened(CifarData.load(data.folder), Cifar10PatchFeatures.QUICK_EXAMPLES);
        PatchFeatures extractor = Cifar10PatchFeatures.extractor(cifar.train(), quick);
        TrainTest<FeatureSet> sets = features.open("cifar10-patches", extractor, cifar, quick);
        FeatureSet train = sets.train();
        RandomAccessExamples examples = train.examples();

        cell("Private training at each epsilon; without noise it is the same training, clipping and all");
        UtilityCurve curve = new UtilityCurve();
        for (double epsilon : EPSILONS) {
            for (int run = 0; run < (quick ? 1 : plot.runs); run++) {
                MultiLayerNetwork network = Cifar10PatchFeatures.network(train, epsilon, privacy().seed + run);
                PrivacyEngine engine = PrivacyEngine.attach(
                        network, plan(size(50_000, train.images().size()), epsilon));
                fitWithProgress(network, engine, examples);
                double accuracy = sets.test().accuracy(network);
                print("epsilon " + RoundedBounds.upper(engine.epsilon(), 4) + ": " + percent(accuracy));
                curve.add(epsilon, accuracy);
                engine.close();
            }
        }

        cell("The curve");
        print(curve.table());
        curve.save(
                plot.file,
                "CIFAR-10, linear model of patch features, delta = " + privacy().delta());
        print(plot.file);
    }

    private DpSgdPlan plan(int size, double epsilon) {
        DpSgdPlan plan = Cifar10PatchFeatures.plan(size, epsilon, privacy().quick);
        return epsilon < Double.POSITIVE_INFINITY
                ? plan.calibratedTo(new PrivacyGuarantee(epsilon, privacy().delta()))
                : plan.withDelta(privacy().delta()).withoutNoise();
    }
}
