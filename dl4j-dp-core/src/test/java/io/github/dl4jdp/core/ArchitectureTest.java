// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.core.domain.JavaAccess.Predicates.target;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.name;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.methods;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethod;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import com.tngtech.archunit.library.GeneralCodingRules;
import io.github.dl4jdp.core.internal.training.PrivateTraining;
import io.github.dl4jdp.core.random.GaussianNoise;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** What must not creep into the library. */
@AnalyzeClasses(
        packages = {"io.github.dl4jdp.core", "io.github.dl4jdp.accountant"},
        importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
    private static final String ROOT = "io.github.dl4jdp.";

    @ArchTest
    static final ArchRule RANDOMNESS_IS_CRYPTOGRAPHIC = noClasses()
            .should()
            .dependOnClassesThat()
            .belongToAnyOf(java.util.Random.class, java.util.concurrent.ThreadLocalRandom.class)
            .orShould()
            .callMethod(Math.class, "random");

    @ArchTest
    static final ArchRule ACCOUNTANT_STANDS_ALONE = noClasses()
            .that()
            .resideInAPackage("..accountant..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.nd4j..", "org.deeplearning4j..", "io.github.dl4jdp.core..");

    @ArchTest
    static final ArchRule ACCOUNTANT_DOES_NOT_LOG = noClasses()
            .that()
            .resideInAPackage("..accountant..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.slf4j..", "java.util.logging..", "org.apache.commons.logging..");

    @ArchTest
    static final ArchRule NO_STATIC_STATE_CHANGES =
            fields().that().areStatic().should().beFinal();

    @ArchTest
    static final ArchRule NOTHING_DEPENDS_ON_EXAMPLES =
            noClasses().should().dependOnClassesThat().resideInAPackage("..examples..");

    /** Every package is a slice of its own, root packages included. */
    @ArchTest
    static final ArchRule PACKAGES_HAVE_NO_CYCLES =
            slices().matching("io.github.dl4jdp.(**)").should().beFreeOfCycles();

    /** Arrows go one way: each room and what it may touch, besides itself. */
    private static final Map<String, List<String>> ROOMS = Map.ofEntries(
            Map.entry("core.internal", List.of("accountant")),
            Map.entry("core.random", List.of()),
            Map.entry("core.activations", List.of()),
            Map.entry("core.internal.arrays", List.of("core.activations")),
            Map.entry("core.internal.layers", List.of("core.internal.arrays")),
            Map.entry(
                    "core.gradient",
                    List.of(
                            "core.activations",
                            "core.data",
                            "core.internal",
                            "core.internal.arrays",
                            "core.internal.layers")),
            Map.entry("core.layers", List.of("core.internal", "core.internal.arrays", "core.internal.layers")),
            Map.entry("core.data", List.of("core.internal", "core.internal.arrays")),
            Map.entry(
                    "core.mechanism",
                    List.of("accountant", "core.internal", "core.random", "core.gradient", "core.internal.arrays")),
            Map.entry("core.internal.plan", List.of("accountant", "core.internal", "core.mechanism")),
            Map.entry(
                    "core.internal.charging",
                    List.of("accountant", "core.internal", "core.internal.plan", "core.mechanism")),
            Map.entry(
                    "core.internal.network",
                    List.of(
                            "core.random",
                            "core.gradient",
                            "core.internal",
                            "core.internal.arrays",
                            "core.data",
                            "core.mechanism",
                            "core.internal.plan",
                            "core.internal.charging")),
            Map.entry(
                    "core.internal.check",
                    List.of(
                            "core.gradient",
                            "core.internal.arrays",
                            "core.mechanism",
                            "core.internal.plan",
                            "core.internal.network")),
            Map.entry(
                    "core.internal.training",
                    List.of(
                            "core.internal",
                            "core.random",
                            "core.gradient",
                            "core.internal.arrays",
                            "core.data",
                            "core.mechanism",
                            "core.internal.plan",
                            "core.internal.charging",
                            "core.internal.network",
                            "core.internal.check")),
            Map.entry("core.monitor", List.of("core")));

    @ArchTest
    static void rooms_imports_goOneWay(JavaClasses classes) {
        ROOMS.forEach((room, touched) -> {
            var allowed = new ArrayList<>(touched);
            allowed.add(room);
            noClasses()
                    .that()
                    .resideInAPackage(ROOT + room)
                    .should()
                    .dependOnClassesThat(describe(
                            "outside " + allowed,
                            type -> type.getPackageName().startsWith(ROOT)
                                    && !allowed.contains(type.getPackageName().substring(ROOT.length()))))
                    .check(classes);
        });
        var packages = classes.stream()
                .map(JavaClass::getPackageName)
                .filter(name -> name.startsWith(ROOT + "core.") && !name.equals(ROOT + "core"))
                .map(name -> name.substring(ROOT.length()))
                .collect(Collectors.toSet());
        assertThat(ROOMS.keySet()).isEqualTo(packages);
    }

    @ArchTest
    static final ArchRule ONLY_THE_MECHANISM_DRAWS_NOISE = noClasses()
            .that()
            .resideOutsideOfPackages(ROOT + "core.mechanism", ROOT + "core.random")
            .should()
            .dependOnClassesThat()
            .haveFullyQualifiedName(GaussianNoise.class.getName());

    /** The view that DL4J's updater and listeners read is handed from the network to the door by one class, and no other asks for it. */
    @ArchTest
    static final ArchRule ONLY_TRAINING_HANDS_THE_GRADIENT_VIEW_TO_THE_DOOR = noClasses()
            .that()
            .doNotHaveFullyQualifiedName(PrivateTraining.class.getName())
            .and()
            .resideOutsideOfPackage(ROOT + "core.internal.network") // makes it
            .should()
            .callMethodWhere(target(name("gradientView")));

    @ArchTest
    static final ArchRule ONLY_HOOKS_KNOW_THE_GRADIENT_VIEW = noClasses()
            .that()
            .resideOutsideOfPackages(ROOT + "core.internal.network", ROOT + "core.gradient..")
            .should()
            .callMethodWhere(target(name("getFlattenedGradients"))
                    .or(target(name("getGradientsViewArray")))
                    .or(target(name("setBackpropGradientsViewArray"))));

    @ArchTest
    static final ArchRule API_HAS_NO_INTERNAL_TYPES = methods()
            .that()
            .areDeclaredInClassesThat()
            .resideOutsideOfPackage("..internal..")
            .and()
            .areDeclaredInClassesThat()
            .arePublic()
            .and(describe(
                    "are public or protected",
                    (JavaMethod method) -> method.getModifiers().contains(JavaModifier.PUBLIC)
                            || method.getModifiers().contains(JavaModifier.PROTECTED)))
            .should(new ArchCondition<JavaMethod>("name no internal type") {
                @Override
                public void check(JavaMethod method, ConditionEvents events) {
                    method.getAllInvolvedRawTypes().stream()
                            .filter(involved -> involved.getPackageName().contains(".internal"))
                            .filter(involved -> involved.getPackageName().startsWith(ROOT))
                            .filter(involved -> !isInherited(method))
                            .forEach(involved -> events.add(SimpleConditionEvent.violated(
                                    method, method.getFullName() + " names " + involved.getName())));
                }
            });

    /** What a class has from an internal one is that one's. */
    private static boolean isInherited(JavaMethod method) {
        return method.getOwner().getAllRawSuperclasses().stream()
                .filter(above -> above.getPackageName().contains(".internal"))
                .anyMatch(above -> above.getMethods().stream()
                        .anyMatch(other -> other.getName().equals(method.getName())));
    }

    @ArchTest
    static final ArchRule LIBRARY_DOES_NOT_PRINT = noClasses()
            .that()
            .resideOutsideOfPackage("..cli..")
            .and()
            .doNotHaveFullyQualifiedName(ROOT + "core.monitor.BarLine") // shares the terminal with them
            .and()
            .haveNameNotMatching(".*core\\.monitor\\.BarLine\\$.*")
            .should(GeneralCodingRules.ACCESS_STANDARD_STREAMS);
}
