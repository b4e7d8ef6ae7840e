// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import java.io.File;
import java.io.IOException;
import java.util.List;
import org.deeplearning4j.earlystopping.EarlyStoppingConfiguration;
import org.deeplearning4j.earlystopping.EarlyStoppingResult;
import org.deeplearning4j.earlystopping.saver.InMemoryModelSaver;
import org.deeplearning4j.earlystopping.scorecalc.ScoreCalculator;
import org.deeplearning4j.earlystopping.termination.EpochTerminationCondition;
import org.deeplearning4j.earlystopping.termination.IterationTerminationCondition;
import org.deeplearning4j.earlystopping.trainer.EarlyStoppingGraphTrainer;
import org.deeplearning4j.earlystopping.trainer.EarlyStoppingTrainer;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.TrainingListener;
import org.deeplearning4j.optimize.listeners.CheckpointListener;
import org.deeplearning4j.util.ModelSerializer;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** The same small classifier as one or the other of DL4J's network classes, and what a test does with it. */
public enum NetworkKind {
    MULTI_LAYER {
        @Override
        public Model classifier(DataType type, IUpdater updater) {
            return Networks.classifier(type, updater);
        }

        @Override
        public Model ofSameConfiguration(Model network) {
            var other = new MultiLayerNetwork(((MultiLayerNetwork) network).getLayerWiseConfigurations());
            other.init();
            return other;
        }

        @Override
        public Model copy(Model network) {
            return ((MultiLayerNetwork) network).clone();
        }

        @Override
        public void fit(Model network, DataSet data) {
            ((MultiLayerNetwork) network).fit(data);
        }

        @Override
        public void fit(Model network, DataSetIterator data, int epochs) {
            ((MultiLayerNetwork) network).fit(data, epochs);
        }

        @Override
        public void computeGradients(Model network, DataSet data) {
            ((MultiLayerNetwork) network).calculateGradients(data.getFeatures(), data.getLabels(), null, null);
        }

        @Override
        public void setLearningRate(Model network, double learningRate) {
            ((MultiLayerNetwork) network).setLearningRate(learningRate);
        }

        @Override
        public void setListeners(Model network, TrainingListener listener) {
            ((MultiLayerNetwork) network).setListeners(listener);
        }

        @Override
        public void dropUpdater(Model network) {
            network.clear();
        }

        @Override
        public org.deeplearning4j.nn.api.Layer[] layers(Model network) {
            return ((MultiLayerNetwork) network).getLayers();
        }

        @Override
        public int iterations(Model network) {
            return ((MultiLayerNetwork) network).getIterationCount();
        }

        @Override
        public int epochs(Model network) {
            return ((MultiLayerNetwork) network).getEpochCount();
        }

        @Override
        public String json(Model network) {
            return ((MultiLayerNetwork) network).getLayerWiseConfigurations().toJson();
        }

        @Override
        public INDArray output(Model network, INDArray features) {
            return ((MultiLayerNetwork) network).output(features);
        }

        @Override
        @Nullable
        public INDArray updaterState(Model network) {
            return ((MultiLayerNetwork) network).getUpdater().getStateViewArray();
        }

        @Override
        public Model restore(File file) throws IOException {
            return ModelSerializer.restoreMultiLayerNetwork(file, true);
        }

        @Override
        public Model lastCheckpoint(File folder) {
            return CheckpointListener.loadLastCheckpointMLN(folder);
        }

        @Override
        EarlyStoppingResult<? extends Model> stopEarly(
                Model network,
                DataSetIterator training,
                ScoreCalculator<Model> score,
                EpochTerminationCondition[] epochConditions,
                IterationTerminationCondition[] iterationConditions) {
            return new EarlyStoppingTrainer(
                            NetworkKind.<MultiLayerNetwork>conditions(score, epochConditions, iterationConditions),
                            (MultiLayerNetwork) network,
                            training)
                    .fit();
        }
    },
    GRAPH {
        @Override
        public Model classifier(DataType type, IUpdater updater) {
            var network = new ComputationGraph(new NeuralNetConfiguration.Builder()
                    .seed(3)
                    .dataType(type)
                    .updater(updater)
                    .graphBuilder()
                    .addInputs("in")
                    .addLayer(
                            "hidden",
                            new DenseLayer.Builder()
                                    .nIn(Networks.INPUTS)
                                    .nOut(5)
                                    .activation(Activation.TANH)
                                    .build(),
                            "in")
                    .addLayer(
                            "out",
                            new OutputLayer.Builder(LossFunction.MCXENT)
                                    .nIn(5)
                                    .nOut(Networks.CLASSES)
                                    .activation(Activation.SOFTMAX)
                                    .build(),
                            "hidden")
                    .setOutputs("out")
                    .build());
            network.init();
            return network;
        }

        @Override
        public Model ofSameConfiguration(Model network) {
            var other = new ComputationGraph(((ComputationGraph) network).getConfiguration());
            other.init();
            return other;
        }

        @Override
        public Model copy(Model network) {
            return ((ComputationGraph) network).clone();
        }

        @Override
        public void fit(Model network, DataSet data) {
            ((ComputationGraph) network).fit(data);
        }

        @Override
        public void fit(Model network, DataSetIterator data, int epochs) {
            ((ComputationGraph) network).fit(data, epochs);
        }

        @Override
        public void computeGradients(Model network, DataSet data) {
            var graph = (ComputationGraph) network;
            graph.setInputs(data.getFeatures());
            graph.setLabels(data.getLabels());
            graph.computeGradientAndScore();
        }

        @Override
        public void setLearningRate(Model network, double learningRate) {
            ((ComputationGraph) network).setLearningRate(learningRate);
        }

        @Override
        public void setListeners(Model network, TrainingListener listener) {
            ((ComputationGraph) network).setListeners(listener);
        }

        @Override
        public void dropUpdater(Model network) {
            ((ComputationGraph) network).setUpdater(null);
        }

        @Override
        public org.deeplearning4j.nn.api.Layer[] layers(Model network) {
            return ((ComputationGraph) network).getLayers();
        }

        @Override
        public int iterations(Model network) {
            return ((ComputationGraph) network).getIterationCount();
        }

        @Override
        public int epochs(Model network) {
            return ((ComputationGraph) network).getEpochCount();
        }

        @Override
        public String json(Model network) {
            return ((ComputationGraph) network).getConfiguration().toJson();
        }

        @Override
        public INDArray output(Model network, INDArray features) {
            return ((ComputationGraph) network).outputSingle(features);
        }

        @Override
        @Nullable
        public INDArray updaterState(Model network) {
            return ((ComputationGraph) network).getUpdater().getStateViewArray();
        }

        @Override
        public Model restore(File file) throws IOException {
            return ModelSerializer.restoreComputationGraph(file, true);
        }

        @Override
        public Model lastCheckpoint(File folder) {
            return CheckpointListener.loadLastCheckpointCG(folder);
        }

        @Override
        EarlyStoppingResult<? extends Model> stopEarly(
                Model network,
                DataSetIterator training,
                ScoreCalculator<Model> score,
                EpochTerminationCondition[] epochConditions,
                IterationTerminationCondition[] iterationConditions) {
            return new EarlyStoppingGraphTrainer(
                            NetworkKind.<ComputationGraph>conditions(score, epochConditions, iterationConditions),
                            (ComputationGraph) network,
                            training)
                    .fit();
        }
    };

