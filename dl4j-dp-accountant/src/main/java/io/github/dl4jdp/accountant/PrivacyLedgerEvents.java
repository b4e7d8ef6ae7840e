// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The form of events in a ledger: an object of the record's name, as "type", and its components under their names.
 *
 * <p>What is written reads back to an equal event, doubles to the last bit. Ledgers outlive versions: the form of an event
 * never changes.
 */
final class PrivacyLedgerEvents {

    private static final JsonFactory JSON = new JsonFactory();

    private PrivacyLedgerEvents() {}

    /** Returns the event as JSON on one line. */
    static String write(DpEvent event) {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = JSON.createGenerator(text)) {
            write(event, json);
        } catch (IOException e) {
            // Writing to memory fails for what JSON's readers and writers refuse: depth.
            throw new IllegalArgumentException(
                    "event must fit on a line of a ledger and so not be nested hundreds deep (" + e.getMessage() + ")",
                    e);
        }
        return text.toString();
    }

    private static void write(DpEvent event, JsonGenerator json) throws IOException {
        json.writeStartObject();
        json.writeStringField("type", event.getClass().getSimpleName());
        if (event instanceof DpEvent.Gaussian gaussian) {
            json.writeNumberField("noiseMultiplier", gaussian.noiseMultiplier());
        } else if (event instanceof DpEvent.Laplace laplace) {
            json.writeNumberField("noiseMultiplier", laplace.noiseMultiplier());
        } else if (event instanceof DpEvent.GaussianMixture mixture) {
            json.writeNumberField("noiseMultiplier", mixture.noiseMultiplier());
            writeNumbers("sensitivities", mixture.sensitivities(), json);
            writeNumbers("probabilities", mixture.probabilities(), json);
        } else if (event instanceof DpEvent.EpsilonDelta pair) {
            json.writeNumberField("epsilon", pair.epsilon());
            json.writeNumberField("delta", pair.delta());
        } else if (event instanceof DpEvent.PoissonSampled sampled) {
            json.writeNumberField("samplingProbability", sampled.samplingProbability());
            writeField("event", sampled.event(), json);
        } else if (event instanceof DpEvent.TruncatedPoissonSampled sampled) {
            json.writeNumberField("samplingProbability", sampled.samplingProbability());
            json.writeNumberField("sourceSize", sampled.sourceSize());
            json.writeNumberField("truncatedBatchSize", sampled.truncatedBatchSize());
            writeField("event", sampled.event(), json);
        } else if (event instanceof DpEvent.TruncatedPoissonSampledGroup sampled) {
            json.writeNumberField("samplingProbability", sampled.samplingProbability());
            json.writeNumberField("sourceSize", sampled.sourceSize());
            json.writeNumberField("truncatedBatchSize", sampled.truncatedBatchSize());
            json.writeNumberField("groupSize", sampled.groupSize());
            writeField("event", sampled.event(), json);
        } else if (event instanceof DpEvent.RandomAllocation allocation) {
            json.writeNumberField("lots", allocation.lots());
            writeField("event", allocation.event(), json);
        } else if (event instanceof DpEvent.SampledWithoutReplacement sampled) {
            json.writeNumberField("sourceSize", sampled.sourceSize());
            json.writeNumberField("sampleSize", sampled.sampleSize());
            writeField("event", sampled.event(), json);
        } else if (event instanceof DpEvent.SelfComposed composed) {
            writeField("event", composed.event(), json);
            json.writeNumberField("count", composed.count());
        } else if (event instanceof DpEvent.Composed composed) {
            json.writeArrayFieldStart("events");
            for (DpEvent part : composed.events()) {
                write(part, json);
            }
            json.writeEndArray();
        } else if (event instanceof DpEvent.RepeatAndSelect selection) {
            writeField("event", selection.event(), json);
            json.writeNumberField("mean", selection.runs().mean());
            json.writeNumberField("shape", selection.runs().shape());
        } else if (!(event instanceof DpEvent.NoOp || event instanceof DpEvent.NonPrivate)) {
            throw new IllegalArgumentException("event must be of a kind that a ledger can hold, was " + event);
        }
        json.writeEndObject();
    }

    private static void writeField(String name, DpEvent event, JsonGenerator json) throws IOException {
        json.writeFieldName(name);
        write(event, json);
    }

    private static void writeNumbers(String name, List<Double> numbers, JsonGenerator json) throws IOException {
        json.writeArrayFieldStart(name);
        for (double number : numbers) {
            json.writeNumber(number);
        }
        json.writeEndArray();
    }

    /**
     * Reads what {@link #write} wrote.
     *
     * @throws IllegalArgumentException if the text is not an event in that form
     */
    static DpEvent read(String text) {
        try (JsonParser json = JSON.createParser(text)) {
            json.nextToken();
            Fields fields = readFields(json);
            if (json.nextToken() != null) {
                throw new IllegalArgumentException("event must be one JSON object, was " + text);
            }
            return toEvent(fields);
        } catch (IOException e) {
            throw new IllegalArgumentException("event must be a JSON object, was " + text, e);
        }
    }

    private static DpEvent toEvent(Fields fields) {
        DpEvent event =
                switch (fields.text("type")) {
                    case "NoOp" -> new DpEvent.NoOp();
                    case "NonPrivate" -> new DpEvent.NonPrivate();
                    case "Gaussian" -> new DpEvent.Gaussian(fields.number("noiseMultiplier"));
                    case "Laplace" -> new DpEvent.Laplace(fields.number("noiseMultiplier"));
                    case "GaussianMixture" ->
                        new DpEvent.GaussianMixture(
                                fields.number("noiseMultiplier"),
                                fields.numbers("sensitivities"),
                                fields.numbers("probabilities"));
                    case "EpsilonDelta" -> new DpEvent.EpsilonDelta(fields.number("epsilon"), fields.number("delta"));
                    case "PoissonSampled" ->
                        new DpEvent.PoissonSampled(fields.number("samplingProbability"), fields.event("event"));
                    case "TruncatedPoissonSampled" ->
                        new DpEvent.TruncatedPoissonSampled(
                                fields.number("samplingProbability"),
                                fields.integer("sourceSize"),
                                fields.integer("truncatedBatchSize"),
                                fields.event("event"));
                    case "TruncatedPoissonSampledGroup" ->
                        new DpEvent.TruncatedPoissonSampledGroup(
                                fields.number("samplingProbability"),
                                fields.integer("sourceSize"),
                                fields.integer("truncatedBatchSize"),
                                fields.integer("groupSize"),
                                fields.event("event"));
                    case "SampledWithoutReplacement" ->
                        new DpEvent.SampledWithoutReplacement(
                                fields.integer("sourceSize"), fields.integer("sampleSize"), fields.event("event"));
                    case "RandomAllocation" ->
                        new DpEvent.RandomAllocation(fields.integer("lots"), fields.event("event"));
                    case "SelfComposed" -> new DpEvent.SelfComposed(fields.event("event"), fields.integer("count"));
                    case "RepeatAndSelect" ->
                        new DpEvent.RepeatAndSelect(
                                fields.event("event"), new RunCount(fields.number("mean"), fields.number("shape")));
                    case "Composed" -> new DpEvent.Composed(fields.events("events"));
                    default ->
                        throw new IllegalArgumentException("type must be that of an event, was " + fields.text("type"));
                };
        fields.requireAllUsed();
        return event;
    }

    private static Fields readFields(JsonParser json) throws IOException {
        if (json.currentToken() != JsonToken.START_OBJECT) {
            throw new IllegalArgumentException("event must be a JSON object, was " + json.currentToken());
        }
        Map<String, Object> values = new LinkedHashMap<>();
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String name = json.currentName();
            json.nextToken();
            if (values.put(name, readValue(json)) != null) {
                throw new IllegalArgumentException("event must name each field once, named twice: " + name);
            }
        }
        return new Fields(values);
    }

    /** A String, Long, Double, List or Fields. */
    private static Object readValue(JsonParser json) throws IOException {
        return switch (json.currentToken()) {
            case START_OBJECT -> readFields(json);
            case START_ARRAY -> {
                List<Object> values = new ArrayList<>();
                while (json.nextToken() != JsonToken.END_ARRAY) {
                    values.add(readValue(json));
                }
                yield values;
            }
            case VALUE_STRING -> json.getText();
            case VALUE_NUMBER_INT -> json.getLongValue();
            case VALUE_NUMBER_FLOAT -> json.getDoubleValue();
            default -> throw new IllegalArgumentException("event must not contain " + json.currentToken());
        };
    }

    /** The fields of one object, each to be asked for. */
    private static final class Fields {
        private final Map<String, Object> values;
        private final List<String> unused;

        Fields(Map<String, Object> values) {
            this.values = values;
            this.unused = new ArrayList<>(values.keySet());
        }

        private <T> T get(String name, Class<T> type) {
            Object value = values.get(name);
            unused.remove(name);
            if (type.isInstance(value)) {
                return type.cast(value);
            }
            throw new IllegalArgumentException(name + " must be of type " + type.getSimpleName() + ", was " + value);
        }

        String text(String name) {
            return get(name, String.class);
        }

        long integer(String name) {
            return get(name, Long.class);
        }

        double number(String name) {
            return toDouble(name, get(name, Object.class));
        }

        List<Double> numbers(String name) {
            List<Double> numbers = new ArrayList<>();
            for (Object value : get(name, List.class)) {
                numbers.add(toDouble(name, value));
            }
            return numbers;
        }

        DpEvent event(String name) {
            return toEvent(get(name, Fields.class));
        }

        List<DpEvent> events(String name) {
            List<DpEvent> events = new ArrayList<>();
            for (Object value : get(name, List.class)) {
                if (!(value instanceof Fields fields)) {
                    throw new IllegalArgumentException(name + " must contain events, contained " + value);
                }
                events.add(toEvent(fields));
            }
            return events;
        }

        void requireAllUsed() {
            if (!unused.isEmpty()) {
                throw new IllegalArgumentException(text("type") + " must have no further fields, has " + unused);
            }
        }

        private static double toDouble(String name, Object value) {
            if (value instanceof Double number) {
                return number;
            }
            if (value instanceof Long number) {
                double nearest = number;
                if ((long) nearest == number && nearest < 0x1p63) {
                    return nearest;
                }
                throw new IllegalArgumentException(name + " must be exact in double precision, was " + value);
            }
            if ("Infinity".equals(value)) {
                return Double.POSITIVE_INFINITY;
            }
            throw new IllegalArgumentException(name + " must be a number, was " + value);
        }
    }
}
