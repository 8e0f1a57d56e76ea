from __future__ import annotations

import numpy as np
import pytest

from models.feedback import Floats, LoggedFeedback
from training.evaluation.diagnostics import ActionSums
from training.evaluation.errors import EvaluationError
from training.evaluation.gate import GateReport, PolicyGate
from training.evaluation.judgement import Question
from training.evaluation.log_chunk import LogChunk
from training.evaluation.opened_log import OneChunk
from training.evaluation.slices import Slice


@pytest.fixture(scope="module")
def log(world):
    return world.log(3_000, seed=21)


@pytest.fixture(scope="module")
def best(world, log):
    """The best action of every round, nearly always."""
    greedy = np.eye(3)[world.expected_rewards(log.contexts).argmax(axis=1)]
    return 0.85 * greedy + 0.05


@pytest.fixture(scope="module")
def uniform(log):
    return np.full((log.n_rounds, 3), 1 / 3)


def judged(
    log: LoggedFeedback,
    challenger: Floats,
    champion: Floats,
    *slices: str,
    gate: PolicyGate | None = None,
    **asked,
) -> GateReport:
    """What the gate says of two policies with these probabilities."""
    question = Question(
        policy=lambda _: challenger,
        against=lambda _: champion,
        slices=tuple(map(Slice.parse, slices)),
        **asked,
    )
    return (gate or PolicyGate()).judge(OneChunk(chunk=LogChunk(feedback=log)), question)


def test_a_clearly_better_challenger_passes_every_condition(log, best, uniform):
    report = judged(log, best, uniform, "first>=0", "first<0")

    assert report.opens
    assert [condition.name for condition in report.conditions] == [
        "diagnostics",
        "difference",
        "effective rounds",
        "slice first>=0",
        "slice first<0",
    ]


@pytest.mark.parametrize(
    ("gate", "failed"),
    [
        (PolicyGate(bar=5.0), ("difference",)),
        (PolicyGate(least_effective=1e6), ("effective rounds",)),
    ],
)
def test_the_condition_that_fails_is_named(gate, failed, log, best, uniform):
    assert judged(log, best, uniform, gate=gate).failed == failed


def test_an_equal_challenger_does_not_pass(log, uniform):
    report = judged(log, uniform, uniform)

    assert report.failed == ("difference",)


def test_a_challenger_that_hurts_a_named_slice_is_refused_though_better_on_the_whole(
    world, log, best, uniform
):
    worst = np.eye(3)[world.expected_rewards(log.contexts).argmin(axis=1)]
    here = log.contexts[:, 0] > 1
    mixed = np.where(here[:, None], worst, best)

    report = judged(log, mixed, uniform, "first>1", "first<=1")

    assert report.failed == ("slice first>1",)
    assert "must not lie below 0" in report.conditions[-2].detail


def test_a_challenger_that_the_log_says_nothing_about_is_refused_not_promoted(log, uniform):
    kept = log.take(log.actions != 2)
    only_unseen = np.tile([0.0, 0.0, 1.0], (kept.n_rounds, 1))

    report = judged(kept, only_unseen, uniform[: kept.n_rounds])

    assert report.failed == ("diagnostics", "difference")


def test_a_slice_on_which_the_challenger_was_never_seen_is_no_good_sign(log, best, uniform):
    part = log.contexts[:, 0] > 0
    never = np.zeros((log.n_rounds, 3))
    never[np.arange(log.n_rounds), (log.actions + 1) % 3] = 1.0

    report = judged(log, np.where(part[:, None], never, best), uniform, "first>0")

    assert report.conditions[-1].name == "slice first>0"
    assert not report.conditions[-1].holds
    assert "no overlap" in report.conditions[-1].detail


def test_an_empty_slice_stops_nothing_and_a_wrong_one_is_an_error(log, best, uniform):
    report = judged(log, best, uniform, "first>99")

    assert report.opens
    assert report.conditions[-1].detail == "no round to judge by"
    with pytest.raises(EvaluationError, match="has no input or label third"):
        judged(log, best, uniform, "third>1")
    with pytest.raises(EvaluationError, match="wanted INPUT>=NUMBER"):
        judged(log, best, uniform, "first about 1")


def test_rounds_that_did_not_arrive_explain_propensities_that_seem_wrong_without_them(world):
    """A fifth of the large ones is lost: of 20,000 rounds the check would see that without fail."""
    whole = world.log(20_000, seed=22)
    lost = (whole.actions == 2) & (np.arange(20_000) % 5 == 0)
    kept = whole.take(~lost)
    greedy = np.eye(3)[world.expected_rewards(kept.contexts).argmax(axis=1)]
    better, uniform = 0.85 * greedy + 0.05, np.full((kept.n_rounds, 3), 1 / 3)

    blind = judged(kept, better, uniform)
    told = judged(kept, better, uniform, undelivered=ActionSums.of(whole.take(lost)))

    assert "the logged propensities of action large are not true" in blind.conditions[0].detail
    assert not blind.opens
    assert told.opens
