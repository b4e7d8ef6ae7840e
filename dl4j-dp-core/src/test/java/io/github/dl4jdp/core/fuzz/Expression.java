// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.fuzz;

import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.jspecify.annotations.Nullable;

/**
 * A Java expression that makes a part of a network: it can be evaluated, and printed as source code. A chain of calls on a new object or on what a
 * static method gives.
 *
 * @param type the class
 * @param factory the static method, or empty for the constructor
 * @param arguments numbers, booleans, strings, enums, arrays of int or long, or expressions
 * @param calls what is called on it, in order
 */
record Expression(Class<?> type, String factory, List<Object> arguments, List<Call> calls) {
    /**
     * A call.
     *
     * @param optional whether the expression is still one without it
     */
    record Call(String method, List<Object> arguments, boolean optional) {}

    static Expression make(Class<?> type, Object... arguments) {
        return new Expression(type, "", List.of(arguments), List.of());
    }

    static Expression call(Class<?> type, String factory, Object... arguments) {
        return new Expression(type, factory, List.of(arguments), List.of());
    }

    /** This and a call that must be there. */
    Expression then(String method, Object... arguments) {
        return plus(new Call(method, List.of(arguments), false));
    }

    /** This and a call that shrinking may leave out. */
    Expression maybe(String method, Object... arguments) {
        return plus(new Call(method, List.of(arguments), true));
    }

    /** As {@link #maybe}, before the last call. */
    Expression inserted(String method, Object... arguments) {
        var more = new ArrayList<>(calls);
        more.add(more.size() - 1, new Call(method, List.of(arguments), true));
        return new Expression(type, factory, this.arguments, more);
    }

    Expression plus(Call call) {
        var more = new ArrayList<>(calls);
        more.add(call);
        return new Expression(type, factory, arguments, more);
    }

    /** Every expression that is smaller by one optional call, or by a smaller argument. */
    List<Expression> smaller() {
        var all = new ArrayList<Expression>();
        for (int i = 0; i < calls.size(); i++) {
            var fewer = new ArrayList<>(calls);
            Call call = fewer.remove(i);
            if (call.optional()) {
                all.add(new Expression(type, factory, arguments, fewer));
            }
            for (List<Object> less : smaller(call.arguments())) {
                var changed = new ArrayList<>(calls);
                changed.set(i, new Call(call.method(), less, call.optional()));
                all.add(new Expression(type, factory, arguments, changed));
            }
        }
        for (List<Object> less : smaller(arguments)) {
            all.add(new Expression(type, factory, less, calls));
        }
        return all;
    }

    private static List<List<Object>> smaller(List<Object> arguments) {
        var all = new ArrayList<List<Object>>();
        for (int i = 0; i < arguments.size(); i++) {
            if (arguments.get(i) instanceof Expression inner) {
                for (Expression less : inner.smaller()) {
                    var changed = new ArrayList<>(arguments);
                    changed.set(i, less);
                    all.add(changed);
                }
            }
        }
        return all;
    }

    /** The simple name of the class that is built, of a builder the class around it. */
    String name() {
        Class<?> outer = type.getEnclosingClass();
        String own = outer == null ? type.getSimpleName() : outer.getSimpleName();
        String inner = arguments.stream()
                .filter(Expression.class::isInstance)
                .map(argument -> ((Expression) argument).name())
                .collect(Collectors.joining(", "));
        return inner.isEmpty() || outer != null ? own : own + "(" + inner + ")";
    }

    /** All classes in it. */
    List<Class<?>> types() {
        var all = new ArrayList<Class<?>>();
        all.add(type);
        types(arguments, all);
        calls.forEach(call -> types(call.arguments(), all));
        return all;
    }

    private static void types(List<Object> arguments, List<Class<?>> all) {
        for (Object argument : arguments) {
            if (argument instanceof Expression inner) {
                all.addAll(inner.types());
            } else if (argument instanceof Enum<?> constant) {
                all.add(constant.getDeclaringClass());
            }
        }
    }

    String code() {
        var text = new StringBuilder(factory.isEmpty() ? "new " + name(type) : name(type) + "." + factory);
        text.append(code(arguments));
        for (Call call : calls) {
            text.append('.').append(call.method()).append(code(call.arguments()));
        }
        return text.toString();
    }

    private static String code(List<Object> arguments) {
        return arguments.stream().map(Expression::code).collect(Collectors.joining(", ", "(", ")"));
    }

