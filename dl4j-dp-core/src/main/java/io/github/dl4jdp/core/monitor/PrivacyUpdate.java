// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.monitor;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.deeplearning4j.core.storage.Persistable;
import org.nd4j.shade.jackson.databind.ObjectMapper;
import org.nd4j.shade.jackson.databind.node.ObjectNode;

/**
 * One {@link io.github.dl4jdp.core.PrivacyStatus} in a DL4J {@code StatsStorage}, encoded as JSON.
 *
 * <p>Public, and with a constructor without arguments, because the storages make instances by reflection.
 */
public final class PrivacyUpdate implements Persistable {
    /** What these updates are called in a storage. */
    public static final String TYPE_ID = "PrivacyListener";

    private static final long serialVersionUID = 1L;
    private static final String SESSION = "session";
    private static final String TIME = "time";
    private static final String STATUS = "status";

    private String session;
    private long time;
    private String status;

    /** An empty update, to be filled by {@link #decode(byte[])}. */
    public PrivacyUpdate() {
        this("", 0, "{}");
    }

    PrivacyUpdate(String session, long time, String status) {
        this.session = session;
        this.time = time;
        this.status = status;
    }

    /** The status as one line of JSON. */
    public String json() {
        return status;
    }

    @Override
    public String getSessionID() {
        return session;
    }

    @Override
    public String getTypeID() {
        return TYPE_ID;
    }

    @Override
    public String getWorkerID() {
        return "engine";
    }

    @Override
    public long getTimeStamp() {
        return time;
    }

    @Override
    public int encodingLengthBytes() {
        return encode().length;
    }

    @Override
    public byte[] encode() {
        var mapper = new ObjectMapper();
        try {
            ObjectNode json = mapper.createObjectNode();
            json.put(SESSION, session);
            json.put(TIME, time);
            json.set(STATUS, mapper.readTree(status));
            return mapper.writeValueAsString(json).getBytes(StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException("a privacy status could not be encoded", e);
        }
    }

    @Override
    public void encode(ByteBuffer buffer) {
        buffer.put(encode());
    }

    @Override
    public void encode(OutputStream stream) throws IOException {
        stream.write(encode());
    }

    @Override
    public void decode(byte[] bytes) {
        try {
            var json = new ObjectMapper().readTree(bytes);
            session = json.required(SESSION).asText();
            time = json.required(TIME).asLong();
            status = json.required(STATUS).toString();
        } catch (IOException e) {
            throw new UncheckedIOException("not an encoded privacy status", e);
        }
    }

    @Override
    public void decode(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        decode(bytes);
    }

    @Override
    public void decode(InputStream stream) throws IOException {
        decode(stream.readAllBytes());
    }
}
