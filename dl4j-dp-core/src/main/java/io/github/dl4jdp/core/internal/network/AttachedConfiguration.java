// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal.network;

import io.github.dl4jdp.core.internal.PlainTrainingGuard;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A network's configuration as it was when the network was checked. Every layer reads its dropout, weight noise, activation function, preprocessor and loss from there at
 * each pass, so what is put there later would run unchecked.
 *
 * <p>It holds every field of the objects of DL4J's and ND4J's that the configuration consists of, and the identity of all others. Left out is what training itself
 * changes: counts (RecurrentAttentionLayer keeps the last number of time steps), the shapes of SameDiff layers' parameters, updaters, which are guarded by
 * {@link PrivateUpdater}, and constraints, which see parameters only.
 */
public final class AttachedConfiguration {
    private static final List<String> OPEN = List.of(
            "org.deeplearning4j.nn.conf.",
            "org.deeplearning4j.nn.modelimport.keras.",
            "org.nd4j.linalg.activations.",
            "org.nd4j.linalg.lossfunctions.",
            "org.nd4j.linalg.schedule.");

    private static final Set<String> CHANGED_BY_TRAINING = Set.of(
            "iUpdater",
            "biasUpdater",
            "constraints",
            "iterationCount",
            "epochCount",
            "timeSteps",
            "shape", // of the last batch, in FeedForwardToCnnPreProcessor
            "layerParams",
            "vertexParams");

    /** One value. */
    private record Slot(
            String name,
            Supplier<@Nullable Object> now,
            @Nullable Object value) {
        boolean isUnchanged() {
            Object current = now.get();
            return isSimple(value) ? Objects.equals(current, value) : current == value;
        }
    }

    private final List<Slot> slots = new ArrayList<>();
    private final Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());

    /** @param roots objects of the configuration, by name; what they refer to is included */
    AttachedConfiguration(Map<String, Supplier<@Nullable Object>> roots) {
        roots.forEach(this::add);
        seen.clear();
    }

    /** What has been changed, if anything has. */
    public Optional<String> change() {
        for (Slot slot : slots) {
            if (!slot.isUnchanged()) {
                return Optional.of(slot.name());
            }
        }
        return Optional.empty();
    }

    private void add(String name, Supplier<@Nullable Object> read) {
        // A guard is put anew with every lot.
        Supplier<@Nullable Object> now = () -> PlainTrainingGuard.without(read.get());
        Object value = now.get();
        slots.add(new Slot(name, now, value));
        if (value == null || isSimple(value) || !seen.add(value)) {
            return;
        }
        if (value instanceof Map<?, ?> map) {
            add(name + " (size)", () -> map.values().stream()
                    .filter(one -> PlainTrainingGuard.without(one) != null)
                    .count());
            map.forEach((key, held) -> add(name + " " + key, () -> map.get(key)));
        } else if (value instanceof Collection<?> collection) {
            add(name + " (size)", collection::size);
            if (value instanceof List<?> list) {
                for (int i = 0; i < list.size(); i++) {
                    int at = i;
                    add(name + " " + at, () -> at < list.size() ? list.get(at) : null);
                }
            }
        } else if (value.getClass().isArray()) {
            for (int i = 0; i < Array.getLength(value); i++) {
                int at = i;
                add(name + " " + at, () -> Array.get(value, at));
            }
        } else if (OPEN.stream().anyMatch(value.getClass().getName()::startsWith)) {
            addFields(value);
        }
    }

    private void addFields(Object owner) {
        for (Class<?> type = owner.getClass(); type != null && type != Object.class; type = type.getSuperclass()) {
            for (Field field : type.getDeclaredFields()) {
                int modifiers = field.getModifiers();
                if (!Modifier.isStatic(modifiers)
                        && !Modifier.isTransient(modifiers)
                        && !CHANGED_BY_TRAINING.contains(field.getName())) {
                    field.setAccessible(true);
                    add(owner.getClass().getSimpleName() + "." + field.getName(), () -> get(field, owner));
                }
            }
        }
    }

    private static @Nullable Object get(Field field, Object owner) {
        try {
            return field.get(owner);
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e); // it was made accessible
        }
    }

    private static boolean isSimple(@Nullable Object value) {
        return value instanceof Number
                || value instanceof Boolean
                || value instanceof Character
                || value instanceof String
                || value instanceof Enum<?>
                || value instanceof Class<?>;
    }
}
