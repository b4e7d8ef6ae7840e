// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.accountant.NeighboringRelation;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.data.Augmentation;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.data.RandomCropAndFlip;
import io.github.dl4jdp.core.layers.GroupNormalization;
import io.github.dl4jdp.core.mechanism.Clipping;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.spark.api.java.JavaSparkContext;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ActivationLayer;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.EmbeddingSequenceLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.conf.layers.recurrent.Bidirectional;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;
import org.nd4j.linalg.schedule.ScheduleType;
import org.nd4j.linalg.schedule.StepSchedule;

/** What a network and a plan may have in one process, a cluster carries out to the same bits. The application has set Kryo for its own data: the library's are bytes that it reads itself. */
class LocalEqualityTest {
    private static final int EXAMPLES = TestRun.EXAMPLES;
    private static final int SHARDS = 3;
    private static final int STEPS_OF_TIME = 5;
    private static final int TOKENS = 11;

    @SuppressWarnings("NullAway.Init")
    private static JavaSparkContext spark;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path directory;

    /** What is trained, on what, by which plan. */
    enum Kind {
        SEQUENCES_WITH_MASKS {
            @Override
            Model network(DataType type) {
                return list(builder(type)
                        .list()
                        .layer(new LSTM.Builder().nIn(3).nOut(4).build())
                        .layer(new RnnOutputLayer.Builder(LossFunction.MCXENT)
                                .nIn(4)
                                .nOut(2)
                                .activation(Activation.SOFTMAX)
                                .build()));
            }

            @Override
            MultiDataSet data(DataType type, Random random) {
                return sequences(type, random, EXAMPLES, STEPS_OF_TIME, true);
            }
        },
        SEQUENCES_PADDED_TO_A_DECLARED_LENGTH {
            @Override
            Model network(DataType type) {
                return list(builder(type)
                        .list()
                        .layer(new Bidirectional(
                                new LSTM.Builder().nIn(3).nOut(2).build()))
                        .layer(new RnnOutputLayer.Builder(LossFunction.MCXENT)
                                .nIn(4)
                                .nOut(2)
                                .activation(Activation.SOFTMAX)
                                .build()));
            }

            @Override
            MultiDataSet data(DataType type, Random random) {
                return sequences(type, random, EXAMPLES, STEPS_OF_TIME, false);
            }

            @Override
            DpSgdPlan plan() {
                return super.plan().withSequenceLength(STEPS_OF_TIME + 2);
            }
        },
        SEQUENCES_OF_ONE_STEP_WITH_MASKS {
            @Override
            Model network(DataType type) {
                return SEQUENCES_WITH_MASKS.network(type);
            }

            @Override
            MultiDataSet data(DataType type, Random random) {
                return sequences(type, random, EXAMPLES, 1, true);
            }

            /** Batches of one example too. */
            @Override
            DpSgdPlan plan() {
                return DpSgdPlan.poisson(EXAMPLES, 5)
                        .withSteps(TestRun.STEPS)
                        .withClippingNorm(0.5)
                        .withNoiseMultiplier(0.8)
                        .withDelta(1e-5)
                        .withSeed(21);
            }
        },
        TOKENS_AND_THE_LAST_STEP {
            @Override
            Model network(DataType type) {
                return list(builder(type)
                        .list()
                        .layer(new EmbeddingSequenceLayer.Builder()
                                .nIn(TOKENS)
                                .nOut(3)
                                .inputLength(STEPS_OF_TIME)
                                .build())
                        .layer(new LastTimeStep(new LSTM.Builder().nOut(4).build()))
                        .layer(output(2))
                        .setInputType(InputType.recurrent(TOKENS, STEPS_OF_TIME)));
            }

            @Override
            MultiDataSet data(DataType type, Random random) {
                INDArray tokens = Nd4j.create(type, EXAMPLES, 1, STEPS_OF_TIME);
                for (long i = 0; i < tokens.length(); i++) {
                    tokens.putScalar(i, random.nextInt(TOKENS));
                }
                return new MultiDataSet(
                        new INDArray[] {tokens},
                        new INDArray[] {classes(type, random, EXAMPLES, 2)},
                        new INDArray[] {mask(type, random, EXAMPLES, STEPS_OF_TIME)},
                        null);
            }
        },
        SEVERAL_INPUTS_AND_OUTPUTS {
            @Override
            Model network(DataType type) {
                var graph = new ComputationGraph(builder(type)
                        .graphBuilder()
                        .addInputs("numbers", "series")
                        .addLayer(
                                "dense", new DenseLayer.Builder().nIn(4).nOut(3).build(), "numbers")
                        .addLayer(
                                "lstm",
                                new LastTimeStep(
                                        new LSTM.Builder().nIn(3).nOut(3).build()),
                                "series")
                        .addVertex("both", new MergeVertex(), "dense", "lstm")
                        .addLayer("class", output(2, 6), "both")
                        .addLayer(
                                "number",
                                new OutputLayer.Builder(LossFunction.MSE)
                                        .nIn(6)
                                        .nOut(1)
                                        .activation(Activation.IDENTITY)
                                        .build(),
                                "both")
                        .setOutputs("class", "number")
                        .build());
                graph.init();
                return graph;
            }

            @Override
            MultiDataSet data(DataType type, Random random) {
                return new MultiDataSet(
                        new INDArray[] {
                            normal(type, random, EXAMPLES, 4), normal(type, random, EXAMPLES, 3, STEPS_OF_TIME)
                        },
                        new INDArray[] {classes(type, random, EXAMPLES, 2), normal(type, random, EXAMPLES, 1)},
                        new INDArray[] {null, mask(type, random, EXAMPLES, STEPS_OF_TIME)},
                        null);
            }
        },
        GROUP_NORMALIZATION {
            @Override
            Model network(DataType type) {
                return list(builder(type)
                        .list()
                        .layer(new ConvolutionLayer.Builder(3, 3).nOut(4).build())
                        .layer(new GroupNormalization.Builder(2).build())
                        .layer(new ActivationLayer(Activation.RELU))
                        .layer(new GlobalPoolingLayer())
                        .layer(output(3))
                        .setInputType(InputType.convolutional(5, 5, 1)));
            }
        },
        FROZEN_LAYERS {
            @Override
            Model network(DataType type) {
                return list(builder(type)
                        .list()
                        .layer(new FrozenLayer(
                                new ConvolutionLayer.Builder(3, 3).nOut(3).build()))
                        .layer(new DenseLayer.Builder().nOut(5).build())
                        .layer(new FrozenLayerWithBackprop(
                                new DenseLayer.Builder().nOut(4).build()))
                        .layer(output(3))
                        .setInputType(InputType.convolutional(5, 5, 1)));
            }
        },
        AUGMENTED_COPIES {
            @Override
            DpSgdPlan plan() {
                return super.plan().withAugmentationMultiplicity(3);
            }

            @Override
            Augmentation augmentation() {
                return new RandomCropAndFlip(1).andThen((features, random) -> features.addi(random.nextGaussian()));
            }
        },
        AUGMENTED_ONCE {
            @Override
            Augmentation augmentation() {
                return new RandomCropAndFlip(2);
            }
        },
        WEIGHTED_EXAMPLES {
            @Override
            Model network(DataType type) {
                return list(builder(type)
                        .list()
                        .layer(new DenseLayer.Builder().nIn(4).nOut(5).build())
                        .layer(output(2, 5)));
            }

            @Override
            MultiDataSet data(DataType type, Random random) {
                INDArray weights = Nd4j.create(type, EXAMPLES, 1);
                for (int i = 0; i < EXAMPLES; i++) {
                    weights.putScalar(i, random.nextInt(4) / 2.0);
                }
                return new MultiDataSet(
                        new INDArray[] {normal(type, random, EXAMPLES, 4)},
                        new INDArray[] {classes(type, random, EXAMPLES, 2)},
                        null,
                        new INDArray[] {weights});
            }
        },
        LOTS_OF_A_MAXIMUM_SIZE {
            @Override
            DpSgdPlan plan() {
                return DpSgdPlan.poisson(EXAMPLES, 12)
                        .withMaximumLotSize(13)
                        .withSteps(TestRun.STEPS)
                        .withClippingNorm(0.5)
                        .withNoiseMultiplier(0.8)
                        .withDelta(1e-5)
                        .withSeed(21);
            }
        },
        LOTS_OF_A_FIXED_SIZE_UNDER_ZERO_OUT {
            @Override
            DpSgdPlan plan() {
                return TestRun.plan(false, Clipping.flat(0.5)).withRelation(NeighboringRelation.REPLACE_ONE);
            }
        },
        MORE_EXAMPLES_THAN_PLANNED {
            @Override
            MultiDataSet data(DataType type, Random random) {
                return images(type, random, 201);
            }

            @Override
            DpSgdPlan plan() {
                return DpSgdPlan.poisson(200, 20)
                        .withSteps(TestRun.STEPS)
                        .withClippingNorm(0.5)
                        .withNoiseMultiplier(0.8)
                        .withDelta(1e-5)
                        .withSeed(21);
            }
        },
        FEWER_EXAMPLES_THAN_PLANNED {
            @Override
            MultiDataSet data(DataType type, Random random) {
                return images(type, random, 198);
            }

            @Override
            DpSgdPlan plan() {
                return MORE_EXAMPLES_THAN_PLANNED.plan();
            }
        };