    private static String code(Object argument) {
        if (argument instanceof Expression inner) {
            return inner.code();
        }
        if (argument instanceof Enum<?> constant) {
            return name(constant.getDeclaringClass()) + "." + constant.name();
        }
        if (argument instanceof FuzzNetwork.Names names) {
            return Arrays.stream(names.names()).map(Expression::code).collect(Collectors.joining(", "));
        }
        if (argument instanceof FuzzNetwork.Types types) {
            return types.types().stream().map(one -> one.code()).collect(Collectors.joining(", "));
        }
        if (argument instanceof String text) {
            return "\"" + text + "\"";
        }
        if (argument instanceof int[] numbers) {
            return Arrays.stream(numbers).mapToObj(Integer::toString).collect(Collectors.joining(", "));
        }
        if (argument instanceof long[] numbers) {
            return Arrays.stream(numbers).mapToObj(Long::toString).collect(Collectors.joining(", "));
        }
        return argument.toString();
    }

    static String name(Class<?> type) {
        Class<?> outer = type.getEnclosingClass();
        return outer == null ? type.getSimpleName() : name(outer) + "." + type.getSimpleName();
    }

    /** What it evaluates to. */
    Object value() {
        Object value = factory.isEmpty()
                ? invoke(null, type.getDeclaredConstructors(), arguments)
                : invoke(null, named(type, factory), arguments);
        for (Call call : calls) {
            value = invoke(value, named(value.getClass(), call.method()), call.arguments());
        }
        return value;
    }

    <T> T value(Class<T> as) {
        return as.cast(value());
    }

    private static Method[] named(Class<?> type, String name) {
        return Arrays.stream(type.getMethods())
                .filter(method -> method.getName().equals(name))
                .toArray(Method[]::new);
    }

    private static Object invoke(@Nullable Object on, Executable[] candidates, List<Object> arguments) {
        Object[] given = arguments.stream().map(Expression::value).toArray();
        Executable best = Arrays.stream(candidates)
                .filter(one -> rank(one, given) < Integer.MAX_VALUE)
                .min(Comparator.comparingInt(one -> rank(one, given)))
                .orElseThrow(() -> new IllegalArgumentException(
                        "nothing takes " + Arrays.toString(given) + " among " + Arrays.toString(candidates)));
        Class<?>[] types = best.getParameterTypes();
        Object[] converted = new Object[types.length];
        for (int i = 0; i < types.length; i++) {
            converted[i] = converted(given[i], types[i]);
        }
        try {
            best.setAccessible(true);
            return best instanceof Constructor<?> constructor
                    ? constructor.newInstance(converted)
                    : ((Method) best).invoke(on, converted);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new IllegalStateException(e.getCause());
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Object value(Object argument) {
        if (argument instanceof Expression inner) {
            return inner.value();
        }
        if (argument instanceof FuzzNetwork.Names names) {
            return names.names();
        }
        return argument instanceof FuzzNetwork.Types types
                ? types.types().stream().map(one -> one.value()).toArray(InputType[]::new)
                : argument;
    }

    private static int rank(Executable one, Object[] given) {
        Class<?>[] types = one.getParameterTypes();
        if (types.length != given.length) {
            return Integer.MAX_VALUE;
        }
        int rank = 0;
        for (int i = 0; i < types.length; i++) {
            int own = rank(types[i], given[i]);
            if (own == Integer.MAX_VALUE) {
                return own;
            }
            rank += own;
        }
        return rank;
    }

    private static int rank(Class<?> type, Object given) {
        if (given instanceof Integer) {
            return type == int.class
                    ? 0
                    : type == long.class ? 1 : type == double.class ? 2 : type == int[].class ? 3 : none(type, given);
        }
        if (given instanceof Long) {
            return type == long.class ? 0 : type == double.class ? 1 : none(type, given);
        }
        if (given instanceof Double) {
            return type == double.class ? 0 : type == float.class ? 1 : none(type, given);
        }
        if (given instanceof Boolean && type == boolean.class) {
            return 0;
        }
        if (type.isArray() && type.getComponentType().isInstance(given)) {
            return 1;
        }
        return none(type, given);
    }

    private static int none(Class<?> type, Object given) {
        return type.isInstance(given) ? 4 : Integer.MAX_VALUE;
    }

    private static Object converted(Object given, Class<?> type) {
        if (given instanceof Number number) {
            if (type == int.class) {
                return number.intValue();
            }
            if (type == long.class) {
                return number.longValue();
            }
            if (type == double.class) {
                return number.doubleValue();
            }
            if (type == float.class) {
                return number.floatValue();
            }
            if (type == int[].class) {
                return new int[] {number.intValue()};
            }
        }
        if (type.isArray() && !type.isInstance(given)) {
            Object array = java.lang.reflect.Array.newInstance(type.getComponentType(), 1);
            java.lang.reflect.Array.set(array, 0, given);
            return array;
        }
        return given;
    }
}
