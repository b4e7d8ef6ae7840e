// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Text files in UTF-8, with or without a byte-order mark, and nothing that merely looks like them. */
final class InputFile {
    private static final int LARGEST = 1 << 26;

    private InputFile() {}

    /** The bytes of a file, {@code -} for standard input. */
    static byte[] read(String file) throws IOException {
        try (InputStream in = file.equals("-") ? System.in : Files.newInputStream(Path.of(file))) {
            byte[] bytes = in.readNBytes(LARGEST + 1);
            if (bytes.length > LARGEST) {
                throw new IllegalArgumentException(
                        file + " must have at most 64 MiB, has more; divide it into several files");
            }
            return bytes;
        }
    }

    /**
     * The text without a byte-order mark.
     *
     * @throws IllegalArgumentException naming the line where the bytes stop being UTF-8 text
     */
    static String decode(String file, byte[] bytes) {
        if (startsWith(bytes, 0xFE, 0xFF) || startsWith(bytes, 0xFF, 0xFE)) {
            throw new IllegalArgumentException(
                    file + " must be UTF-8, line 1 has the byte-order mark of UTF-16; save it as"
                            + " \"CSV UTF-8\", or convert it by iconv -f UTF-16 -t UTF-8");
        }
        ByteBuffer in = ByteBuffer.wrap(bytes);
        if (startsWith(bytes, 0xEF, 0xBB, 0xBF)) {
            in.position(3);
        }
        CharsetDecoder decoder = StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT);
        CharBuffer out = CharBuffer.allocate(in.remaining());
        CoderResult result = decoder.decode(in, out, true);
        String text = out.flip().toString();
        int nul = text.indexOf('\0');
        if (nul >= 0) {
            throw new IllegalArgumentException(file + " must be UTF-8 text, line " + line(text, nul)
                    + " contains a zero byte; if it is UTF-16, convert it by iconv -f UTF-16 -t UTF-8, a workbook must be"
                    + " saved as \"CSV UTF-8\"");
        }
        if (result.isError()) {
            throw new IllegalArgumentException(file + " must be UTF-8, line " + line(text, text.length())
                    + " is not; save it as \"CSV UTF-8\", or convert it by iconv");
        }
        return text;
    }

    private static boolean startsWith(byte[] bytes, int... start) {
        if (bytes.length < start.length) {
            return false;
        }
        for (int i = 0; i < start.length; i++) {
            if ((bytes[i] & 0xFF) != start[i]) {
                return false;
            }
        }
        return true;
    }

    private static long line(String text, int end) {
        return 1 + text.substring(0, end).chars().filter(c -> c == '\n').count();
    }
}
