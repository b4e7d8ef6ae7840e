// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.monitor;

/** A jar that this package uses only where a user has added it. */
final class OptionalJar {
    private OptionalJar() {}

    /**
     * Fails when the object that needs the jar is made, instead of in the middle of training.
     *
     * @param className a class of the jar
     * @param artifact its Maven coordinates
     * @param user what needs it
     * @throws IllegalStateException if the class is not on the class path
     */
    static void require(String className, String artifact, String user) {
        try {
            Class.forName(className, false, OptionalJar.class.getClassLoader());
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(
                    user + " needs the class " + className + ", which is not on the class path: add the dependency "
                            + artifact + " to your build, or remove " + user,
                    e);
        }
    }
}
