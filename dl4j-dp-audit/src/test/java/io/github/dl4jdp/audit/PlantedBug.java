// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import io.github.dl4jdp.core.DpSgdPlan;
import java.util.Objects;
import java.util.Random;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.Sgd;

/**
 * Mistakes that other implementations made, planted without touching the engine: it runs another plan than the one that is claimed, or a listener
 * rewrites the gradient before the updater and the auditor's own listener see it.
 */
enum PlantedBug {
    /** No bug at all. */
    NONE,

    NO_NOISE {
        @Override
        DpSgdPlan run(DpSgdPlan claimed) {
            return claimed.withoutNoise();
        }
    },

    HALF_NOISE {
        @Override
        DpSgdPlan run(DpSgdPlan claimed) {
            return claimed.withNoiseMultiplier(claimed.noiseMultiplier() / 2);
        }
    },

    /** Noise on DL4J's own sum over the lot. */
    NO_CLIPPING {
        @Override
        void rewrite(INDArray released, Lot lot) {
            released.assign(lot.plainSum());
            addNoise(released, lot.claimed(), lot.random());
        }
    },

    /** Clips the mean of the lot's gradients instead of each of them. */
    CLIPPED_MEAN {
        @Override
        void rewrite(INDArray released, Lot lot) {
            INDArray sum = lot.plainSum();
            double meanNorm = sum.norm2Number().doubleValue() / lot.size();
            released.assign(sum.mul(Math.min(1, lot.claimed().clippingNorm() / meanNorm)));
            addNoise(released, lot.claimed(), lot.random());
        }
    },

    /** Divides by the number of examples that were drawn: what the engine divides by, the expected number, is made up for. */
    REALISED_DIVISOR {
        @Override
        void rewrite(INDArray released, Lot lot) {
            released.muli((double) lot.claimed().expectedLotSize() / lot.size());
        }
    },

    NOISE_ON_FIRST_LAYER_ONLY {
        @Override
        DpSgdPlan run(DpSgdPlan claimed) {
            return claimed.withoutNoise();
        }

        @Override
        void rewrite(INDArray released, Lot lot) {
            INDArray first = released.get(NDArrayIndex.all(), NDArrayIndex.interval(0, AuditNetworks.FIRST_LAYER));
            addNoise(first, lot.claimed(), lot.random());
        }
    },

    /** A generator that starts anew at every step. */
    SAME_NOISE_EVERY_STEP {
        @Override
        DpSgdPlan run(DpSgdPlan claimed) {
            return claimed.withoutNoise();
        }

        @Override
        void rewrite(INDArray released, Lot lot) {
            addNoise(released, lot.claimed(), new Random(1));
        }
    },

    /** Listeners see the noised gradient; the parameters move by the clean one as well. */
    CLEAN_UPDATE {
        @Override
        void afterUpdate(INDArray parameters, Lot lot) {
            parameters.subi(lot.plainSum().reshape(parameters.shape()));
        }
    };

    /** The plan that is really run where {@code claimed} is claimed. */
    DpSgdPlan run(DpSgdPlan claimed) {
        return claimed;
    }

    /** What a mistaken implementation knows in a step. */
    record Lot(INDArray plainSum, int size, DpSgdPlan claimed, Random random) {}

    /** What happens to the noised sum that the engine has released. */
    void rewrite(INDArray released, Lot lot) {}

    /** What happens to the flattened parameters after the updater. */
    void afterUpdate(INDArray parameters, Lot lot) {}

    /** Plants the bug in a network. */
    MultiLayerNetwork into(MultiLayerNetwork network, DpSgdPlan claimed) {
        if (this == NONE) {
            return network;
        }
        var random = new Random(23);
        MultiLayerNetwork plain = AuditNetworks.network(new Sgd(1.0));
        network.addListeners(new BaseTrainingListener() {
            private @Nullable Lot lot;

            @Override
            public void onGradientCalculation(Model model) {
                plain.setParams(network.params());
                plain.setInput(network.getInput());
                plain.setLabels(network.getLabels());
                plain.computeGradientAndScore();
                lot = new Lot(
                        plain.getFlattenedGradients(), (int) network.getInput().size(0), claimed, random);
                INDArray released = network.getFlattenedGradients();
                released.muli(claimed.expectedLotSize());
                rewrite(released, lot);
                released.divi(claimed.expectedLotSize());
            }

            @Override
            public void iterationDone(Model model, int iteration, int epoch) {
                afterUpdate(network.params(), Objects.requireNonNull(lot));
            }
        });
        return network;
    }

    private static void addNoise(INDArray sum, DpSgdPlan plan, Random random) {
        double scale = plan.noiseMultiplier() * plan.clippingNorm();
        var noise = new double[Math.toIntExact(sum.length())];
        for (int i = 0; i < noise.length; i++) {
            noise[i] = scale * random.nextGaussian();
        }
        sum.addi(Nd4j.createFromArray(noise).reshape(sum.shape()).castTo(sum.dataType()));
    }
}
