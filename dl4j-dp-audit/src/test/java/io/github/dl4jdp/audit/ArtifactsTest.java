// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.audit;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.properties.HasModifiers.Predicates.modifier;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.GeneralCodingRules;

/** What the artifacts may know of each other and of libraries: accountant, core, and above it features and audit, side by side. */
@AnalyzeClasses(packages = "io.github.dl4jdp", importOptions = DoNotIncludeTests.class)
class ArtifactsTest {
    private static final String ACCOUNTANT = "io.github.dl4jdp.accountant..";
    private static final String CORE = "io.github.dl4jdp.core..";
    private static final String FEATURES = "io.github.dl4jdp.features..";
    private static final String AUDIT = "io.github.dl4jdp.audit..";
    private static final String TEST_KIT = "io.github.dl4jdp.audit.testkit..";

    /** Not the public types, or those of packages that are for the core itself. */
    /** Argument checks and helpers that work on arrays are shared by the artifacts of this project. */
    private static final DescribedPredicate<JavaClass> INSIDE_OF_CORE = resideInAnyPackage(CORE)
            .and(DescribedPredicate.not(modifier(JavaModifier.PUBLIC)).forSubtype())
            .or(resideInAnyPackage("io.github.dl4jdp.core.internal..")
                    .and(DescribedPredicate.not(resideInAnyPackage(
                            "io.github.dl4jdp.core.internal", "io.github.dl4jdp.core.internal.arrays"))))
            .as("are inside of the core");

    /** The last are optional: the progress bar with its terminal, meters, and the page of DL4J's training UI. */
    @ArchTest
    static final ArchRule CORE_NEEDS_THE_ACCOUNTANT_DL4J_AND_SLF4J = classes()
            .that()
            .resideInAPackage(CORE)
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage(
                    CORE,
                    ACCOUNTANT,
                    "java..",
                    "javax..",
                    "org.deeplearning4j..",
                    "org.nd4j..",
                    "org.datavec..",
                    "org.bytedeco..",
                    "org.slf4j..",
                    "org.jspecify..",
                    "io.micrometer..",
                    "me.tongfei..",
                    "org.jline..",
                    "io.vertx..",
                    "io.netty..");

    @ArchTest
    static final ArchRule FEATURES_DO_NOT_KNOW_AUDITS = noClasses()
            .that()
            .resideInAPackage(FEATURES)
            .should()
            .dependOnClassesThat()
            .resideInAPackage(AUDIT);

    @ArchTest
    static final ArchRule AUDITS_DO_NOT_KNOW_FEATURES = noClasses()
            .that()
            .resideInAPackage(AUDIT)
            .should()
            .dependOnClassesThat()
            .resideInAPackage(FEATURES);

    @ArchTest
    static final ArchRule FEATURES_AND_AUDITS_SEE_THE_API_ALONE =
            noClasses().that().resideInAnyPackage(FEATURES, AUDIT).should().dependOnClassesThat(INSIDE_OF_CORE);

    /** In a package of the core they would see what is not public. */
    @ArchTest
    static final ArchRule FEATURES_AND_AUDITS_HAVE_PACKAGES_OF_THEIR_OWN = classes()
            .that(DescribedPredicate.describe("come from these artifacts", type -> type.getSource()
                    .map(source -> source.getUri().toString())
                    .filter(uri -> uri.contains("/dl4j-dp-features/") || uri.contains("/dl4j-dp-audit/"))
                    .isPresent()))
            .should()
            .resideInAnyPackage(FEATURES, AUDIT);

    @ArchTest
    static final ArchRule ONLY_THE_TEST_KIT_NEEDS_TEST_LIBRARIES = noClasses()
            .that()
            .resideOutsideOfPackage(TEST_KIT)
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("net.jqwik..", "org.assertj..", "org.junit..", TEST_KIT);

    @ArchTest
    static final ArchRule RANDOMNESS_IS_CRYPTOGRAPHIC = noClasses()
            .should()
            .dependOnClassesThat()
            .belongToAnyOf(java.util.Random.class, java.util.concurrent.ThreadLocalRandom.class)
            .orShould()
            .callMethod(Math.class, "random");

    @ArchTest
    static final ArchRule NO_STATIC_STATE_CHANGES =
            fields().that().areStatic().should().beFinal();

    @ArchTest
    static final ArchRule PACKAGES_HAVE_NO_CYCLES =
            slices().matching("io.github.dl4jdp.(*)..").should().beFreeOfCycles();

    @ArchTest
    static final ArchRule LIBRARY_DOES_NOT_PRINT = noClasses()
            .that()
            .resideOutsideOfPackage("..cli..")
            .and()
            .haveNameNotMatching(".*core\\.monitor\\.BarLine(\\$.*)?") // shares the terminal with them
            .should(GeneralCodingRules.ACCESS_STANDARD_STREAMS);
}
