from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.training.evaluation.in_memory import evaluate_policy
from training.evaluation.snips import SNIPS
from training.evaluation.verdict import Grade, Verdict, judge, judge_estimate


@pytest.fixture(scope="module")
def evaluation(world):
    feedback = world.log(3_000, seed=14)
    return evaluate_policy(feedback, world.evaluation_probabilities(feedback))


def test_a_healthy_log_allows_a_conclusion_without_reasons(evaluation):
    assert evaluation.verdict == Verdict(grade=Grade.CONCLUDE, reasons=())


@pytest.mark.parametrize(
    ("change", "grade", "reason"),
    [
        ({"effective_sample_size": 12.0}, Grade.REFUSE, "12 effective rounds"),
        ({"effective_sample_size": 150.0}, Grade.WEAK, "150 effective rounds"),
        ({"n_rewarded": 4}, Grade.REFUSE, "4 rounds with weight"),
        ({"n_rewarded": 38}, Grade.WEAK, "only 38 rounds"),
        ({"largest_weight_share": 0.2}, Grade.WEAK, "one round has 20%"),
        ({"pareto_k": 0.8}, Grade.WEAK, "heavy tail (Pareto k 0.80"),
        ({"weight_z": -5.0}, Grade.WEAK, "mean weight"),
        ({"unsupported_share": 0.05}, Grade.WEAK, "5.0% of the policy's probability"),
        ({"n_weighted": 0, "effective_sample_size": 0.0}, Grade.REFUSE, "no overlap"),
        ({"n_checked": 0}, Grade.WEAK, "no action is frequent enough"),
    ],
)
def test_each_weakness_is_named_with_its_number(change, grade, reason, evaluation):
    verdict = judge(replace(evaluation.diagnostics, **change))

    assert verdict.grade == grade
    assert reason in verdict.reasons[0]


def test_an_estimate_is_never_graded_better_than_its_evaluation(rounds):
    estimate = SNIPS().estimate(SNIPS().add_up(rounds))
    weak = Verdict(grade=Grade.WEAK, reasons=("few clicks",))

    assert judge_estimate(estimate, Verdict(grade=Grade.CONCLUDE, reasons=())).grade == Grade.CONCLUDE
    assert judge_estimate(estimate, weak).grade == Grade.WEAK


def test_an_interval_of_no_width_is_refused(rounds):
    silent = replace(rounds, rewards=np.zeros(rounds.n_rounds))
    estimate = SNIPS().estimate(SNIPS().add_up(silent))

    verdict = judge_estimate(estimate, Verdict(grade=Grade.CONCLUDE, reasons=()))

    assert verdict.grade == Grade.REFUSE
    assert "no spread among the rewards it saw" in verdict.reasons
