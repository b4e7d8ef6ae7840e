// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.arrays;

import org.bytedeco.javacpp.FloatPointer;
import org.jspecify.annotations.Nullable;

/** A block of native memory that grows on demand and is used again at every step: fresh memory costs a page fault for every 4 KB. */
public final class CpuMemory {
    /** Floats of a vector of the largest kind: what begins at a multiple of it is read fastest. */
    static final int VECTOR = 16;

    private @Nullable FloatPointer memory;

    /** Memory for at least {@code length} floats, contents undefined. Invalidates what was handed out before if it has to grow. */
    public FloatPointer ensure(long length) {
        FloatPointer current = memory;
        if (current == null || current.capacity() < length + VECTOR) {
            if (current != null) {
                current.close();
            }
            current = new FloatPointer(length + VECTOR);
            memory = current;
        }
        return aligned(current);
    }

    /** The same memory from where a vector may begin, at most {@value #VECTOR} elements further on. */
    static FloatPointer aligned(FloatPointer memory) {
        long over = (memory.address() / Float.BYTES + memory.position()) % VECTOR;
        return at(memory, over == 0 ? 0 : VECTOR - over);
    }

    /** The same memory from element {@code offset} on; it lives as long as the result does. */
    public static FloatPointer at(FloatPointer memory, long offset) {
        return new Held(memory, memory).position(memory.position() + offset);
    }

    /**
     * The memory of something that gives it back when nothing refers to it any more: the compiler lets go of a local variable after its last use, although native code may still be at work in its memory.
     */
    static final class Held extends FloatPointer {
        @SuppressWarnings("unused") // keeps its memory
        private final Object owner;

        Held(FloatPointer memory, Object owner) {
            super(memory);
            this.owner = owner;
        }
    }
}
