// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.deeplearning4j.datasets.iterator.utilty.ListDataSetIterator;
import org.deeplearning4j.earlystopping.EarlyStoppingResult;
import org.deeplearning4j.earlystopping.scorecalc.DataSetLossCalculator;
import org.deeplearning4j.earlystopping.scorecalc.ScoreCalculator;
import org.deeplearning4j.earlystopping.termination.EpochTerminationCondition;
import org.deeplearning4j.earlystopping.termination.IterationTerminationCondition;
import org.deeplearning4j.earlystopping.termination.MaxEpochsTerminationCondition;
import org.deeplearning4j.nn.api.Model;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.learning.config.Sgd;

/** DL4J's early stopping over private lots. */
class EarlyStoppingTest {
    private static final int EXAMPLES = 12;
    private static final DpSgdPlan PLAN = DpSgdPlan.poisson(EXAMPLES, 5)
            .withSteps(7)
            .withClippingNorm(1.0)
            .withNoiseMultiplier(2)
            .withDelta(1e-5);

    private static DataSet data() {
        return Networks.data(DataType.FLOAT, EXAMPLES);
    }

    private static ScoreCalculator<Model> score() {
        return new DataSetLossCalculator(new ListDataSetIterator<>(data().asList(), EXAMPLES), true);
    }

    @ParameterizedTest
    @EnumSource
    void fit_planAsBudget_endsCleanlyAtTheLastLot(NetworkKind kind) {
        Model network = kind.classifier(DataType.FLOAT, new Sgd(0.01));
        var engine =
                PrivacyEngine.attach(network, PLAN, ExecutionOptions.defaults().withPhysicalBatchSize(2));

        EarlyStoppingResult<? extends Model> result = kind.stopEarly(
                network,
                engine.lots(data()),
                score(),
                new EpochTerminationCondition[] {
                    new MaxEpochsTerminationCondition(50), new PrivacyBudgetTerminationCondition(engine)
                },
                new IterationTerminationCondition[0]);

        assertThat(result.getTerminationReason())
                .isEqualTo(EarlyStoppingResult.TerminationReason.EpochTerminationCondition);
        assertThat(result.getTerminationDetails()).contains("PrivacyBudgetTerminationCondition", "7 steps");
        // 12 examples in lots of 5 are 3, 2, 2 lots a pass.
        assertThat(result.getTotalEpochs()).isEqualTo(PLAN.epochs()).isEqualTo(3);
        assertThat(engine.remainingSteps()).isZero();
        assertThat(kind.iterations(network)).isEqualTo(7);
        Model best = result.getBestModel();
        assertThatThrownBy(() -> kind.fit(best, data())).hasMessageContaining("PrivacyEngine.attach");
    }

    @ParameterizedTest
    @EnumSource
    void fit_smallerBudget_endsBeforeTheStepThatWouldExceedIt(NetworkKind kind) {
        Model network = kind.classifier(DataType.FLOAT, new Sgd(0.01));
        var engine = PrivacyEngine.attach(network, PLAN);
        double budget = (PLAN.epsilonAfter(4) + PLAN.epsilonAfter(5)) / 2;

        EarlyStoppingResult<? extends Model> result = kind.stopEarly(
                network,
                engine.lots(data()),
                score(),
                new EpochTerminationCondition[] {new MaxEpochsTerminationCondition(50)},
                new IterationTerminationCondition[] {new PrivacyBudgetTerminationCondition(engine, budget)});

        assertThat(result.getTerminationReason())
                .isEqualTo(EarlyStoppingResult.TerminationReason.IterationTerminationCondition);
        assertThat(engine.steps()).isEqualTo(4);
        assertThat(engine.epsilon()).isLessThanOrEqualTo(budget);
    }

    @ParameterizedTest
    @EnumSource
    void fit_givenBatchesOfShortPasses_endsWithTheLastPassThatIsPaid(NetworkKind kind) {
        var plan = DpSgdPlan.givenBatches(EXAMPLES, 5)
                .withEpochs(4)
                .withClippingNorm(1.0)
                .withNoiseMultiplier(2)
                .withDelta(1e-5);
        for (boolean wholePlan : new boolean[] {true, false}) {
            Model network = kind.classifier(DataType.FLOAT, new Sgd(0.01));
            var engine = PrivacyEngine.attach(network, plan);
            double budget = (plan.epsilonAfter(5) + plan.epsilonAfter(6)) / 2;
            var condition = wholePlan
                    ? new PrivacyBudgetTerminationCondition(engine)
                    : new PrivacyBudgetTerminationCondition(engine, budget);

            // Two batches a pass, where the plan allows three.
            EarlyStoppingResult<? extends Model> result = kind.stopEarly(
                    network,
                    engine.lots(new ListDataSetIterator<>(data().asList(), 6)),
                    score(),
                    new EpochTerminationCondition[] {new MaxEpochsTerminationCondition(50), condition},
                    new IterationTerminationCondition[] {condition});

            assertThat(result.getTerminationReason())
                    .isEqualTo(EarlyStoppingResult.TerminationReason.EpochTerminationCondition);
            assertThat(result.getTotalEpochs()).isEqualTo(wholePlan ? 4 : 2);
            assertThat(engine.steps()).isEqualTo(wholePlan ? 8 : 4);
            assertThat(engine.epsilon())
                    .isLessThanOrEqualTo(wholePlan ? plan.guarantee().epsilon() : budget);
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY, 1e-6})
    void condition_budgetThatAllowsNoStep_throws(double epsilon) {
        var engine = PrivacyEngine.attach(NetworkKind.MULTI_LAYER.classifier(DataType.FLOAT, new Sgd(0.01)), PLAN);

        assertThatThrownBy(() -> new PrivacyBudgetTerminationCondition(engine, epsilon))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("epsilon must be")
                .hasMessageContaining(String.valueOf(epsilon));
    }
}
