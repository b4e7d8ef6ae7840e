// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dl4jdp.core.data.RandomAccessExamples;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.memory.conf.WorkspaceConfiguration;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

class FeatureFileTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    Path folder;

    /** Three numbers an example; features are their sum and the first times a factor. */
    private record SumAndFirst(float factor, AtomicInteger computed) implements FeatureExtractor {
        @Override
        public long[] inputShape() {
            return new long[] {3};
        }

        @Override
        public long[] outputShape() {
            return new long[] {2, 1};
        }

        @Override
        public String identity() {
            return "sum and first x " + factor;
        }

        @Override
        public float[] extract(float[] examples) {
            float[] out = new float[examples.length / 3 * 2];
            for (int i = 0; i < examples.length / 3; i++) {
                out[2 * i] = examples[3 * i] + examples[3 * i + 1] + examples[3 * i + 2];
                out[2 * i + 1] = factor * examples[3 * i];
            }
            computed.addAndGet(examples.length / 3);
            return out;
        }
    }

    private record Counting(int size, float shift) implements FeatureFile.Examples {
        @Override
        public float[] read(int from, int to) {
            float[] out = new float[3 * (to - from)];
            for (int i = 0; i < out.length; i++) {
                out[i] = 3 * from + i + shift;
            }
            return out;
        }
    }

    private final AtomicInteger computed = new AtomicInteger();

    private FeatureFile open(float factor, int size, float shift) throws IOException {
        return FeatureFile.open(
                folder.resolve("sub/f.bin"), new SumAndFirst(factor, computed), new Counting(size, shift), n -> {});
    }

    @Test
    void open_newFile_hasTheFeaturesInOrder() throws IOException {
        FeatureFile file = open(2, 1000, 0);

        assertThat(file.size()).isEqualTo(1000);
        assertThat(file.shape()).containsExactly(2, 1);
        float[] out = new float[5];
        for (int i = 0; i < 1000; i++) {
            file.read(i, out, 3);
            assertThat(out).containsExactly(0, 0, 0, 9 * i + 3, 6 * i);
        }
        assertThat(file.read(7, 0, 999).shape()).containsExactly(3, 2, 1);
        assertThat(file.read(7, 0, 999).ravel().toFloatVector()).containsExactly(66, 42, 3, 0, 8994, 5994);
    }

    @Test
    void open_again_computesNothing() throws IOException {
        open(2, 100, 0);
        open(2, 100, 0);

        assertThat(computed).hasValue(100);
    }

    @Test
    void open_otherExtractorExamplesOrNumber_computesAnew() throws IOException {
        open(2, 100, 0);
        float[] out = new float[2];

        open(3, 100, 0).read(1, out, 0);
        assertThat(out).containsExactly(12, 9);
        open(3, 100, 1).read(1, out, 0);
        assertThat(out).containsExactly(15, 12);
        assertThat(open(3, 99, 1).size()).isEqualTo(99);
        assertThat(computed).hasValue(399);
    }

    @Test
    void open_damagedFile_computesAnew() throws IOException {
        open(2, 100, 0);
        Path file = folder.resolve("sub/f.bin");
        byte[] bytes = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(bytes, bytes.length - 1));

        float[] out = new float[2];
        open(2, 100, 0).read(99, out, 0);

        assertThat(out).containsExactly(894, 594);
        assertThat(computed).hasValue(200);
    }

    @Test
    void open_extractorFails_leavesNoFile() throws IOException {
        FeatureExtractor failing = new FeatureExtractor() {
            @Override
            public long[] inputShape() {
                return new long[] {3};
            }

            @Override
            public long[] outputShape() {
                return new long[] {1};
            }

            @Override
            public String identity() {
                return "failing";
            }

            @Override
            public float[] extract(float[] examples) {
                throw new IllegalArgumentException("no");
            }
        };

        assertThatThrownBy(() -> FeatureFile.open(folder.resolve("f.bin"), failing, new Counting(10, 0), n -> {}))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("no");
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).isEmpty();
        }
    }

    @Test
    void open_progress_reachesTheNumberOfExamples() throws IOException {
        List<Integer> progress = Collections.synchronizedList(new ArrayList<>());
        FeatureFile.open(folder.resolve("f.bin"), new SumAndFirst(1, computed), new Counting(150, 0), progress::add);

        assertThat(progress).isSorted().last().isEqualTo(150);
    }

    @Test
    void withLabels_indices_givesTheirFeaturesAndLabels() throws IOException {
        FeatureFile file = open(2, 4, 0);
        INDArray labels = Nd4j.createFromArray(new float[][] {{1, 0}, {0, 1}, {1, 0}, {0.25f, 0.75f}});

        RandomAccessExamples examples = file.withLabels(labels);
        labels.assign(0);
        MultiDataSet two = examples.get(new long[] {3, 1});

        assertThat(examples.size()).isEqualTo(4);
        assertThat(two.getFeatures(0).shape()).containsExactly(2, 2, 1);
        assertThat(two.getFeatures(0).ravel().toFloatVector()).containsExactly(30, 18, 12, 6);
        assertThat(two.getLabels(0).toFloatMatrix()).isDeepEqualTo(new float[][] {{0.25f, 0.75f}, {0, 1}});
        MultiDataSet again = examples.get(new long[] {0, 3}, two);
        assertThat(again.getFeatures(0)).isSameAs(two.getFeatures(0));
        assertThat(again.getFeatures())
                .isEqualTo(examples.get(new long[] {0, 3}).getFeatures());
        assertThat(again.getLabels(0).toFloatMatrix()).isDeepEqualTo(new float[][] {{1, 0}, {0.25f, 0.75f}});
        assertThatThrownBy(() -> file.withLabels(Nd4j.ones(3, 2)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("[4, classes], was [3, 2]");
    }

    @Test
    void withLabels_inAWorkspace_keepsThemOutsideOfIt() throws IOException {
        FeatureFile file = open(2, 4, 0);
        INDArray labels = Nd4j.createFromArray(new float[][] {{1, 0}, {0, 1}, {1, 0}, {0.25f, 0.75f}});
        var workspace = WorkspaceConfiguration.builder().initialSize(100_000).build();
        RandomAccessExamples examples;
        try (MemoryWorkspace turn = Nd4j.getWorkspaceManager().getAndActivateWorkspace(workspace, "CALLER")) {
            examples = file.withLabels(labels);
        }
        try (MemoryWorkspace turn = Nd4j.getWorkspaceManager().getAndActivateWorkspace(workspace, "CALLER")) {
            Nd4j.zeros(DataType.FLOAT, 1_000);

            assertThat(examples.get(new long[] {0, 1, 2, 3}).getLabels(0)).isEqualTo(labels);
        }
        Nd4j.getWorkspaceManager().destroyAllWorkspacesForCurrentThread();
    }

    @Test
    void read_indexOutside_throws() throws IOException {
        FeatureFile file = open(2, 10, 0);

        assertThatThrownBy(() -> file.read(10, new float[2], 0))
                .isInstanceOf(IndexOutOfBoundsException.class)
                .hasMessageContaining("[0, 10), was 10");
        assertThatThrownBy(() -> file.read(-1, new float[2], 0)).isInstanceOf(IndexOutOfBoundsException.class);
    }
}