    /** Layers one on top of the other: of the graph's, the last is called "out" and the others by their number. */
    public Model chain(NeuralNetConfiguration.Builder builder, InputType input, Layer... layers) {
        if (this == MULTI_LAYER) {
            var list = builder.list();
            for (Layer layer : layers) {
                list.layer(layer);
            }
            var network = new MultiLayerNetwork(list.setInputType(input).build());
            network.init();
            return network;
        }
        var graph = builder.graphBuilder().addInputs("in").setInputTypes(input).setOutputs("out");
        for (int i = 0; i < layers.length; i++) {
            String name = i == layers.length - 1 ? "out" : "layer" + i;
            graph.addLayer(name, layers[i], i == 0 ? "in" : "layer" + (i - 1));
        }
        var network = new ComputationGraph(graph.build());
        network.init();
        return network;
    }

    /** The classifier of {@link Networks#classifier}. */
    public abstract Model classifier(DataType type, IUpdater updater);

    public abstract Model ofSameConfiguration(Model network);

    public abstract Model copy(Model network);

    public abstract void fit(Model network, DataSet data);

    public abstract void fit(Model network, DataSetIterator data, int epochs);

    public abstract void computeGradients(Model network, DataSet data);

    public abstract void setLearningRate(Model network, double learningRate);

    public abstract void setListeners(Model network, TrainingListener listener);

    /** Makes DL4J forget the network's updater. */
    public abstract void dropUpdater(Model network);

    public abstract org.deeplearning4j.nn.api.Layer[] layers(Model network);

    public abstract int iterations(Model network);

    public abstract int epochs(Model network);

    public abstract String json(Model network);

    public abstract INDArray output(Model network, INDArray features);

    public abstract @Nullable INDArray updaterState(Model network);

    /** DL4J's own reader of model files. */
    public abstract Model restore(File file) throws IOException;

    public abstract Model lastCheckpoint(File folder);

    /** DL4J's own early stopping, its models kept in memory. */
    abstract EarlyStoppingResult<? extends Model> stopEarly(
            Model network,
            DataSetIterator training,
            ScoreCalculator<Model> score,
            EpochTerminationCondition[] epochConditions,
            IterationTerminationCondition[] iterationConditions);

    private static <T extends Model> EarlyStoppingConfiguration<T> conditions(
            ScoreCalculator<Model> score,
            EpochTerminationCondition[] epochConditions,
            IterationTerminationCondition[] iterationConditions) {
        return new EarlyStoppingConfiguration.Builder<T>()
                .modelSaver(new InMemoryModelSaver<>())
                .scoreCalculator(score)
                .epochTerminationConditions(epochConditions)
                .iterationTerminationConditions(iterationConditions)
                .build();
    }

    public static List<NetworkKind> all() {
        return List.of(values());
    }
}
