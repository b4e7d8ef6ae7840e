// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import org.junit.jupiter.api.Test;

/** What needs an optional jar says so when it is made: not in the middle of training. */
class OptionalJarTest {
    @Test
    void privacyProgress_withoutItsJar_namesTheArtifactWhenItIsMade() throws Exception {
        Class<?> progress = new Without("me.tongfei.").loadClass(PrivacyProgress.class.getName());

        assertThatThrownBy(() -> construct(progress))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("me.tongfei:progressbar")
                .hasMessageContaining("PrivacyProgress");
    }

    @Test
    void trainingUi_withoutItsJar_namesTheArtifact() throws Exception {
        Class<?> ui = new Without("org.deeplearning4j.ui.").loadClass(TrainingUi.class.getName());

        assertThatThrownBy(() -> {
                    try {
                        ui.getMethod("open", int.class, String.class).invoke(null, 0, "test");
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                })
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("org.deeplearning4j:deeplearning4j-ui");
    }

    @Test
    void require_jarThatIsThere_passes() {
        OptionalJar.require("java.lang.String", "a:b:1", "a test");
        assertThat(new PrivacyProgress()).isNotNull();
    }

    private static void construct(Class<?> type) throws Throwable {
        try {
            type.getConstructor().newInstance();
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    /** Loads this library's classes anew, and finds none whose name begins with a prefix. */
    private static final class Without extends ClassLoader {
        private final String missing;

        private Without(String missing) {
            super(OptionalJarTest.class.getClassLoader());
            this.missing = missing;
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (name.startsWith(missing)) {
                throw new ClassNotFoundException(name);
            }
            if (!name.startsWith("io.github.dl4jdp.core.monitor.")) {
                return super.loadClass(name, resolve);
            }
            synchronized (getClassLoadingLock(name)) {
                Class<?> known = findLoadedClass(name);
                if (known != null) {
                    return known;
                }
                try (InputStream in = getParent().getResourceAsStream(name.replace('.', '/') + ".class")) {
                    byte[] bytes = in.readAllBytes();
                    return defineClass(name, bytes, 0, bytes.length);
                } catch (IOException e) {
                    throw new ClassNotFoundException(name, e);
                }
            }
        }
    }
}
