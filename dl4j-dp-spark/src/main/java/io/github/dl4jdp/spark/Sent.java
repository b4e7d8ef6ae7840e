// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamClass;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;

/**
 * An object that every executor gets once. It crosses the network as bytes: whatever serializer the application has set for its own data, Kryo for instance, these are read as they were written.
 *
 * @param <T> what is sent
 */
final class Sent<T extends Serializable> implements Serializable {
    private static final long serialVersionUID = 1L;
    /** The steps and runs of a few drivers. */
    private static final int KEPT = 8;

    private static final Map<String, Object> READ = new LinkedHashMap<>(16, 0.75f, true);

    private final String id = UUID.randomUUID().toString();
    private final Broadcast<byte[]> bytes;

    private Sent(Broadcast<byte[]> bytes) {
        this.bytes = bytes;
    }

    /**
     * Sends an object.
     *
     * @throws IllegalArgumentException if something in it is not serializable
     */
    static <T extends Serializable> Sent<T> to(JavaSparkContext spark, T object) {
        return new Sent<>(spark.broadcast(bytes(object)));
    }

    /** The object, read once a process. */
    @SuppressWarnings("unchecked") // only this class writes
    T value() {
        synchronized (READ) {
            Object known = READ.get(id);
            if (known == null) {
                known = object(bytes.value());
                READ.put(id, known);
                if (READ.size() > KEPT) {
                    READ.remove(READ.keySet().iterator().next());
                }
            }
            return (T) known;
        }
    }

    /** Drops it here and on all executors. */
    void destroy() {
        synchronized (READ) {
            READ.remove(id);
        }
        bytes.destroy();
    }

    /**
     * An object as bytes.
     *
     * @throws IllegalArgumentException if something in it is not serializable
     */
    static byte[] bytes(Serializable object) {
        var out = new ByteArrayOutputStream();
        try (var objects = new ObjectOutputStream(out)) {
            objects.writeObject(object);
        } catch (IOException e) {
            throw new IllegalArgumentException(
                    "what executors need must be Serializable, with all that it refers to: " + e.getMessage(), e);
        }
        return out.toByteArray();
    }

    /** What {@link #bytes(Serializable)} wrote. */
    static Object object(byte[] bytes) {
        ClassLoader loader = Thread.currentThread().getContextClassLoader();
        try (var objects = new ObjectInputStream(new ByteArrayInputStream(bytes)) {
            @Override
            protected Class<?> resolveClass(ObjectStreamClass description) throws IOException, ClassNotFoundException {
                try {
                    return Class.forName(description.getName(), false, loader); // has what --jars brought
                } catch (ClassNotFoundException e) {
                    return super.resolveClass(description);
                }
            }
        }) {
            return objects.readObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(
                    "class " + e.getMessage() + " is not on the executors' class path: add its jar to --jars", e);
        }
    }
}
