// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** An array in a file, mapped into memory: its rows are read where they are asked for, and the operating system keeps what it has room for. */
public final class MappedArray {
    /** Files beyond 2 GB are mapped in pieces, each of whole rows. */
    private static final long MAX_PIECE_BYTES = 1L << 30;

    /** What a number of the file is. */
    public enum Element {
        FLOAT32(4),
        FLOAT64(8),
        UINT8(1),
        INT32(4),
        INT64(8);

        private final int bytes;

        Element(int bytes) {
            this.bytes = bytes;
        }

        /** The bytes of one number. */
        public int bytes() {
            return bytes;
        }
    }

    private final Path file;
    private final Element element;
    private final long[] shape;
    private final int rowLength;
    private final long rowsPerPiece;
    private final ByteBuffer[] pieces;

    private MappedArray(
            Path file, Element element, long[] shape, int rowLength, long rowsPerPiece, ByteBuffer[] pieces) {
        this.file = file;
        this.element = element;
        this.shape = shape;
        this.rowLength = rowLength;
        this.rowsPerPiece = rowsPerPiece;
        this.pieces = pieces;
    }

    /**
     * Maps a file.
     *
     * @param offset bytes before the first number
     * @param shape rows first; the file must end with the last row
     * @throws IOException if the file cannot be read
     * @throws IllegalArgumentException if the file has another length than the shape asks for, or a row is too long
     */
    public static MappedArray map(Path file, long offset, Element element, ByteOrder order, long[] shape)
            throws IOException {
        long rows = shape[0];
        long length = 1;
        for (int i = 1; i < shape.length; i++) {
            length = Math.multiplyExact(length, shape[i]);
        }
        long rowBytes = Math.multiplyExact(length, element.bytes());
        if (rows < 1 || rowBytes < 1 || rowBytes > MAX_PIECE_BYTES) {
            throw new IllegalArgumentException("the array in " + file + " must have at least one row, of 1 to "
                    + MAX_PIECE_BYTES + " bytes, has the shape " + Arrays.toString(shape));
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long expected = Math.addExact(offset, Math.multiplyExact(rows, rowBytes));
            if (channel.size() != expected) {
                throw new IllegalArgumentException(file + " must have " + expected + " bytes for " + element
                        + " numbers in the shape " + Arrays.toString(shape) + ", has " + channel.size());
            }
            long perPiece = MAX_PIECE_BYTES / rowBytes;
            var pieces = new ByteBuffer[Math.toIntExact((rows + perPiece - 1) / perPiece)];
            for (int i = 0; i < pieces.length; i++) {
                long first = i * perPiece;
                long bytes = Math.min(perPiece, rows - first) * rowBytes;
                pieces[i] = channel.map(FileChannel.MapMode.READ_ONLY, offset + first * rowBytes, bytes)
                        .order(order);
            }
            return new MappedArray(file, element, shape.clone(), Math.toIntExact(length), perPiece, pieces);
        }
    }

    /** The number of rows. */
    public long rows() {
        return shape[0];
    }

    /** Number of dimensions, that of the rows included. */
    int rank() {
        return shape.length;
    }

    Path file() {
        return file;
    }

    /** The rows with the given indices, [indices, ...]: double precision for FLOAT64, else single. */
    public INDArray get(long[] indices) {
        long[] result = shape.clone();
        result[0] = indices.length;
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            if (element == Element.FLOAT64) {
                var values = new double[Math.multiplyExact(indices.length, rowLength)];
                for (int i = 0; i < indices.length; i++) {
                    piece(indices[i]).asDoubleBuffer().get(values, i * rowLength, rowLength);
                }
                return Nd4j.createFromArray(values).reshape('c', result);
            }
            var values = new float[Math.multiplyExact(indices.length, rowLength)];
            for (int i = 0; i < indices.length; i++) {
                read(indices[i], values, i * rowLength);
            }
            return Nd4j.createFromArray(values).reshape('c', result);
        }
    }

    /**
     * Copies one row in single precision into {@code values}, from {@code offset} on; callable from several threads.
     *
     * @throws IndexOutOfBoundsException if there is no such row, or {@code values} is too short
     */
    public void read(long row, float[] values, int offset) {
        read(piece(row), values, offset);
    }

    /**
     * One-hot rows of the class numbers that a one-dimensional array holds.
     *
     * @throws IllegalArgumentException if a number is not a whole one in {@code [0, classes)}
     */
    INDArray oneHot(long[] indices, int classes) {
        var values = new float[Math.multiplyExact(indices.length, classes)];
        var label = new float[1];
        for (int i = 0; i < indices.length; i++) {
            read(indices[i], label, 0);
            int number = (int) label[0];
            if (!(number >= 0 && number < classes && number == label[0])) {
                throw new IllegalArgumentException("the label of example " + indices[i] + " in " + file
                        + " must be a whole number from 0 to " + (classes - 1) + ", was " + label[0]);
            }
            values[i * classes + number] = 1;
        }
        try (MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            return Nd4j.createFromArray(values).reshape('c', indices.length, classes);
        }
    }

    /** A view that begins with the row. */
    private ByteBuffer piece(long row) {
        if (row < 0 || row >= shape[0]) {
            throw new IndexOutOfBoundsException("index must be in [0, " + shape[0] + "), was " + row);
        }
        ByteBuffer piece = pieces[(int) (row / rowsPerPiece)];
        int at = Math.toIntExact(row % rowsPerPiece * rowLength * element.bytes());
        ByteBuffer view = piece.duplicate().order(piece.order());
        view.position(at);
        return view;
    }

    private void read(ByteBuffer from, float[] values, int offset) {
        switch (element) {
            case FLOAT32 -> from.asFloatBuffer().get(values, offset, rowLength);
            case UINT8 -> {
                for (int i = 0; i < rowLength; i++) {
                    values[offset + i] = from.get() & 0xFF;
                }
            }
            case INT32 -> {
                for (int i = 0; i < rowLength; i++) {
                    values[offset + i] = from.getInt();
                }
            }
            case INT64 -> {
                for (int i = 0; i < rowLength; i++) {
                    values[offset + i] = from.getLong();
                }
            }
            case FLOAT64 -> {
                for (int i = 0; i < rowLength; i++) {
                    values[offset + i] = (float) from.getDouble();
                }
            }
        }
    }
}
