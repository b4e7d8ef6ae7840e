// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import io.github.dl4jdp.core.gradient.LayerTape;
import io.github.dl4jdp.core.gradient.TapeRecorder;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Collects the tapes of one backward pass and says when the last layer has reported.
 *
 * <p>That moment lies inside DL4J's backward pass: listeners see the network's gradient right after it, so by then the
 * noise must be in place.
 */
public final class BackwardPass {
    /** What happens at the two ends of a recorded pass. */
    public interface Observer {
        /** The first layer is about to report: the last moment to refuse. */
        void starting();

        /** All layers have reported, their tapes in the order of the parameters. */
        void complete(List<LayerTape> tapes);
    }

    private final int threads;
    private @Nullable LayerTape[] tapes = new LayerTape[0];
    private int recorded;
    private final Set<Integer> sharing = new HashSet<>();
    private final Set<Integer> keepingBits = new HashSet<>();
    private long heldPerExample;
    private int examples;
    private double @Nullable [] @Nullable [] weights;
    private @Nullable Observer observer;
    /** Whether all layers that train have reported, and DL4J goes on to those below them. */
    private boolean finishing;
    /** The layer that reports first in every pass, or -1. */
    private int first = -1;

    /** @param threads the most that a layer may use */
    public BackwardPass(int threads) {
        this.threads = threads;
    }

    /** Expects one tape from each of {@code layers} layers. */
    void resize(int layers) {
        tapes = new LayerTape[layers];
        recorded = 0;
        first = -1;
    }

    /** The most numbers that a layer holds for each example of a batch; 0 where none does. */
    public long heldPerExample() {
        return heldPerExample;
    }

    /** Whether every layer that trains shares out its work to threads of its own. */
    public boolean sharesAllWork() {
        return sharing.size() == tapes.length;
    }

    /** Whether the rows of every layer that trains have the same bits in any place of a batch, with oneDNN. */
    public boolean keepsBitsOfRows() {
        return keepingBits.size() == tapes.length;
    }

    /**
     * Records the next backward pass, which is over a batch of {@code examples} rows.
     *
     * @param weights as in {@link ExampleWeights}
     */
    public void open(int examples, double @Nullable [] @Nullable [] weights, Observer observer) {
        this.examples = examples;
        this.weights = weights;
        this.observer = observer;
        restart();
    }

    /** Stops recording: what comes now is refused. */
    public void close() {
        observer = null;
        restart();
    }

    private void restart() {
        finishing = false;
        Arrays.fill(tapes, null);
        recorded = 0;
    }

    /**
     * The recorder of the trainable layer at {@code position}, counted in the order of the parameters.
     *
     * @param output which of the network's outputs the layer is, -1 for none
     */
    TapeRecorder recorder(int position, boolean needsInputGradient, int output) {
        return new TapeRecorder() {
            @Override
            public double @Nullable [] lossWeights() {
                double @Nullable [] @Nullable [] all = weights;
                return output < 0 || all == null ? null : all[output];
            }

            @Override
            public boolean isRecording() {
                return observer != null;
            }

            @Override
            public int examples() {
                if (observer == null && !finishing) {
                    throw notOurs();
                }
                return examples;
            }

            @Override
            public int threads() {
                return threads;
            }

            @Override
            public void holds(long numbers) {
                heldPerExample = Math.max(heldPerExample, numbers);
            }

            @Override
            public void sharesWork() {
                sharing.add(position);
            }

            @Override
            public void keepsBitsOfRows() {
                keepingBits.add(position);
            }

            @Override
            public boolean needsInputGradient() {
                return needsInputGradient;
            }

            @Override
            public void record(LayerTape tape) {
                BackwardPass.this.record(position, tape);
            }
        };
    }

    private void record(int position, LayerTape tape) {
        Observer current = observer;
        if (current == null) {
            throw notOurs();
        }
        if (position == first && recorded > 0) {
            // The pass before failed half-way, and this is another one over the same batch.
            restart();
        }
        if (recorded == 0) {
            current.starting();
            first = position;
        }
        if (tapes[position] != null) {
            throw new IllegalStateException("layer " + position + " reported twice in one backward pass");
        }
        tapes[position] = tape;
        recorded++;
        if (recorded == tapes.length) {
            List<LayerTape> all =
                    Arrays.stream(tapes).map(java.util.Objects::requireNonNull).toList();
            observer = null;
            Arrays.fill(tapes, null);
            finishing = true;
            current.complete(all);
        }
    }

    private static IllegalStateException notOurs() {
        return new IllegalStateException(
                "the network is attached to a PrivacyEngine, and this batch does not come from it:"
                        + " train with net.fit(engine.lots(data), plan.epochs()). " + PrivateUpdater.COPIES);
    }
}
