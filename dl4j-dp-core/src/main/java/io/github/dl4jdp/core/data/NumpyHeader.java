// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.data;

import io.github.dl4jdp.core.data.MappedArray.Element;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The head of a file that {@code numpy.save} wrote, in the versions 1 to 3 of the format.
 *
 * <p>Source: NumPy Enhancement Proposal 1, A Simple File Format for NumPy Arrays.
 */
final class NumpyHeader {
    private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
    private static final Pattern TYPE = Pattern.compile("'descr'\\s*:\\s*'([<>|=])([a-z]\\d+)'");
    private static final Pattern FORTRAN = Pattern.compile("'fortran_order'\\s*:\\s*True");
    private static final Pattern SHAPE = Pattern.compile("'shape'\\s*:\\s*\\(([\\d,\\s]*)\\)");
    /** A header is some hundred bytes; more is another file. */
    private static final int MAX_HEADER = 1 << 16;

    private NumpyHeader() {}

    /**
     * Maps a file by its header.
     *
     * @throws IllegalArgumentException if the file is none of numpy's, or its array is not one that can be mapped
     */
    static MappedArray map(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file);
                var data = new DataInputStream(in)) {
            byte[] magic = data.readNBytes(MAGIC.length);
            int version = Arrays.equals(magic, MAGIC) ? data.readUnsignedByte() : 0;
            if (version < 1 || version > 3) {
                throw new IllegalArgumentException(file + " must be a .npy file of version 1 to 3");
            }
            data.readUnsignedByte();
            int length = Short.toUnsignedInt(Short.reverseBytes(data.readShort()));
            int fixed = MAGIC.length + 4;
            if (version > 1) {
                length |= Short.toUnsignedInt(Short.reverseBytes(data.readShort())) << 16;
                fixed += 2;
            }
            if (length < 0 || length > MAX_HEADER) {
                throw new IllegalArgumentException(
                        file + " must have a header of at most " + MAX_HEADER + " bytes, has one of " + length);
            }
            return map(file, new String(data.readNBytes(length), StandardCharsets.UTF_8), fixed + length);
        }
    }

    private static MappedArray map(Path file, String header, long offset) throws IOException {
        Matcher type = TYPE.matcher(header);
        Matcher shape = SHAPE.matcher(header);
        if (!type.find() || !shape.find() || FORTRAN.matcher(header).find()) {
            throw new IllegalArgumentException("the array in " + file
                    + " must have plain numbers in C order (numpy.ascontiguousarray), its header is " + header.strip());
        }
        Element element =
                switch (type.group(2)) {
                    case "f4" -> Element.FLOAT32;
                    case "f8" -> Element.FLOAT64;
                    case "u1" -> Element.UINT8;
                    case "i4" -> Element.INT32;
                    case "i8" -> Element.INT64;
                    default ->
                        throw new IllegalArgumentException(
                                "the numbers in " + file + " must be of type f4, f8, u1, i4 or i8, were "
                                        + type.group(2) + "; convert them with astype");
                };
        ByteOrder order =
                switch (type.group(1)) {
                    case ">" -> ByteOrder.BIG_ENDIAN;
                    case "=" -> ByteOrder.nativeOrder();
                    default -> ByteOrder.LITTLE_ENDIAN;
                };
        long[] sizes = Arrays.stream(shape.group(1).split(","))
                .map(String::strip)
                .filter(size -> !size.isEmpty())
                .mapToLong(Long::parseLong)
                .toArray();
        if (sizes.length == 0) {
            throw new IllegalArgumentException("the array in " + file + " must have at least one dimension, has none");
        }
        return MappedArray.map(file, offset, element, order, sizes);
    }
}
