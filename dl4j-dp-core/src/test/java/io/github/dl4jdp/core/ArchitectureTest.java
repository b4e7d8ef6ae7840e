// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.GeneralCodingRules;

/** What must not creep into the library. */
@AnalyzeClasses(
        packages = {"io.github.dl4jdp.core", "io.github.dl4jdp.accountant"},
        importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
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

    @ArchTest
    static final ArchRule PACKAGES_HAVE_NO_CYCLES =
            slices().matching("io.github.dl4jdp.core.(*)..").should().beFreeOfCycles();

    @ArchTest
    static final ArchRule LIBRARY_DOES_NOT_PRINT =
            noClasses().that().resideOutsideOfPackage("..cli..").should(GeneralCodingRules.ACCESS_STANDARD_STREAMS);
}