        Model network(DataType type) {
            return TestRun.network(type, false);
        }

        MultiDataSet data(DataType type, Random random) {
            return images(type, random, EXAMPLES);
        }

        DpSgdPlan plan() {
            return TestRun.plan();
        }

        @Nullable
        Augmentation augmentation() {
            return null;
        }
    }

    @BeforeAll
    static void start() {
        spark = new JavaSparkContext(TestRun.conf("local[4,3]")
                .set("spark.serializer", "org.apache.spark.serializer.KryoSerializer")
                .set("spark.kryo.registrationRequired", "true"));
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    static List<Arguments> runs() {
        var runs = new ArrayList<Arguments>();
        for (Kind kind : Kind.values()) {
            for (DataType type : List.of(DataType.DOUBLE, DataType.FLOAT)) {
                runs.add(Arguments.of(kind, type));
            }
        }
        return runs;
    }

    @ParameterizedTest
    @MethodSource("runs")
    void fit_whatWorksInOneProcess_reachesTheSameParameters(Kind kind, DataType type) {
        requireEqual(spark, kind, type, directory);
    }

    /** Trains on Spark and in one process. */
    static void requireEqual(JavaSparkContext spark, Kind kind, DataType type, Path directory) {
        RandomAccessExamples data = RandomAccessExamples.of(kind.data(type, new Random(3)));
        Augmentation augmentation = kind.augmentation();
        DpSgdPlan plan = kind.plan();
        INDArray expected = TestRun.alone(plan, kind.network(type), data, SHARDS, augmentation);

        ShardedExamples shards = ShardedExamples.write(
                spark, data, plan.examples(), SHARDS, directory.toUri().toString());
        Model network = kind.network(type);
        try (var engine = SparkPrivacyEngine.attach(network, plan, spark, TestRun.OPTIONS)) {
            if (augmentation == null) {
                engine.fit(shards);
            } else {
                engine.fit(shards, augmentation);
            }
            assertThat(engine.steps()).isEqualTo(TestRun.STEPS);
        }
        assertThat(network.params().toDoubleVector()).isEqualTo(expected.toDoubleVector());
        assertThat(network.params()).isNotEqualTo(kind.network(type).params());
    }

    private static NeuralNetConfiguration.Builder builder(DataType type) {
        return new NeuralNetConfiguration.Builder()
                .seed(5)
                .dataType(type)
                .updater(new Adam(new StepSchedule(ScheduleType.ITERATION, 0.02, 0.5, 2)))
                .activation(Activation.TANH);
    }

    private static Model list(NeuralNetConfiguration.ListBuilder builder) {
        var network = new MultiLayerNetwork(builder.build());
        network.init();
        return network;
    }

    private static OutputLayer output(int classes) {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nOut(classes)
                .activation(Activation.SOFTMAX)
                .build();
    }

    private static OutputLayer output(int classes, int inputs) {
        return new OutputLayer.Builder(LossFunction.MCXENT)
                .nIn(inputs)
                .nOut(classes)
                .activation(Activation.SOFTMAX)
                .build();
    }

    private static MultiDataSet images(DataType type, Random random, int examples) {
        return new MultiDataSet(
                new INDArray[] {normal(type, random, examples, 1, 5, 5)},
                new INDArray[] {classes(type, random, examples, 3)});
    }

    private static MultiDataSet sequences(DataType type, Random random, int examples, int steps, boolean masked) {
        INDArray labels = Nd4j.create(type, examples, 2, steps);
        for (int i = 0; i < examples; i++) {
            for (int t = 0; t < steps; t++) {
                labels.putScalar(new int[] {i, random.nextInt(2), t}, 1);
            }
        }
        INDArray mask = masked ? mask(type, random, examples, steps) : null;
        return new MultiDataSet(
                new INDArray[] {normal(type, random, examples, 3, steps)},
                new INDArray[] {labels},
                mask == null ? null : new INDArray[] {mask},
                mask == null ? null : new INDArray[] {mask.dup()});
    }

    /** Ones, and zeros at the end of some. */
    private static INDArray mask(DataType type, Random random, int examples, int steps) {
        INDArray mask = Nd4j.ones(type, examples, steps);
        for (int i = 0; i < examples; i++) {
            for (int t = 1 + random.nextInt(steps); t < steps; t++) {
                mask.putScalar(i, t, 0);
            }
        }
        return mask;
    }

    private static INDArray classes(DataType type, Random random, int examples, int classes) {
        INDArray labels = Nd4j.create(type, examples, classes);
        for (int i = 0; i < examples; i++) {
            labels.putScalar(i, random.nextInt(classes), 1);
        }
        return labels;
    }

    private static INDArray normal(DataType type, Random random, long... shape) {
        INDArray array = Nd4j.create(type, shape);
        for (long i = 0; i < array.length(); i++) {
            array.putScalar(i, random.nextGaussian());
        }
        return array;
    }
}
