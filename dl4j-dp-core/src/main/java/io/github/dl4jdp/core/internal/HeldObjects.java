// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.internal;

import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.InaccessibleObjectException;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;

/** The objects in another one's fields. */
public final class HeldObjects {
    private HeldObjects() {}

    /** What the fields of an object hold, those of its superclasses too: objects, and those of collections, maps and arrays. */
    public static List<Object> of(Object object) {
        var all = new ArrayList<Object>();
        for (Class<?> type = object.getClass(); type != null && type != Object.class; type = type.getSuperclass()) {
            for (Field field : type.getDeclaredFields()) {
                if (!Modifier.isStatic(field.getModifiers()) && !field.getType().isPrimitive()) {
                    all.addAll(read(field, object));
                }
            }
        }
        return all;
    }

    /** What a field holds: one object, or those of a collection, map or array. */
    private static List<Object> read(Field field, Object owner) {
        Object value;
        try {
            field.setAccessible(true);
            value = field.get(owner);
        } catch (InaccessibleObjectException | IllegalAccessException e) {
            // Closed to reflection, as the classes of a user's module may be: such a class was opted in to as a whole.
            return List.of();
        }
        var held = new ArrayList<Object>();
        if (value instanceof Collection<?> collection) {
            collection.forEach(one -> addTo(held, one));
        } else if (value instanceof Map<?, ?> map) {
            map.values().forEach(one -> addTo(held, one));
        } else if (value != null && value.getClass().isArray()) {
            for (int i = 0;
                    i < Array.getLength(value)
                            && !value.getClass().getComponentType().isPrimitive();
                    i++) {
                addTo(held, Array.get(value, i));
            }
        } else {
            addTo(held, value);
        }
        return held;
    }

    private static void addTo(List<Object> held, Object value) {
        if (value != null) {
            held.add(value);
        }
    }
}
